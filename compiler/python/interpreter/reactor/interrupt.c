// How a host stops what runs: it raises SIGINT inside the guest, by words in memory.
// The eval loop, and C code that polls for signals, such as that of re, call the
// handler at their next check. It costs nothing while nobody uses it. SIGUSR1 asks for
// attention in the same way: its handler, in grow._runtime, lets a debugger in.
#include "grow.h"

#include <signal.h>

#include "pycore_ceval.h"
#include "pycore_pystate.h"
#include "pycore_runtime.h"

static bool raised, held;
static char why[512]; // the host says it here

// Words and the bits to set in them, in this order: what is looked at first comes
// last. Behind their end stands the room for why, and the word that stands in for the
// first when attention is asked for.
EXPORT("grow_interrupt") uint32_t *grow_interrupt(void) {
    static uint32_t words[12];
    words[0] = (uint32_t)(uintptr_t)&_PyRuntime.signals.handlers[SIGINT].tripped;
    words[2] = (uint32_t)(uintptr_t)&_PyRuntime.signals.is_tripped;
    words[4] = (uint32_t)(uintptr_t)&_PyThreadState_GET()->eval_breaker;
    words[1] = words[3] = 1;
    words[5] = _PY_SIGNALS_PENDING_BIT;
    words[8] = (uint32_t)(uintptr_t)why;
    words[9] = sizeof why;
    words[10] = (uint32_t)(uintptr_t)&_PyRuntime.signals.handlers[SIGUSR1].tripped;
    words[11] = 1;
    return words;
}

void forget_interrupt(void) {
    _PyRuntime.signals.handlers[SIGINT].tripped = 0;
    // Attention is asked for before a message is handed over.
    if (!_PyRuntime.signals.handlers[SIGUSR1].tripped) {
        _PyRuntime.signals.is_tripped = 0;
        _Py_unset_eval_breaker_bit(_PyThreadState_GET(), _PY_SIGNALS_PENDING_BIT);
    }
    raised = held = false;
    why[0] = 0;
}

void hold_interrupt(void) { held = true; }

bool interrupted(void) { return raised; }

const char *interrupt_reason(void) { return why[0] ? why : "the message was stopped"; }

PyObject *raise_interrupt(PyObject *self, PyObject *args) {
    if (held) Py_RETURN_NONE;
    raised = true;
    PyObject *deadline = PyObject_GetAttrString(self, "Deadline");
    if (deadline) {
        PyErr_SetString(deadline, interrupt_reason());
        Py_DECREF(deadline);
    }
    return NULL;
}
