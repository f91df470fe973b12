"""The SDK of actors written in Python.

An actor is a module ``main`` that names a handler for each type of message it takes::

    import grow
    from messages import OrderPlaced, OrderPriced

    @grow.on("order.placed")
    def placed(ctx: grow.Context, order: OrderPlaced) -> OrderPriced:
        if not order.items:
            raise grow.Refuse("order.empty", "an order needs items")
        ctx.log.info("priced", id=order.id)
        return OrderPriced(id=order.id, total=sum(i.qty * i.price for i in order.items))

What comes of a message:

- The handler returns: handled. What it sent and wrote to state becomes durable
  together, or not at all.
- It raises :class:`Refuse`: the message is at fault, and is not tried again.
- It raises :class:`Later`, or a :class:`CallError` whose ``retry`` is set: it is tried
  again by the actor's retry policy.
- It raises anything else: failed. The traceback is kept; the message is tried again by
  the retry policy, in a new instance.

In the last three cases nothing the handler sent or wrote to state takes effect.

Module variables live as long as the instance, which the host may end between any two
messages: they are a cache, and :attr:`Context.state` is for what must last. Clocks
stand still while a message is handled, and random numbers come from a stream that is
the same in every attempt.

:mod:`grow.testing` runs handlers in ordinary tests.
"""

from ._blob import Object
from ._call import Answer, Request
from ._context import AsyncContext, Context
from ._errors import CallError, Deadline, Later, Refuse
from ._files import File
from ._handlers import init, on
from ._http import Response
from ._kv import Entry
from ._llm import AsyncChatStream, ChatReply, ChatStream, ToolCall
from ._log import Handler as LogHandler
from ._log import Log
from ._mail import Attachment, Mailed
from ._message import Message, Output
from ._publish import Published
from ._sql import Rows
from ._stream import Event, Stream

__all__ = [
    "Answer",
    "AsyncChatStream",
    "AsyncContext",
    "Attachment",
    "CallError",
    "ChatReply",
    "ChatStream",
    "Context",
    "Deadline",
    "Entry",
    "Event",
    "File",
    "Later",
    "Log",
    "LogHandler",
    "Mailed",
    "Message",
    "Object",
    "Output",
    "Published",
    "Refuse",
    "Request",
    "Response",
    "Rows",
    "Stream",
    "ToolCall",
    "init",
    "on",
]

for _public in (CallError, Deadline, Later, Refuse):
    _public.__module__ = __name__  # as tracebacks name them
