"""The state of a message's key."""

from __future__ import annotations

from typing import Any, TypeVar

from . import _call, _decode, _json

T = TypeVar("T")


def _get(name: str, default: Any) -> _call.Operation[Any]:
    def parse(a: _call.Answer) -> Any:
        return default if a.attributes.get("revision", "0") == "0" else _json.loads(a.data)

    return ("state.get", _named(name), b""), parse


def _get_as(cls: type[T], name: str, default: Any) -> _call.Operation[Any]:
    def parse(a: _call.Answer) -> Any:
        if a.attributes.get("revision", "0") == "0":
            return default
        return _decode.decode(cls, _json.loads(a.data), f"state {name!r}" if name else "state")

    return ("state.get", _named(name), b""), parse


def _set(value: Any, name: str) -> _call.Operation[None]:
    return ("state.set", _named(name), _json.dumps(value, f"state {name!r}" if name else "state")), _nothing


def _delete(name: str) -> _call.Operation[None]:
    return ("state.delete", _named(name), b""), _nothing


def _page(prefix: str, after: str | None) -> _call.Operation[list[str]]:
    attrs = {"prefix": prefix} if after is None else {"prefix": prefix, "after": after}
    _call.check("list state", attrs)
    return ("state.list", attrs, b""), _names


def _named(name: str) -> dict[str, str]:
    if not isinstance(name, str):
        raise TypeError(f"state: expected a str as name, got {type(name).__name__}")
    attrs = {"name": name}
    _call.check("state", attrs)
    return attrs


def _names(a: _call.Answer) -> list[str]:
    names: list[str] = _json.loads(a.data)
    return names


def _nothing(a: _call.Answer) -> None:
    pass


def _next(page: list[str], after: str | None) -> str:
    if after is not None and page[0] <= after:
        raise RuntimeError(f"list state: the host listed {page[0]!r} twice")
    return page[-1]


class State:
    """The state of the message's key, or of the whole actor when it has no key: a set of
    named values of JSON. The name ``""`` is the usual single value. Reads see the
    message's own writes; nobody else does before the message is handled.

    Methods raise a :class:`grow.CallError`: denied when the actor declares no state,
    invalid for a value that does not fit the declared type.
    """

    __slots__ = ()

    def get(self, name: str = "", default: Any = None) -> Any:
        """The value of a name; the default when there is none."""
        return _call.now(_get(name, default))

    def get_as(self, cls: type[T], name: str = "", default: T | None = None) -> T | None:
        """The value of a name as a dataclass; the default when there is none."""
        value: T | None = _call.now(_get_as(cls, name, default))
        return value

    def set(self, value: Any, name: str = "") -> None:
        """Makes a value, of JSON or a dataclass, that of a name."""
        _call.now(_set(value, name))

    def delete(self, name: str = "") -> None:
        """Removes the value of a name, if there is one."""
        _call.now(_delete(name))

    def list(self, prefix: str = "") -> list[str]:
        """The names that begin with a prefix, in order of their bytes."""
        names: list[str] = []
        after = None
        while page := _call.now(_page(prefix, after)):
            after = _next(page, after)
            names += page
        return names


class AsyncState:
    """:class:`State` for handlers that are ``async``."""

    __slots__ = ()

    async def get(self, name: str = "", default: Any = None) -> Any:
        """The value of a name; the default when there is none."""
        return await _call.soon(_get(name, default))

    async def get_as(self, cls: type[T], name: str = "", default: T | None = None) -> T | None:
        """The value of a name as a dataclass; the default when there is none."""
        value: T | None = await _call.soon(_get_as(cls, name, default))
        return value

    async def set(self, value: Any, name: str = "") -> None:
        """Makes a value, of JSON or a dataclass, that of a name."""
        await _call.soon(_set(value, name))

    async def delete(self, name: str = "") -> None:
        """Removes the value of a name, if there is one."""
        await _call.soon(_delete(name))

    async def list(self, prefix: str = "") -> list[str]:
        """The names that begin with a prefix, in order of their bytes."""
        names: list[str] = []
        after = None
        while page := await _call.soon(_page(prefix, after)):
            after = _next(page, after)
            names += page
        return names
