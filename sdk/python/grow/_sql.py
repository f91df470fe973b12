"""Databases through the capabilities sql.query and sql.exec."""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from . import _call, _decode, _json

T = TypeVar("T")

Statement = str | tuple[Any, ...]
"""A statement, or one and the values of its parameters."""


class Rows(Sequence[dict[str, Any]]):
    """The answer to a statement: its rows, each by the names of the columns."""

    __slots__ = ("_rows", "affected", "columns")

    def __init__(self, answer: dict[str, Any]) -> None:
        self.columns: list[str] = answer.get("columns", [])
        self.affected: int = answer.get("rows_affected", 0)
        """How many rows were changed."""
        self._rows = [{n: _value(v) for n, v in zip(self.columns, row)} for row in answer.get("rows", [])]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __getitem__(self, at: Any) -> Any:
        return self._rows[at]

    def __repr__(self) -> str:
        return f"<grow.Rows: {len(self)} rows, {self.affected} changed>"

    def one(self) -> dict[str, Any] | None:
        """The first row; None when there is none."""
        return self._rows[0] if self._rows else None

    def rows_as(self, cls: type[T]) -> list[T]:
        """The rows as dataclasses."""
        return [_decode.decode(cls, row, f"row {i}") for i, row in enumerate(self._rows)]


def _value(v: Any) -> Any:
    """A value as it is answered."""
    if isinstance(v, dict) and len(v) == 1 and isinstance(v.get("base64"), str):
        return binascii.a2b_base64(v["base64"])
    return v


def _parameter(v: Any) -> Any:
    """A value as it is sent."""
    if isinstance(v, bytes):
        return {"base64": binascii.b2a_base64(v, newline=False).decode()}
    if isinstance(v, (datetime, date)):
        return v.isoformat()
    return v


def _statement(text: str, args: Sequence[Any]) -> dict[str, Any]:
    if not isinstance(text, str):
        raise TypeError(f"sql: a statement is a str, got {type(text).__name__}")
    return {"sql": text, "args": [_parameter(a) for a in args]}


def _one(op: str, use: str, text: str, args: Sequence[Any]) -> _call.Operation[Rows]:
    _call.check(op, {"use": use})
    return (op, {"use": use}, _json.dumps(_statement(text, args), op)), lambda a: Rows(a.json())


def _together(use: str, statements: Sequence[Statement]) -> _call.Operation[list[Rows]]:
    op, attrs = "sql.exec", {"use": use}
    _call.check(op, attrs)
    parts = [(s,) if isinstance(s, str) else s for s in statements]
    data = _json.dumps({"statements": [_statement(p[0], p[1:]) for p in parts]}, op)
    return (op, attrs, data), lambda a: [Rows(r) for r in a.json()["results"]]


class SQL:
    """A database with a grant of the actor.

    Parameters are written ``$1``, ``$2`` in statements, and their values follow them.
    What cannot be done raises a :class:`grow.CallError`.
    """

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    def query(self, text: str, *args: Any) -> Rows:
        """The answer to a statement that changes nothing."""
        return _call.now(_one("sql.query", self._use, text, args))

    def exec(self, text: str, *args: Any) -> Rows:
        """The answer to a statement that may change the database. It is done once for
        the message, however often that is tried."""
        return _call.now(_one("sql.exec", self._use, text, args))

    def together(self, *statements: Statement) -> list[Rows]:
        """The answers to several statements, of which all are done or none."""
        return _call.now(_together(self._use, statements))


class AsyncSQL:
    """:class:`SQL` for handlers that are ``async``."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    async def query(self, text: str, *args: Any) -> Rows:
        """The answer to a statement that changes nothing."""
        return await _call.soon(_one("sql.query", self._use, text, args))

    async def exec(self, text: str, *args: Any) -> Rows:
        """The answer to a statement that may change the database. It is done once for
        the message, however often that is tried."""
        return await _call.soon(_one("sql.exec", self._use, text, args))

    async def together(self, *statements: Statement) -> list[Rows]:
        """The answers to several statements, of which all are done or none."""
        return await _call.soon(_together(self._use, statements))
