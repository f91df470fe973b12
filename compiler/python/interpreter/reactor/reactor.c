// What the reactor exports: see runtime/engine/language.go.
#include "grow.h"

IMPORT("language", "fault") extern void host_fault(int32_t kind, const char *text, uint32_t n);

// Zig's C library has these, and its headers only one of them.
void __wasilibc_reset_preopens(void);
void __wasilibc_populate_preopens(void);

enum {
    FAILED = 0,  // the actor raised what nobody caught
    STOPPED = 1, // an interrupt stopped it, and it can go on
};

enum { INPUT_MAX = 64 << 20 }; // bytes

enum { RESERVE = 128 << 10 }; // bytes that are free for saying that memory is out

static struct {
    PyObject *load, *start, *handle, *describe; // functions of grow._runtime
    frame_buffer answer;
    uint8_t *block; // for input
    uint32_t room;
    void *reserve;
} reactor;

EXPORT("grow_abi") uint32_t grow_abi(void) { return 1; }

EXPORT("grow_alloc") uint8_t *grow_alloc(uint32_t n) {
    if (n > INPUT_MAX) return NULL;
    if (!reactor.block || n > reactor.room) {
        free(reactor.block);
        reactor.block = malloc(n ? n : 1);
        reactor.room = reactor.block ? n : 0;
    }
    return reactor.block;
}

static void fault(const char *text, Py_ssize_t n) { host_fault(interrupted() ? STOPPED : FAILED, text, (uint32_t)n); }

static void fault_text(const char *text) { fault(text, (Py_ssize_t)strlen(text)); }

// Says what the exception is that is set, and clears it.
static void fault_exception(void) {
    hold_interrupt(); // or one would end what is said of the last
    free(reactor.reserve);
    PyObject *e = PyErr_GetRaisedException();
    PyObject *text = e ? PyObject_CallOneArg(reactor.describe, e) : NULL;
    PyObject *b = text && PyUnicode_Check(text) ? PyUnicode_AsEncodedString(text, "utf-8", "replace") : NULL;
    if (b)
        fault(PyBytes_AS_STRING(b), PyBytes_GET_SIZE(b));
    else // as when a second interrupt comes, or memory is out
        fault_text(e ? Py_TYPE(e)->tp_name : "an error that has no name");
    PyErr_Clear();
    Py_XDECREF(b);
    Py_XDECREF(text);
    Py_XDECREF(e);
    reactor.reserve = malloc(RESERVE);
}

// Reads the message that lies in the block.
static bool input(const uint8_t *p, uint32_t n, frame_message *m) {
    const char *wrong = p == reactor.block && n <= reactor.room ? frame_one(p, n, m) : "it does not lie in the block for input";
    if (!wrong) return true;
    char text[100];
    snprintf(text, sizeof text, "read message: malformed frame: %s", wrong);
    fault_text(text);
    return false;
}

// Calls a function with the type, the encoded attributes and the data of a message.
static PyObject *pass(PyObject *function, const frame_message *m) {
    frame_bytes type = {0};
    frame_find(m->attrs, "type", &type);
    PyObject *args[3] = {
        text_of(type),
        PyBytes_FromStringAndSize((const char *)m->attrs.at, (Py_ssize_t)m->attrs.n),
        PyBytes_FromStringAndSize((const char *)m->data.at, (Py_ssize_t)m->data.n),
    };
    PyObject *r = args[0] && args[1] && args[2] ? PyObject_Vectorcall(function, args, 3, NULL) : NULL;
    for (int i = 0; i < 3; i++) Py_XDECREF(args[i]);
    return r;
}

static void begin(void) {
    forget_interrupt();
    next_stream();
}

EXPORT("grow_init") int32_t grow_init(const uint8_t *p, uint32_t n) {
    frame_message m;
    begin();
    if (!input(p, n, &m)) return 1;
    PyObject *r = pass(reactor.start, &m);
    if (!r) fault_exception();
    Py_XDECREF(r);
    return r ? 0 : 1;
}

EXPORT("grow_handle") uint64_t grow_handle(const uint8_t *p, uint32_t n) {
    frame_message m;
    begin();
    if (!input(p, n, &m)) return 0;
    frame_reset(&reactor.answer);
    PyObject *r = pass(reactor.handle, &m);
    // An actor that has caught the interrupt is stopped all the same.
    if (r && interrupted()) {
        fault_text(interrupt_reason());
        Py_DECREF(r);
        return 0;
    }
    bool ok = r && (r == Py_None || put_messages(&reactor.answer, r));
    if (!ok) fault_exception();
    bool empty = !ok || r == Py_None;
    Py_XDECREF(r);
    return empty ? 0 : (uint64_t)(uintptr_t)reactor.answer.b << 32 | reactor.answer.n;
}

// Has objects that there are now stay where they are: the collector neither looks at
// them nor writes to their memory, which instances share.
static bool settle(void) {
    PyGC_Collect();
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *r = gc ? PyObject_CallMethod(gc, "freeze", NULL) : NULL;
    Py_XDECREF(gc);
    Py_XDECREF(r);
    return r != NULL;
}

EXPORT("grow_boot") int32_t grow_boot(uint32_t seed) {
    if (!start_interpreter(seed)) return 1;
    PyObject *m = PyImport_ImportModule("grow._runtime");
    if (m) {
        reactor.load = PyObject_GetAttrString(m, "load");
        reactor.start = PyObject_GetAttrString(m, "start");
        reactor.handle = PyObject_GetAttrString(m, "handle");
        reactor.describe = PyObject_GetAttrString(m, "describe");
        Py_DECREF(m);
    }
    if (!reactor.load || !reactor.start || !reactor.handle || !reactor.describe || !settle()) {
        PyErr_Print();
        return 1;
    }
    reactor.reserve = malloc(RESERVE);
    return 0;
}

EXPORT("grow_load") int32_t grow_load(void) {
    // The actor's own files were not there when the interpreter was started.
    __wasilibc_reset_preopens();
    __wasilibc_populate_preopens();
    begin();
    PyObject *r = PyObject_CallNoArgs(reactor.load);
    if (r && settle() && !interrupted()) {
        Py_DECREF(r);
        return 0;
    }
    if (PyErr_Occurred())
        fault_exception();
    else
        fault_text(interrupt_reason());
    Py_XDECREF(r);
    return 1;
}
