"""HTTP in pieces, as an actor has it."""

from __future__ import annotations

import unittest
from typing import Any

import grow
from grow import _handlers, _stream, testing


class StreamTest(unittest.TestCase):
    def setUp(self) -> None:
        _handlers.actor.__init__()  # type: ignore[misc]
        self.asked: list[grow.Request] = []
        self.answer: dict[str, str] = {}

    def double(self, r: grow.Request) -> testing.Double:
        self.asked.append(r)
        if r.attributes["path"] == "/down":
            return testing.Double("no line", code="unavailable")
        return testing.Double(r.data, attributes={"status": "201", "header.etag": "e", **self.answer})

    def send(self) -> testing.Result:
        got = testing.Host(double=self.double).send("a")
        if got.exception is not None:
            raise got.exception
        self.assertEqual(got.outcome, "handled", got)
        return got

    def test_pieces(self) -> None:
        large = b"0123456789" * 100_000

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            with ctx.http("api").stream("post", "/a", data="ab", headers={"X-A": "b"}, write=True, timeout=2) as s:
                s.write(large)
                s.close_write()
                self.assertEqual((s.status, s.headers), (201, {"etag": "e"}))
                self.assertEqual(s.read(3), b"ab0")
                self.assertEqual(s.read(), large[1:])
                self.assertEqual(s.read(), b"")
            with self.assertRaises(grow.CallError):
                ctx.http("api").stream("GET", "/down")
            s = ctx.http("api").stream("GET", "/down", write=True)
            s.close_write()
            with self.assertRaises(grow.CallError) as failed:
                s.read()
            self.assertEqual(failed.exception.code, "unavailable")

        self.send()
        want = {"method": "POST", "path": "/a", "header.x-a": "b", "timeout": "2000"}
        self.assertEqual((self.asked[0].op, self.asked[0].use, self.asked[0].attributes), ("http.fetch", "api", want))

    def test_objects(self) -> None:
        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            self.assertEqual(ctx.http("api").put("/a", blob="k").blob, "http/1")
            with ctx.http("api").stream("PUT", "/a", blob="k") as s:
                self.assertEqual(s.status, 201)
            with self.assertRaises(TypeError):
                ctx.http("api").put("/a", blob="k", data="x")

        self.answer = {"blob": "http/1"}
        self.send()
        self.assertEqual([r.attributes["blob"] for r in self.asked], ["k", "k"])

    def test_operations(self) -> None:
        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            with ctx.http("api").stream_call("watch", {"item-id": 1}, timeout=2) as s:
                self.assertEqual((s.status, [e.data for e in s.events()]), (201, ["1"]))

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            async with await ctx.http("api").stream_call("watch", body={"a": 1}, n=2) as s:
                self.assertEqual([e.data async for e in s.events()], ["1"])

        asked: list[Any] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append((r.op, dict(r.attributes), r.data))
            return testing.Double("data: 1\n\n", attributes={"status": "201"})

        for name in ("a", "b"):
            self.assertIsNone(testing.Host(double=double).send(name).exception)
        want = [
            ("http.call", {"operation": "watch", "timeout": "2000"}, b'{"params":{"item-id":1}}'),
            ("http.call", {"operation": "watch"}, b'{"params":{"n":2},"body":{"a":1}}'),
        ]
        self.assertEqual(asked, want)

    def test_asks(self) -> None:
        """Operations of other kinds are asked for as streams, and have no status to wait for."""

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            with ctx.ask_stream("sky", "weather.watch", {"city": "Bonn"}) as s:
                self.assertEqual((s.status, s.read(2), s.status, s.read()), (0, b"on", 0, b"e"))
            with ctx.ask_stream("sky", "weather.record", write=True) as s:
                s.write("rain")
                s.close_write()
                self.assertEqual((s.status, s.status, s.read()), (0, 0, b"one"))
            with self.assertRaises(TypeError):
                ctx.ask_stream("sky", "weather.record", {"city": "Bonn"}, write=True)

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            async with await ctx.ask_stream("sky", "weather.watch") as s:
                self.assertEqual((await s.status(), await s.status(), await s.read()), (0, 0, b"one"))

        asked: list[Any] = []

        def double(r: grow.Request) -> testing.Double:
            asked.append((r.op, r.use, dict(r.attributes), bytes(r.data)))
            return testing.Double("one")

        for name in ("a", "b"):
            self.assertIsNone(testing.Host(double=double).send(name).exception)
        want = [
            ("weather.watch", "sky", {}, b'{"city":"Bonn"}'),
            ("weather.record", "sky", {}, b"rain"),
            ("weather.watch", "sky", {}, b"null"),
        ]
        self.assertEqual(asked, want)

    def test_chats(self) -> None:
        """What a chat answers comes in pieces; a double may answer as a chat does."""
        reply = b'{"model":"m","text":"hello","stop":"end","usage":{"input":3,"output":2}}'
        whole = grow.ChatReply("m", "hello", (), "end", 3, 2)
        pieces = b'{"text":"hel"}\n{"text":"lo"}\n' + reply + b"\n"
        answer = pieces

        @grow.on("a")
        def a(ctx: grow.Context, data: Any) -> None:
            with ctx.llm("helper").stream("hi", max_tokens=9, timeout=2) as s:
                got = list(s)
                self.assertEqual(got, ["hel", "lo"] if answer is pieces else ["hello"])
                self.assertEqual(s.reply, whole)
                self.assertEqual(list(s), [])
            with ctx.llm("helper").stream("hi", max_tokens=9, timeout=2) as s:
                self.assertEqual(s.reply, whole)

        @grow.on("b")
        async def b(ctx: grow.AsyncContext, data: Any) -> None:
            async with await ctx.llm("helper").stream("hi", max_tokens=9, timeout=2) as s:
                self.assertEqual("".join([text async for text in s]), "hello")
                self.assertEqual(await s.reply(), whole)

        def double(r: grow.Request) -> testing.Double:
            said = b'{"messages":[{"role":"user","text":"hi"}],"max_tokens":9}'
            self.assertEqual((r.op, r.use, r.attributes, r.data), ("llm.chat", "helper", {"timeout": "2000"}, said))
            return testing.Double(answer)

        for answer in (pieces, reply):
            for name in ("a", "b"):
                self.assertIsNone(testing.Host(double=double).send(name).exception)
        answer = pieces[:20]
        self.assertIsInstance(testing.Host(double=double).send("b").exception, (EOFError, ValueError))
        answer = b""
        self.assertIsInstance(testing.Host(double=double).send("b").exception, EOFError)

    def test_async(self) -> None:
        @grow.on("a")
        async def a(ctx: grow.AsyncContext, data: Any) -> None:
            async with await ctx.http("api").stream("POST", "/a", write=True) as s:
                await s.write("data: 1\n\n")
                await s.write(b"data: 2\n\n")
                await s.close_write()
                self.assertEqual(await s.status(), 201)
                self.assertEqual([e.data async for e in s.events()], ["1", "2"])
                self.assertEqual(await s.read(), b"")

        self.send()

    def test_events(self) -> None:
        for text, want in {
            "data: a\n\ndata: b\n\n": ["message:a:", "message:b:"],
            "data: a\r\n\r\ndata: b\r\rdata: c\n\n": ["message:a:", "message:b:", "message:c:"],
            "\ufeffdata:a\n:comment\ndata:  b\n\n": ["message:a\n b:"],
            "event: add\nid: 7\ndata: x\n\ndata\n\n": ["add:x:7", "message::7"],
            "event: none\n\nretry: 10\ndata: y\n\ndata: no": ["message:y:"],
            "": [],
        }.items():
            for size in (1, 2, 1000):
                parser, raw, got = _stream._Parser(), text.encode(), []
                for at in range(0, len(raw), size):
                    got += [f"{e.event}:{e.data}:{e.id}" for e in parser.feed(raw[at : at + size])]
                self.assertEqual(got, want, (text, size))


if __name__ == "__main__":
    unittest.main()
