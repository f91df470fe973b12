"""The handlers of an actor, by the types of messages that they take."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from . import _decode, _json
from ._context import AsyncContext, Context
from ._errors import Refuse
from ._message import Message

F = TypeVar("F", bound=Callable[..., Any])

Invoke = Callable[[Any, Message], Any]


class Handler:
    """A function that handles messages, and how it is called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = getattr(function, "__qualname__", repr(function))
        self.waits = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        self.context: type[Context] | type[AsyncContext] = AsyncContext if self.waits else Context
        self.parameters = _parameters(function, self.where())
        self.invoke: Invoke = self._first

    def where(self) -> str:
        """The handler for people: its name and where it stands."""
        code = getattr(self.function, "__code__", None)
        if code is None:
            return self.name
        return f"{self.name} ({code.co_filename.rpartition('/')[2]}:{code.co_firstlineno})"

    def _first(self, ctx: Any, message: Message) -> Any:
        self.resolve()
        return self.invoke(ctx, message)

    def resolve(self) -> None:
        """Finds out what the handler wants. It fails with what an annotation fails with."""
        try:
            hints = typing.get_type_hints(self.function)
        except NameError as e:
            raise NameError(f"{self.where()}: annotation: {e}", name=e.name) from None
        wrong = Context if self.waits else AsyncContext
        if self.parameters and hints.get(self.parameters[0]) is wrong:
            kind = "async def" if self.waits else "def"
            raise TypeError(f"{self.where()}: a handler that is {kind} gets a grow.{self.context.__name__}, not a grow.{wrong.__name__}")
        f = self.function
        if len(self.parameters) < 2:
            self.invoke = lambda ctx, message: f(ctx)
            return
        hint = hints.get(self.parameters[1], Any)
        if hint is Message:
            self.invoke = f
        elif hint is bytes:
            self.invoke = lambda ctx, message: f(ctx, message.data)
        else:
            self.invoke = _decoding(f, hint, self.parameters[1], self.where())


def _decoding(f: Callable[..., Any], hint: Any, name: str, where: str) -> Invoke:
    """The call of a handler that gets the data, decoded."""
    anything = hint in (Any, object)
    decode = _decode.decoder(hint, f"{where}: {name}")
    what = getattr(hint, "__name__", str(hint)) if not anything else "JSON"

    def invoke(ctx: Any, message: Message) -> Any:
        try:
            value = _json.loads(message.data)
            if not anything:
                value = decode(value)
        except _decode.Mismatch as e:
            raise Refuse("data.decode", f"decode {message.type} as {what}: {e.text(name)}") from None
        except (ValueError, RecursionError) as e:
            raise Refuse("data.decode", f"decode {message.type} as {what}: {e}") from None
        return f(ctx, value)

    return invoke


def _parameters(function: Callable[..., Any], where: str) -> list[str]:
    kinds = inspect.Parameter
    try:
        all = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise TypeError(f"{where} is not a handler: a handler is a function of a context and the data") from None
    given = [p.name for p in all if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)][:2]
    rest = [p for p in all if p.name not in given and p.default is kinds.empty and p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    if not given or rest:
        raise TypeError(f"{where}: a handler takes a context and the data: def {getattr(function, '__name__', 'handle')}(ctx, data)")
    return given


class Actor:
    """What a module ``main`` has registered."""

    def __init__(self) -> None:
        self.exact: dict[str, Handler] = {}
        self.prefixes: list[tuple[str, Handler]] = []  # the longest first
        self.start: Handler | None = None

    def add(self, pattern: str, handler: Handler) -> None:
        """Registers a handler."""
        if not isinstance(pattern, str):
            raise TypeError(f"grow.on: expected types of messages, got {pattern!r}")
        prefix = pattern.removesuffix("*")
        if not pattern or "*" in prefix or (prefix != pattern and prefix and not prefix.endswith(".")):
            raise ValueError(f"grow.on: pattern {pattern!r} is neither a type nor one that ends in .* nor *")
        if prefix == pattern:
            if pattern in self.exact:
                raise ValueError(f"grow.on: two handlers for {pattern!r}: {self.exact[pattern].where()} and {handler.where()}")
            self.exact[pattern] = handler
            return
        for p, other in self.prefixes:
            if p == prefix:
                raise ValueError(f"grow.on: two handlers for {pattern!r}: {other.where()} and {handler.where()}")
        self.prefixes.append((prefix, handler))
        self.prefixes.sort(key=lambda p: -len(p[0]))

    def find(self, type: str) -> Handler | None:
        """The handler whose pattern fits a type; of several the longest pattern."""
        for prefix, handler in self.prefixes:
            if type.startswith(prefix):
                return handler
        return None

    def resolve(self) -> None:
        """Finds out what all handlers want."""
        for handler in [*self.exact.values(), *(h for _, h in self.prefixes)]:
            handler.resolve()


actor = Actor()


def on(*patterns: str) -> Callable[[F], F]:
    """Has the function below handle messages of these types.

    A pattern is a type, the beginning of one as in ``order.*``, or ``*`` for every type;
    of those that fit, the longest is taken. A message that none fits fails.

    The function gets a :class:`grow.Context` (a :class:`grow.AsyncContext` if it is
    ``async``) and the message's data. The annotation of the second parameter decides as
    what: a dataclass, or what dataclasses are made of, is checked and built of the JSON;
    ``dict``, or no annotation, is the JSON as it is; ``bytes`` is the raw data and
    :class:`grow.Message` the whole message. Data that does not fit is refused with the
    code ``data.decode``.

    It returns what it sends: None, a :class:`grow.Output`, an instance of a dataclass
    with a ``TYPE``, or a list or generator of those.
    """
    if not patterns or callable(patterns[0]):
        raise TypeError("grow.on: name the types of messages: @grow.on('order.placed')")

    def register(function: F) -> F:
        handler = Handler(function)
        for pattern in patterns:
            actor.add(pattern, handler)
        return function

    return register


def init(function: F) -> F:
    """Has the function below run once in every instance, before messages, with the
    actor's config as its second parameter's annotation says. It cannot send; what it
    raises keeps the instance from starting."""
    if actor.start is not None:
        raise ValueError(f"grow.init: two functions for the start: {actor.start.where()} and {getattr(function, '__qualname__', function)}")
    actor.start = Handler(function)
    return function
