import dataclasses
import json
import signal
import sys

import grow


@dataclasses.dataclass
class Item:
    sku: str
    qty: int
    price: int


@dataclasses.dataclass
class Order:
    id: str
    items: list[Item]


def cost(item: Item) -> int:
    """What one costs."""

    amount = item.qty * item.price
    return amount


def total(order: Order) -> int:
    sum = 0
    for item in order.items:
        sum += cost(item)
    return sum


@grow.on("order.placed")
def placed(ctx: grow.Context, order: Order) -> grow.Output:
    whole = total(order)
    return grow.Output("order.priced", {"id": order.id, "total": whole})


@grow.on("order.text")
def text(ctx: grow.Context, order: dict) -> grow.Output:
    parsed = json.loads('{"n": [1, 2]}')
    return grow.Output("order.parsed", parsed)


@grow.on("order.failed")
def failed(ctx: grow.Context, order: Order) -> None:
    try:
        int(order.id)
    except ValueError:
        pass
    cost(None)


@grow.on("order.forever")
def forever(ctx: grow.Context, order: dict) -> grow.Output:
    n = 0
    while not order.get("stop"):
        n += 1
    return grow.Output("order.stopped", order)


@grow.on("order.sum")
def sum_up(ctx: grow.Context, order: dict) -> grow.Output:
    s = 0
    for k in range(order["n"]):
        s += k * k % 7
    return grow.Output("order.sum", s)


@grow.on("order.later")
async def later(ctx: grow.AsyncContext, order: Order) -> grow.Output:
    whole = await count(order)
    return grow.Output("order.priced", {"id": order.id, "total": whole})


async def count(order: Order) -> int:
    n = len(order.items)
    return n


@grow.on("order.refused")
def refused(ctx: grow.Context, order: Order) -> None:
    raise grow.Refuse("order.bad", "it is")


@grow.on("order.unread")
def unread(ctx: grow.Context, order: Order) -> None:
    try:
        json.loads("?")
    except ValueError:
        pass


@grow.on("order.state")
def state(ctx: grow.Context, order: dict) -> grow.Output:
    tools = [sys.monitoring.get_tool(tool) for tool in range(6)]
    events = sys.monitoring.get_events(sys.monitoring.DEBUGGER_ID) if tools[0] else 0
    return grow.Output("order.state", [tools, events, signal.getsignal(signal.SIGUSR1).__module__])


@grow.on("order.lies")
def lies(ctx: grow.Context, order: dict) -> None:
    ctx.call(order["op"], data=order["data"])


@grow.on("order.tools")
def tools(ctx: grow.Context, order: dict) -> None:
    for tool in range(6):
        sys.monitoring.use_tool_id(tool, "mine")


@grow.init
def start(ctx: grow.Context) -> None:
    global ready
    ready = True


@grow.on("order.wide")
def wide(ctx: grow.Context, order: Order) -> None:
    if (
        order.id
        and order.items
    ):
        order.id = "seen"


@grow.on("order.small")
def small(ctx: grow.Context, order: dict) -> grow.Output:
    s = 0
    for _ in range(order["n"]):
        for k in range(100):
            s = (s + k) & 127
    return grow.Output("order.sum", s)
