"""JSON: what is sent and what is received."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

NAME_KEY = "json"
"""The key in a dataclass field's metadata for its name in JSON, where it has another."""

# Of the runtime, which has faster ones for what is usual.
native_loads: Callable[[bytes], Any] | None = None
native_dumps: Callable[[Any, Callable[[Any], Any]], Any] | None = None


def loads(data: bytes) -> Any:
    """The value of JSON. Fails with a ValueError."""
    if native_loads is not None:
        value = native_loads(data)
        if value is not NotImplemented:
            return value
    return json.loads(data.decode())


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


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)


def dumps(value: Any, doing: str = "encode") -> bytes:
    """JSON of a value. Fails with a TypeError, a ValueError or a RecursionError that
    says what was being done."""
    try:
        if native_dumps is not None:
            data = native_dumps(value, _plain)
            if isinstance(data, bytes):
                return data
        return _encoder.encode(value).encode()
    except TypeError as e:
        raise TypeError(f"{doing}: {e}") from None
    except ValueError as e:
        raise ValueError(f"{doing}: {e}") from None
    except RecursionError as e:
        raise RecursionError(f"{doing}: {e}") from None
