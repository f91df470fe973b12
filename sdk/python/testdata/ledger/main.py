"""Ledger is the actor that testdata/wat/README.md describes, written with the SDK."""

from dataclasses import dataclass, field
from typing import Any

import grow


@dataclass
class Ledger:
    entries: list[Any] = field(default_factory=list)


config: dict[str, Any] = {}


@grow.init
def start(ctx: grow.Context, given: dict[str, Any]) -> None:
    global config
    config = given


@grow.on("ledger.post")
def post(ctx: grow.Context, entry: Any) -> grow.Output:
    ledger = ctx.state.get_as(Ledger) or Ledger()
    ledger.entries.append(entry)
    ctx.state.set(ledger)
    ctx.log.info("posted", account=ctx.message.key)
    return grow.Output("ledger.posted", {"config": config, "entry": entry})


@grow.on("ledger.show")
def show(ctx: grow.Context) -> grow.Output:
    return grow.Output("ledger.shown", ctx.state.get_as(Ledger) or Ledger())


@grow.on("ledger.close")
def close(ctx: grow.Context) -> None:
    raise grow.Refuse("ledger.closed", "a ledger is never closed")


@grow.on("*")
def unknown(ctx: grow.Context, message: grow.Message) -> None:
    raise grow.Refuse("ledger.unknown", "no such request to a ledger")
