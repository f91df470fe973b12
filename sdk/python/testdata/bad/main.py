"""An actor that does what it should not, as the message's type says."""

import asyncio
import concurrent.futures
import importlib
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import grow


@grow.on("fine")
def fine(ctx, data):
    return grow.Output("fine", data)


@grow.on("memory")
def memory(ctx, data):
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


@grow.on("memory.caught")
def memory_caught(ctx, data):
    try:
        memory(ctx, data)
    except MemoryError:
        return grow.Output("got", "caught")


def nest(depth):
    nested = []
    for _ in range(depth):
        nested = [nested]
    return nested


@grow.on("recursion")
def recursion(ctx, data):
    return recursion(ctx, data)


@grow.on("recursion.limit")
def recursion_limit(ctx, data):
    sys.setrecursionlimit(10**9)
    recursion(ctx, data)


@grow.on("recursion.json")
def recursion_json(ctx, data):
    nested = nest(100_000)
    json.dumps(nested)


@grow.on("recursion.send")
def recursion_send(ctx, data):
    ctx.send("deep", nest(100_000))


@grow.on("recursion.repr")
def recursion_repr(ctx, data):
    nested = nest(100_000)
    repr(nested)


class Mirror:
    def __repr__(self):
        return repr(self)


@grow.on("recursion.method")
def recursion_method(ctx, data):
    sys.setrecursionlimit(10**9)
    repr(Mirror())


@grow.on("recursion.sort")
def recursion_sort(ctx, data):
    def key(x):
        return sorted([1, 2], key=key)

    key(1)


@grow.on("recursion.compare")
def recursion_compare(ctx, data):
    nested, other = nest(100_000), nest(100_000)
    return nested == other


@grow.on("recursion.compile")
def recursion_compile(ctx, data):
    compile("1" + "+1" * 3000, "sum", "eval")


@grow.on("recursion.parse")
def recursion_parse(ctx, data):
    compile("-" * 100_000 + "1", "minus", "eval")


@grow.on("recursion.re")
def recursion_re(ctx, data):
    re.compile("(" * 500 + ")" * 500)


@grow.on("recursion.data")
def recursion_data(ctx, data):
    return None


@grow.on("exit")
def exit_(ctx, data):
    sys.exit(3)


@grow.on("exit.os")
def exit_os(ctx, data):
    os._exit(3)


@grow.on("thread")
def thread(ctx, data):
    threading.Thread(target=print).start()


@grow.on("executor")
def executor(ctx, data):
    concurrent.futures.ThreadPoolExecutor().submit(print)


@grow.on("subprocess")
def sub(ctx, data):
    subprocess.run(["ls"])


@grow.on("socket")
def sock(ctx, data):
    socket.socket()


@grow.on("url")
def url(ctx, data):
    urllib.request.urlopen("http://localhost/")


@grow.on("import")
def import_(ctx, name):
    importlib.import_module(name)


@grow.on("digits")
def digits(ctx, data):
    str(10**5000)


@grow.on("huge")
def huge(ctx, data):
    return 10 ** (10**8)


@grow.on("regex")
def regex(ctx, data):
    re.match(r"(a+)+$", "a" * 40 + "b")


@grow.on("endless")
def endless(ctx, data):
    while True:
        pass


@grow.on("endless.generator")
def endless_generator(ctx, data):
    def numbers():
        n = 0
        while True:
            n += 1
        yield n

    return numbers()


@grow.on("endless.outputs")
def endless_outputs(ctx, data):
    for n in itertools.count():
        yield grow.Output("got", n)


@grow.on("endless.async")
async def endless_async(ctx, data):
    while True:
        await asyncio.sleep(0)


@grow.on("endless.once")
def endless_once(ctx, data):
    try:
        while True:
            pass
    except:
        return grow.Output("got", "caught")


@grow.on("endless.bare")
def endless_bare(ctx, data):
    while True:
        try:
            while True:
                pass
        except:
            pass


@grow.on("endless.sum")
def endless_sum(ctx, data):
    return sum(itertools.repeat(1))


@grow.on("sleep")
def sleep(ctx, data):
    before = time.monotonic()
    time.sleep(1.5)
    asyncio.run(asyncio.sleep(1))
    return grow.Output("got", "slept" if time.monotonic() - before >= 2.5 else "not")


@grow.on("wrong")
def wrong(ctx, data):
    return {"a": 1}


@grow.on("monkey")
def monkey(ctx, data):
    grow.Output.encode = None
    return grow.Output("got", 1)


@grow.on("closed")
def closed(ctx, data):
    sys.stdout.close()
    sys.stderr = None
    return grow.Output("got", "still")
