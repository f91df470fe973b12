"""Requests and answers in pieces, through the capabilities stream.open, stream.write, stream.read and stream.close."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _call
from ._blob import Steps, _now, _soon

PIECE = 256 << 10  # bytes that are read or written at a time
LINGER = 100  # milliseconds that events are gathered for, so that many need few requests
LINE_MAX = 1 << 20  # bytes of a line of an event

Ask = _call.Operation[_call.Answer]


@dataclass(frozen=True)
class Event:
    """A server-sent event."""

    event: str
    """``message`` when it names none."""
    data: str
    """Its lines, with a line feed between them."""
    id: str
    """Of the last event that had one."""


class _Parser:
    """Tells server-sent events apart, as the HTML standard defines them."""

    def __init__(self) -> None:
        self.rest, self.skip, self.first = b"", False, True
        self.event, self.id = "", ""
        self.data: list[str] = []

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that end in the next piece."""
        if self.skip and data:
            data, self.skip = data.removeprefix(b"\n"), False
        self.skip = self.skip or data.endswith(b"\r")
        lines = (self.rest + data).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self.rest = lines.pop()
        if len(self.rest) > LINE_MAX:
            raise ValueError(f"a line of an event has more than {LINE_MAX} bytes")
        for raw in lines:
            line = raw.decode(errors="replace")
            if self.first:
                line, self.first = line.removeprefix("\ufeff"), False
            if not line:
                if self.data:
                    yield Event(self.event or "message", "\n".join(self.data), self.id)
                self.event, self.data = "", []
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self.event = value
            elif name == "data":
                self.data.append(value)
            elif name == "id":
                self.id = value


class _Exchange:
    """A request that goes, and an answer that comes, in pieces: what :class:`Stream` and
    :class:`AsyncStream` have in common."""

    def __init__(self, use: str, a: _call.Answer, *, http: bool = True) -> None:
        self._use, self._handle = use, a.attributes["handle"]
        self._status, self._begun = 0, not http  # nothing but HTTP has a status to wait for
        self._rest, self._ended, self._linger = b"", False, 0
        self.headers: dict[str, str] = {}
        """Of the answer, by their names in lower case; empty as long as it has not begun."""
        self._begin(a.attributes)

    def _begin(self, attrs: Mapping[str, str]) -> None:
        if not self._begun and "status" in attrs:
            self._status, self._begun = int(attrs["status"]), True
            self.headers = {name[7:]: v for name, v in attrs.items() if name.startswith("header.")}

    def _ask(self, op: str, data: bytes | memoryview = b"", **attrs: str) -> Ask:
        attrs = {"use": self._use, "handle": self._handle, **attrs}
        return (op, attrs, bytes(data)), lambda a: a

    def _fill(self) -> Steps[bytes]:
        """The next piece; b"" at the end."""
        while not self._ended:
            a = yield self._ask("stream.read", max=str(PIECE), linger=str(self._linger))
            self._begin(a.attributes)
            self._ended = a.attributes.get("end") == "yes"
            if a.data:
                return a.data
        return b""

    def _head(self) -> Steps[int]:
        if not self._begun:
            self._rest = yield from self._fill()
        return self._status

    def _piece(self) -> Steps[bytes]:
        data, self._rest = self._rest, b""
        return data or (yield from self._fill())

    def _read(self, size: int) -> Steps[bytes]:
        parts, left = [], size
        while left and (data := (yield from self._piece())):
            if 0 < left < len(data):
                data, self._rest = data[:left], data[left:]
            parts.append(data)
            left = left - len(data) if left > 0 else left
        return b"".join(parts)

    def _write(self, data: str | bytes) -> Steps[None]:
        view = memoryview(data.encode() if isinstance(data, str) else data).cast("B")
        while len(view):
            a = yield self._ask("stream.write", view[:PIECE])
            if a.attributes.get("end") == "yes":
                raise BrokenPipeError("the other side has answered, and wants no more of the body")
            view = view[PIECE:]

    def _end(self) -> Steps[None]:
        yield self._ask("stream.write", end="yes")

    def _close(self) -> Steps[None]:
        yield self._ask("stream.close")
        self._ended, self._rest = True, b""


class Stream(_Exchange):
    """A request whose body is written, and an answer that is read, in pieces. It ends with
    its ``with``, and with the message. The answer is read as it comes: what is not read is
    held back. Iterating gives pieces of any size."""

    @property
    def status(self) -> int:
        """The status of the answer over HTTP, for which it waits until the answer begins; 0 of
        an operation that is not HTTP's."""
        return _now(self._head())

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all; fewer at the end."""
        return _now(self._read(size))

    def __iter__(self) -> Iterator[bytes]:
        while data := _now(self._piece()):
            yield data

    def events(self) -> Iterator[Event]:
        """The server-sent events of the answer. They come as soon as they are there, those
        of a tenth of a second together."""
        self._linger, parser = LINGER, _Parser()
        for data in self:
            yield from parser.feed(data)

    def write(self, data: str | bytes) -> None:
        """Sends more of the body, and returns when the connection has it."""
        _now(self._write(data))

    def close_write(self) -> None:
        """Ends the body."""
        _now(self._end())

    def close(self) -> None:
        """Ends the stream, wherever it is."""
        _now(self._close())

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class AsyncStream(_Exchange):
    """:class:`Stream` for handlers that are ``async``."""

    async def status(self) -> int:
        """The status of the answer over HTTP, for which it waits until the answer begins; 0 of
        an operation that is not HTTP's."""
        return await _soon(self._head())

    async def read(self, size: int = -1) -> bytes:
        """So many bytes, or all; fewer at the end."""
        return await _soon(self._read(size))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await _soon(self._piece()):
            yield data

    async def events(self) -> AsyncIterator[Event]:
        """The server-sent events of the answer."""
        self._linger, parser = LINGER, _Parser()
        async for data in self:
            for event in parser.feed(data):
                yield event

    async def write(self, data: str | bytes) -> None:
        """Sends more of the body, and returns when the connection has it."""
        await _soon(self._write(data))

    async def close_write(self) -> None:
        """Ends the body."""
        await _soon(self._end())

    async def close(self) -> None:
        """Ends the stream, wherever it is."""
        await _soon(self._close())

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()
