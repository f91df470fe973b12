"""Buckets of large objects through the capabilities blob.stat, blob.get, blob.put, blob.delete and blob.list."""

from __future__ import annotations

import io
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar

from . import _call
from ._errors import CallError

T = TypeVar("T")

PIECE = 512 << 10  # bytes that are read or written at a time


@dataclass(frozen=True)
class Object:
    """What is known of an object in a bucket."""

    key: str
    size: int
    """In bytes."""
    revision: str
    """Another one with every write."""
    digest: str = ""
    """``sha256:`` and 64 hex digits; empty when the store does not know it."""
    modified: datetime | None = None
    damaged: bool = False
    """In a list: it cannot be read what it is, and only its key is known."""


def _object(key: str, attrs: dict[str, Any]) -> Object:
    ms = int(attrs.get("modified", 0))
    at = datetime.fromtimestamp(ms / 1000, timezone.utc) if ms else None
    return Object(key, int(attrs["size"]), attrs["revision"], attrs.get("digest", ""), at, bool(attrs.get("damaged")))


Steps = Generator[_call.Operation[_call.Answer], _call.Answer, T]
"""Requests that follow each other, and what comes of them: what :class:`Blob` and
:class:`AsyncBlob` have in common."""


def _ask(op: str, use: str, attrs: dict[str, str], data: bytes | memoryview = b"") -> _call.Operation[_call.Answer]:
    attrs = {"use": use, **attrs}
    _call.check(op, attrs)
    return (op, attrs, bytes(data)), lambda a: a


def _key(key: str, revision: str | None = None, **more: str) -> dict[str, str]:
    return {"key": key, **more, **({} if revision is None else {"if_revision": revision})}


def _stat(use: str, key: str) -> Steps[Object | None]:
    try:
        return _object(key, (yield _ask("blob.stat", use, _key(key))).attributes)
    except CallError as e:
        if e.code != "not_found":
            raise
        return None


def _piece(use: str, o: Object, at: int, n: int) -> Steps[bytes]:
    """Up to n bytes of an object, as it was when it was looked at."""
    return (yield _ask("blob.get", use, _key(o.key, o.revision, range=f"{at}-{at + min(n, PIECE) - 1}"))).data


def _read(use: str, key: str) -> Steps[bytes]:
    first = yield _ask("blob.get", use, _key(key, range=f"0-{PIECE - 1}"))
    o, parts, at = _object(key, first.attributes), [first.data], len(first.data)
    while at < o.size:
        data = yield from _piece(use, o, at, PIECE)
        if not data:
            raise EOFError(f"blob.get {key!r}: the host gave no bytes at {at} of {o.size}")
        parts.append(data)
        at += len(data)
    return b"".join(parts)


class _Upload:
    """An object that is being written, piece by piece."""

    def __init__(self, use: str, key: str, revision: str | None) -> None:
        self.use, self.key, self.revision = use, key, revision
        self.parts, self.upload = 0, ""

    def part(self, data: bytes | memoryview) -> Steps[None]:
        self.parts += 1
        more = {"upload": self.upload} if self.upload else {}
        a = yield _ask("blob.put", self.use, _key(self.key, part=str(self.parts), **more), data)
        self.upload = a.attributes["upload"]

    def end(self, rest: bytes | memoryview) -> Steps[Object]:
        more = {}
        if self.parts:
            if rest:
                yield from self.part(rest)
            more, rest = {"upload": self.upload, "parts": str(self.parts)}, b""
        a = yield _ask("blob.put", self.use, _key(self.key, self.revision, **more), rest)
        return _object(self.key, a.attributes)


def _write(use: str, key: str, data: str | bytes, revision: str | None) -> Steps[Object]:
    if isinstance(data, str):
        data = data.encode()
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"blob.put: data is str or bytes, got {type(data).__name__}")
    view, upload = memoryview(data).cast("B"), _Upload(use, key, revision)
    while len(view) > PIECE:
        yield from upload.part(view[:PIECE])
        view = view[PIECE:]
    return (yield from upload.end(view))


def _delete(use: str, key: str, revision: str | None) -> Steps[None]:
    yield _ask("blob.delete", use, _key(key, revision))


def _page(use: str, prefix: str, after: str, limit: int) -> Steps[list[Object]]:
    a = yield _ask("blob.list", use, {"prefix": prefix, "after": after, "limit": str(int(limit))})
    return [_object(o["key"], o) for o in a.json()]


def _list(use: str, prefix: str) -> Steps[list[Object]]:
    found: list[Object] = []
    while page := (yield from _page(use, prefix, found[-1].key if found else "", 1000)):
        if found and page[0].key <= found[-1].key:
            raise RuntimeError(f"blob.list: the host listed {page[0].key!r} twice")
        found += page
    return found


def _now(steps: Steps[T]) -> T:
    """Makes the requests, one after the other."""
    try:
        operation = next(steps)
        while True:
            try:
                answer = _call.now(operation)
            except CallError as e:
                operation = steps.throw(e)
            else:
                operation = steps.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value


