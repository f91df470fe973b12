"""What handlers raise, and what is raised in them."""

from __future__ import annotations

from datetime import timedelta


class Refuse(Exception):
    """The message is at fault, and trying again would not help.

    ``code`` is stable and for programs (``order.empty``), ``text`` is for people.
    """

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


class Later(Exception):
    """The message should be delivered again: as often as the actor's retry policy says,
    and after at least so many seconds."""

    def __init__(self, text: str = "", *, after: float | timedelta = 0) -> None:
        super().__init__(text)
        self.text = text
        self.after = after.total_seconds() if isinstance(after, timedelta) else after

    def __str__(self) -> str:
        return f"later: {self.text}"


class CallError(Exception):
    """The error answer of a capability.

    ``op`` is the operation that was asked for (``state.set``); ``code`` is denied,
    not_found, conflict, timeout, limit, unavailable, invalid or the capability's own.
    With ``retry`` set trying again may help: a handler that lets it through has its
    message delivered again.
    """

    def __init__(self, op: str, code: str, text: str = "", *, retry: bool = False) -> None:
        super().__init__(op, code, text)
        self.op = op
        self.code = code
        self.text = text
        self.retry = retry

    def __str__(self) -> str:
        return f"{self.op}: {self.code}: {self.text}"


class Deadline(KeyboardInterrupt):
    """The message has used up the time or the fuel that it may take.

    It is raised wherever the handler is, and again if it is caught and the handler goes
    on. It is no :class:`Exception`, so that ``except Exception`` lets it through; of
    BaseExceptions it is a KeyboardInterrupt, since those also end an event loop.
    """
