// JSON for messages: the values that most of them are made of, in a fraction of the
// time that module json takes. What is unusual, or wrong, is left to that: then both
// functions return NotImplemented.
#include "grow.h"

#include <math.h>
#include <string.h>

enum {
    DEPTH_MAX = 100, // of lists and objects in one another
    KEYS = 256,      // names of members that are kept
    KEY_MAX = 32,    // bytes of one
};

// Powers of ten that are exact.
static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// The text that is read. When a function returns NULL without an exception, it was
// something for module json.
typedef struct {
    const uint8_t *at, *end;
    int depth;
} parser;

static void skip(parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')) p->at++;
}

static bool take(parser *p, uint8_t c) {
    skip(p);
    if (p->at >= p->end || *p->at != c) return false;
    p->at++;
    return true;
}

// The bytes of a string without escapes, after its first quote.
static bool plain(parser *p, frame_bytes *b, bool *ascii) {
    const uint8_t *s = p->at;
    uint8_t all = 0;
    for (; s < p->end && *s != '"'; s++) {
        if (*s < 0x20 || *s == '\\') return false;
        all |= *s;
    }
    if (s >= p->end) return false;
    *b = (frame_bytes){p->at, (size_t)(s - p->at)};
    *ascii = all < 0x80;
    p->at = s + 1;
    return true;
}

static PyObject *string_of(frame_bytes b, bool ascii) {
    if (!ascii) return text_of(b);
    PyObject *s = PyUnicode_New((Py_ssize_t)b.n, 127);
    if (s && b.n) memcpy(PyUnicode_1BYTE_DATA(s), b.at, b.n);
    return s;
}

// A string in whose bytes a backslash stands: \u and what is wrong are for module json.
static PyObject *escaped(parser *p) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    frame_bytes whole = {p->at, 0};
    size_t n = 0;
    const uint8_t *s = p->at;
    for (; s < p->end && *s != '"'; s++, n++) {
        if (*s < 0x20) return NULL;
        if (*s == '\\' && (++s >= p->end || !*s || !strchr(from, *s))) return NULL;
    }
    if (s >= p->end) return NULL;
    whole.n = (size_t)(s - p->at);
    p->at = s + 1;
    uint8_t *b = malloc(n ? n : 1);
    if (!b) return PyErr_NoMemory();
    n = 0;
    for (size_t i = 0; i < whole.n; i++)
        b[n++] = whole.at[i] == '\\' ? (uint8_t)to[strchr(from, whole.at[++i]) - from] : whole.at[i];
    PyObject *text = text_of((frame_bytes){b, n});
    free(b);
    return text;
}

static PyObject *string(parser *p) {
    frame_bytes b;
    bool ascii;
    return plain(p, &b, &ascii) ? string_of(b, ascii) : escaped(p);
}

// Names come again with each message: they are kept, with their hashes.
static PyObject *key(parser *p) {
    static PyObject *kept[KEYS];
    frame_bytes b;
    bool ascii;
    if (!plain(p, &b, &ascii)) return escaped(p);
    if (!ascii || b.n == 0 || b.n > KEY_MAX) return string_of(b, ascii);
    uint32_t hash = (uint32_t)b.n;
    for (size_t i = 0; i < b.n; i++) hash = hash * 31 + b.at[i];
    PyObject **at = &kept[hash % KEYS];
    if (*at && PyUnicode_GET_LENGTH(*at) == (Py_ssize_t)b.n && memcmp(PyUnicode_1BYTE_DATA(*at), b.at, b.n) == 0)
        return Py_NewRef(*at);
    PyObject *s = string_of(b, true);
    if (s) Py_XSETREF(*at, Py_NewRef(s));
    return s;
}

// Digits, as a number that they are exactly; false: there are none, or too many.
static bool digits(parser *p, uint64_t *n, int *count) {
    const uint8_t *start = p->at;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) *n = *n * 10 + (*p->at - '0');
    *count += (int)(p->at - start);
    return p->at > start && p->at - start <= 18 && *count <= 18;
}

