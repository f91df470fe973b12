"""compile.py OUT FOLDER...: compiles the modules of the folders into OUT, as one tree
of .pyc files that are used without their sources. Modules that cannot work in an
actor are left out; the SDK says so to who imports one."""

import importlib._bootstrap_external
import os
import sys

# The folders and modules that are left out, at the top and below.
TOP = {
    "ctypes", "curses", "ensurepip", "idlelib", "lib2to3", "multiprocessing", "pydoc_data", "site-packages",
    "sqlite3", "test", "tkinter", "turtle.py", "turtledemo", "venv",
}
BELOW = {"__pycache__", "test", "tests", "idle_test"}

AT = "/lib/python313.zip/"  # where a guest sees them: what tracebacks say


def modules(folder, below=""):
    for name in sorted(os.listdir(os.path.join(folder, below))):
        path = below + name
        if name in BELOW or path in TOP:
            continue
        if os.path.isdir(os.path.join(folder, path)):
            yield from modules(folder, path + "/")
        elif name.endswith(".py"):
            yield path


def main(out, *folders):
    for folder in folders:
        for path in modules(folder):
            with open(os.path.join(folder, path), "rb") as f:
                source = f.read()
            code = compile(source, AT + path, "exec", dont_inherit=True, optimize=0)
            target = os.path.join(out, path + "c")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            # By the hash of a source and unchecked: what has no source has no date.
            with open(target, "wb") as f:
                f.write(importlib._bootstrap_external._code_to_hash_pyc(code, bytes(8), False))


main(*sys.argv[1:])
