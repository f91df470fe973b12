"""Language models through the capabilities llm.chat and llm.embed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from . import _call, _json, _message
from ._blob import Steps, _now, _soon
from ._stream import LINGER, _Exchange


@dataclass(frozen=True)
class ToolCall:
    """A model's wish to have a tool used."""

    id: str
    name: str
    arguments: dict[str, Any]

    def answer(self, result: Any) -> dict[str, Any]:
        """The message that answers the call: a text, or what becomes JSON."""
        text = result if isinstance(result, str) else _json.dumps(result, f"tool {self.name}").decode()
        return {"role": "tool", "id": self.id, "text": text}


@dataclass(frozen=True)
class ChatReply:
    """What a model answered."""

    model: str
    text: str
    calls: tuple[ToolCall, ...]
    """To be answered in another chat, by :meth:`ToolCall.answer`, after :attr:`message`."""
    stop: str
    """``end``, ``tools``, ``length`` or ``refused``."""
    input_tokens: int
    output_tokens: int

    @property
    def message(self) -> dict[str, Any]:
        """The answer as a message of the chat that goes on."""
        calls = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in self.calls]
        return {"role": "assistant", "text": self.text, **({"calls": calls} if calls else {})}

    def json(self) -> Any:
        """The text, which must be JSON, as for a chat with a schema."""
        return _json.loads(self.text.encode())


def _reply(a: _call.Answer) -> ChatReply:
    return _told(a.json())


def _told(r: Any) -> ChatReply:
    calls = tuple(ToolCall(c["id"], c["name"], c["arguments"]) for c in r.get("calls", ()))
    return ChatReply(r["model"], r["text"], calls, r["stop"], r["usage"]["input"], r["usage"]["output"])


def _chat(
    use: str, messages: str | Sequence[Mapping[str, Any]], more: Mapping[str, Any], timeout: float | timedelta | None
) -> _call.Operation[ChatReply]:
    attrs = {"use": use}
    if timeout:
        attrs["timeout"] = _message.milliseconds(timeout)
    _call.check("llm.chat", attrs)
    said = [{"role": "user", "text": messages}] if isinstance(messages, str) else [*messages]
    given = {name: v for name, v in more.items() if v is not None and v != "" and v != ()}
    return ("llm.chat", attrs, _json.dumps({"messages": said, **given}, "llm.chat")), _reply


def _stream(
    use: str, messages: str | Sequence[Mapping[str, Any]], more: Mapping[str, Any], timeout: float | timedelta | None
) -> _call.Operation[_call.Answer]:
    (op, attrs, data), _ = _chat(use, messages, more, timeout)
    return ("stream.open", {**(attrs or {}), "of": op}, data), lambda a: a


class _Chatting(_Exchange):
    """An answer that comes in pieces, each a line of JSON; the last line is the reply."""

    def __init__(self, use: str, a: _call.Answer) -> None:
        super().__init__(use, a, http=False)
        self._linger = LINGER
        self._lines: list[bytes] = []
        self._part, self._said = b"", False
        self._reply: ChatReply | None = None

    def _text(self) -> Steps[str]:
        """The next piece of the text; "" at the end."""
        while self._reply is None:
            while not self._lines:
                data = yield from self._piece()
                self._lines = (self._part + data).split(b"\n")
                self._part = self._lines.pop() if data else b""
                self._lines = [line for line in self._lines if line]
                if not data and not self._lines:
                    raise EOFError("the chat ended without its reply")
            told = _json.loads(self._lines.pop(0))
            if "stop" in told:
                self._reply = _told(told)
                text = "" if self._said else self._reply.text
            else:
                text = told["text"]
            self._said = self._said or text != ""
            if text:
                return text
        return ""

    def _whole(self) -> Steps[ChatReply]:
        while self._reply is None:
            yield from self._text()
        return self._reply


class ChatStream(_Chatting):
    """The answer to a chat, as it comes: iterating gives its text in pieces. It ends with its
    ``with``, and with the message; what is not read may have been paid all the same."""

    @property
    def reply(self) -> ChatReply:
        """The whole answer. It waits until that is there."""
        return _now(self._whole())

    def __iter__(self) -> Iterator[str]:
        while text := _now(self._text()):
            yield text

    def close(self) -> None:
        """Ends the stream, wherever it is."""
        _now(self._close())

    def __enter__(self) -> ChatStream:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class AsyncChatStream(_Chatting):
    """:class:`ChatStream` for handlers that are ``async``."""

    async def reply(self) -> ChatReply:
        """The whole answer. It waits until that is there."""
        return await _soon(self._whole())

    async def __aiter__(self) -> AsyncIterator[str]:
        while text := await _soon(self._text()):
            yield text

    async def close(self) -> None:
        """Ends the stream, wherever it is."""
        await _soon(self._close())

    async def __aenter__(self) -> AsyncChatStream:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()


def _embed(use: str, texts: Sequence[str], model: str) -> _call.Operation[list[list[float]]]:
    attrs = {"use": use}
    _call.check("llm.embed", attrs)
    body = {"texts": [*texts], **({"model": model} if model else {})}
    return ("llm.embed", attrs, _json.dumps(body, "llm.embed")), lambda a: list(a.json()["vectors"])


class LLM:
    """A language model with a grant of the actor.

    Methods raise a :class:`grow.CallError`: limit when the grant's tokens are used up. An
    answer is paid once for the message, however often that is tried.
    """

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    def chat(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        system: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
        model: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout: float | timedelta | None = None,
    ) -> ChatReply:
        """Asks a model, the grant's first when none is named. ``messages`` are one text of
        the user, or dicts with ``role`` and ``text``; ``tools`` are dicts with ``name``,
        ``description`` and ``parameters``, a JSON Schema; with a ``schema`` the answer's text
        is JSON; ``timeout`` is in seconds."""
        more = {"model": model, "system": system, "tools": tools, "schema": schema, "max_tokens": max_tokens, "temperature": temperature}
        return _call.now(_chat(self._use, messages, more, timeout))

    def stream(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        system: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
        model: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout: float | timedelta | None = None,
    ) -> ChatStream:
        """:meth:`chat`, whose answer is read as it comes."""
        more = {"model": model, "system": system, "tools": tools, "schema": schema, "max_tokens": max_tokens, "temperature": temperature}
        return ChatStream(self._use, _call.now(_stream(self._use, messages, more, timeout)))

    def embed(self, texts: Sequence[str], *, model: str = "") -> list[list[float]]:
        """A vector for each text."""
        return _call.now(_embed(self._use, texts, model))


class AsyncLLM:
    """:class:`LLM` for handlers that are ``async``."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    async def chat(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        system: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
        model: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout: float | timedelta | None = None,
    ) -> ChatReply:
        """:meth:`LLM.chat`."""
        more = {"model": model, "system": system, "tools": tools, "schema": schema, "max_tokens": max_tokens, "temperature": temperature}
        return await _call.soon(_chat(self._use, messages, more, timeout))

    async def stream(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        system: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
        model: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout: float | timedelta | None = None,
    ) -> AsyncChatStream:
        """:meth:`LLM.stream`."""
        more = {"model": model, "system": system, "tools": tools, "schema": schema, "max_tokens": max_tokens, "temperature": temperature}
        return AsyncChatStream(self._use, await _call.soon(_stream(self._use, messages, more, timeout)))

    async def embed(self, texts: Sequence[str], *, model: str = "") -> list[list[float]]:
        """:meth:`LLM.embed`."""
        return await _call.soon(_embed(self._use, texts, model))
