"""JSON: what is sent and what is received."""

from __future__ import annotations

import dataclasses
import json
from json import encoder as _encoder
from typing import Any

NAME_KEY = "json"
"""The key in a dataclass field's metadata for its name in JSON, where it has another."""

_scan: Any = getattr(json.JSONDecoder(), "scan_once")


def loads(data: bytes) -> Any:
    """The value of JSON. Fails with a ValueError."""
    text = data.decode()
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except StopIteration:
        pass
    return json.loads(text)  # there is white space around it, or it is no JSON


class _Plan:
    """How a dataclass is written."""

    def __init__(self, cls: type) -> None:
        # The attribute, its name in JSON, and whether it is left out when it is None.
        self.fields = [
            (f.name, f.metadata.get(NAME_KEY, f.name), f.default is None) for f in dataclasses.fields(cls)
        ]


_plans: dict[type, _Plan] = {}


def _plain(value: Any) -> Any:
    """What the encoder writes for a value that it does not know."""
    cls = type(value)
    plan = _plans.get(cls)
    if plan is None:
        if not dataclasses.is_dataclass(cls):
            raise TypeError(f"a {cls.__qualname__} is no JSON; send dict, list, str, int, float, bool, None or a dataclass")
        plan = _plans[cls] = _Plan(cls)
    written = {}
    for attribute, name, optional in plan.fields:
        v = getattr(value, attribute)
        if v is not None or not optional:
            written[name] = v
    return written


_marks: dict[int, Any] = {}


def _make() -> Any:
    make: Any = getattr(_encoder, "c_make_encoder", None)
    if make is None:  # this Python has none in C
        return None
    text: Any = getattr(_encoder, "encode_basestring")
    return make(_marks, _plain, text, None, ":", ",", False, False, False)


# The encoder of module json, which makes a new one for every value otherwise.
_encode: Any = _make()
_slow = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)


def dumps(value: Any) -> str:
    """JSON of a value. Fails with a TypeError or a ValueError."""
    if _encode is None:
        return _slow.encode(value)
    try:
        return "".join(_encode(value, 0))
    except BaseException:
        _marks.clear()
        raise