static PyObject *number(parser *p) {
    bool minus = *p->at == '-';
    uint64_t n = 0;
    int count = 0;
    if (minus) p->at++;
    const uint8_t *start = p->at;
    if (!digits(p, &n, &count) || (*start == '0' && count > 1)) return NULL;
    if (p->at == p->end || (*p->at != '.' && *p->at != 'e' && *p->at != 'E')) return PyLong_FromLongLong(minus ? -(int64_t)n : (int64_t)n);
    if (*p->at != '.') return NULL;
    p->at++;
    int whole = count;
    if (!digits(p, &n, &count) || n > 1ull << 53 || (p->at < p->end && (*p->at == 'e' || *p->at == 'E'))) return NULL;
    // Both are exact, so the quotient is rounded once: Clinger, How to Read Floating
    // Point Numbers Accurately, 1990.
    double x = (double)n / tens[count - whole];
    return PyFloat_FromDouble(minus ? -x : x);
}

static PyObject *value(parser *p);

static PyObject *list(parser *p) {
    PyObject *l = PyList_New(0);
    if (!l || take(p, ']')) return l;
    do {
        PyObject *v = value(p);
        if (!v || PyList_Append(l, v) < 0) {
            Py_XDECREF(v);
            break;
        }
        Py_DECREF(v);
        if (take(p, ']')) return l;
    } while (take(p, ','));
    Py_DECREF(l);
    return NULL;
}

static PyObject *object(parser *p) {
    PyObject *d = PyDict_New();
    if (!d || take(p, '}')) return d;
    do {
        PyObject *k = take(p, '"') ? key(p) : NULL, *v = k && take(p, ':') ? value(p) : NULL;
        bool ok = v && PyDict_SetItem(d, k, v) == 0;
        Py_XDECREF(k);
        Py_XDECREF(v);
        if (!ok) break;
        if (take(p, '}')) return d;
    } while (take(p, ','));
    Py_DECREF(d);
    return NULL;
}

static bool word(parser *p, const char *w) {
    size_t n = strlen(w);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, w, n) != 0) return false;
    p->at += n;
    return true;
}

static PyObject *value(parser *p) {
    skip(p);
    if (p->at >= p->end) return NULL;
    uint8_t c = *p->at;
    if (c == '"') {
        p->at++;
        return string(p);
    }
    if (c == '-' || (c >= '0' && c <= '9')) return number(p);
    if (c == '{' || c == '[') {
        if (p->depth == DEPTH_MAX) return NULL;
        p->at++;
        p->depth++;
        PyObject *v = c == '{' ? object(p) : list(p);
        p->depth--;
        return v;
    }
    if (word(p, "true")) Py_RETURN_TRUE;
    if (word(p, "false")) Py_RETURN_FALSE;
    if (word(p, "null")) Py_RETURN_NONE;
    return NULL;
}

PyObject *json_loads(PyObject *self, PyObject *data) {
    if (!PyBytes_Check(data)) Py_RETURN_NOTIMPLEMENTED;
    parser p = {(const uint8_t *)PyBytes_AS_STRING(data), (const uint8_t *)PyBytes_AS_STRING(data) + PyBytes_GET_SIZE(data), 0};
    PyObject *v = value(&p);
    skip(&p);
    if (v && p.at == p.end) return v;
    Py_XDECREF(v);
    if (PyErr_ExceptionMatches(PyExc_MemoryError)) return NULL;
    PyErr_Clear(); // it is said again, and better
    Py_RETURN_NOTIMPLEMENTED;
}

// The text that is written.
typedef struct {
    frame_buffer b;
    PyObject *other; // what makes something else of a value that is no JSON
    int depth;
} printer;

static void put(printer *p, const char *s, size_t n) { frame_bytes_put(&p->b, (frame_bytes){(const uint8_t *)s, n}); }

