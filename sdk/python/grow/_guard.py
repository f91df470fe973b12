"""What an actor does not have, said in a way that helps. Modules that many packages
import without needing them can be imported, and say it when they are used."""

from __future__ import annotations

import errno
import sys
from importlib.machinery import ModuleSpec
from typing import Any, NoReturn

_HTTP = "use ctx.http, or another capability that actor.yaml asks for in uses"
_SQL = "use ctx.state, or ctx.sql with a database that actor.yaml asks for in uses"
_PROCESSES = "send a message to another actor, or keep the work in this one"
_SCREEN = "answer with data, which is shown elsewhere"
_NATIVE = "use a package in pure Python, or write the actor in Rust or Go"

_MISSING = {
    "ssl": _HTTP,
    "_ssl": _HTTP,
    "multiprocessing": _PROCESSES,
    "_multiprocessing": _PROCESSES,
    "sqlite3": _SQL,
    "_sqlite3": _SQL,
    "dbm": _SQL,
    "ctypes": _NATIVE,
    "_ctypes": _NATIVE,
    "cffi": _NATIVE,
    "numpy": _NATIVE,
    "tkinter": _SCREEN,
    "turtle": _SCREEN,
    "curses": "write log lines with ctx.log",
    "readline": "what an actor needs comes in messages",
    "bz2": "zlib and gzip are there",
    "_bz2": "zlib and gzip are there",
    "lzma": "zlib and gzip are there",
    "_lzma": "zlib and gzip are there",
    "venv": "packages are packed when the actor is built; name them in requirements.txt",
    "ensurepip": "packages are packed when the actor is built; name them in requirements.txt",
    "pip": "packages are packed when the actor is built; name them in requirements.txt",
}


class _Finder:
    """Comes last among the finders of modules."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        instead = _MISSING.get(name.partition(".")[0])
        if instead is None:
            return None
        raise ModuleNotFoundError(f"{name.removeprefix('_')} is not in an actor; {instead}", name=name)


def _threads(*args: Any, **kwargs: Any) -> NoReturn:
    raise RuntimeError(
        "can't start new thread: an actor has no threads; make the handler async def, and await requests together with asyncio.gather"
    )


_DEPTH_MAX = 50_000  # calls of Python functions, each of at least 400 bytes of memory


def _limit_recursion() -> None:
    """Has a recursion without an end be a RecursionError whatever limit the actor sets:
    else it would take all memory."""
    set_limit = sys.setrecursionlimit

    def setrecursionlimit(limit: int, /) -> None:
        set_limit(min(limit, _DEPTH_MAX) if isinstance(limit, int) else limit)

    setrecursionlimit.__doc__ = set_limit.__doc__
    sys.setrecursionlimit = setrecursionlimit


def _sockets(*args: Any, **kwargs: Any) -> NoReturn:
    raise OSError(errno.ENOSYS, f"sockets are not in an actor; {_HTTP}")


def _processes(*args: Any, **kwargs: Any) -> NoReturn:
    raise OSError(errno.ENOSYS, f"processes are not in an actor; {_PROCESSES}")


def guard() -> None:
    """Has the modules of the standard library say what an actor does not have."""
    import _thread
    import os
    import socket
    import subprocess
    import threading

    finder: Any = _Finder
    sys.meta_path.append(finder)
    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        setattr(_thread, name, _threads)
    for name in ("_start_new_thread", "_start_joinable_thread"):
        setattr(threading, name, _threads)
    for name in ("getaddrinfo", "gethostbyname", "create_connection", "create_server", "socketpair", "fromfd"):
        setattr(socket, name, _sockets)
    setattr(socket.socket, "__init__", _sockets)
    setattr(subprocess.Popen, "__init__", _processes)
    setattr(subprocess.Popen, "__del__", lambda self: None)
    os.abort = lambda: os._exit(134)  # as a shell would tell; abort itself says nothing
    _limit_recursion()
