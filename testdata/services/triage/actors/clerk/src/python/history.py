"""The history: a table of what was reported, in SQLite or PostgreSQL."""

from typing import Any

import grow

LISTED_MAX = 100
COLUMNS = "id, at, title, issue, attachment"
TABLE = (
    "create table if not exists reports (id text primary key, repository text not null, at text not null,"
    " title text not null, issue bigint, attachment text not null)"
)
INSERT = f"insert into reports (repository, {COLUMNS}) values ($1, $2, $3, $4, $5, $6)"
OF = f"select {COLUMNS} from reports where repository = $1 order by id desc limit $2"
WITHIN = f"select repository, {COLUMNS} from reports where at >= $1 and at < $2 order by id limit $3"
COUNTED = "select count(*) as n from reports where at >= $1 and at < $2"

Row = dict[str, Any]


def add(ctx: grow.Context, id: str, repository: str, at: str, title: str, issue: int | None, attachment: str) -> None:
    """Writes a report, the first one with the table for it."""
    ctx.sql("history").together((TABLE,), (INSERT, repository, id, at, title, issue, attachment))


def of(ctx: grow.Context, repository: str) -> list[Row]:
    """The last reports of a repository, the newest first."""
    return _rows(ctx, OF, repository, LISTED_MAX)


def within(ctx: grow.Context, start: str, until: str) -> tuple[list[Row], int]:
    """The first reports of all repositories in a time, the oldest first, and how many more there are."""
    rows = _rows(ctx, WITHIN, start, until, LISTED_MAX)
    if len(rows) < LISTED_MAX:
        return rows, 0
    (counted,) = _rows(ctx, COUNTED, start, until)
    return rows, max(0, counted["n"] - len(rows))


def _rows(ctx: grow.Context, text: str, *args: Any) -> list[Row]:
    try:
        return list(ctx.sql("history").query(text, *args))
    except grow.CallError as e:
        if e.code == "invalid" and "reports" in e.text:
            return []  # there is no table: nothing has been reported yet
        raise
