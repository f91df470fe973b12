// The parts of the reactor: CPython as a module that keeps to the contract of language
// runtimes (runtime/engine/language.go).
#ifndef GROW_H
#define GROW_H

#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE 1
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

// interpreter.c
bool start_interpreter(uint32_t seed); // false: it has said why on stderr

// interrupt.c
void forget_interrupt(void); // so that none of this message reaches the next one
bool interrupted(void);      // since forget_interrupt
const char *interrupt_reason(void);
void hold_interrupt(void);   // none is raised any more until forget_interrupt
PyObject *raise_interrupt(PyObject *self, PyObject *args);

// convert.c: between frames and objects. NULL or false: an exception is set.
PyObject *attributes_of(frame_bytes attrs);                  // a dict of str
bool put_messages(frame_buffer *f, PyObject *messages);      // a sequence of (type, attributes, data)
PyObject *messages_of(const uint8_t *b, size_t n, bool strict); // a list of (attributes, data)
PyObject *text_of(frame_bytes b);

// random.c: the type of the generator that draws from the message's stream.
void next_stream(void); // what is drawn from now on is of another message
int add_random(PyObject *module);

// json.c
PyObject *json_loads(PyObject *self, PyObject *data);  // bytes
PyObject *json_dumps(PyObject *self, PyObject *args);  // a value, and a function for what is no JSON

// module.c
PyObject *make_module(void); // _grow

#endif
