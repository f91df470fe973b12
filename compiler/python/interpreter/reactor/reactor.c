// The least of a reactor, until the SDK's takes its place: it starts the interpreter and runs what it is
// given, with the module _grow that has write(bytes).
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(name)))
__attribute__((import_module("language"), import_name("fault"))) extern void fault(int32_t kind, const char *text, int32_t n);

EXPORT("grow_alloc") void *grow_alloc(int32_t n) { return malloc(n ? n : 1); }

EXPORT("grow_boot") int32_t grow_boot(uint32_t seed) {
    PyPreConfig pre;
    PyPreConfig_InitIsolatedConfig(&pre);
    pre.utf8_mode = 1;
    if (PyStatus_Exception(Py_PreInitialize(&pre))) return 1;
    PyConfig c;
    PyConfig_InitIsolatedConfig(&c);
    c.write_bytecode = 0; c.site_import = 0; c.install_signal_handlers = 0; c.pathconfig_warnings = 0;
    c.use_hash_seed = 1; c.hash_seed = seed; c.module_search_paths_set = 1;
    PyWideStringList_Append(&c.module_search_paths, L"/lib/python313.zip");
    PyWideStringList_Append(&c.module_search_paths, L"/app");
    PyWideStringList_Append(&c.module_search_paths, L"/packages");
    PyConfig_SetString(&c, &c.prefix, L"/"); PyConfig_SetString(&c, &c.exec_prefix, L"/");
    PyConfig_SetString(&c, &c.base_prefix, L"/"); PyConfig_SetString(&c, &c.base_exec_prefix, L"/");
    PyConfig_SetString(&c, &c.executable, L"/bin/python"); PyConfig_SetString(&c, &c.base_executable, L"/bin/python");
    PyConfig_SetString(&c, &c.program_name, L"python"); PyConfig_SetString(&c, &c.stdlib_dir, L"/lib/python313.zip");
    PyStatus st = Py_InitializeFromConfig(&c);
    PyConfig_Clear(&c);
    if (PyStatus_Exception(st)) { fprintf(stderr, "%s\n", st.err_msg); return 1; }
    return PyRun_SimpleString("import grow");
}

EXPORT("grow_load") int32_t grow_load(void) { return PyRun_SimpleString("import sys, runpy; runpy.run_path('/app/main.py', run_name='__main__')") ? (fault(0, "load", 4), 1) : 0; }

EXPORT("grow_handle") int64_t grow_handle(const char *p, int32_t n) {
    char *text = malloc(n + 1);
    memcpy(text, p, n); text[n] = 0;
    int r = PyRun_SimpleString(text);
    free(text);
    fflush(stdout);
    return r ? 0 : 1;
}
