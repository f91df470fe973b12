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
