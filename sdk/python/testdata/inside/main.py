"""What tests of the runtime ask from within."""

import asyncio
import json
import os
import random
import secrets
import sys
import uuid

import _grow
import grow
from grow import _json


@grow.on("decode")
def decode(ctx: grow.Context, frame: bytes) -> grow.Output:
    """Reads a frame, and writes it again."""
    try:
        messages = _grow.decode(frame)
    except ValueError as e:
        return grow.Output("wrong", str(e).removeprefix("malformed frame: "))
    written = [(m[0].pop("type"), m[0], m[1]) for m in messages if "type" in m[0]]
    if len(written) == len(messages):
        again = _grow.encode(written)
        assert _grow.decode(again) == _grow.decode(frame)
    return grow.Output("read", [[m[0], m[1].hex()] for m in _grow.decode(frame)])


@grow.on("attributes")
def attributes(ctx: grow.Context, raw: bytes) -> grow.Output:
    """Reads attributes that nobody has looked at."""
    try:
        return grow.Output("read", len(_grow.attributes(raw)))
    except ValueError as e:
        return grow.Output("wrong", type(e).__name__)


@grow.on("json")
def json_(ctx: grow.Context, data: bytes) -> grow.Output:
    """Says whether a text is read as module json reads it."""
    got = _grow.loads(data)
    try:
        want = json.loads(data.decode())
    except (ValueError, RecursionError):
        want = NotImplemented
    assert got is NotImplemented or repr(got) == repr(want), (got, want)
    if want is not NotImplemented:
        try:
            written = _grow.dumps(want, _json._plain)
        except UnicodeEncodeError:
            assert b"\\u" in data
            return grow.Output("read", False)
        text = json.dumps(want, ensure_ascii=False, separators=(",", ":"), allow_nan=True)
        assert written is NotImplemented or written == text.encode(), (written, text)
    return grow.Output("read", got is not NotImplemented)


@grow.on("numbers")
def numbers(ctx: grow.Context, seed: int) -> grow.Output:
    """Writes and reads many numbers and texts as module json does."""
    r, quick = random.Random(seed), 0
    for _ in range(20_000):
        x = r.choice(
            [
                lambda: round(r.uniform(-1e7, 1e7), r.randrange(9)),
                lambda: r.uniform(-1, 1) * 10.0 ** r.randrange(-320, 308),
                lambda: r.randrange(-(2**66), 2**66),
                lambda: r.randrange(-999, 999) / 8,
                lambda: "".join(r.choice('aé"\\/\n\r\t\b\f\x00\x1f\x7f 𝄞') for _ in range(r.randrange(9))),
            ]
        )()
        text = json.dumps([x], ensure_ascii=False)
        written, read = _grow.dumps([x], _json._plain), _grow.loads(text.encode())
        assert written is NotImplemented or written.decode() == text, (written, text)
        assert read is NotImplemented or repr(read) == repr([x]), (read, x)
        quick += written is not NotImplemented and read is not NotImplemented
    return grow.Output("read", quick)


@grow.on("random")
def random_(ctx: grow.Context, which: str) -> grow.Output:
    """Draws numbers, or none."""
    draw = {
        "random": random.random,
        "gauss": random.gauss,
        "shuffle": lambda: random.sample(range(100), 10),
        "bits": lambda: random.getrandbits(64),
        "uuid": lambda: str(uuid.uuid4()),
        "secrets": secrets.token_hex,
        "urandom": lambda: os.urandom(8).hex(),
        "seeded": lambda: (random.seed(7), random.random())[1],
        "state": lambda: (random.setstate(random.getstate()), random.random())[1],
        "none": lambda: None,
    }[which]
    return grow.Output("drawn", [draw(), draw()])


@grow.on("hash")
def hash_(ctx: grow.Context, data: str) -> grow.Output:
    return grow.Output("hash", [str(hash(data)), list({"a", "b", "c", "d", "e", "f"})])


@grow.on("gather")
async def gather(ctx: grow.AsyncContext, n: int) -> grow.Output:
    await asyncio.gather(*[ctx.state.set("x" * 200, str(i)) for i in range(n)])
    return grow.Output("got", len(await asyncio.gather(*[ctx.state.get(str(i)) for i in range(n)])))


@grow.on("malformed")
def malformed(ctx: grow.Context, data: str) -> grow.Output:
    """Hands the module what it does not take."""
    wrong = [
        lambda: _grow.call(None),
        lambda: _grow.call([]),
        lambda: _grow.call([None]),
        lambda: _grow.call([("a", None)]),
        lambda: _grow.call([("a", None, 1)]),
        lambda: _grow.call([(1, None, b"")]),
        lambda: _grow.call([("a", {"b": 1}, b"")]),
        lambda: _grow.call([("a", {"": "x"}, b"")]),
        lambda: _grow.call([("a", {"type": "x"}, b"")]),
        lambda: _grow.call([("a", {"b": "x" * 4097}, b"")]),
        lambda: _grow.call([("a", {"b" * 257: "x"}, b"")]),
        lambda: _grow.call([("a", {"b": "\ud800"}, b"")]),
        lambda: _grow.call([("a", {str(i): "" for i in range(64)}, b"")]),
        lambda: _grow.call([("a", {}, b"")] * 33),
        lambda: _grow.log("a"),
        lambda: _grow.attributes("x"),
        lambda: _grow.attributes(b"\x01"),
        lambda: _grow.decode(None),
        lambda: _grow.encode({}),
        lambda: _grow.dumps(1),
        lambda: _grow.dumps({1: object()}, lambda v: 1 / 0) or _grow.dumps([object()], lambda v: 1 / 0),
    ]
    for i, f in enumerate(wrong):
        try:
            f()
        except (TypeError, ValueError, ZeroDivisionError):
            continue
        if i != 20:
            raise AssertionError(f"{i} is taken")
    return grow.Output("got", len(wrong))


@grow.on("sys")
def sys_(ctx: grow.Context, data: str) -> grow.Output:
    return grow.Output("got", [sys.flags.isolated, sys.flags.utf8_mode, sys.path, list(sys.argv), sys.modules["main"].__file__])
