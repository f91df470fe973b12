"""What an actor's host does for it: the module _grow inside the runtime, and
grow.testing elsewhere."""

from __future__ import annotations

from typing import Protocol

RawRequest = tuple[str, "dict[str, str] | None", "str | bytes"]
"""Operation, attributes and data."""

RawAnswer = tuple[dict[str, str], bytes]
"""Attributes and data."""

RawOutput = tuple[str, "dict[str, str] | None", "str | bytes"]
"""Type, attributes and data of a message that is sent."""

REQUESTS_MAX = 32  # in one call


class Bridge(Protocol):
    def call(self, requests: list[RawRequest], /) -> list[RawAnswer]:
        """Makes 1 to 32 requests, which the host serves at the same time."""
        ...

    def log(self, type: str, fields: dict[str, str] | None, text: str, /) -> None:
        """Writes a log line; type is log.info or the like."""
        ...

    def attributes(self, raw: bytes, /) -> dict[str, str]:
        """Decodes the attributes of a message."""
        ...

    def monotonic(self) -> float:
        """The clock that waiting goes by, in seconds."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Waits."""
        ...


class Nobody:
    """The host of an actor that has none."""

    def call(self, requests: list[RawRequest], /) -> list[RawAnswer]:
        raise RuntimeError("this actor has no host; in tests, grow.testing is one")

    def log(self, type: str, fields: dict[str, str] | None, text: str, /) -> None:
        raise RuntimeError("this actor has no host; in tests, grow.testing is one")

    def attributes(self, raw: bytes, /) -> dict[str, str]:
        from ._frame import attributes

        return attributes(raw)

    def monotonic(self) -> float:
        import time

        return time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        import time

        time.sleep(seconds)


host: Bridge = Nobody()
