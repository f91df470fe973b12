"""Buckets through the capabilities kv.get, kv.set, kv.delete and kv.list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from . import _call, _decode, _json, _message
from ._errors import CallError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A value in a bucket."""

    data: bytes
    revision: int
    """Grows with every write."""

    def json(self) -> Any:
        """The value, which must be JSON."""
        return _json.loads(self.data)

    def json_as(self, cls: type[T]) -> T:
        """The value, which must be JSON, as a dataclass."""
        value: T = _decode.decode(cls, self.json(), "value")
        return value


def _key(op: str, use: str, key: str) -> dict[str, str]:
    attrs = {"use": use, "key": key}
    _call.check(op, attrs)
    return attrs


def _read(use: str, key: str) -> _call.Operation[Entry]:
    return ("kv.get", _key("kv.get", use, key), b""), lambda a: Entry(a.data, int(a.attributes["revision"]))


def _absent(error: CallError) -> None:
    """Raises an error that is not that there is no value."""
    if error.code != "not_found":
        raise error


def _write(use: str, key: str, data: str | bytes, ttl: float | timedelta | None, revision: int | None) -> _call.Operation[int]:
    attrs = _key("kv.set", use, key)
    if not isinstance(data, (str, bytes)):
        raise TypeError(f"kv.set: data is str or bytes, got {type(data).__name__}")
    if revision is not None:
        attrs["if_revision"] = str(int(revision))
    if ttl is not None:
        attrs["ttl"] = _message.milliseconds(ttl)
    return ("kv.set", attrs, data), lambda a: int(a.attributes["revision"])


def _set(use: str, key: str, value: Any, ttl: float | timedelta | None, revision: int | None) -> _call.Operation[int]:
    return _write(use, key, _json.dumps(value, f"kv {key!r}"), ttl, revision)


def _delete(use: str, key: str, revision: int | None) -> _call.Operation[None]:
    attrs = _key("kv.delete", use, key)
    if revision is not None:
        attrs["if_revision"] = str(int(revision))
    return ("kv.delete", attrs, b""), lambda a: None


def _page(use: str, prefix: str, after: str, limit: int) -> _call.Operation[list[str]]:
    attrs = {"use": use, "prefix": prefix, "after": after, "limit": str(int(limit))}
    _call.check("kv.list", attrs)
    return ("kv.list", attrs, b""), lambda a: list(a.json())


_PAGE = 1000  # keys


def _next(page: list[str], after: str) -> str:
    if page[0] <= after:
        raise RuntimeError(f"kv.list: the host listed {page[0]!r} twice")
    return page[-1]


class KV:
    """A bucket with a grant of the actor: values by key, which it shares with others.
    A key has at most 256 bytes, a value 512 KiB.

    Methods raise a :class:`grow.CallError`: conflict when the key has not the revision
    that a write is for. A write is done once for the message, however often that is tried.
    """

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, which must be JSON; the default when there is none."""
        entry = self.read(key)
        return default if entry is None else entry.json()

    def read(self, key: str) -> Entry | None:
        """The value of a key as it is kept; None when there is none."""
        try:
            return _call.now(_read(self._use, key))
        except CallError as e:
            return _absent(e)

    def set(self, key: str, value: Any, *, ttl: float | timedelta | None = None, if_revision: int | None = None) -> int:
        """Makes a value, of JSON or a dataclass, that of a key, for so many seconds when
        there is a ``ttl``, and returns its revision. ``if_revision`` is what the key must
        have, 0 for no value."""
        return _call.now(_set(self._use, key, value, ttl, if_revision))

    def write(self, key: str, data: str | bytes, *, ttl: float | timedelta | None = None, if_revision: int | None = None) -> int:
        """:meth:`set` for a value that is not JSON."""
        return _call.now(_write(self._use, key, data, ttl, if_revision))

    def delete(self, key: str, *, if_revision: int | None = None) -> None:
        """Removes the value of a key, if there is one."""
        _call.now(_delete(self._use, key, if_revision))

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with a prefix, in order of their bytes."""
        found: list[str] = []
        after = ""
        while page := self.page(prefix, after):
            after = _next(page, after)
            found += page
        return found

    def page(self, prefix: str = "", after: str = "", limit: int = _PAGE) -> list[str]:
        """Up to so many keys that begin with a prefix and follow one."""
        return _call.now(_page(self._use, prefix, after, limit))


class AsyncKV:
    """:class:`KV` for handlers that are ``async``."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    async def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, which must be JSON; the default when there is none."""
        entry = await self.read(key)
        return default if entry is None else entry.json()

    async def read(self, key: str) -> Entry | None:
        """The value of a key as it is kept; None when there is none."""
        try:
            return await _call.soon(_read(self._use, key))
        except CallError as e:
            return _absent(e)

    async def set(self, key: str, value: Any, *, ttl: float | timedelta | None = None, if_revision: int | None = None) -> int:
        """Makes a value, of JSON or a dataclass, that of a key, for so many seconds when
        there is a ``ttl``, and returns its revision. ``if_revision`` is what the key must
        have, 0 for no value."""
        return await _call.soon(_set(self._use, key, value, ttl, if_revision))

    async def write(self, key: str, data: str | bytes, *, ttl: float | timedelta | None = None, if_revision: int | None = None) -> int:
        """:meth:`set` for a value that is not JSON."""
        return await _call.soon(_write(self._use, key, data, ttl, if_revision))

    async def delete(self, key: str, *, if_revision: int | None = None) -> None:
        """Removes the value of a key, if there is one."""
        await _call.soon(_delete(self._use, key, if_revision))

    async def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with a prefix, in order of their bytes."""
        found: list[str] = []
        after = ""
        while page := await self.page(prefix, after):
            after = _next(page, after)
            found += page
        return found

    async def page(self, prefix: str = "", after: str = "", limit: int = _PAGE) -> list[str]:
        """Up to so many keys that begin with a prefix and follow one."""
        return await _call.soon(_page(self._use, prefix, after, limit))
