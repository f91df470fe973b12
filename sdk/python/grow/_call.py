"""Requests to capabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from . import _bridge, _decode, _frame, _json
from ._errors import CallError

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """Asks a capability for something.

    ``op`` is the operation (``http.fetch``), ``use`` the grant's name in the actor's
    ``uses:``, for operations that need one; ``attributes`` are its parameters and
    ``data`` is its body.
    """

    op: str
    use: str = ""
    data: str | bytes = b""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> _bridge.RawRequest:
        """The request as it leaves. Fails with a TypeError or a ValueError."""
        if not isinstance(self.op, str) or not self.op:
            raise ValueError("call: the request has no operation")
        if not isinstance(self.data, (str, bytes)):
            raise TypeError(f"call {self.op}: data is str or bytes, got {type(self.data).__name__}")
        attrs = {"use": self.use} if self.use else {}
        for name in sorted(self.attributes):  # the same request is the same bytes
            if name in ("type", "use"):
                raise ValueError(f"call {self.op}: attribute {name!r} has a field of its own")
            attrs[name] = self.attributes[name]
        check(f"call {self.op}", attrs)
        return self.op, attrs, self.data


def check(doing: str, attrs: Mapping[str, str]) -> None:
    """Fails when these cannot be attributes besides a type."""
    if len(attrs) >= _frame.ATTRS_MAX:
        raise ValueError(f"{doing}: {len(attrs)} attributes, at most {_frame.ATTRS_MAX - 1} can be sent")
    for name, value in attrs.items():
        if not isinstance(value, str) or not isinstance(name, str):
            raise TypeError(f"{doing}: attribute {name!r}: expected str, got {type(value).__name__}")
        if not name or len(name.encode()) > _frame.NAME_MAX or len(value.encode()) > _frame.VALUE_MAX:
            raise ValueError(
                f"{doing}: attribute {name[:64]!r}: a name has 1 to {_frame.NAME_MAX} bytes, a value at most {_frame.VALUE_MAX}"
            )


@dataclass(frozen=True)
class Answer:
    """What a capability answered: attributes and data, or an error."""

    attributes: dict[str, str]
    data: bytes
    error: CallError | None = None

    def json(self) -> Any:
        """The data, which must be JSON."""
        return _json.loads(self.data)

    def json_as(self, cls: type[T]) -> T:
        """The data, which must be JSON, as a dataclass."""
        value: T = _decode.decode(cls, self.json(), "answer")
        return value


def answer(op: str, raw: _bridge.RawAnswer) -> Answer:
    """The answer to a request, which may be an error."""
    attrs, data = raw
    if attrs.get("type") != "grow.error":
        return Answer(attrs, data)
    text = data.decode(errors="replace")
    return Answer(attrs, data, CallError(op, attrs.get("code", ""), text, retry=attrs.get("retry") == "yes"))


def value(op: str, raw: _bridge.RawAnswer) -> Answer:
    """The answer to a request. Raises the error that it is."""
    a = answer(op, raw)
    if a.error is not None:
        raise a.error
    return a


Operation = tuple[_bridge.RawRequest, Callable[[Answer], T]]
"""A request and what is made of its answer: the part that plain and async contexts have
in common."""


def now(operation: Operation[T]) -> T:
    """Makes a request, and waits for its answer."""
    request, parse = operation
    return parse(value(request[0], _bridge.host.call([request])[0]))


async def soon(operation: Operation[T]) -> T:
    """Makes a request together with those of other tasks."""
    from ._loop import ask

    request, parse = operation
    return parse(value(request[0], await ask(request)))


def many(requests: tuple[Request, ...]) -> list[Answer]:
    """Makes requests, 32 at a time."""
    encoded = [r.encode() for r in requests]
    answers: list[Answer] = []
    for at in range(0, len(encoded), _bridge.REQUESTS_MAX):
        some = encoded[at : at + _bridge.REQUESTS_MAX]
        answers += [answer(r[0], raw) for r, raw in zip(some, _bridge.host.call(some))]
    return answers
