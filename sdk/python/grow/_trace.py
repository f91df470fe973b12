"""Tracebacks of the actor's own code, with its lines."""

from __future__ import annotations

import collections
import traceback
import types

_FRAMES_MAX = 24  # of a traceback: those where it was raised
_TEXT_MAX = 16 << 10  # characters
_CHAINED_MAX = 200  # of those of its causes
_THEIRS = ("/lib/python313.zip/", "<frozen ")  # of the runtime: its library and this package


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
    whole = traceback.TracebackException(type(e), e, _own(e.__traceback__), limit=-_CHAINED_MAX)
    _trim(whole, set())
    b = "".join(whole.format()).rstrip()
    return b if len(b) <= _TEXT_MAX else f"{b[: _TEXT_MAX // 4]}\n…\n{b[-_TEXT_MAX // 2 :]}"


def _own(tb: types.TracebackType | None) -> types.TracebackType | None:
    """The last of the actor's own frames."""
    last: collections.deque[types.TracebackType] = collections.deque(maxlen=_FRAMES_MAX)
    while tb is not None:
        if not tb.tb_frame.f_code.co_filename.startswith(_THEIRS):
            last.append(tb)
        tb = tb.tb_next
    own: types.TracebackType | None = None
    for t in reversed(last):
        own = types.TracebackType(own, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return own


def _trim(e: traceback.TracebackException | None, seen: set[int]) -> None:
    if e is None or id(e) in seen:
        return
    seen.add(id(e))
    theirs = [f for f in e.stack if not f.filename.startswith(_THEIRS)]
    e.stack[:] = theirs
    _trim(e.__cause__, seen)
    _trim(e.__context__, seen)
    for inner in e.exceptions or ():
        _trim(inner, seen)
