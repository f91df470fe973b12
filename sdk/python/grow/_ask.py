"""Operations of services and actors, through capabilities of kind connector and actor."""

from __future__ import annotations

from typing import Any

from . import _call, _json


def ask(use: str, op: str, data: Any) -> _call.Operation[Any]:
    attrs = {"use": use}
    _call.check(op, attrs)
    if not isinstance(data, bytes):
        data = _json.dumps(data, op)
    return (op, attrs, data), lambda a: a.json() if a.data else None


def ask_stream(use: str, op: str, data: Any, write: bool) -> _call.Operation[_call.Answer]:
    if write and data is not None:
        raise TypeError(f"{op}: data is what is written, and not given before")
    (_, attrs, whole), _ = ask(use, op, b"" if write else data)
    attrs = {**(attrs or {}), "of": op, **({"body": "stream"} if write else {})}
    return ("stream.open", attrs, whole), lambda a: a
