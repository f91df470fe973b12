#include "grow.h"

#include "pycore_pystate.h"

// How deep C code may recurse. CPython's own limit is made for other stacks: a level
// takes up to 70 KiB of the engine's estimate (runtime/admission, ReactorStack), where
// C code calls Python code that calls C code, and so often it fits into that. Without C
// code in between it is sys.getrecursionlimit that ends a recursion.
enum { DEPTH_MAX = 700 };

static bool ok(PyStatus s) {
    if (PyStatus_Exception(s)) fprintf(stderr, "start Python: %s\n", s.err_msg ? s.err_msg : "exit");
    return !PyStatus_Exception(s);
}

// Where things are. Nothing is searched for, and nothing outside of these is used.
static PyStatus set_paths(PyConfig *c) {
    static const struct {
        size_t at;
        const wchar_t *is;
    } paths[] = {
        {offsetof(PyConfig, prefix), L"/"},
        {offsetof(PyConfig, exec_prefix), L"/"},
        {offsetof(PyConfig, base_prefix), L"/"},
        {offsetof(PyConfig, base_exec_prefix), L"/"},
        {offsetof(PyConfig, executable), L"/bin/python"},
        {offsetof(PyConfig, base_executable), L"/bin/python"},
        {offsetof(PyConfig, program_name), L"python"},
        {offsetof(PyConfig, stdlib_dir), L"/lib/python313.zip"},
    };
    static const wchar_t *search[] = {L"/lib/python313.zip", L"/app", L"/packages"};
    PyStatus s = PyStatus_Ok();
    for (size_t i = 0; i < Py_ARRAY_LENGTH(paths) && !PyStatus_Exception(s); i++)
        s = PyConfig_SetString(c, (wchar_t **)((char *)c + paths[i].at), paths[i].is);
    c->module_search_paths_set = 1;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(search) && !PyStatus_Exception(s); i++)
        s = PyWideStringList_Append(&c->module_search_paths, search[i]);
    return s;
}

static bool initialize(uint32_t seed) {
    PyPreConfig pre;
    PyPreConfig_InitIsolatedConfig(&pre);
    pre.utf8_mode = 1;
    if (PyImport_AppendInittab("_grow", make_module) < 0 || !ok(Py_PreInitialize(&pre))) return false;
    PyConfig c;
    PyConfig_InitIsolatedConfig(&c);
    c.write_bytecode = 0;
    c.site_import = 0;
    c.install_signal_handlers = 0;
    c.pathconfig_warnings = 0;
    c.use_hash_seed = 1;
    c.hash_seed = seed;
    PyStatus s = set_paths(&c);
    if (!PyStatus_Exception(s)) s = Py_InitializeFromConfig(&c);
    PyConfig_Clear(&c);
    return ok(s);
}

bool start_interpreter(uint32_t seed) {
    if (!initialize(seed)) return false;
    PyThreadState *t = _PyThreadState_GET();
    t->c_recursion_remaining -= Py_C_RECURSION_LIMIT - DEPTH_MAX;
    return true;
}
