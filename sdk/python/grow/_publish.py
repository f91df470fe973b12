"""Messages for subjects outside through the capability publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _call, _json


@dataclass(frozen=True)
class Published:
    """Where a message is kept that was published."""

    stream: str
    sequence: int
    duplicate: bool
    """An earlier attempt had published it."""


def publish(use: str, subject: str, data: Any, headers: Mapping[str, str] | None) -> _call.Operation[Published]:
    attrs = {"use": use, "subject": subject}
    for name, value in (headers or {}).items():
        attrs["header." + name.lower()] = value
    _call.check("publish", attrs)
    if not isinstance(data, (str, bytes)):
        data = _json.dumps(data, "publish")

    def parse(a: _call.Answer) -> Published:
        return Published(a.attributes["stream"], int(a.attributes["sequence"]), a.attributes.get("duplicate") == "true")

    return ("publish", attrs, data), parse