async def _soon(steps: Steps[T]) -> T:
    """:func:`_now` for handlers that are ``async``."""
    try:
        operation = next(steps)
        while True:
            try:
                answer = await _call.soon(operation)
            except CallError as e:
                operation = steps.throw(e)
            else:
                operation = steps.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value


class Reader(io.RawIOBase):
    """An object as a file to read. It is read as it was when it was opened: when another
    takes its place meanwhile, reading fails with conflict."""

    def __init__(self, use: str, info: Object) -> None:
        super().__init__()
        self._use, self._at = use, 0
        self.info = info
        """What was known of it then."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.info.size}[whence]
        if base + offset < 0:
            raise ValueError(f"seek to {base + offset}: it is before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._checkClosed()  # type: ignore[attr-defined]
        view = memoryview(buffer).cast("B")
        if not len(view) or self._at >= self.info.size:
            return 0
        data = _now(_piece(self._use, self.info, self._at, len(view)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        # A raw file's own asks for 8 KiB at a time.
        self._checkClosed()  # type: ignore[attr-defined]
        parts = []
        while self._at < self.info.size:
            data = _now(_piece(self._use, self.info, self._at, PIECE))
            if not data:
                break
            parts.append(data)
            self._at += len(data)
        return b"".join(parts)


class Writer(io.RawIOBase):
    """An object as a file to write. It is there, whole, when the file has been closed; in a
    ``with`` that ends with an exception it is not written at all."""

    def __init__(self, use: str, key: str, revision: str | None) -> None:
        super().__init__()
        self._upload, self._rest = _Upload(use, key, revision), bytearray()
        self.info: Object | None = None
        """What is known of the object, once the file has been closed."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._checkClosed()  # type: ignore[attr-defined]
        view = memoryview(data).cast("B")
        self._rest += view
        while len(self._rest) > PIECE:
            _now(self._upload.part(self._rest[:PIECE]))
            del self._rest[:PIECE]
        return len(view)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.info = _now(self._upload.end(self._rest))

    def discard(self) -> None:
        """Closes the file without writing an object."""
        super().close()

    def __del__(self) -> None:
        self.discard()  # what nobody has closed is not written

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class Blob:
    """A bucket of large objects with a grant of the actor, which it shares with others.

    Methods raise a :class:`grow.CallError`: not_found, and conflict when the object has not
    the revision that is asked for. ``if_revision`` of a write is what the object must have,
    ``"0"`` for none. A write is done once for the message, however often that is tried.
    """

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    def stat(self, key: str) -> Object | None:
        """What is known of an object; None when there is none."""
        return _now(_stat(self._use, key))

    def open(self, key: str, mode: str = "rb", *, if_revision: str | None = None) -> Any:
        """The object as a binary file: to read (``rb``), with ``seek``, or to write
        (``wb``), where it is there when the file has been closed."""
        if mode == "wb":
            return Writer(self._use, key, if_revision)
        if mode != "rb":
            raise ValueError(f"open {key!r}: mode is 'rb' or 'wb', got {mode!r}")
        info = self.stat(key)
        if info is None:
            raise CallError("blob.stat", "not_found", f"there is no object {key!r}")
        if if_revision not in (None, info.revision):
            raise CallError("blob.stat", "conflict", f"the object {key!r} has another revision")
        return io.BufferedReader(Reader(self._use, info), PIECE)

    def read(self, key: str) -> bytes:
        """The bytes of an object."""
        return _now(_read(self._use, key))

    def write(self, key: str, data: str | bytes, *, if_revision: str | None = None) -> Object:
        """Makes the data an object."""
        return _now(_write(self._use, key, data, if_revision))

    def delete(self, key: str, *, if_revision: str | None = None) -> None:
        """Removes an object, if there is one."""
        _now(_delete(self._use, key, if_revision))

    def list(self, prefix: str = "") -> list[Object]:
        """All objects whose keys begin with a prefix, in order of the keys' bytes."""
        return _now(_list(self._use, prefix))


class AsyncBlob:
    """:class:`Blob` for handlers that are ``async``, without files."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    async def stat(self, key: str) -> Object | None:
        """What is known of an object; None when there is none."""
        return await _soon(_stat(self._use, key))

    async def read(self, key: str) -> bytes:
        """The bytes of an object."""
        return await _soon(_read(self._use, key))

    async def write(self, key: str, data: str | bytes, *, if_revision: str | None = None) -> Object:
        """Makes the data an object."""
        return await _soon(_write(self._use, key, data, if_revision))

    async def delete(self, key: str, *, if_revision: str | None = None) -> None:
        """Removes an object, if there is one."""
        await _soon(_delete(self._use, key, if_revision))

    async def list(self, prefix: str = "") -> list[Object]:
        """All objects whose keys begin with a prefix, in order of the keys' bytes."""
        return await _soon(_list(self._use, prefix))
