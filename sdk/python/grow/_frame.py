"""Frames in pure Python: the one encoding for everything that crosses between an actor
and its host (abi/README.md). Inside the runtime _grow does this in C; the vectors in
abi/testdata hold both to the same."""

from __future__ import annotations

import struct
from collections.abc import Iterable

ATTRS_MAX = 64  # attributes of one message
NAME_MAX = 256  # bytes of an attribute's name
VALUE_MAX = 4096  # bytes of an attribute's value

_MESSAGE_MIN = 2 + 4
_ATTR_MIN = 2 + 1 + 4


class FrameError(ValueError):
    """A frame is malformed. ``kind`` is short, trailing, count, duplicate, utf8, name or
    limit."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"malformed frame: {kind}")
        self.kind = kind


class _Reader:
    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.at = 0

    def left(self) -> int:
        return len(self.frame) - self.at

    def take(self, n: int) -> bytes:
        if n > self.left():
            raise FrameError("short")
        self.at += n
        return self.frame[self.at - n : self.at]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def attribute(self) -> tuple[bytes, bytes]:
        name = self.take(self.u16())
        return name, self.take(self.u32())


def _text(b: bytes) -> str:
    try:
        return b.decode()
    except UnicodeDecodeError:
        raise FrameError("utf8") from None


def _checked(name: bytes, value: bytes) -> tuple[str, str]:
    if not name:
        raise FrameError("name")
    if len(name) > NAME_MAX or len(value) > VALUE_MAX:
        raise FrameError("limit")
    return _text(name), _text(value)


def decode(frame: bytes) -> list[tuple[dict[str, str], bytes]]:
    """The messages of a frame, each its attributes and its data."""
    r = _Reader(frame)
    count = r.u32()
    if count * _MESSAGE_MIN > r.left():
        raise FrameError("count")
    messages = []
    for _ in range(count):
        n = r.u16()
        if n > ATTRS_MAX:
            raise FrameError("limit")
        if n * _ATTR_MIN > r.left():
            raise FrameError("count")
        attrs: dict[str, str] = {}
        for _ in range(n):
            name, value = _checked(*r.attribute())
            if name in attrs:
                raise FrameError("duplicate")
            attrs[name] = value
        messages.append((attrs, r.take(r.u32())))
    if r.left():
        raise FrameError("trailing")
    return messages


def attributes(raw: bytes) -> dict[str, str]:
    """The attributes of a message, without their number before them."""
    r = _Reader(raw)
    attrs = {}
    while r.left():
        name, value = r.attribute()
        attrs[name.decode()] = value.decode()
    return attrs


def encode_attributes(attrs: dict[str, str]) -> bytes:
    """What :func:`attributes` decodes."""
    parts = []
    for name, value in attrs.items():
        n, v = name.encode(), value.encode()
        _checked(n, v)
        parts.append(struct.pack("<H", len(n)) + n + struct.pack("<I", len(v)) + v)
    return b"".join(parts)


def encode(messages: Iterable[tuple[dict[str, str], bytes]]) -> bytes:
    """The frame of messages, each its attributes and its data."""
    parts = []
    for attrs, data in messages:
        if len(attrs) > ATTRS_MAX:
            raise FrameError("limit")
        parts += [struct.pack("<H", len(attrs)), encode_attributes(attrs)]
        parts += [struct.pack("<I", len(data)), data]
    return struct.pack("<I", len(parts) // 4) + b"".join(parts)


def cut(text: str, n: int) -> str:
    """At most n bytes of a text, cut between two characters and without what UTF-8
    cannot hold."""
    b = text.encode(errors="replace")
    return b[:n].decode(errors="ignore") if len(b) > n else b.decode()
