"""An actor's way to the outside while it handles one message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar, Protocol, TypeVar

from . import _bridge, _call, _decode, _json
from ._ask import ask, ask_stream
from ._blob import AsyncBlob, Blob
from ._files import AsyncFiles, Files
from ._http import HTTP, AsyncHTTP
from ._kv import KV, AsyncKV
from ._llm import LLM, AsyncLLM
from ._log import Log
from ._mail import Attachment, Mailed, send_mail
from ._message import Message, Output
from ._publish import Published, publish
from ._sql import SQL, AsyncSQL
from ._state import AsyncState, State
from ._stream import AsyncStream, Stream

T = TypeVar("T")

class Typed(Protocol):
    """A dataclass that names the type of the messages it is the data of."""

    TYPE: ClassVar[str]


OUTPUTS_MAX = 1000  # messages that one message may cause


def _secret(use: str, name: str) -> _call.Operation[str]:
    attrs = {"use": use, "name": name}
    _call.check("secret", attrs)
    return ("secret.get", attrs, b""), lambda a: a.data.decode()


def _time() -> _call.Operation[datetime]:
    def parse(a: _call.Answer) -> datetime:
        ns = int(a.attributes["unix_ns"])
        return datetime.fromtimestamp(ns // 1_000_000_000, timezone.utc) + timedelta(microseconds=ns // 1000 % 1_000_000)

    return ("time.now", None, b""), parse


def _any(op: str, use: str, data: str | bytes, attributes: Mapping[str, str] | None, more: dict[str, Any]) -> _call.Operation[_call.Answer]:
    # A name that is a word of Python is written with a line after it: from_="".
    attrs = {name.rstrip("_"): v if isinstance(v, str) else _json.dumps(v, op).decode() for name, v in more.items()}
    return _call.Request(op, use, data, {**attrs, **(attributes or {})}).encode(), lambda a: a


class Secrets:
    """Secrets that a grant covers."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    def get(self, name: str) -> str:
        """A secret."""
        return _call.now(_secret(self._use, name))


