"""What becomes of one message: its handler is called, and the outcome is put into
messages."""

from __future__ import annotations

import inspect
from typing import Any

from . import _bridge, _context, _frame, _loop
from ._errors import CallError, Later, Refuse
from ._handlers import Handler, actor
from ._message import Message, Output, milliseconds

_CODE_MAX = _frame.VALUE_MAX


def handle(type: str, raw: bytes, data: bytes) -> list[_bridge.RawOutput] | None:
    """Handles a message and returns what is sent. What it raises is a failure."""
    handler = actor.exact.get(type) or actor.find(type)
    if handler is None:
        raise LookupError(f"no handler for messages of type {type}")
    message = Message(type, raw, data)
    ctx = handler.context(message)
    try:
        result = handler.invoke(ctx, message)
        if result is not None:
            if handler.waits:
                result = _wait(ctx, handler, result)
            _collect(ctx, handler, result)
    except Exception as e:
        answer = _outcome(e)
        if answer is None:
            raise
        return [answer]
    return ctx.sent or None


def start(type: str, raw: bytes, data: bytes) -> None:
    """Starts an instance with its config. What it raises keeps it from starting."""
    _context.set_config(data)
    handler = actor.start
    if handler is None:
        return
    message = Message(type, raw, data or b"{}")
    ctx = handler.context(message, handling=False)
    result = handler.invoke(ctx, message)
    if handler.waits:
        _loop.run(result)


def _wait(ctx: Any, handler: Handler, result: Any) -> Any:
    if inspect.isasyncgen(result):
        return _loop.run(_loop.collect(result, lambda item: _add(ctx, handler, item, "yielded")))
    return _loop.run(result)


def _collect(ctx: Any, handler: Handler, result: Any) -> None:
    """Sends what a handler has returned."""
    if isinstance(result, Output):  # what most return
        ctx.add(result)
    elif result is None:
        return
    elif isinstance(result, (list, tuple)) or hasattr(type(result), "__next__"):
        for i, item in enumerate(result):
            _add(ctx, handler, item, f"returned, as item {i},")
    else:
        _add(ctx, handler, result, "returned")


def _add(ctx: Any, handler: Handler, item: Any, returned: str) -> None:
    if isinstance(item, Output):
        ctx.add(item)
        return
    cls = type(item)
    name = getattr(cls, "TYPE", None)
    if isinstance(name, str):
        ctx.add(Output(name, item))
        return
    hint = "a handler returns None, a grow.Output, a dataclass with a TYPE, or a list or generator of those"
    if inspect.iscoroutine(item):
        item.close()  # it would say that nobody has awaited it
        hint = "await it, in a handler that is async def"
    raise TypeError(f"{handler.where()} {returned} {cls.__qualname__}; {hint}")


def _outcome(e: BaseException) -> _bridge.RawOutput | None:
    """The answer that an exception asks for: that of a refusal or a try-later. None: it
    is a failure."""
    cause: BaseException | None = e
    seen = 0
    while cause is not None and seen < 100:
        if isinstance(cause, Refuse):
            return _error(cause.code, cause.text, {"retry": "no"})
        if isinstance(cause, Later):
            return _error("later", cause.text, _retry(cause.after))
        if isinstance(cause, CallError) and cause.retry:
            return _error(cause.code, str(e), _retry(0))
        cause, seen = cause.__cause__, seen + 1
    return None


def _retry(after: float) -> dict[str, str]:
    return {"retry": "yes", "after": milliseconds(after)} if after > 0 else {"retry": "yes"}


def _error(code: str, text: str, attrs: dict[str, str]) -> _bridge.RawOutput:
    return "grow.error", {"code": _frame.cut(str(code), _CODE_MAX), **attrs}, _frame.cut(str(text), 64 << 10)
