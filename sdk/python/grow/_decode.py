"""Values of JSON into what annotations ask for: dataclasses and what they are made of."""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Any

from . import _json

Decoder = Callable[[Any], Any]


class Mismatch(ValueError):
    """A value is not what was expected there. ``path`` leads to it."""

    def __init__(self, expected: str, got: Any) -> None:
        super().__init__(expected, got)
        self.path: list[str | int] = []
        self.what = f"expected {expected}, got {_name(got)}"

    def within(self, step: str | int) -> Mismatch:
        """Says that the value is within another one."""
        self.path.insert(0, step)
        return self

    def text(self, root: str) -> str:
        """Where, from root on, and what: ``order.items[2].qty: expected int, got str``."""
        for step in self.path:
            root += f"[{step}]" if isinstance(step, int) else f".{step}" if step.isidentifier() else f"[{step!r}]"
        return f"{root}: {self.what}"


class _Nothing:
    """What is there when a field is absent."""


def _name(value: Any) -> str:
    if value is _Nothing:
        return "nothing"
    return "None" if value is None else type(value).__name__


def _any(value: Any) -> Any:
    return value


def _exactly(cls: type) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not cls:
            raise Mismatch(cls.__name__, value)
        return value

    return decode


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise Mismatch("float", value)
    try:
        return float(value)
    except OverflowError:
        raise Mismatch("float", value) from None


def _none(value: Any) -> None:
    if value is not None:
        raise Mismatch("None", value)


