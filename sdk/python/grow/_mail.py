"""Mails through the capability mail.send."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import _call, _json


@dataclass(frozen=True)
class Attachment:
    """A file with a mail."""

    name: str
    """Without folders."""
    data: str | bytes
    type: str = ""
    """As ``text/csv``; empty: ``application/octet-stream``."""


@dataclass(frozen=True)
class Mailed:
    """What became of a mail."""

    message_id: str
    """With its brackets."""
    duplicate: bool
    """An earlier attempt had sent it."""


def _people(who: str | Sequence[str]) -> Sequence[str]:
    return [who] if isinstance(who, str) else [*who]


def send_mail(
    use: str,
    to: str | Sequence[str],
    subject: str,
    text: str,
    html: str,
    cc: str | Sequence[str],
    bcc: str | Sequence[str],
    reply_to: str,
    attachments: Sequence[Attachment],
) -> _call.Operation[Mailed]:
    attrs = {"use": use}
    _call.check("mail.send", attrs)
    mail: dict[str, Any] = {
        "to": _people(to), "cc": _people(cc), "bcc": _people(bcc), "reply_to": reply_to, "subject": subject, "text": text, "html": html,
        "attachments": [_attachment(a) for a in attachments],
    }
    data = _json.dumps({name: v for name, v in mail.items() if v}, "mail.send")
    return ("mail.send", attrs, data), lambda a: Mailed(a.attributes["message_id"], a.attributes.get("duplicate") == "true")


def _attachment(a: Attachment) -> dict[str, str]:
    data = a.data.encode() if isinstance(a.data, str) else a.data
    out = {"name": a.name, "data": binascii.b2a_base64(data, newline=False).decode()}
    if a.type:
        out["type"] = a.type
    return out
