// How a host stops what runs: it raises SIGINT inside the guest, by words in memory.
// The eval loop, and C code that polls for signals, such as that of re, call the
// handler at their next check. It costs nothing while nobody uses it.
#include "grow.h"

#include <signal.h>

#include "pycore_ceval.h"
#include "pycore_pystate.h"
#include "pycore_runtime.h"

static bool raised;

// Words and the bits to set in them, in this order: what is looked at first comes
// last.
EXPORT("grow_interrupt") uint32_t *grow_interrupt(void) {
    static uint32_t words[7];
    words[0] = (uint32_t)(uintptr_t)&_PyRuntime.signals.handlers[SIGINT].tripped;
    words[2] = (uint32_t)(uintptr_t)&_PyRuntime.signals.is_tripped;
    words[4] = (uint32_t)(uintptr_t)&_PyThreadState_GET()->eval_breaker;
    words[1] = words[3] = 1;
    words[5] = _PY_SIGNALS_PENDING_BIT;
    return words;
}

void forget_interrupt(void) {
    _PyRuntime.signals.handlers[SIGINT].tripped = 0;
    _PyRuntime.signals.is_tripped = 0;
    _Py_unset_eval_breaker_bit(_PyThreadState_GET(), _PY_SIGNALS_PENDING_BIT);
    raised = false;
}

bool interrupted(void) { return raised; }

PyObject *raise_interrupt(PyObject *self, PyObject *args) {
    raised = true;
    PyObject *deadline = PyObject_GetAttrString(self, "Deadline");
    if (deadline) {
        PyErr_SetString(deadline, "the message has taken longer than it may");
        Py_DECREF(deadline);
    }
    return NULL;
}