class AsyncSecrets:
    """:class:`Secrets` for handlers that are ``async``."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    async def get(self, name: str) -> str:
        """A secret."""
        return await _call.soon(_secret(self._use, name))


class Base:
    """What plain and async contexts have in common."""

    __slots__ = ("_config", "_handling", "message", "sent")

    message: Message
    """The message that is being handled."""
    log: Log = Log()
    """Writes log lines."""
    sent: list[_bridge.RawOutput]

    def __init__(self, message: Message, handling: bool = True) -> None:
        self.message = message
        self.sent = []
        self._handling = handling

    @property
    def config(self) -> dict[str, Any]:
        """The actor's config; empty when it declares none."""
        try:
            return self._config
        except AttributeError:
            data = config_data()
            self._config: dict[str, Any] = _json.loads(data) if data else {}
            return self._config

    def config_as(self, cls: type[T]) -> T:
        """The actor's config as a dataclass."""
        value: T = _decode.decode(cls, self.config, "config")
        return value

    def send(
        self,
        type: str | Output | Typed,
        data: Any = None,
        *,
        delay: float | timedelta = 0,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> None:
        """Sends a message besides what the handler returns: a type and data as those of
        :class:`Output`, an Output, or a dataclass with a TYPE. It leaves when the message
        has been handled."""
        if isinstance(type, Output):
            self.add(type)
            return
        if not isinstance(type, str):
            if not isinstance(name := getattr(type, "TYPE", None), str):
                raise TypeError(f"send: expected the type of a message, a grow.Output or a dataclass with a TYPE, got {type!r}")
            type, data = name, type
        options: dict[str, Any] = {"delay": delay, "status": status, "headers": headers}
        self.add(Output(type, data, attributes=attributes, content_type=content_type, **options))

    def add(self, output: Output) -> None:
        if not self._handling:
            raise RuntimeError(f"send {output.type}: no message is being handled")
        sent = self.sent
        if len(sent) >= OUTPUTS_MAX:
            raise RuntimeError(f"send {output.type}: {OUTPUTS_MAX} messages have been sent, which is the limit")
        raw = output.encode()
        if raw[1] is not None:
            _call.check(f"send {output.type}", raw[1])
        sent.append(raw)


class Context(Base):
    """What a handler has of the outside, until it returns."""

    __slots__ = ()

    state: State = State()
    """The state of the message's key."""

    def secret(self, use: str) -> Secrets:
        """The secrets of a grant."""
        return Secrets(use)

    def http(self, use: str) -> HTTP:
        """HTTP with a grant."""
        return HTTP(use)

    def sql(self, use: str) -> SQL:
        """A database with a grant."""
        return SQL(use)

    def kv(self, use: str) -> KV:
        """A bucket with a grant."""
        return KV(use)

    def blob(self, use: str) -> Blob:
        """A bucket of large objects with a grant."""
        return Blob(use)

    def llm(self, use: str) -> LLM:
        """A language model with a grant."""
        return LLM(use)

    def files(self, use: str) -> Files:
        """Documents with a grant."""
        return Files(use)

    def publish(self, use: str, subject: str, data: Any, *, headers: Mapping[str, str] | None = None) -> Published:
        """Sends a message to a subject of the server of a grant, and returns when it is kept
        there: bytes and text as they are, other data as JSON. It is kept once for the
        message that is handled, however often that is tried within the time in which the
        stream knows duplicates."""
        return _call.now(publish(use, subject, data, headers))

    def ask(self, use: str, op: str, data: Any = None) -> Any:
        """Asks the service or the actor of a grant for an operation. The data goes as JSON,
        bytes as they are, and the answer is what its JSON says. An operation that changes
        something does it once for the message that is handled, however often that is tried."""
        return _call.now(ask(use, op, data))

    def ask_stream(self, use: str, op: str, data: Any = None, *, write: bool = False) -> Stream:
        """:meth:`ask`, whose answer is read in pieces, as it comes. With ``write`` the request
        is written in pieces, too, until ``close_write``. The operation must be one that its
        kind answers, or takes, so."""
        return Stream(use, _call.now(ask_stream(use, op, data, write)), http=False)

    def send_mail(
        self,
        use: str,
        *,
        to: str | Sequence[str] = (),
        subject: str = "",
        text: str = "",
        html: str = "",
        cc: str | Sequence[str] = (),
        bcc: str | Sequence[str] = (),
        reply_to: str = "",
        attachments: Sequence[Attachment] = (),
    ) -> Mailed:
        """Sends a mail as a grant allows, and returns when the server has it. With text and
        html a reader shows one of them. A mail that the server has is not sent again,
        however often the message is tried."""
        return _call.now(send_mail(use, to, subject, text, html, cc, bcc, reply_to, attachments))

    def time(self) -> datetime:
        """The time of day, in UTC, when it is called. It is recorded, so that a replay
        sees the same; clocks of Python stand still while a message is handled."""
        return _call.now(_time())

    def call(
        self, op: str, *, use: str = "", data: str | bytes = b"", attributes: Mapping[str, str] | None = None, **more: Any
    ) -> _call.Answer:
        """Makes one request to a capability; further arguments are its attributes.
        Raises its error answer, a :class:`grow.CallError`."""
        return _call.now(_any(op, use, data, attributes, more))

    def calls(self, *requests: _call.Request) -> list[_call.Answer]:
        """Makes requests at the same time, and returns their answers in the same order.
        What a capability refused is in the answer's ``error``."""
        return _call.many(requests)


class AsyncContext(Base):
    """What a handler that is ``async`` has of the outside, until it returns. Requests
    that are awaited together, as with ``asyncio.gather``, are served at the same time."""

    __slots__ = ()

    state: AsyncState = AsyncState()
    """The state of the message's key."""

    def secret(self, use: str) -> AsyncSecrets:
        """The secrets of a grant."""
        return AsyncSecrets(use)

    def http(self, use: str) -> AsyncHTTP:
        """HTTP with a grant."""
        return AsyncHTTP(use)

    def sql(self, use: str) -> AsyncSQL:
        """A database with a grant."""
        return AsyncSQL(use)

    def kv(self, use: str) -> AsyncKV:
        """A bucket with a grant."""
        return AsyncKV(use)

    def blob(self, use: str) -> AsyncBlob:
        """A bucket of large objects with a grant."""
        return AsyncBlob(use)

    def llm(self, use: str) -> AsyncLLM:
        """A language model with a grant."""
        return AsyncLLM(use)

    def files(self, use: str) -> AsyncFiles:
        """Documents with a grant."""
        return AsyncFiles(use)

    async def publish(self, use: str, subject: str, data: Any, *, headers: Mapping[str, str] | None = None) -> Published:
        """:meth:`Context.publish`."""
        return await _call.soon(publish(use, subject, data, headers))

    async def ask(self, use: str, op: str, data: Any = None) -> Any:
        """Asks the service or the actor of a grant for an operation. The data goes as JSON,
        bytes as they are, and the answer is what its JSON says. An operation that changes
        something does it once for the message that is handled, however often that is tried."""
        return await _call.soon(ask(use, op, data))

    async def ask_stream(self, use: str, op: str, data: Any = None, *, write: bool = False) -> AsyncStream:
        """:meth:`Context.ask_stream`."""
        return AsyncStream(use, await _call.soon(ask_stream(use, op, data, write)), http=False)

    async def send_mail(
        self,
        use: str,
        *,
        to: str | Sequence[str] = (),
        subject: str = "",
        text: str = "",
        html: str = "",
        cc: str | Sequence[str] = (),
        bcc: str | Sequence[str] = (),
        reply_to: str = "",
        attachments: Sequence[Attachment] = (),
    ) -> Mailed:
        """:meth:`Context.send_mail`."""
        return await _call.soon(send_mail(use, to, subject, text, html, cc, bcc, reply_to, attachments))

    async def time(self) -> datetime:
        """The time of day, in UTC, when it is called. It is recorded, so that a replay
        sees the same; clocks of Python stand still while a message is handled."""
        return await _call.soon(_time())

    async def call(
        self, op: str, *, use: str = "", data: str | bytes = b"", attributes: Mapping[str, str] | None = None, **more: Any
    ) -> _call.Answer:
        """Makes one request to a capability; further arguments are its attributes.
        Raises its error answer, a :class:`grow.CallError`."""
        return await _call.soon(_any(op, use, data, attributes, more))


_config: bytes | None = None  # what the instance was started with


def set_config(data: bytes | None) -> None:
    """Keeps the config that an instance is started with."""
    global _config
    _config = data


def config_data() -> bytes:
    """The config as JSON."""
    if _config is None:
        set_config(_call.now((("config.get", None, b""), lambda a: a.data)))
    return _config or b""