def _list(item: Decoder) -> Decoder:
    def decode(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Mismatch("list", value)
        items: list[Any] = []
        try:
            for v in value:
                items.append(item(v))
        except Mismatch as e:
            raise e.within(len(items)) from None
        return items

    return decode


def _tuple(parts: list[Decoder]) -> Decoder:
    def decode(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(parts):
            raise Mismatch(f"list of {len(parts)}", value)
        items: list[Any] = []
        try:
            for part, v in zip(parts, value):
                items.append(part(v))
        except Mismatch as e:
            raise e.within(len(items)) from None
        return tuple(items)

    return decode


def _dict(item: Decoder) -> Decoder:
    def decode(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise Mismatch("object", value)
        items: dict[str, Any] = {}
        key = ""
        try:
            for key, v in value.items():
                items[key] = item(v)
        except Mismatch as e:
            raise e.within(key) from None
        return items

    return decode


def _literal(values: tuple[Any, ...]) -> Decoder:
    # True is 1 and 1.0 in a set.
    known = {(type(v), v) for v in values}
    expected = " or ".join(repr(v) for v in values)

    def decode(value: Any) -> Any:
        if not isinstance(value, (str, int, type(None))) or (type(value), value) not in known:
            e = Mismatch(expected, value)
            if isinstance(value, (str, int)):
                e.what = f"expected {expected}, got {value!r}"
            raise e
        return value

    return decode


class _Class:
    """A dataclass."""

    def __init__(self, cls: type) -> None:
        self.cls = cls
        # The argument, its name in JSON, the class that is right as it is, the decoder of
        # others, and whether it may be absent.
        self.fields: list[tuple[str, str, type | None, Decoder, bool]] = []
        self.tags: dict[str, tuple[Any, ...]] = {}  # by its name in JSON, what a field may be
        self._decode: Decoder = self.slow

    def decode(self, value: Any) -> Any:
        """An instance, of a value."""
        return self._decode(value)

    def best(self) -> Decoder:
        """The decoder there is by now: of a class within itself there is none yet."""
        return self.decode if self._decode == self.slow else self._decode

    def fill(self, known: dict[type, _Class]) -> None:
        hints = typing.get_type_hints(self.cls)
        for f in dataclasses.fields(self.cls):
            if not f.init:
                continue
            name = f.metadata.get(_json.NAME_KEY, f.name)
            optional = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
            if typing.get_origin(hints[f.name]) is typing.Literal:
                self.tags[name] = typing.get_args(hints[f.name])
            decode = _make(hints[f.name], f"{self.cls.__qualname__}.{f.name}", known)
            exact = hints[f.name] if hints[f.name] in (str, int, float, bool) else None
            self.fields.append((f.name, name, exact, decode, optional))

        self._decode = self._quick()

    def _quick(self) -> Decoder:
        """The decoder of values that are as expected, written for this class: it takes
        half the time. What it cannot decode is for the slow one, which says why."""
        names: dict[str, Any] = {"cls": self.cls, "slow": self.slow, "Mismatch": Mismatch}
        lines, arguments = ["def decode(value):", " if value.__class__ is not dict: return slow(value)", " try:"], []
        defaults = {f.name: f for f in dataclasses.fields(self.cls)}
        for i, (argument, key, exact, decode, optional) in enumerate(self.fields):
            names[f"d{i}"], names[f"c{i}"] = decode, exact
            pad = "  "
            if optional:
                f = defaults[argument]
                made = f.default is dataclasses.MISSING
                names[f"o{i}"] = f.default_factory if made else f.default
                lines.append(f"  if {key!r} not in value: v{i} = o{i}{'()' if made else ''}")
                lines.append("  else:")
                pad = "   "
            lines.append(f"{pad}v{i} = value[{key!r}]")
            lines.append(f"{pad}if v{i}.__class__ is not c{i}: v{i} = d{i}(v{i})" if exact else f"{pad}v{i} = d{i}(v{i})")
            arguments.append(f"{argument}=v{i}")
        lines.append(" except (KeyError, Mismatch): return slow(value)")
        lines.append(f" return cls({', '.join(arguments)})")
        # Its file begins as that of the package does, which nobody steps through.
        exec(compile("\n".join(lines), f"{__file__} (made)", "exec"), names)
        made_: Decoder = names["decode"]
        return made_

    def slow(self, value: Any) -> Any:
        if type(value) is not dict:
            raise Mismatch("object", value)
        arguments = {}
        key = ""
        try:
            for argument, key, exact, decode, optional in self.fields:
                if key in value:
                    v = value[key]
                    arguments[argument] = v if v.__class__ is exact else decode(v)
                elif not optional:
                    raise Mismatch("a value", _Nothing)
        except Mismatch as e:
            raise e.within(key) from None
        return self.cls(**arguments)


def _tagged(classes: list[_Class]) -> Decoder | None:
    """Dataclasses that a field tells apart, which each has other values of."""
    for tag in classes[0].tags:
        by: dict[Any, Decoder] = {}
        values = [v for c in classes for v in c.tags.get(tag, ())]
        if all(tag in c.tags for c in classes) and len(set(values)) == len(values):
            for c in classes:
                by.update((v, c.decode) for v in c.tags[tag])
            return _by_tag(tag, by)
    return None


def _by_tag(tag: str, by: dict[Any, Decoder]) -> Decoder:
    check = _literal(tuple(by))

    def decode(value: Any) -> Any:
        if type(value) is not dict:
            raise Mismatch("object", value)
        try:
            which = check(value.get(tag, _Nothing))
        except Mismatch as e:
            raise e.within(tag) from None
        return by[which](value)

    return decode


def _union(parts: list[Decoder], expected: str) -> Decoder:
    def decode(value: Any) -> Any:
        for part in parts:
            try:
                return part(value)
            except Mismatch as e:
                if e.path and len(parts) == 1:
                    raise
        raise Mismatch(expected, value)

    return decode


def _optional(part: Decoder, expected: str) -> Decoder:
    def decode(value: Any) -> Any:
        if value is None:
            return None
        try:
            return part(value)
        except Mismatch as e:
            if not e.path and e.what.startswith("expected "):
                e.what = e.what.replace(", got ", " or None, got ", 1)
            raise

    return decode


def _describe(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _of_union(args: tuple[Any, ...], where: str, known: dict[type, _Class]) -> Decoder:
    rest = [a for a in args if a is not type(None)]
    classes = [_class(a, known) for a in rest if dataclasses.is_dataclass(a) and isinstance(a, type)]
    others = [a for a in rest if not (dataclasses.is_dataclass(a) and isinstance(a, type))]
    # An int is a float as well: what it is exactly comes first.
    parts = [_make(a, where, known) for a in sorted(others, key=lambda a: a is float)]
    if len(classes) > 1:
        parts.append(_late(lambda: _tagged(classes) or _union([c.decode for c in classes], _names(rest))))
    elif classes:
        parts.append(classes[0].decode)
    decode = parts[0] if len(parts) == 1 else _union(parts, _names(rest))
    return decode if len(rest) == len(args) else _optional(decode, _names(rest))


def _names(hints: list[Any]) -> str:
    return " or ".join(_describe(h) for h in hints)


def _late(make: Callable[[], Decoder]) -> Decoder:
    """A decoder that can be made only when all classes are known."""
    made: list[Decoder] = []

    def decode(value: Any) -> Any:
        if not made:
            made.append(make())
        return made[0](value)

    return decode


def _class(cls: type, known: dict[type, _Class]) -> _Class:
    found = known.get(cls)
    if found is None:
        found = known[cls] = _Class(cls)  # before its fields, which may be of itself
        try:
            found.fill(known)
        except BaseException:
            del known[cls]
            raise
    return found


_simple: dict[Any, Decoder] = {
    Any: _any,
    object: _any,
    None: _none,
    type(None): _none,
    float: _float,
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    list: _exactly(list),
    dict: _exactly(dict),
}

_generic = {
    list: "list",
    collections.abc.Sequence: "list",
    dict: "dict",
    collections.abc.Mapping: "dict",
    tuple: "tuple",
}


def _make(hint: Any, where: str, known: dict[type, _Class]) -> Decoder:
    while hasattr(hint, "__supertype__") or hasattr(hint, "__value__"):  # NewType, type X = …
        hint = getattr(hint, "__supertype__", None) or hint.__value__
    try:
        if hint in _simple:
            return _simple[hint]
    except TypeError:  # it cannot be looked up
        pass
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _make(args[0], where, known)
    if origin is typing.Literal:
        return _literal(args)
    if origin in (typing.Union, types.UnionType):
        return _of_union(args, where, known)
    kind = _generic.get(origin) if origin is not None else None
    if kind == "dict" and args[0] is str:
        return _dict(_make(args[1], where, known))
    if kind == "list":
        return _list(_make(args[0], where, known))
    if kind == "tuple" and len(args) == 2 and args[1] is ...:
        items = _list(_make(args[0], where, known))
        return lambda value: tuple(items(value))
    if kind == "tuple":
        return _tuple([_make(a, where, known) for a in args])
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _class(hint, known).best()
    raise TypeError(
        f"{where}: JSON has no {_describe(hint)}; use str, int, float, bool, None, list, dict, "
        "Literal, a dataclass or a union of those"
    )


_classes: dict[type, _Class] = {}
_made: dict[Any, Decoder] = {}


def decoder(hint: Any, where: str) -> Decoder:
    """The decoder for an annotation. It fails with a :class:`Mismatch`. where names the
    annotation in the TypeError about one that JSON has nothing for."""
    try:
        made = _made.get(hint)
    except TypeError:
        return _make(hint, where, _classes)
    if made is None:
        made = _made[hint] = _make(hint, where, _classes)
    return made


def decode(hint: Any, value: Any, root: str) -> Any:
    """Decodes a value; root is what the error calls it."""
    try:
        return decoder(hint, root)(value)
    except Mismatch as e:
        raise ValueError(e.text(root)) from None
