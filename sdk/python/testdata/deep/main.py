"""An actor that goes as deep as it can, in the way that the message's type says."""

import functools
import itertools
import json
import re
import sys

import grow

LEVELS = 100_000


class Mirror:
    """Asks itself whatever it is asked."""

    def __add__(self, other):
        return self + other

    def __bool__(self):
        return bool(self)

    def __call__(self):
        return self()

    def __contains__(self, key):
        return key in self

    def __eq__(self, other):
        return other == self

    def __format__(self, spec):
        return format(self)

    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __getitem__(self, key):
        return self[key]

    def __hash__(self):
        return hash(self)

    def __int__(self):
        return int(self)

    def __iter__(self):
        return iter(self)

    def __len__(self):
        return len(self)

    def __repr__(self):
        return repr(self)


def sum_to(n):
    return n + sum_to(n - 1) if n else 0


def within(f):
    """A function that calls itself through f."""
    return (lambda g: g(g))(lambda g: f(lambda *_: g(g)))


def nested(make, of):
    for _ in range(LEVELS):
        of = make(of)
    return of


def down(n):
    if n:
        yield from down(n - 1)
    else:
        yield 0


def partials():
    class Own(functools.partial):
        pass

    def make(f):
        f = Own(f)
        f.name = "not flattened"
        return f

    return nested(make, int)


# Python bounds these itself: a RecursionError, after which the instance goes on.
BOUNDED = {
    "plain": lambda: sum_to(2000),
    "add": lambda: Mirror() + 1,
    "bool": lambda: bool(Mirror()),
    "call": lambda: Mirror()(),
    "contains": lambda: 1 in Mirror(),
    "eq": lambda: Mirror() == Mirror(),
    "format": lambda: format(Mirror()),
    "getattr": lambda: Mirror().x,
    "getitem": lambda: Mirror()[1],
    "hash": lambda: hash(Mirror()),
    "int": lambda: int(Mirror()),
    "iter": lambda: iter(Mirror()),
    "len": lambda: len(Mirror()),
    "repr": lambda: repr(Mirror()),
    "json": lambda: json.dumps(nested(lambda x: [x], 1)),
    "key": lambda: within(lambda f: max([1], key=f)),
    "reduce": lambda: within(lambda f: functools.reduce(f, [1, 2])),
    "sub": lambda: within(lambda f: re.sub("a", f, "a")),
}

# CPython bounds none of these, and dies of them elsewhere: the engine ends them.
UNBOUNDED = {
    "chain": lambda: next(nested(itertools.chain, iter([1]))),
    "classmethod": lambda: nested(classmethod, print).__get__(1),
    "generators": lambda: next(nested(lambda i: (x for x in i), iter([1]))),
    "hash of tuples": lambda: hash(nested(lambda x: (x,), ())),
    "hash of types": lambda: hash(nested(lambda x: list[x], int)),
    "map": lambda: next(nested(lambda i: map(str, i), iter([1]))),
    "partial": lambda: partials()(),
    "slices": lambda: nested(slice, 1) == nested(slice, 1),
    "zip": lambda: next(nested(zip, iter([1]))),
}

# What ordinary programs do.
ORDINARY = {
    "sum": lambda: sum_to(950),
    "json": lambda: json.loads("[" * 600 + "]" * 600),
    "generators": lambda: next(down(900)),
    "repr": lambda: repr(functools.reduce(lambda x, _: [x], range(600), 1)),
}


@grow.on("names")
def names(ctx, kind):
    return grow.Output("names", list(globals()[kind]))


@grow.on("go")
def go(ctx, what):
    kind, name = what
    globals()[kind][name]()
    return grow.Output("done", name)


@grow.on("unlimited")
def unlimited(ctx, what):
    sys.setrecursionlimit(10**9)
    go(ctx, what)
