"""Documents of the revision through the capabilities files.read and files.list."""

from __future__ import annotations

from dataclasses import dataclass

from . import _call


@dataclass(frozen=True)
class File:
    """One of a folder."""

    name: str
    size: int
    """In bytes; 0 of a folder."""
    folder: bool


def _read(use: str, path: str) -> _call.Operation[bytes]:
    attrs = {"use": use, "path": path}
    _call.check("files.read", attrs)
    return ("files.read", attrs, b""), lambda a: a.data


def _list(use: str, path: str) -> _call.Operation[list[File]]:
    attrs = {"use": use, "path": path}
    _call.check("files.list", attrs)
    return ("files.list", attrs, b""), lambda a: [File(f["name"], f["size"], f["folder"]) for f in a.json()]


class Files:
    """Documents of the actor's revision with a grant, to read. Paths are below the
    service's folder, with ``/`` between names. What cannot be read raises a
    :class:`grow.CallError`."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        return _call.now(_read(self._use, path))

    def list(self, path: str) -> list[File]:
        """What is in a folder, by name."""
        return _call.now(_list(self._use, path))


class AsyncFiles:
    """:class:`Files` for handlers that are ``async``."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    async def read(self, path: str) -> bytes:
        """The bytes of a file."""
        return await _call.soon(_read(self._use, path))

    async def list(self, path: str) -> list[File]:
        """What is in a folder, by name."""
        return await _call.soon(_list(self._use, path))
