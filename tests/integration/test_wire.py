"""Round trips told directly: what they give, prepare and leave behind is what psycopg's cursors do."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import wraps
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg._preparing import Prepare, PrepareManager
from psycopg.types.json import Json, Jsonb

from memreg.core import wire
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import CommitUnknown, ConnectionLost, DatabaseError
from memreg.core.queries import Query, Statement
from memreg.core.settings import Settings
from memreg.core.steps import Last, Row, Rows, Steps, fetch, fetch_rows
from memreg.core.wire import ask, is_fit

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
END = Query("end", "End it.", "select set_config('role', 'none', true), pg_terminate_backend(pg_backend_pid())")
ASLEEP = Query(
    "asleep",
    "Who sleeps.",
    "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()",
)
LOCK = Query("lock", "Wait for a lock.", "select pg_advisory_xact_lock(7)")
LOCKED = Query(
    "locked",
    "Who waits for it.",
    """select 1 as one from pg_locks join pg_database on pg_database.oid = pg_locks.database
    where locktype = 'advisory' and not granted and datname = current_database()""",
)
FORGET = Query("forget", "Lose what is prepared.", "do $$ begin execute 'deallocate all'; end $$")
WIDE = Query("wide", "Much in, much out.", "select %(text)s::text || %(text)s::text as twice")


def query_of(name: str) -> Query:
    return Query(name, "Itself.", f"select %({name})s::{VALUES[name][1]} as {name}, 1 as one, '%%' as sign")


ASKED = [query_of(name)(**{name: value}) for name, (value, _) in VALUES.items()]
NONE = [
    Query("none", "No row.", "select 1 as one where false")(),
    Query("told", "No rows at all.", "set local work_mem = '5MB'")(),
    Query("three", "Three rows.", "select n from generate_series(1, 3) as n")(),
]


KINDS = pytest.mark.parametrize("kind", ["blocking", "asyncio"])


def driven(kind: str, settings: Settings, *plans: Callable[[], Steps[Any]], told: bool = False) -> Any:
    """What plans give by either twin, one after the other; that of the only one, or, where it is `told`, of each or the
    error that it ended in."""
    found: list[Any] = []
    if kind == "blocking":
        with Database.connect(settings) as database:
            for plan in plans:
                try:
                    found.append(database.run("t", plan))
                except DatabaseError as exc:
                    found.append(exc)
    else:

        async def run() -> None:
            async with AsyncDatabase(settings) as database:
                for plan in plans:
                    try:
                        found.append(await database.run("t", plan))
                    except DatabaseError as exc:
                        found.append(exc)

        asyncio.run(run())
    return found if told else found[0]


def both(database: Database, *asked: Statement) -> tuple[list[Rows], list[Rows]]:
    """What is told directly, and by cursors."""
    with database.transaction("t") as conn:
        assert is_fit(conn)
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


@KINDS
def test_much_goes_both_ways_at_once(settings: Settings, kind: str) -> None:
    """More than sockets hold, so that whoever only sends waits for ever."""
    text = "x" * 3_000_000
    found = driven(kind, settings, lambda: fetch(*[WIDE(text=text) for _ in range(6)]))
    assert [len(rows[0]["twice"]) for rows in found] == [6_000_000] * 6


@KINDS
@pytest.mark.parametrize("threshold", [None, 0, 5])
def test_the_first_failure_is_told_and_what_follows_is_not_run(
    settings: Settings, kind: str, threshold: int | None
) -> None:
    def plan() -> Steps[list[Rows]]:
        return (yield from fetch(PID(), Query("bad", "Bad.", "select 1 / 0")(), Query("worse", "Worse.", "selekt")()))

    narrow = settings.model_copy(update={"pool_size": 1, "prepare_threshold": threshold})
    for done in driven(kind, narrow, *[plan] * 8, lambda: fetch_rows(PID()), told=True)[:-1]:
        assert isinstance(done, DatabaseError)
        assert "division by zero" in str(done)


@pytest.mark.parametrize(
    "wrong",
    [
        Query("zero", "Zero.", "select 1 / 0 from generate_series(1, 9)"),
        Query("syntax", "Syntax.", "selekt 1"),
        Query("missing", "Missing.", "select * from memreg.no_such_table"),
        Query("must", "Must.", "select memreg.must(false, 'it')"),
        Query("check", "Check.", "select 'x'::text::int"),
    ],
    ids=lambda query: query.name,
)
def test_errors_tell_the_same_as_those_of_cursors(database: Database, wrong: Query) -> None:
    def told(by: Any) -> tuple[Any, ...]:
        with database._connection() as conn, pytest.raises(psycopg.Error) as caught:
            by(conn, [PID(), wrong(), PID()])
        exc = caught.value
        facts = [getattr(exc.diag, name) for name in dir(exc.diag) if not name.startswith("_")]
        return type(exc), exc.sqlstate, str(exc), [each for each in facts if not callable(each)]

    assert told(lambda conn, asked: conn.wait(ask(conn, asked))) == told(database._send_by_cursors)


@KINDS
def test_a_statement_that_takes_too_long_is_ended(settings: Settings, kind: str) -> None:
    soon = settings.model_copy(update={"pool_size": 1, "statement_timeout": 0.2})
    failed, after = driven(kind, soon, lambda: fetch(PID(), SLEEP(), PID()), lambda: fetch_rows(PID()), told=True)
    assert "MEMREG_STATEMENT_TIMEOUT" in str(failed)
    assert after


@KINDS
def test_a_connection_that_is_cut_off_is_told(settings: Settings, kind: str) -> None:
    def last() -> Steps[None]:
        yield (PID(),)
        yield Last((PID(), END(), PID()))

    narrow = settings.model_copy(update={"pool_size": 1})
    lost, unknown, after = driven(
        kind, narrow, lambda: fetch(PID(), END(), PID()), last, lambda: fetch_rows(PID()), told=True
    )
    assert (type(lost), type(unknown)) == (ConnectionLost, CommitUnknown)
    assert after


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_the_statement_and_leaves_nothing_behind(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"pool_size": 1})) as database:
        timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            database.run("t", lambda: fetch(PID(), SLEEP(), PID()))
        assert database.run("t", lambda: fetch_rows(query_of("text")(text="x")))[0]["text"] == "x"
        assert not database.run_admin(lambda: fetch_rows(ASLEEP()))


@contextmanager
def locked(settings: Settings) -> Iterator[Callable[[], None]]:
    """The lock in somebody else's hands; what is given waits until another waits for it."""
    with psycopg.connect(settings.database_url or "", autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(7)")

        def until_waited_for() -> None:
            while conn.execute(LOCKED.data).fetchone() is None:
                time.sleep(0.02)
            time.sleep(0.3)  # the socket is full by then

        yield until_waited_for


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_while_sending_is_one(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"pool_size": 1})) as database, locked(settings) as until:
        before = database.run("t", lambda: fetch_rows(PID()))

        def interrupt() -> None:
            until()
            signal.raise_signal(signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            database.run("t", lambda: fetch(LOCK(), WIDE(text="x" * 30_000_000)))
        thread.join()
        assert database.run("t", lambda: fetch_rows(PID())) == before  # what is left was read, and nothing closed


async def test_a_task_that_is_cancelled_while_sending_is_so(settings: Settings) -> None:
    async with AsyncDatabase(settings.model_copy(update={"pool_size": 1})) as database:
        before = await database.run("t", lambda: fetch_rows(PID()))
        with locked(settings) as until:
            task = asyncio.create_task(database.run("t", lambda: fetch(LOCK(), WIDE(text="x" * 30_000_000))))
            await asyncio.to_thread(until)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await database.run("t", lambda: fetch_rows(PID())) == before


@KINDS
def test_what_was_prepared_and_is_lost_costs_one_connection(settings: Settings, kind: str) -> None:
    """Already `begin` fails then, after which nothing would be rolled back."""
    narrow = settings.model_copy(update={"pool_size": 1, "prepare_threshold": 0})
    plans = [lambda: fetch_rows(PID()), lambda: fetch(FORGET()), *[lambda: fetch_rows(WIDE(text="x"))] * 3]
    first, forgot, lost, *after = driven(kind, narrow, *plans, told=True)
    assert first
    assert forgot == [[]]
    assert isinstance(lost, DatabaseError)
    assert "MEMREG_PREPARE_THRESHOLD" in str(lost)
    assert after == [[{"twice": "xx"}]] * 2


@KINDS
@pytest.mark.parametrize("sql", ["copy (select 1) to stdout", "/* a /* b */ c */ copy (select 1) to stdout"])
def test_copy_is_refused_as_such(settings: Settings, kind: str, sql: str) -> None:
    copy = Query("much", "Copy.", sql)

    def last() -> Steps[None]:
        yield Last((PID(), copy()))

    narrow = settings.model_copy(update={"pool_size": 1})
    *refused, after = driven(kind, narrow, lambda: fetch(copy()), last, lambda: fetch_rows(PID()), told=True)
    for each in refused:
        assert type(each) is DatabaseError
        assert "COPY" in str(each) and "cursor.copy" in str(each)
    assert after


def test_rows_that_cannot_be_read_are_not_held_on_to(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"pool_size": 1})) as database:
        with pytest.raises(DatabaseError, match="date too large"):
            database.run("t", lambda: fetch_rows(Query("far", "Far.", "select '20000-01-01'::date as at")()))
        with database._connection() as conn:
            assert vars(conn)["memreg_adapts"].pgresult is None
        assert database.run("t", lambda: fetch_rows(PID()))


