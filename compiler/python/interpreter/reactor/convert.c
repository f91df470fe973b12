#include "grow.h"

PyObject *text_of(frame_bytes b) { return PyUnicode_DecodeUTF8((const char *)b.at, (Py_ssize_t)b.n, NULL); }

static PyObject *bytes_of(frame_bytes b) { return PyBytes_FromStringAndSize((const char *)b.at, (Py_ssize_t)b.n); }

PyObject *attributes_of(frame_bytes attrs) {
    PyObject *all = PyDict_New();
    frame_bytes name, value;
    while (all && frame_cut(&attrs, &name, &value)) {
        PyObject *n = text_of(name), *v = n ? text_of(value) : NULL;
        if (!v || PyDict_SetItem(all, n, v) < 0) Py_CLEAR(all);
        Py_XDECREF(n);
        Py_XDECREF(v);
    }
    if (all && attrs.n > 0) {
        PyErr_SetString(PyExc_ValueError, "attributes end too early");
        Py_CLEAR(all);
    }
    return all;
}

PyObject *messages_of(const uint8_t *b, size_t n, bool strict) {
    frame_reader r;
    const char *wrong = frame_read(&r, b, n, strict);
    PyObject *all = PyList_New(0);
    while (all && !wrong && r.left > 0) {
        frame_message m;
        if ((wrong = frame_next(&r, &m))) break;
        PyObject *attrs = attributes_of(m.attrs);
        PyObject *pair = attrs ? Py_BuildValue("(NN)", attrs, bytes_of(m.data)) : NULL;
        if (!pair || PyList_Append(all, pair) < 0) Py_CLEAR(all);
        Py_XDECREF(pair);
    }
    if (all && wrong) {
        PyErr_Format(PyExc_ValueError, "malformed frame: %s", wrong);
        Py_CLEAR(all);
    }
    return all;
}

// The UTF-8 of a str, or bytes; they live as long as the object does.
static bool view(PyObject *o, const char *what, frame_bytes *v) {
    Py_ssize_t n;
    if (PyUnicode_Check(o)) {
        v->at = (const uint8_t *)PyUnicode_AsUTF8AndSize(o, &n);
        v->n = (size_t)n;
        return v->at != NULL;
    }
    if (PyBytes_Check(o)) {
        *v = (frame_bytes){(const uint8_t *)PyBytes_AS_STRING(o), (size_t)PyBytes_GET_SIZE(o)};
        return true;
    }
    PyErr_Format(PyExc_TypeError, "%s: expected str or bytes, got %.100s", what, Py_TYPE(o)->tp_name);
    return false;
}

static bool put_attr(frame_buffer *f, PyObject *name, PyObject *value) {
    frame_bytes n, v;
    if (!PyUnicode_Check(name) || !PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "attribute %.100R: names and values are str", name);
        return false;
    }
    if (!view(name, "attribute", &n) || !view(value, "attribute", &v)) return false;
    const char *wrong = frame_check(n, v);
    if (wrong) {
        PyErr_Format(PyExc_ValueError, "attribute %.100R: %s", name,
                     *wrong == 'n' ? "the name is empty" : "a name has at most 256 bytes, a value 4096");
        return false;
    }
    frame_attr(f, n, v);
    return true;
}

static bool put_attrs(frame_buffer *f, PyObject *type, PyObject *attrs) {
    static PyObject *type_name;
    if (!type_name && !(type_name = PyUnicode_InternFromString("type"))) return false;
    Py_ssize_t n = attrs == Py_None ? 0 : PyDict_Check(attrs) ? PyDict_GET_SIZE(attrs) : -1;
    if (n < 0 || n >= FRAME_ATTRS_MAX || (n > 0 && PyDict_Contains(attrs, type_name))) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "attributes: expected a dict of less than 64, without type");
        return false;
    }
    frame_u16(f, (uint16_t)(n + 1));
    if (!put_attr(f, type_name, type)) return false;
    PyObject *name, *value;
    for (Py_ssize_t at = 0; n > 0 && PyDict_Next(attrs, &at, &name, &value);)
        if (!put_attr(f, name, value)) return false;
    return true;
}

static bool put_message(frame_buffer *f, PyObject *m) {
    frame_bytes data;
    if (!PyTuple_CheckExact(m) || PyTuple_GET_SIZE(m) != 3) {
        PyErr_SetString(PyExc_TypeError, "messages: expected tuples (type, attributes, data)");
        return false;
    }
    if (!put_attrs(f, PyTuple_GET_ITEM(m, 0), PyTuple_GET_ITEM(m, 1))) return false;
    if (!view(PyTuple_GET_ITEM(m, 2), "data", &data)) return false;
    if (data.n > UINT32_MAX / 2) {
        PyErr_SetString(PyExc_ValueError, "data is too long");
        return false;
    }
    frame_data(f, data);
    return true;
}

bool put_messages(frame_buffer *f, PyObject *messages) {
    if (!PyList_CheckExact(messages)) {
        PyErr_SetString(PyExc_TypeError, "messages: expected a list");
        return false;
    }
    // Nothing below runs code of the actor, so the list stays as it is.
    frame_u32(f, (uint32_t)PyList_GET_SIZE(messages));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(messages); i++)
        if (!put_message(f, PyList_GET_ITEM(messages, i))) return false;
    if (f->full) {
        PyErr_NoMemory();
        return false;
    }
    return true;
}
