"""Language models through the capabilities llm.chat and llm.embed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _call, _json


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
    r = a.json()
    calls = tuple(ToolCall(c["id"], c["name"], c["arguments"]) for c in r.get("calls", ()))
    return ChatReply(r["model"], r["text"], calls, r["stop"], r["usage"]["input"], r["usage"]["output"])


def _chat(use: str, messages: str | Sequence[Mapping[str, Any]], more: Mapping[str, Any]) -> _call.Operation[ChatReply]:
    attrs = {"use": use}
    _call.check("llm.chat", attrs)
    said = [{"role": "user", "text": messages}] if isinstance(messages, str) else [*messages]
    given = {name: v for name, v in more.items() if v is not None and v != "" and v != ()}
    return ("llm.chat", attrs, _json.dumps({"messages": said, **given}, "llm.chat")), _reply


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
    ) -> ChatReply:
        """Asks a model, the grant's first when none is named. ``messages`` are one text of
        the user, or dicts with ``role`` and ``text``; ``tools`` are dicts with ``name``,
        ``description`` and ``parameters``, a JSON Schema; with a ``schema`` the answer's text
        is JSON."""
        more = {"model": model, "system": system, "tools": tools, "schema": schema, "max_tokens": max_tokens, "temperature": temperature}
        return _call.now(_chat(self._use, messages, more))

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
    ) -> ChatReply:
        """:meth:`LLM.chat`."""
        more = {"model": model, "system": system, "tools": tools, "schema": schema, "max_tokens": max_tokens, "temperature": temperature}
        return await _call.soon(_chat(self._use, messages, more))

    async def embed(self, texts: Sequence[str], *, model: str = "") -> list[list[float]]:
        """:meth:`LLM.embed`."""
        return await _call.soon(_embed(self._use, texts, model))
