// The generator behind the functions of module random. The first number that is drawn
// for a message makes it begin anew, with a seed from the message's stream; a message
// that draws none pays nothing.
#include "grow.h"

static uint64_t stream = 1, begun; // which one is the message's, and the generator's

void next_stream(void) { stream++; }

static PyObject *base_random, *base_getrandbits; // of _random.Random

static bool begin(PyObject *self) {
    if (begun == stream) return true;
    begun = stream;
    PyObject *r = PyObject_CallMethod(self, "begin", NULL);
    Py_XDECREF(r);
    return r != NULL;
}

static PyObject *draw_random(PyObject *self, PyObject *unused) {
    return begin(self) ? PyObject_Vectorcall(base_random, &self, 1, NULL) : NULL;
}

static PyObject *draw_bits(PyObject *self, PyObject *k) {
    PyObject *args[] = {self, k};
    return begin(self) ? PyObject_Vectorcall(base_getrandbits, args, 2, NULL) : NULL;
}

static PyObject *fresh(PyObject *self, PyObject *unused) {
    if (!begin(self)) return NULL;
    Py_RETURN_NONE;
}

static PyObject *seeded(PyObject *self, PyObject *unused) {
    begun = stream;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"random", draw_random, METH_NOARGS, "A number from 0 to 1."},
    {"getrandbits", draw_bits, METH_O, "An int of k random bits."},
    {"fresh", fresh, METH_NOARGS, "Begins anew if this is another message."},
    {"seeded", seeded, METH_NOARGS, "The actor has seeded it for this message."},
    {0},
};

int add_random(PyObject *module) {
    static PyType_Slot slots[] = {{Py_tp_methods, methods}, {0}};
    static PyType_Spec spec = {"_grow.Random", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    PyObject *its = PyImport_ImportModule("_random");
    PyObject *base = its ? PyObject_GetAttrString(its, "Random") : NULL;
    Py_XDECREF(its);
    if (!base) return -1;
    base_random = PyObject_GetAttrString(base, "random");
    base_getrandbits = PyObject_GetAttrString(base, "getrandbits");
    PyObject *type = base_random && base_getrandbits ? PyType_FromSpecWithBases(&spec, base) : NULL;
    Py_DECREF(base);
    return type ? PyModule_Add(module, "Random", type) : -1;
}
