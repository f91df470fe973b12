"""The package in ordinary Python: python -m unittest discover, in sdk/python."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import unittest
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar, Literal, Optional, Union

import grow
from grow import _decode, _frame, _handlers, _json, _trace, testing

VECTORS = Path(__file__).parents[3] / "abi" / "testdata" / "frames.json"


@dataclass(kw_only=True)
class Item:
    sku: str
    qty: int = 1
    price: float = 0.0


@dataclass(kw_only=True)
class Card:
    kind: Literal["card"] = "card"
    number: str


@dataclass(kw_only=True)
class Cash:
    kind: Literal["cash"] = "cash"
    coins: list[int]


@dataclass(kw_only=True)
class Order:
    TYPE: ClassVar[str] = "order.placed"
    id: str
    items: list[Item] = field(default_factory=list)
    note: str | None = None
    pay: Card | Cash | None = None
    from_: Optional[str] = field(default=None, metadata={"json": "from"})
    tags: dict[str, Union[int, str]] = field(default_factory=dict)
    size: Literal["s", "m"] = "s"
    place: tuple[float, float] | None = None
    inner: Order | None = None


class Actor(unittest.TestCase):
    def setUp(self) -> None:
        _handlers.actor.__init__()  # type: ignore[misc]

    def host(self, **options: Any) -> testing.Host:
        return testing.Host(**options)


class Frames(unittest.TestCase):
    def test_vectors(self) -> None:
        vectors = json.loads(VECTORS.read_text())
        self.assertGreater(len(vectors), 100)
        for v in vectors:
            frame = bytes.fromhex(v["hex"])
            with self.subTest(v["name"]):
                if v.get("error"):
                    with self.assertRaises(_frame.FrameError) as caught:
                        _frame.decode(frame)
                    self.assertEqual(caught.exception.kind, v["error"])
                    continue
                want = [({n: x for n, x in m["attributes"]}, bytes.fromhex(m["data_hex"])) for m in v["messages"]]
                self.assertEqual(_frame.decode(frame), want)
                self.assertEqual(_frame.encode(want), frame)

    def test_changed_vectors(self) -> None:
        """Every vector with a byte changed is read as what it says, or refused."""
        for v in json.loads(VECTORS.read_text()):
            frame = bytearray.fromhex(v["hex"])
            for i in range(min(len(frame), 60)):
                was = frame[i]
                for b in (0, 1, 0x7F, 0x80, 0xFF):
                    frame[i] = b
                    try:
                        messages = _frame.decode(bytes(frame))
                    except _frame.FrameError:
                        continue
                    self.assertEqual(_frame.encode(messages), bytes(frame))
                frame[i] = was

    def test_cut(self) -> None:
        self.assertEqual(_frame.cut("héé", 4), "hé")
        self.assertEqual(_frame.cut("a\ud800", 9), "a?")


class Decoding(unittest.TestCase):
    def fails(self, value: Any, text: str) -> None:
        with self.assertRaises(ValueError) as caught:
            _decode.decode(Order, value, "order")
        self.assertEqual(str(caught.exception), text)

    def test_paths(self) -> None:
        self.fails({}, "order.id: expected a value, got nothing")
        self.fails([], "order: expected object, got list")
        self.fails({"id": 1}, "order.id: expected str, got int")
        items = [{"sku": "a"}, {"sku": "b"}, {"sku": "c", "qty": "4"}]
        self.fails({"id": "1", "items": items}, "order.items[2].qty: expected int, got str")
        self.fails({"id": "1", "items": [{"sku": "a", "qty": True}]}, "order.items[0].qty: expected int, got bool")
        self.fails({"id": "1", "note": 1}, "order.note: expected str or None, got int")
        self.fails({"id": "1", "size": "l"}, "order.size: expected 's' or 'm', got 'l'")
        self.fails({"id": "1", "pay": {"kind": "coin"}}, "order.pay.kind: expected 'card' or 'cash', got 'coin'")
        self.fails({"id": "1", "pay": {"kind": "cash", "coins": [1, None]}}, "order.pay.coins[1]: expected int, got None")
        self.fails({"id": "1", "from": 2}, "order.from: expected str or None, got int")
        self.fails({"id": "1", "tags": {"a b": None}}, "order.tags['a b']: expected int or str, got None")
        self.fails({"id": "1", "place": [1]}, "order.place: expected list of 2 or None, got list")
        self.fails({"id": "1", "inner": {"id": 2}}, "order.inner.id: expected str, got int")

    def test_whole(self) -> None:
        text = (
            '{"id":"1","items":[{"sku":"a","qty":2,"price":1}],"from":"x","tags":{"n":1,"s":"t"},"more":null,'
            '"pay":{"kind":"cash","coins":[1,2]},"place":[1,2.5],"inner":{"id":"2"}}'
        )
        order = _decode.decode(Order, json.loads(text), "order")
        want = Order(
            id="1",
            items=[Item(sku="a", qty=2, price=1.0)],
            from_="x",
            tags={"n": 1, "s": "t"},
            pay=Cash(coins=[1, 2]),
            place=(1.0, 2.5),
            inner=Order(id="2"),
        )
        self.assertEqual(order, want)
        self.assertIsInstance(order.items[0].price, float)

    def test_round_trip(self) -> None:
        """What is encoded is decoded as what it was."""
        r = random.Random(1)

        def text() -> str:
            return "".join(r.choice('aé"\\\n\x01 𝄞') for _ in range(r.randrange(6)))

        def order(depth: int) -> Order:
            return Order(
                id=text(),
                items=[Item(sku=text(), qty=r.randrange(-(2**70), 2**70), price=r.uniform(-1e20, 1e20)) for _ in range(r.randrange(4))],
                note=r.choice([None, text()]),
                pay=r.choice([None, Card(number=text()), Cash(coins=[r.randrange(9)] * 2)]),
                from_=r.choice([None, "x"]),
                tags={text(): r.choice([text(), r.randrange(9)])},
                place=r.choice([None, (r.random(), round(r.uniform(-1e6, 1e6), r.randrange(8)))]),
                inner=order(depth - 1) if depth else None,
            )

        for _ in range(500):
            was = order(r.randrange(3))
            self.assertEqual(_decode.decode(Order, _json.loads(_json.dumps(was)), "order"), was)

    def test_what_json_has_not(self) -> None:
        @dataclass
        class Odd:
            at: datetime

        Odd.__annotations__["at"] = datetime
        with self.assertRaisesRegex(TypeError, r"Odd.at: JSON has no datetime; use str, int"):
            _decode.decode(Odd, {}, "odd")

    def test_encoding(self) -> None:
        self.assertEqual(_json.dumps(Item(sku="é")), '{"sku":"é","qty":1,"price":0.0}'.encode())
        self.assertEqual(_json.loads(_json.dumps(Order(id="1"))).keys(), {"id", "items", "tags", "size"})
        for value, text in ((set(), "a set is no JSON"), (float("nan"), "not JSON compliant"), ("\ud800", "surrogates")):
            with self.assertRaisesRegex((TypeError, ValueError), text):
                _json.dumps(value)
        loop: list[Any] = []
        loop.append(loop)
        with self.assertRaisesRegex(ValueError, "Circular"):
            _json.dumps(loop)


class Handlers(Actor):
    def test_patterns(self) -> None:
        @grow.on("order.*", "a.b")
        def some(ctx: grow.Context) -> grow.Output:
            return grow.Output("got", "some")

        @grow.on("*")
        def rest(ctx: grow.Context, data: bytes) -> grow.Output:
            return grow.Output("got", data.decode())

        host = self.host()
        for type, want in (("order.placed", "some"), ("a.b", "some"), ("a.c", '"x"')):
            self.assertEqual(host.send(type, "x").outputs[0].json(), want)
        for pattern in ("", "a*", "*.a", "a.*.b"):
            with self.assertRaises(ValueError):
                grow.on(pattern)(some)
        with self.assertRaisesRegex(ValueError, "two handlers for 'a.b': .*some .* and .*rest"):
            grow.on("a.b")(rest)
        with self.assertRaisesRegex(TypeError, "name the types"):
            grow.on(some)  # type: ignore[arg-type]

    def test_data(self) -> None:
        @grow.on("order.placed")
        def placed(ctx: grow.Context, order: Order) -> Order:
            return order

        got = self.host().send("order.placed", Order(id="1"))
        self.assertEqual(got.outputs[0].type, "order.placed")
        got = self.host().send("order.placed", b'{"id":1}')
        self.assertEqual((got.outcome, got.code), ("refused", "data.decode"))
        self.assertEqual(got.text, "decode order.placed as Order: order.id: expected str, got int")
        got = self.host().send("order.placed", b"{")
        self.assertTrue(got.text.startswith("decode order.placed as Order: Expecting"), got.text)

    def test_message(self) -> None:
        seen: list[grow.Message] = []

        @grow.on("a")
        def a(ctx: grow.Context, m: grow.Message) -> None:
            seen.append(m)

        attrs = {"http.method": "GET", "http.header.accept": "x", "http.query.q": "1", "attempt": "3"}
        self.host().send("a", {"b": 1}, key="k", attributes=attrs)
        m = seen[0]
        self.assertEqual((m.type, m.key, m.method, m.header("Accept"), m.query("q"), m.attempt), ("a", "k", "GET", "x", "1", 3))
        self.assertEqual((m.json(), m.time, m.param("none")), ({"b": 1}, datetime(2025, 1, 1, tzinfo=timezone.utc), ""))
        self.assertEqual(grow._message._time("2025-01-02T03:04:05.123456789Z").microsecond, 123456)
        self.assertEqual(grow._message._time("2025-01-02T03:04:05.5+01:00").hour, 2)

    def test_results(self) -> None:
        @grow.on("wrong")
        def wrong(ctx: grow.Context, data: Any) -> Any:
            return {"a": 1}

        @grow.on("late")
        def late(ctx: grow.Context, data: Any) -> Any:
            return asyncio.sleep(0)

        @grow.on("item")
        def item(ctx: grow.Context, data: Any) -> Any:
            yield grow.Output("a")
            yield 7

        @grow.on("endless")
        def endless(ctx: grow.Context, data: Any) -> Any:
            while True:
                yield grow.Output("a")

        @grow.on("many")
        async def many(ctx: grow.AsyncContext, data: Any) -> Any:
            ctx.send("first", 0)
            yield grow.Output("second", b"x", content_type="text/plain", delay=0.0015, attributes={"x.a": "b"})
            yield Order(id="1")

        host = self.host()
        for type, text in (
            ("wrong", r"wrong \(test_grow.py:\d+\) returned dict; a handler returns None, a grow.Output"),
            ("late", "returned coroutine; await it"),
            ("item", "returned, as item 1, int"),
            ("endless", "1000 messages have been sent"),
            ("nobody", "no handler for messages of type nobody"),
        ):
            got = host.send(type)
            self.assertEqual(got.outcome, "failed")
            self.assertRegex(got.text, text)
        got = host.send("many")
        self.assertEqual([o.type for o in got.outputs], ["first", "second", "order.placed"])
        self.assertEqual(got.outputs[1].attributes, {"datacontenttype": "text/plain", "delay": "2", "x.a": "b"})

    def test_signatures(self) -> None:
        def none() -> None: ...
        def three(ctx: Any, a: Any, b: Any) -> None: ...
        def plain(ctx: grow.AsyncContext, a: Any) -> None: ...

        for function in (none, three):
            with self.assertRaisesRegex(TypeError, "a handler takes a context and the data"):
                grow.on("a")(function)
        grow.on("a")(plain)
        with self.assertRaisesRegex(TypeError, "a handler that is def gets a grow.Context"):
            _handlers.actor.resolve()


class Outcomes(Actor):
    def test_errors(self) -> None:
        @grow.on("raise")
        def handle(ctx: grow.Context, which: str) -> None:
            ctx.state.set(1)
            ctx.send("lost")
            if which == "refuse":
                raise grow.Refuse("a.b", "no")
            if which == "later":
                raise grow.Later("soon", after=timedelta(seconds=1.5))
            if which == "retry":
                ctx.call("kv.get", use="x")
            try:
                raise grow.Refuse("in.side", "no")
            except grow.Refuse as e:
                raise ValueError("outer") from (e if which == "cause" else None)

        host = self.host(double=lambda r: testing.Double("busy", code="unavailable", retry=True))
        for which, want in (
            ("refuse", ("refused", "a.b", "no", 0)),
            ("later", ("later", "later", "soon", 1.5)),
            ("retry", ("later", "unavailable", "kv.get: unavailable: busy", 0)),
            ("cause", ("refused", "in.side", "no", 0)),
            ("none", ("failed", "", "ValueError: outer", 0)),
        ):
            got = host.send("raise", which)
            self.assertEqual((got.outcome, got.code, got.text, got.after), want)
            self.assertEqual((got.outputs, host.state()), ([], {}))

    def test_start(self) -> None:
        @grow.init
        def start(ctx: grow.Context, config: Item) -> None:
            ctx.log.info(config.sku)
            with self.assertRaisesRegex(RuntimeError, "no message is being handled"):
                ctx.send("a")

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> grow.Output:
            return grow.Output("b", [ctx.config["sku"], ctx.config_as(Item).qty])

        self.assertEqual(self.host(config={"sku": "x"}).send("a").outputs[0].json(), ["x", 1])
        with self.assertRaisesRegex(grow.Refuse, "config.sku: expected a value"):
            self.host()

    def test_trace(self) -> None:
        try:
            raise grow.Deadline("late")
        except BaseException as e:
            text = _trace.describe(e)
        self.assertRegex(text, r"(?s)^grow.Deadline: late\nTraceback .*in test_trace\n    raise grow.Deadline")
        self.assertIn("the actor called sys.exit(3)", _trace.describe(SystemExit(3)))
        try:
            compile("a b", "/app/main.py", "exec")
        except SyntaxError as s:
            self.assertRegex(_trace.describe(s), r"^main.py:1:\d: SyntaxError: invalid syntax\nTraceback")


class Capabilities(Actor):
    def test_state(self) -> None:
        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            self.assertEqual(ctx.state.get(default=5), 5)
            self.assertIsNone(ctx.state.get_as(Item, "item"))
            ctx.state.set(Item(sku="a"), "item")
            self.assertEqual(ctx.state.get_as(Item, "item"), Item(sku="a"))
            for i in range(250):
                ctx.state.set(i, f"n.{i:03}")
            ctx.state.delete("n.007")
            names = ctx.state.list("n.")
            self.assertEqual((len(names), names[7]), (249, "n.008"))
            with self.assertRaisesRegex(TypeError, "^state 'odd': a object is no JSON"):
                ctx.state.set(object(), "odd")
            with self.assertRaisesRegex(ValueError, "state 'item'.sku: expected int, got str|expected"):
                ctx.state.set({"sku": 1}, "item")
                ctx.state.get_as(Item, "item")

        got = self.host().send("a", key="k")
        self.assertIsNone(got.exception)

    def test_http(self) -> None:
        asked: list[grow.Request] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append(r)
            return testing.Double('{"rate":0.19}', {"status": "200", "header.x": "y"})

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            got = ctx.http("tax").post("/rate", params={"c": "D E"}, json={"a": 1}, headers={"Accept": "x"}, timeout=1.5)
            self.assertEqual((got.status, got.ok, got.headers, got.json()), (200, True, {"x": "y"}, {"rate": 0.19}))
            for wrong in ("rate", "ftp://x"):
                with self.assertRaises(ValueError):
                    ctx.http("tax").get(wrong)
            with self.assertRaisesRegex(TypeError, "unexpected argument 'parms'"):
                ctx.http("tax").get("/", parms={})  # type: ignore[call-arg]
            self.assertEqual(ctx.secret("t").get("N"), '{"rate":0.19}')
            self.assertEqual(len(ctx.calls(*[grow.Request("kv.get")] * 40)), 40)
            with self.assertRaisesRegex(ValueError, "a value at most 4096"):
                ctx.call("kv.get", key="x" * 5000)
            self.assertEqual(ctx.time().year, 2025)

        got = self.host(double=double).send("a")
        self.assertIsNone(got.exception)
        want = {"method": "POST", "path": "/rate?c=D+E", "header.accept": "x", "header.content-type": "application/json", "timeout": "1500"}
        self.assertEqual((asked[0].op, asked[0].use, asked[0].attributes, asked[0].data), ("http.fetch", "tax", want, b'{"a":1}'))

    def test_http_operation(self) -> None:
        asked: list[grow.Request] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append(r)
            return testing.Double('{"rate":0.19}', {"status": "200"})

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            tax = ctx.http("tax")
            self.assertEqual(tax.get_rate(country="DE", day=None, timeout=1.5).json(), {"rate": 0.19})
            tax.call("rates/add-one", {"X-Trace": 1}, body={"n": 1})
            with self.assertRaises(AttributeError):
                tax._get_rate  # noqa: B018

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            self.assertEqual((await ctx.http("tax").get_rate(country="DE")).status, 200)

        host = self.host(double=double)
        for name in ("a", "b"):
            self.assertIsNone(host.send(name).exception)
        got = [(r.op, r.use, r.attributes, r.data) for r in asked]
        self.assertEqual(
            got,
            [
                ("http.call", "tax", {"operation": "get_rate", "timeout": "1500"}, b'{"params":{"country":"DE"}}'),
                ("http.call", "tax", {"operation": "rates/add-one"}, b'{"params":{"X-Trace":1},"body":{"n":1}}'),
                ("http.call", "tax", {"operation": "get_rate"}, b'{"params":{"country":"DE"}}'),
            ],
        )

    def test_sql(self) -> None:
        asked: list[grow.Request] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append(r)
            rows = '{"columns":["id","data"],"rows":[[1,{"base64":"AP8="}],[2,null]],"rows_affected":2}'
            return testing.Double('{"results":[' + rows + ',{"rows_affected":3}]}' if b"statements" in r.data else rows)

        @dataclass
        class Sold:
            id: int

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            db = ctx.sql("catalogue")
            got = db.query("select $1", 1, b"\x00\xff", date(2026, 1, 2), "1.50", None)
            self.assertEqual((got.columns, len(got), got.one(), got[1]["data"]), (["id", "data"], 2, {"id": 1, "data": b"\x00\xff"}, None))
            self.assertEqual(db.exec("delete from a").rows_as(Sold), [Sold(1), Sold(2)])
            self.assertEqual([r.affected for r in db.together("delete from a", ("delete from b where c = $1", 1))], [2, 3])
            with self.assertRaises(TypeError):
                db.query("select $1", object())
            with self.assertRaises(TypeError):
                db.query(1)  # type: ignore[arg-type]

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            db = ctx.sql("catalogue")
            self.assertEqual([dict(r) for r in await db.query("select 1")], [{"id": 1, "data": b"\x00\xff"}, {"id": 2, "data": None}])
            self.assertEqual((await db.exec("delete from a")).affected, 2)
            self.assertEqual(len(await db.together("delete from a")), 2)

        for name in ("a", "b"):
            self.assertIsNone(self.host(double=double).send(name).exception)
        self.assertEqual([(r.op, r.use) for r in asked[:3]], [("sql.query", "catalogue"), ("sql.exec", "catalogue"), ("sql.exec", "catalogue")])
        self.assertEqual(json.loads(asked[0].data), {"sql": "select $1", "args": [1, {"base64": "AP8="}, "2026-01-02", "1.50", None]})
        self.assertEqual(json.loads(asked[2].data)["statements"][1], {"sql": "delete from b where c = $1", "args": [1]})

    def test_kv(self) -> None:
        asked: list[grow.Request] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append(r)
            match r.op, r.attributes:
                case _, {"key": "none"}:
                    return testing.Double(code="not_found")
                case _, {"if_revision": "1"}:
                    return testing.Double("another", code="conflict")
                case "kv.list", {"after": ""}:
                    return testing.Double('["a","b"]')
                case "kv.list", _:
                    return testing.Double("[]")
            return testing.Double('{"n":7}', attributes={"revision": "3"})

        @dataclass
        class Cart:
            n: int

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            kv = ctx.kv("carts")
            self.assertEqual((kv.get("a"), kv.get("none"), kv.get("none", 5)), ({"n": 7}, None, 5))
            entry = kv.read("a")
            assert entry is not None
            self.assertEqual((entry.data, entry.revision, entry.json_as(Cart)), (b'{"n":7}', 3, Cart(7)))
            self.assertEqual(kv.set("a", Cart(1), ttl=60.0001, if_revision=3), 3)
            with self.assertRaisesRegex(grow.CallError, "kv.set: conflict: another"):
                kv.write("a", b"x", if_revision=1)
            with self.assertRaisesRegex(grow.CallError, "conflict"):
                kv.delete("a", if_revision=1)
            kv.delete("a")
            self.assertEqual((kv.keys("p"), kv.page("p", "a", 5)), (["a", "b"], []))
            with self.assertRaises(TypeError):
                kv.write("a", 1)  # type: ignore[arg-type]

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            kv = ctx.kv("carts")
            self.assertEqual((await kv.get("a"), await kv.read("none")), ({"n": 7}, None))
            self.assertEqual((await kv.set("a", 1), await kv.write("a", "x", ttl=timedelta(seconds=1))), (3, 3))
            await kv.delete("a")
            self.assertEqual((await kv.keys(), await kv.page(after="b")), (["a", "b"], []))
            with self.assertRaisesRegex(grow.CallError, "conflict"):
                await kv.delete("a", if_revision=1)

        for name in ("a", "b"):
            self.assertIsNone(self.host(double=double).send(name).exception)
        self.assertEqual({(r.op, r.use) for r in asked}, {(op, "carts") for op in ("kv.get", "kv.set", "kv.delete", "kv.list")})
        sets = [(r.attributes, r.data) for r in asked if r.op == "kv.set"]
        self.assertEqual(sets[0], ({"key": "a", "if_revision": "3", "ttl": "60001"}, b'{"n":1}'))
        self.assertEqual(sets[3], ({"key": "a", "ttl": "1000"}, b"x"))

    def test_send_mail(self) -> None:
        asked: list[grow.Request] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append(r)
            return testing.Double(attributes={"message_id": "<1@example.com>", "duplicate": "true"})

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            got = ctx.send_mail("digest", to="a@example.com", subject="s", text="t", attachments=[grow.Attachment("a.csv", "a", "text/csv")])
            self.assertEqual(got, grow.Mailed("<1@example.com>", True))

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            self.assertTrue((await ctx.send_mail("digest", bcc=("b@example.com",), html="<p>")).duplicate)

        for name in ("a", "b"):
            self.assertIsNone(self.host(double=double).send(name).exception)
        self.assertEqual({(r.op, r.use) for r in asked}, {("mail.send", "digest")})
        self.assertEqual(
            [r.data for r in asked],
            [
                b'{"to":["a@example.com"],"subject":"s","text":"t","attachments":[{"name":"a.csv","data":"YQ==","type":"text/csv"}]}',
                b'{"bcc":["b@example.com"],"html":"<p>"}',
            ],
        )

    def test_llm(self) -> None:
        asked: list[grow.Request] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append(r)
            if r.op == "llm.embed":
                return testing.Double(data=b'{"model":"m","vectors":[[0.5,1]],"usage":{"input":1,"output":0}}')
            if b'"role":"tool"' in (r.data.encode() if isinstance(r.data, str) else r.data):
                return testing.Double(data=b'{"model":"m","text":"{\\"wet\\":true}","stop":"end","usage":{"input":3,"output":2}}')
            call = b'{"id":"c1","name":"weather","arguments":{"city":"Bonn"}}'
            return testing.Double(data=b'{"model":"m","text":"","calls":[' + call + b'],"stop":"tools","usage":{"input":3,"output":2}}')

        tools = [{"name": "weather", "parameters": {"type": "object"}}]
        wire = b'"tools":[{"name":"weather","parameters":{"type":"object"}}]'

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            model = ctx.llm("helper")
            reply = model.chat("hi", system="brief", tools=tools, max_tokens=9, temperature=0)
            self.assertEqual(reply, grow.ChatReply("m", "", (grow.ToolCall("c1", "weather", {"city": "Bonn"}),), "tools", 3, 2))
            messages = [{"role": "user", "text": "hi"}, reply.message, *(c.answer({"rain": 1}) for c in reply.calls)]
            self.assertEqual(model.chat(messages, tools=tools).json(), {"wet": True})
            self.assertEqual(model.embed(["a"], model="e"), [[0.5, 1]])

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            self.assertEqual((await ctx.llm("helper").chat("hi", schema={"type": "object"})).stop, "tools")
            self.assertEqual(await ctx.llm("helper").embed(("a",)), [[0.5, 1]])

        for name in ("a", "b"):
            self.assertIsNone(self.host(double=double).send(name).exception)
        self.assertEqual(
            [(r.op, r.use, r.data) for r in asked],
            [
                (
                    "llm.chat",
                    "helper",
                    b'{"messages":[{"role":"user","text":"hi"}],"system":"brief",' + wire + b',"max_tokens":9,"temperature":0}',
                ),
                (
                    "llm.chat",
                    "helper",
                    b'{"messages":[{"role":"user","text":"hi"},'
                    b'{"role":"assistant","text":"","calls":[{"id":"c1","name":"weather","arguments":{"city":"Bonn"}}]},'
                    b'{"role":"tool","id":"c1","text":"{\\"rain\\":1}"}],' + wire + b"}",
                ),
                ("llm.embed", "helper", b'{"texts":["a"],"model":"e"}'),
                ("llm.chat", "helper", b'{"messages":[{"role":"user","text":"hi"}],"schema":{"type":"object"}}'),
                ("llm.embed", "helper", b'{"texts":["a"]}'),
            ],
        )

    def test_publish(self) -> None:
        asked: list[grow.Request] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append(r)
            return testing.Double(attributes={"stream": "ERP", "sequence": "7", "duplicate": "true"})

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            self.assertEqual(ctx.publish("erp", "erp.new", {"n": 1}, headers={"X-A": "b"}), grow.Published("ERP", 7, True))
            with self.assertRaises(TypeError):
                ctx.publish("erp", 1, b"")  # type: ignore[arg-type]

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            self.assertEqual((await ctx.publish("erp", "erp.new", b"x")).sequence, 7)

        for name in ("a", "b"):
            self.assertIsNone(self.host(double=double).send(name).exception)
        self.assertEqual((asked[0].op, asked[0].use, asked[0].attributes, asked[0].data), ("publish", "erp", {"subject": "erp.new", "header.x-a": "b"}, b'{"n":1}'))
        self.assertEqual(asked[1].data, b"x")

    def test_ask(self) -> None:
        asked: list[grow.Request] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append(r)
            return testing.Double("" if r.op == "geo.forget" else '{"lat":50.7}')

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            self.assertEqual(ctx.ask("geo", "geo.lookup", {"name": "Bonn"}), {"lat": 50.7})

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            self.assertIsNone(await ctx.ask("geo", "geo.forget", b"x"))

        for name in ("a", "b"):
            self.assertIsNone(self.host(double=double).send(name).exception)
        self.assertEqual([(r.op, r.use, r.data) for r in asked], [("geo.lookup", "geo", b'{"name":"Bonn"}'), ("geo.forget", "geo", b"x")])

    def test_files(self) -> None:
        def double(r: grow.Request) -> testing.Double:
            match r.use, r.op, r.attributes["path"]:
                case "texts", "files.read", "docs/a.md":
                    return testing.Double("text")
                case "texts", "files.list", "docs":
                    return testing.Double('[{"name":"a.md","size":4,"folder":false}]')
            return testing.Double(code="not_found")

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            files = ctx.files("texts")
            self.assertEqual((files.read("docs/a.md"), files.list("docs")), (b"text", [grow.File("a.md", 4, False)]))
            with self.assertRaisesRegex(grow.CallError, "files.read: not_found"):
                files.read("none")

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            files = ctx.files("texts")
            self.assertEqual((await files.read("docs/a.md"), len(await files.list("docs"))), (b"text", 1))

        for name in ("a", "b"):
            self.assertIsNone(self.host(double=double).send(name).exception)

    def test_log(self) -> None:
        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            ctx.log.info("priced", id="o-1", n=2)
            ctx.log.warn("é" * 70_000, **{"n" * 300: "v" * 5000})
            logger = logging.getLogger("shop")
            logger.addHandler(grow.LogHandler())
            logger.propagate = False
            logger.error("odd %s", 1, extra={"by": "me"})

        lines = self.host().send("a").logs
        self.assertEqual(lines[0], testing.Line("info", "priced", {"id": "o-1", "n": "2"}))
        self.assertEqual((lines[1].level, len(lines[1].text)), ("warn", 32768))
        self.assertEqual([(len(n), len(v)) for n, v in lines[1].fields.items()], [(254, 4096)])
        self.assertEqual(lines[2], testing.Line("error", "odd 1", {"by": "me", "logger": "shop"}))

    def test_gather(self) -> None:
        @grow.on("a")
        async def a(ctx: grow.AsyncContext, n: int) -> grow.Output:
            async def one(i: int) -> int:
                await asyncio.sleep(0.01 * (i % 2))
                await ctx.state.set(i, str(i))
                value: int = await ctx.state.get(str(i))
                return value

            return grow.Output("b", await asyncio.gather(*[one(i) for i in range(n)]))

        host = self.host()
        got = host.send("a", 80)
        self.assertEqual(got.outputs[0].json(), list(range(80)))
        self.assertEqual(sorted(map(len, host.calls)), [16, 16, 32, 32, 32, 32])

    def test_loop(self) -> None:
        ended: list[str] = []

        @grow.on("a")
        async def a(ctx: grow.AsyncContext, which: str) -> grow.Output | None:
            async def forever() -> None:
                try:
                    await asyncio.sleep(1e9)
                finally:
                    ended.append(which)

            if which == "left":
                asyncio.get_running_loop().create_task(forever())
                await asyncio.sleep(0)
            if which == "stuck":
                await asyncio.get_running_loop().create_future()
            if which == "thread":
                return grow.Output("b", await asyncio.to_thread(lambda: 5))
            if which == "timeout":
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(asyncio.sleep(60), 1)
            if which == "error":
                await ctx.call("kv.get", use="x")
            return None

        host = self.host()
        for which in ("left", "timeout", "stuck", "left", "thread", "error"):
            got = host.send("a", which)
            if which == "stuck":
                self.assertEqual(got.text, "RuntimeError: every task waits, and there is nothing left that could wake one")
            elif which == "error":
                self.assertEqual(got.text, "CallError: kv.get: denied: no double for kv.get")
            else:
                self.assertEqual(got.outcome, "handled", got.text)
        self.assertEqual(ended, ["left", "left"])


if __name__ == "__main__":
    unittest.main()