@pytest.mark.parametrize("kind", ["function", "proxy"])
def test_what_was_wrapped_before_is_seen(database: Database, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """An instrumentation may come before memreg is imported."""
    execute: Any = psycopg.Cursor.execute

    class Proxy:
        __code__ = execute.__code__

        def __get__(self, cursor: Any, kind: Any) -> Any:
            return self if cursor is None else execute.__get__(cursor, kind)

    @wraps(execute)
    def seeing(*args: Any, **more: Any) -> Any:
        return execute(*args, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", seeing if kind == "function" else Proxy())
    monkeypatch.setattr(wire, "_EXECUTE", wire._executes())
    with database._connection() as conn:
        assert not is_fit(conn)
    monkeypatch.undo()
    with database._connection() as conn:
        assert is_fit(conn)


def test_what_cannot_be_sent_leaves_the_connection_as_it_was(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"pool_size": 1})) as database:
        before = database.run("t", lambda: fetch_rows(PID()))
        with pytest.raises(DatabaseError, match="cannot adapt type 'object'"):
            database.run("t", lambda: fetch_rows(WIDE(text=object())))
        with pytest.raises(DatabaseError, match="NUL"):
            database.run("t", lambda: fetch_rows(WIDE(text="\0")))
        assert database.run("t", lambda: fetch_rows(PID())) == before


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


