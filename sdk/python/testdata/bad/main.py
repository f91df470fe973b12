"""An actor that does what it should not, as the message's type says."""

import asyncio
import concurrent.futures
import functools
import importlib
import itertools
import json
import os
import queue
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


@grow.on("recursion.memory")
def recursion_memory(ctx, data):
    def large(x):
        kept = list(range(1000))
        return large(kept)

    sys.setrecursionlimit(10**9)
    large(1)


@grow.on("recursion.caught")
def recursion_caught(ctx, data):
    names = []
    for do in (recursion, recursion_limit):
        try:
            do(ctx, data)
        except RecursionError as e:
            names.append(type(e).__name__)
    return grow.Output("got", " ".join(names))


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


class Again:
    """Each method calls itself by way of C code."""

    def __getattr__(self, name):
        return self.other

    def __add__(self, other):
        return self + other

    def __enter__(self):
        with self:
            pass

    def __exit__(self, *args):
        pass

    def __format__(self, spec):
        return format(self, spec)

    def __iter__(self):
        return iter(self)


def again(x):
    return list(map(again, [x]))


@functools.cache
def cached(n):
    return cached(n + 1)


@grow.on("recursion.python")
def recursion_python(ctx, what):
    sys.setrecursionlimit(10**9)
    match what:
        case "getattr":
            Again().missing
        case "add":
            Again() + 1
        case "enter":
            Again().__enter__()
        case "format":
            f"{Again()}"
        case "iter":
            [*Again()]
        case "map":
            again(1)
        case "cache":
            cached(1)


@grow.on("recursion.c")
def recursion_c(ctx, what):
    match what:
        case "hash":
            nested = ()
            for _ in range(100_000):
                nested = (nested,)
            hash(nested)
        case "chain":
            chain = iter([1])
            for _ in range(100_000):
                chain = itertools.chain(chain)
            next(chain)


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


@grow.on("abort")
def abort(ctx, data):
    os.abort()


@grow.on("thread")
def thread(ctx, data):
    threading.Thread(target=print).start()


@grow.on("executor")
def executor(ctx, data):
    concurrent.futures.ThreadPoolExecutor().submit(print)


@grow.on("thread.timer")
def timer(ctx, data):
    threading.Timer(1, print).start()


@grow.on("executor.async")
async def executor_async(ctx, data):
    first = await asyncio.to_thread(int, "1")
    return grow.Output("got", [first, await asyncio.get_running_loop().run_in_executor(None, int, "2")])


@grow.on("wait")
def wait(ctx, what):
    match what:
        case "lock":
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        case "event":
            threading.Event().wait()
        case "queue":
            queue.Queue().get()
        case "simple":
            queue.SimpleQueue().get()
        case "future":
            concurrent.futures.Future().result()
        case "seconds":
            lock = threading.Lock()
            lock.acquire()
            return grow.Output("got", [lock.acquire(timeout=1), threading.Event().wait(1)])


@grow.on("write")
def write(ctx, what):
    do, path = what.split()
    match do:
        case "open":
            open(path, "w")
        case "append":
            open(path, "a")
        case "mkdir":
            os.mkdir(path)
        case "unlink":
            os.unlink(path)
        case "rename":
            os.rename(path, "other")


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


@grow.on("endless.thrice")
def endless_thrice(ctx, data):
    for _ in range(3):
        try:
            while True:
                pass
        except BaseException:
            pass


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
