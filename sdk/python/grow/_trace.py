"""Tracebacks of the actor's own code, with its lines."""

from __future__ import annotations

import traceback

_FRAMES_MAX = 24  # of a traceback: those where it was raised
_TEXT_MAX = 16 << 10  # characters
_OURS = "/lib/python313.zip/"  # of the runtime: its library and this package


def describe(e: BaseException) -> str:
    """What has been raised: the reason in the first line, the traceback below."""
    if isinstance(e, SystemExit):
        return f"the actor called sys.exit({'' if e.code is None else repr(e.code)}); return from the handler instead\n" + text(e)
    lines = traceback.format_exception_only(e)
    # Of a syntax error the last line says what is wrong, those before it show where.
    reason = lines[-1] if isinstance(e, SyntaxError) else "".join(lines)
    if isinstance(e, SyntaxError) and e.filename and e.lineno:
        reason = f"{e.filename.removeprefix('/app/')}:{e.lineno}:{e.offset or 1}: {reason}"
    return f"{reason.strip().partition(chr(10))[0]}\n{text(e)}"


def text(e: BaseException) -> str:
    """The traceback, of the actor's own frames."""
    whole = traceback.TracebackException.from_exception(e, limit=-_FRAMES_MAX)
    _trim(whole, set())
    b = "".join(whole.format()).rstrip()
    return b if len(b) <= _TEXT_MAX else f"{b[: _TEXT_MAX // 4]}\n…\n{b[-_TEXT_MAX // 2 :]}"


def _trim(e: traceback.TracebackException | None, seen: set[int]) -> None:
    if e is None or id(e) in seen:
        return
    seen.add(id(e))
    theirs = [f for f in e.stack if not f.filename.startswith((_OURS, "<frozen "))]
    e.stack[:] = theirs
    _trim(e.__cause__, seen)
    _trim(e.__context__, seen)
    for inner in e.exceptions or ():
        _trim(inner, seen)