@pytest.mark.parametrize("lacks", ["module", "method", "another meaning", "import", "another adaption"])
def test_another_psycopg_is_driven_by_cursors(settings: Settings, monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:
    """Its register of prepared statements is private to it, and may change."""
    wire._prepare.cache_clear()
    try:
        if lacks == "module":
            monkeypatch.setitem(sys.modules, "psycopg._preparing", None)
        elif lacks == "import":
            monkeypatch.setattr(wire, "_IS_IMPORTED", False)
        elif lacks == "another adaption":
            monkeypatch.setattr(wire, "Adapting", object)
        elif lacks == "method":
            monkeypatch.delattr(PrepareManager, "maybe_add_to_cache")
        else:
            monkeypatch.setattr(PrepareManager, "get", lambda *_: (b"", Prepare.YES))
        assert wire._prepare() is None
        monkeypatch.undo()
        with Database.connect(settings) as database:
            with database._connection() as conn:
                assert not is_fit(conn)
            assert database.run("t", lambda: fetch_rows(WIDE(text="x"))) == [{"twice": "xx"}]
            with pytest.raises(DatabaseError, match="division by zero"):
                database.run("t", lambda: fetch(PID(), Query("bad", "Bad.", "select 1 / 0")()))
    finally:
        wire._prepare.cache_clear()


def test_only_jsonb_without_a_function_of_its_own_is_written_so(database: Database) -> None:
    day = date(2026, 1, 2)
    with database.transaction("t") as conn:
        assert conn.execute("select %s as day", [Jsonb(day)]).fetchone() == {"day": "2026-01-02"}
        assert conn.execute("select %s as day", [Jsonb(day, dumps=lambda _: "7")]).fetchone() == {"day": 7}
        with pytest.raises(TypeError, match="not JSON serializable"):
            conn.execute("select %s as day", [Json(day)])
