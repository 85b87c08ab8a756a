"""Round trips told directly: what they give, prepare and leave behind is what psycopg's cursors do."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ConnectionLost, DatabaseError
from memreg.core.queries import Query, Statement
from memreg.core.settings import Settings
from memreg.core.steps import Row, Rows, Steps, fetch, fetch_rows
from memreg.core.wire import ask, is_unwatched

AT = datetime(2026, 11, 21, 12, 30, 15, 123456, UTC)
VALUES: dict[str, tuple[Any, str]] = {
    "small": (7, "bigint"),
    "large": (2**62, "bigint"),
    "negative": (-70_000, "integer"),
    "float": (0.1, "double precision"),
    "number": (Decimal("12.340"), "numeric"),
    "text": ("Ærø 'x' \\ %", "text"),
    "nothing": (None, "text"),
    "flag": (True, "boolean"),
    "at": (AT, "timestamptz"),
    "on": (date(2026, 2, 28), "date"),
    "id": (UUID(int=2**100 + 1), "uuid"),
    "bytes": (b"\x00\xff", "bytea"),
    "json": (Jsonb({"a": [1, 2.5, None, "ø"], "b": {"c": True}}), "jsonb"),
    "list": (["a", "b,c", None], "text[]"),
    "numbers": ([1, 2**40], "bigint[]"),
}
SLEEP = Query("sleep", "Sleep.", "select pg_sleep(30)")
PREPARED = Query("prepared", "Count.", "select count(*)::int as n from pg_prepared_statements")
PID = Query("pid", "Who answers.", "select pg_backend_pid() as pid")
WIDE = Query("wide", "Much in, much out.", "select %(text)s::text || %(text)s::text as twice")


def query_of(name: str) -> Query:
    return Query(name, "Itself.", f"select %({name})s::{VALUES[name][1]} as {name}, 1 as one, '%%' as sign")


ASKED = [query_of(name)(**{name: value}) for name, (value, _) in VALUES.items()]
NONE = [
    Query("none", "No row.", "select 1 as one where false")(),
    Query("told", "No rows at all.", "set local work_mem = '5MB'")(),
    Query("three", "Three rows.", "select n from generate_series(1, 3) as n")(),
]


def both(database: Database, *asked: Statement) -> tuple[list[Rows], list[Rows]]:
    """What is told directly, and by cursors."""
    with database.transaction("t") as conn:
        assert is_unwatched(conn)
        return conn.wait(ask(conn, asked)), database._send_by_cursors(conn, asked)


def test_values_of_every_kind_come_back_as_by_cursors(database: Database) -> None:
    for _ in range(7):  # also once it is prepared
        directly, by_cursors = both(database, *ASKED, *NONE)
        assert directly == by_cursors
        assert [[type(row[name]) for row in rows] for rows, name in zip(directly, VALUES, strict=False)] == [
            [type(row[name]) for row in rows] for rows, name in zip(by_cursors, VALUES, strict=False)
        ]
    assert directly[-3:] == [[], [], [{"n": 1}, {"n": 2}, {"n": 3}]]


def test_what_both_prepare_is_one_and_the_same(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"pool_size": 1, "prepare_threshold": 2})) as database:

        def prepared() -> int:
            found: int = database.run("t", lambda: fetch_rows(PREPARED()))[0]["n"]
            return found

        for _ in range(4):
            prepared()
        with database.transaction("t") as conn:
            for _ in range(3):
                database._send_by_cursors(conn, [WIDE(text="x")])
        before = prepared()
        database.run("t", lambda: fetch_rows(WIDE(text="y")))
        assert prepared() == before == 4  # begin, be_tenant, prepared, wide


def test_more_than_there_is_room_for_is_not_kept_prepared(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"pool_size": 1, "prepare_threshold": 0})) as database:
        for number in range(130):
            database.run("t", lambda n=number: fetch_rows(Query("n", "N.", f"select {n} as n")()))  # type: ignore[misc]
        assert database.run("t", lambda: fetch_rows(PREPARED()))[0]["n"] <= 102


def test_much_goes_both_ways_at_once(database: Database) -> None:
    """More than sockets hold, so that whoever only sends waits for ever."""
    text = "x" * 3_000_000
    found = database.run("t", lambda: fetch(*[WIDE(text=text) for _ in range(6)]))
    assert [len(rows[0]["twice"]) for rows in found] == [6_000_000] * 6


def test_the_first_failure_is_told_and_what_follows_is_not_run(database: Database) -> None:
    def plan() -> Steps[list[Rows]]:
        return (yield from fetch(PID(), Query("bad", "Bad.", "select 1 / 0")(), Query("worse", "Worse.", "selekt")()))

    for _ in range(8):
        with pytest.raises(DatabaseError, match="division by zero"):
            database.run("t", plan)
    assert database.run("t", lambda: fetch_rows(PID()))


def test_what_cannot_be_sent_leaves_the_connection_as_it_was(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"pool_size": 1})) as database:
        before = database.run("t", lambda: fetch_rows(PID()))
        with pytest.raises(DatabaseError, match="cannot adapt type 'object'"):
            database.run("t", lambda: fetch_rows(WIDE(text=object())))
        with pytest.raises(DatabaseError, match="NUL"):
            database.run("t", lambda: fetch_rows(WIDE(text="\0")))
        assert database.run("t", lambda: fetch_rows(PID())) == before


def test_a_connection_that_is_cut_off_is_told(database: Database) -> None:
    end = Query("end", "End it.", "select set_config('role', 'none', true), pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(ConnectionLost):
        database.run("t", lambda: fetch(PID(), end(), PID()))
    assert database.run("t", lambda: fetch_rows(PID()))


async def test_a_task_that_is_cancelled_leaves_nothing_behind(settings: Settings) -> None:
    async with AsyncDatabase(settings.model_copy(update={"pool_size": 1})) as database:
        task = asyncio.create_task(database.run("t", lambda: fetch(PID(), SLEEP(), PID())))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await database.run("t", lambda: fetch_rows(query_of("text")(text="x"))))[0]["text"] == "x"


def test_cursors_that_somebody_made_see_every_statement(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[str]()

    class Seeing(psycopg.Cursor[Row]):
        def execute(self, query: Any, *rest: Any, **more: Any) -> Any:
            seen.append(bytes(query).decode())
            return super().execute(query, *rest, **more)

    given: Any = vars(Database)["_kwargs"]
    monkeypatch.setattr(Database, "_kwargs", property(lambda self: {**given.fget(self), "cursor_factory": Seeing}))
    with Database.connect(settings) as database:
        seen.clear()
        assert database.run("t", lambda: fetch_rows(WIDE(text="x"))) == [{"twice": "xx"}]
    assert (seen[-3][:5], seen[-1]) == ("begin", WIDE.sql)
