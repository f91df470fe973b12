"""Messages that come in and go out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from . import _bridge, _decode, _json

T = TypeVar("T")

_Class = type[T]  # a message has a type of its own

CONTENT_JSON = "application/json"


class Message:
    """What an actor handles."""

    __slots__ = ("_attributes", "_raw", "data", "type")

    type: str
    """The type: ``order.placed``."""
    data: bytes
    """The data as it was received."""

    def __init__(self, type: str, raw: bytes, data: bytes) -> None:
        self.type = type
        self.data = data
        self._raw = raw
        self._attributes: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"<grow.Message {self.type} {self.id} of {len(self.data)} bytes>"

    @property
    def attributes(self) -> dict[str, str]:
        """All attributes, by name."""
        if self._attributes is None:
            self._attributes = _bridge.host.attributes(self._raw)
        return self._attributes

    def json(self) -> Any:
        """The data, which must be JSON."""
        try:
            return _json.loads(self.data)
        except ValueError as e:
            raise ValueError(f"decode {self.type}: {e}") from None

    def json_as(self, cls: _Class[T]) -> T:
        """The data, which must be JSON, as a dataclass."""
        value: T = _decode.decode(cls, self.json(), self.type)
        return value

    @property
    def id(self) -> str:
        """Unique for every message."""
        return self.attributes.get("id", "")

    @property
    def source(self) -> str:
        """The node or the endpoint the message comes from."""
        return self.attributes.get("source", "")

    @property
    def key(self) -> str:
        """What orders messages and owns state; ``""`` when the actor has no key."""
        return self.attributes.get("subject", "")

    @property
    def time(self) -> datetime | None:
        """When the message came to be, in UTC; None when it is not known."""
        try:
            return _time(self.attributes.get("time", ""))
        except ValueError:
            return None

    @property
    def correlation(self) -> str:
        """The id of the message that began it all."""
        return self.attributes.get("correlation", "")

    @property
    def causation(self) -> str:
        """The id of the message this one was sent for."""
        return self.attributes.get("causation", "")

    @property
    def traceparent(self) -> str:
        """The position in a trace, as in W3C Trace Context."""
        return self.attributes.get("traceparent", "")

    @property
    def content_type(self) -> str:
        """The media type of the data."""
        return self.attributes.get("datacontenttype", CONTENT_JSON)

    @property
    def attempt(self) -> int:
        """The number of this delivery, from 1."""
        text = self.attributes.get("attempt", "")
        return max(int(text), 1) if text.isdecimal() else 1

    @property
    def method(self) -> str:
        """The method of the HTTP request that the message was made from."""
        return self.attributes.get("http.method", "")

    @property
    def path(self) -> str:
        """The path of that request."""
        return self.attributes.get("http.path", "")

    def header(self, name: str) -> str:
        """A header of that request, one that the endpoint passes on."""
        return self.attributes.get("http.header." + name.lower(), "")

    def param(self, name: str) -> str:
        """A path parameter of that request."""
        return self.attributes.get("http.param." + name, "")

    def query(self, name: str) -> str:
        """A parameter of that request's query."""
        return self.attributes.get("http.query." + name, "")


def _time(text: str) -> datetime:
    # Python before 3.11 reads no Z, and no version more than microseconds.
    whole, dot, rest = text.partition(".")
    digits = rest.rstrip("Zz+-:0123456789") if not dot else ""
    for i, c in enumerate(rest):
        if not c.isdigit():
            digits, rest = rest[:i], rest[i:]
            break
    moment = datetime.fromisoformat(f"{whole}.{digits[:6]:0<6}{rest}" if dot else text)
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def milliseconds(seconds: float | timedelta) -> str:
    """A time that is waited, rounded up."""
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    return str(max(math.ceil(round(seconds * 1000, 6)), 0))


@dataclass(frozen=True)
class _More:
    """What few messages have besides their type and data."""

    delay: float | timedelta = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None


_NO_MORE = _More()


class Output:
    """A message that a handler sends.

    ``data`` is sent as JSON; bytes are sent as they are, as ``content_type``. The message
    waits ``delay`` seconds before it is delivered. ``status`` and ``headers`` are those
    of a reply to an HTTP request. ``attributes`` are the actor's own: their names begin
    with ``x.``, and they travel on with the messages sent for this one.
    """

    __slots__ = ("data", "more", "type")

    def __init__(
        self,
        type: str,
        data: Any = None,
        *,
        delay: float | timedelta = 0,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> None:
        if type.__class__ is not str or not type:
            raise TypeError(f"Output: the type of a message is a str such as 'order.priced', got {type!r}")
        self.type = type
        self.data = data
        self.more: _More | None = None
        if delay or status is not None or headers or attributes or content_type is not None:
            self.more = _More(delay, status, headers or {}, attributes or {}, content_type)

    def __repr__(self) -> str:
        return f"grow.Output({self.type!r}, {self.data!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Output):
            return NotImplemented
        return (self.type, self.data, self.more) == (other.type, other.data, other.more)

    __hash__ = None  # type: ignore[assignment]

    def encode(self) -> _bridge.RawOutput:
        """Type, attributes and data as they leave."""
        data = self.data
        if data.__class__ is not bytes:
            data = _json.dumps(data, self.type)
            if self.more is None:
                return self.type, None, data
        return self.type, self._encode_attributes(), data

    def _encode_attributes(self) -> dict[str, str]:
        more = self.more or _NO_MORE
        attrs: dict[str, str] = {}
        content = more.content_type
        if content is None and isinstance(self.data, bytes):
            content = "application/octet-stream"
        if content is not None and content != CONTENT_JSON:
            attrs["datacontenttype"] = content
        if more.delay:
            attrs["delay"] = milliseconds(more.delay)
        if more.status is not None:
            attrs["http.status"] = str(int(more.status))
        for name, value in more.headers.items():
            attrs["http.header." + name.lower()] = value
        for name, value in more.attributes.items():
            if not name.startswith("x."):
                raise ValueError(f"{self.type}: attribute {name!r}: the names of an actor's own begin with x.")
            attrs[name] = value
        return attrs
