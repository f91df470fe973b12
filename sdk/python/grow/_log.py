"""Log lines: ctx.log, module logging, and print."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from . import _bridge, _frame

_TEXT_MAX = 64 << 10  # bytes of a line's text
_FIELDS_MAX = _frame.ATTRS_MAX - 1


def _clean(value: object, n: int) -> str:
    text = value if isinstance(value, str) else str(value)
    if len(text) * 4 <= n and text.isascii():
        return text
    return _frame.cut(text, n)


def write(level: str, text: str, fields: dict[str, Any] | None) -> None:
    """Writes one line. What is too long is cut off: a line is no reason to fail."""
    attrs: dict[str, str] | None = None
    if fields:
        attrs = {}
        for name, value in fields.items():
            if len(attrs) < _FIELDS_MAX:
                attrs[_clean("x." + name, _frame.NAME_MAX)] = _clean(value, _frame.VALUE_MAX)
    _bridge.host.log("log." + level, attrs, _clean(text, _TEXT_MAX))


class Log:
    """Writes log lines, which are kept even when the message fails. Keyword arguments
    are the line's fields."""

    __slots__ = ()

    def debug(self, text: object, /, **fields: Any) -> None:
        """Writes a line at level debug."""
        write("debug", str(text), fields)

    def info(self, text: object, /, **fields: Any) -> None:
        """Writes a line at level info."""
        write("info", str(text), fields)

    def warn(self, text: object, /, **fields: Any) -> None:
        """Writes a line at level warn."""
        write("warn", str(text), fields)

    warning = warn

    def error(self, text: object, /, **fields: Any) -> None:
        """Writes a line at level error."""
        write("error", str(text), fields)

    def exception(self, text: object, /, **fields: Any) -> None:
        """Writes a line at level error, with the traceback of the exception that is being
        handled."""
        write("error", f"{text}\n{traceback.format_exc().rstrip()}", fields)


# What every record has: the rest of its attributes are fields.
_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class Handler(logging.Handler):
    """Writes the lines of module logging. Inside an actor the root logger has one, from
    level INFO on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record."""
        try:
            fields = {name: v for name, v in record.__dict__.items() if name not in _RECORD}
            if record.name != "root":
                fields["logger"] = record.name
            write(_level(record.levelno), self.format(record), fields)
        except Exception:
            self.handleError(record)


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    return "info" if number >= logging.INFO else "debug"
