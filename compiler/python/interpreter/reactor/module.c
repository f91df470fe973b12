// The module _grow, on which the package grow stands.
#include "grow.h"

IMPORT("grow", "call") extern uint32_t host_call(const uint8_t *request, uint32_t n, uint8_t *buffer, uint32_t cap);
IMPORT("grow", "answer") extern uint32_t host_answer(uint8_t *buffer, uint32_t cap);

enum {
    REQUESTS_MAX = 32,      // in one call
    ANSWER_SIZE = 4096,     // bytes of the buffer for answers
};

static frame_buffer request;
static uint8_t short_answer[ANSWER_SIZE];

// Hands the request to the host. The answer is in *b, which must be freed unless it
// is short_answer. False: an exception is set.
static bool exchange(uint8_t **b, uint32_t *n) {
    *b = short_answer;
    *n = host_call(request.b, (uint32_t)request.n, short_answer, ANSWER_SIZE);
    if (*n <= ANSWER_SIZE) return true;
    if (!(*b = malloc(*n))) {
        PyErr_NoMemory();
        return false;
    }
    uint32_t got = host_answer(*b, *n);
    if (got == *n) return true;
    PyErr_Format(PyExc_RuntimeError, "call: the host gave %u bytes of an answer of %u", got, *n);
    free(*b);
    return false;
}

static PyObject *call(PyObject *self, PyObject *requests) {
    Py_ssize_t count = PyList_CheckExact(requests) ? PyList_GET_SIZE(requests) : 0;
    if (count < 1 || count > REQUESTS_MAX) {
        PyErr_Format(PyExc_ValueError, "call: expected a list of 1 to %d requests", REQUESTS_MAX);
        return NULL;
    }
    frame_reset(&request);
    if (!put_messages(&request, requests)) return NULL;
    uint8_t *b;
    uint32_t n;
    if (!exchange(&b, &n)) return NULL;
    PyObject *answers = messages_of(b, n, false);
    if (b != short_answer) free(b);
    if (answers && PyList_GET_SIZE(answers) != count) {
        PyErr_Format(PyExc_RuntimeError, "call: the host gave %zd answers to %zd requests", PyList_GET_SIZE(answers), count);
        Py_CLEAR(answers);
    }
    return answers;
}

// What the host answers makes no difference: a failing log is no reason to fail.
static PyObject *write_log(PyObject *self, PyObject *args) {
    PyObject *one = PyList_New(1);
    if (!one) return NULL;
    PyList_SET_ITEM(one, 0, Py_NewRef(args)); // (type, attributes, data)
    frame_reset(&request);
    bool ok = put_messages(&request, one);
    Py_DECREF(one);
    if (!ok) return NULL;
    host_call(request.b, (uint32_t)request.n, short_answer, ANSWER_SIZE);
    Py_RETURN_NONE;
}

static PyObject *attributes(PyObject *self, PyObject *raw) {
    if (!PyBytes_Check(raw)) return PyErr_Format(PyExc_TypeError, "attributes: expected bytes");
    return attributes_of((frame_bytes){(const uint8_t *)PyBytes_AS_STRING(raw), (size_t)PyBytes_GET_SIZE(raw)});
}

static PyObject *decode(PyObject *self, PyObject *frame) {
    if (!PyBytes_Check(frame)) return PyErr_Format(PyExc_TypeError, "decode: expected bytes");
    return messages_of((const uint8_t *)PyBytes_AS_STRING(frame), (size_t)PyBytes_GET_SIZE(frame), true);
}

static PyObject *encode(PyObject *self, PyObject *messages) {
    frame_buffer f = {0};
    PyObject *b = put_messages(&f, messages) ? PyBytes_FromStringAndSize((const char *)f.b, (Py_ssize_t)f.n) : NULL;
    free(f.b);
    return b;
}

static PyMethodDef methods[] = {
    {"call", call, METH_O, "Makes 1 to 32 requests: (type, attributes, data); returns their answers: (attributes, data)."},
    {"log", write_log, METH_VARARGS, "Writes a log line: type, attributes, text."},
    {"attributes", attributes, METH_O, "The attributes of an encoded message."},
    {"decode", decode, METH_O, "The messages of a frame, each (attributes, data)."},
    {"encode", encode, METH_O, "The frame of messages: (type, attributes, data)."},
    {"loads", json_loads, METH_O, "The value of JSON, or NotImplemented."},
    {"dumps", json_dumps, METH_VARARGS, "JSON of a value, or NotImplemented."},
    {"interrupt", raise_interrupt, METH_VARARGS, "The handler of SIGINT."},
    {0},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_grow", "What a Python actor's host does for it.", -1, methods};

PyObject *make_module(void) {
    PyObject *m = PyModule_Create(&definition);
    if (m && add_random(m) < 0) Py_CLEAR(m);
    return m;
}