static bool put_string(printer *p, PyObject *s) {
    static const char hex[] = "0123456789abcdef";
    Py_ssize_t n;
    const char *b = PyUnicode_AsUTF8AndSize(s, &n);
    if (!b) return false;
    put(p, "\"", 1);
    Py_ssize_t from = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)b[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        put(p, b + from, (size_t)(i - from));
        from = i + 1;
        const char *short_ = c ? strchr("\"\\\bb\ff\nn\rr\tt", c) : NULL;
        if (c == '"' || c == '\\')
            put(p, (char[]){'\\', (char)c}, 2);
        else if (short_)
            put(p, (char[]){'\\', short_[1]}, 2);
        else
            put(p, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
    put(p, b + from, (size_t)(n - from));
    put(p, "\"", 1);
    return true;
}

static void put_int(printer *p, int64_t n) {
    char b[24];
    put(p, b, (size_t)snprintf(b, sizeof b, "%lld", (long long)n));
}

// The fewest decimals that are the number, if there are some that can be found quickly.
static bool put_short(printer *p, double x) {
    double most = fabs(x);
    if (!(most >= 1e-3 && most < 1e9)) return false;
    for (int k = 0; k <= 6; k++) {
        int64_t n = (int64_t)rint(most * tens[k]);
        if ((double)n / tens[k] != most) continue;
        char b[24];
        size_t at = sizeof b;
        for (int i = 0; i < k || n > 0 || i <= k; i++, n /= 10) {
            if (i == k && k > 0) b[--at] = '.';
            b[--at] = (char)('0' + n % 10);
        }
        if (x < 0) b[--at] = '-';
        put(p, b + at, sizeof b - at);
        if (k == 0) put(p, ".0", 2);
        return true;
    }
    return false;
}

static bool put_float(printer *p, double x) {
    if (!isfinite(x)) return false;
    if (put_short(p, x)) return true;
    char *s = PyOS_double_to_string(x, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (s) put(p, s, strlen(s));
    PyMem_Free(s);
    return s != NULL;
}

static bool put_value(printer *p, PyObject *v);

static bool put_dict(printer *p, PyObject *d) {
    PyObject *k, *v;
    bool first = true;
    put(p, "{", 1);
    for (Py_ssize_t at = 0, n = PyDict_GET_SIZE(d); PyDict_Next(d, &at, &k, &v); first = false) {
        if (!PyUnicode_CheckExact(k)) return false;
        if (!first) put(p, ",", 1);
        Py_INCREF(v); // the actor's code may run below
        bool ok = put_string(p, k);
        put(p, ":", 1);
        ok = ok && put_value(p, v);
        Py_DECREF(v);
        if (!ok || PyDict_GET_SIZE(d) != n) return false;
    }
    put(p, "}", 1);
    return true;
}

static bool put_list(printer *p, PyObject *l) {
    put(p, "[", 1);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(l); i++) {
        PyObject *v = Py_NewRef(PySequence_Fast_GET_ITEM(l, i));
        if (i > 0) put(p, ",", 1);
        bool ok = put_value(p, v);
        Py_DECREF(v);
        if (!ok) return false;
    }
    put(p, "]", 1);
    return true;
}

static bool put_inner(printer *p, PyObject *v) {
    if (PyDict_CheckExact(v)) return put_dict(p, v);
    if (PyList_CheckExact(v) || PyTuple_CheckExact(v)) return put_list(p, v);
    // Of what inherits from those, and of numbers and text, module json writes more.
    if (PyDict_Check(v) || PyList_Check(v) || PyTuple_Check(v) || PyUnicode_Check(v) || PyLong_Check(v) || PyFloat_Check(v)) return false;
    PyObject *o = PyObject_CallOneArg(p->other, v);
    bool ok = o && put_value(p, o);
    Py_XDECREF(o);
    return ok;
}

static bool put_value(printer *p, PyObject *v) {
    if (PyUnicode_CheckExact(v)) return put_string(p, v);
    if (v == Py_None || v == Py_True || v == Py_False) {
        const char *w = v == Py_None ? "null" : v == Py_True ? "true" : "false";
        put(p, w, strlen(w));
        return true;
    }
    if (PyFloat_CheckExact(v)) return put_float(p, PyFloat_AS_DOUBLE(v));
    if (PyLong_CheckExact(v)) {
        int overflow;
        int64_t n = PyLong_AsLongLongAndOverflow(v, &overflow);
        if (overflow) return false;
        put_int(p, n);
        return true;
    }
    if (p->depth == DEPTH_MAX) return false;
    p->depth++;
    bool ok = put_inner(p, v);
    p->depth--;
    return ok;
}

PyObject *json_dumps(PyObject *self, PyObject *args) {
    PyObject *v;
    printer p = {0};
    if (!PyArg_ParseTuple(args, "OO", &v, &p.other)) return NULL;
    bool ok = put_value(&p, v) && !p.b.full;
    PyObject *b = ok ? PyBytes_FromStringAndSize((const char *)p.b.b, (Py_ssize_t)p.b.n) : NULL;
    free(p.b.b);
    if (b || PyErr_Occurred()) return b;
    Py_RETURN_NOTIMPLEMENTED;
}
