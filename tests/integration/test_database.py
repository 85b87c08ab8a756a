"""The database shell: transactions of a tenant, plans, and every way a connection can fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from memreg import Engine, Proposal
from memreg.core import database as database_module
from memreg.core.database import ATTEMPTS, Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import (
    CommitUnknown,
    ConnectionLost,
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    MigrationsAhead,
    MigrationsBehind,
    SettingsInvalid,
    TenantInvalid,
    TooManyConnections,
)
from memreg.core.queries import Query, Statement
from memreg.core.settings import Settings
from memreg.core.steps import Rows, Steps, fetch, fetch_row, fetch_rows
from tests.support.engines import register
from tests.support.server import Server

TENANT = Query("tenant", "The tenant.", "select current_setting('memreg.tenant', true) as tenant")
CREATE = Query("create_thing", "A table.", "create table public.thing (n int primary key)")
GRANT = Query("grant_thing", "It is for every tenant.", "grant select, insert, update on public.thing to memreg_app")
PUT = Query("put_thing", "A row.", "insert into public.thing (n) values (%(n)s)")
ALL = Query("all_things", "Every row.", "select n from public.thing order by n")
# A tenant's role may not end the connection of a superuser, even if it is its own.
KILL = Query("kill", "End it.", "select set_config('role', 'none', true), pg_terminate_backend(pg_backend_pid())")


def one(query: Query, **params: Any) -> Callable[[], Steps[Rows]]:
    """A plan of one statement."""
    return lambda: fetch_rows(query(**params))


@pytest.fixture
def things(database: Database) -> Database:
    """The test's database with an empty table `thing`."""
    database.run_admin(lambda: fetch(CREATE(), GRANT()))
    return database


def numbers(database: Database) -> list[int]:
    return [row["n"] for row in database.run("t", one(ALL))]


# Transactions and plans


@pytest.mark.parametrize("tenant", ["acme", "'; drop table memreg.memories; --", 'a"b', "100%s", "東京", "x" * 200])
def test_a_transaction_belongs_to_its_tenant(database: Database, tenant: str) -> None:
    with database.transaction(tenant) as conn:
        row = conn.execute(TENANT.sql.encode()).fetchone()
    assert row == {"tenant": tenant}
    assert database.run(tenant, one(TENANT)) == [{"tenant": tenant}]
    assert database.run_admin(one(TENANT)) == [{"tenant": ""}]


def test_no_transaction_compiles_its_queries(database: Database) -> None:
    """A table scan's forbidden cost would make PostgreSQL up to 17 compile a query of a hundred rows."""
    with database.transaction("t") as conn:
        assert conn.execute(b"show jit").fetchone() == {"jit": "off"}


@pytest.mark.parametrize("tenant", ["", "*", "x" * 300, "a\0b", "a\ud800"])
def test_a_tenant_that_cannot_be_is_refused_before_anything_is_asked(database: Database, tenant: str) -> None:
    with pytest.raises(TenantInvalid), database.transaction(tenant):
        pytest.fail("the transaction began")
    with pytest.raises(TenantInvalid):
        database.run(tenant, lambda: pytest.fail("the plan was asked"))


def test_a_plan_gets_rows_for_each_statement(things: Database) -> None:
    def plan() -> Steps[list[Any]]:
        first = yield from fetch(PUT(n=1), PUT(n=2), ALL())
        nothing = yield from fetch()
        second = yield from fetch_row(ALL())
        return [first, nothing, second]

    assert things.run("t", plan) == [[[], [], [{"n": 1}, {"n": 2}]], [], {"n": 1}]
    assert numbers(things) == [1, 2]


def test_a_plan_may_ask_for_nothing(database: Database) -> None:
    assert database.run("t", fetch) == []


def test_one_batch_is_one_round_trip(things: Database, tmp_path: Path) -> None:
    """Begin, tenant and the batch travel together, then the commit: the server is ready twice in all."""
    trace = tmp_path / "trace"
    with trace.open("wb") as file:
        with things._connection() as conn:
            conn.pgconn.trace(file.fileno())
        things.run("t", lambda: fetch(PUT(n=1), PUT(n=2), ALL()))
        with things._connection() as again:
            assert again is conn
            conn.pgconn.untrace()
    assert trace.read_text().count("ReadyForQuery") == 2


def test_values_keep_their_types(database: Database) -> None:
    given = {
        "id": UUID(int=7),
        "at": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "doc": {"a": [1, None, "ü"]},
        "names": ["a", "b"],
        "ids": [UUID(int=1)],
        "raw": b"\x00\xff",
    }
    casts = {"names": "::text[]"}
    ask = Query("echo", "Echo.", "select " + ", ".join(f"%({name})s{casts.get(name, '')} as {name}" for name in given))
    row = database.run("t", one(ask, **given | {"doc": Jsonb(given["doc"])}))[0]
    assert row == given
    assert row["at"].utcoffset().total_seconds() == 0


def test_what_a_plan_raises_rolls_back(things: Database) -> None:
    def plan() -> Steps[None]:
        yield from fetch(PUT(n=1))
        raise KeyError("of the plan")

    with pytest.raises(KeyError):
        things.run("t", plan)
    with pytest.raises(KeyError), things.transaction("t") as conn:
        conn.execute(PUT.sql.encode(), {"n": 2})
        raise KeyError("of the caller")
    assert numbers(things) == []


def test_a_refused_statement_is_our_error_without_the_rows_values(things: Database) -> None:
    things.run("t", one(PUT, n=12345))
    with pytest.raises(DatabaseError, match="duplicate key value violates") as refused:
        things.run("t", lambda: fetch(PUT(n=1), PUT(n=12345), ALL()))
    assert "12345" not in str(refused.value)
    assert isinstance(refused.value.__cause__, psycopg.errors.UniqueViolation)
    with pytest.raises(DatabaseError, match="duplicate key"), things.transaction("t") as conn:
        conn.execute(PUT.sql.encode(), {"n": 12345})
    assert numbers(things) == [12345]


def test_a_swallowed_failure_is_not_a_silent_rollback(things: Database) -> None:
    with pytest.raises(DatabaseError, match="nothing of it was kept"), things.transaction("t") as conn:
        conn.execute(PUT.sql.encode(), {"n": 1})
        with pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("select * from nowhere")
    assert numbers(things) == []


def test_a_savepoint_inside_a_transaction(things: Database) -> None:
    with things.transaction("t") as conn:
        with pytest.raises(psycopg.errors.UndefinedTable), conn.transaction():
            conn.execute("select * from nowhere")
        conn.execute(PUT.sql.encode(), {"n": 1})
    assert numbers(things) == [1]


def test_a_deadlock_is_run_again(things: Database) -> None:
    """Two plans lock two rows in opposite order; one is refused by Postgres, runs again, and both are kept."""
    for n in (1, 2):
        things.run("t", one(PUT, n=n))
    take = Query("take", "Lock a row.", "select n from public.thing where n = %(n)s for update")
    both = threading.Barrier(2)
    calls: list[int] = []

    def locking(first: int, second: int) -> Callable[[], Steps[None]]:
        def plan() -> Steps[None]:
            calls.append(first)
            yield from fetch(take(n=first))
            if len(calls) <= 2:
                both.wait(timeout=30)
            yield from fetch(take(n=second), PUT(n=first + 10))

        return plan

    other = threading.Thread(target=things.run, args=("t", locking(1, 2)))
    other.start()
    things.run("t", locking(2, 1))
    other.join()
    assert len(calls) == 3
    assert numbers(things) == [1, 2, 11, 12]


def test_a_serialization_failure_is_run_again_but_not_forever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_BACKOFF", 0)
    fail = Query("fail", "Refuse.", "do $$ begin raise exception 'no' using errcode = '40001'; end $$")
    calls: list[int] = []

    def plan(times: int) -> Callable[[], Steps[str]]:
        def steps() -> Steps[str]:
            calls.append(1)
            if len(calls) <= times:
                yield from fetch(fail())
            yield from fetch(TENANT())
            return "done"

        return steps

    assert database.run("t", plan(2)) == "done"
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(DatabaseError, match="refused: no"):
        database.run("t", plan(1000))
    assert len(calls) == ATTEMPTS


def test_a_slow_statement_is_ended(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"statement_timeout": 0.05})) as database:
        with pytest.raises(DatabaseError, match="MEMREG_STATEMENT_TIMEOUT"):
            database.run("t", one(Query("sleep", "Sleep.", "select pg_sleep(60)")))
        with pytest.raises(DatabaseError, match="statement timeout"), database.transaction("t") as conn:
            conn.execute("select pg_sleep(60)")


def test_who_says_nothing_for_long_keeps_no_lock(database: Database) -> None:
    asked = Query("limit", "Ask.", "select current_setting('idle_in_transaction_session_timeout') as longest")
    assert database.run("t", one(asked)) == [{"longest": "1min"}]


def test_works_behind_a_transaction_pooler(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"prepare_threshold": None})) as database:
        for _ in range(8):
            prepared = Query("prepared", "Count.", "select count(*) as n from pg_prepared_statements")
            assert database.run("t", one(prepared)) == [{"n": 0}]


def test_threads_share_the_pool(things: Database) -> None:
    threads = [threading.Thread(target=things.run, args=("t", one(PUT, n=n))) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(things) == list(range(24))


async def test_the_asynchronous_twin(async_database: AsyncDatabase) -> None:
    await async_database.run_admin(lambda: fetch(CREATE(), GRANT()))
    await async_database.run("t", one(PUT, n=1))
    async with async_database.transaction("acme") as conn:
        row = await (await conn.execute(TENANT.sql.encode())).fetchone()
        await conn.execute(PUT.sql.encode(), {"n": 2})
    assert row == {"tenant": "acme"}
    with pytest.raises(KeyError):
        async with async_database.transaction("acme") as conn:
            await conn.execute(PUT.sql.encode(), {"n": 3})
            raise KeyError
    with pytest.raises(ConnectionLost):
        await async_database.run("t", one(KILL))
    assert await async_database.run("t", one(ALL)) == [{"n": 1}, {"n": 2}]


async def test_a_cancelled_plan_gives_its_connection_back(settings: Settings) -> None:
    sleep = Query("sleep", "Sleep.", "select pg_sleep(60)")
    async with AsyncDatabase(settings.model_copy(update={"pool_size": 1})) as database:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(database.run("t", one(sleep)), 0.1)
        assert await database.run("acme", one(TENANT)) == [{"tenant": "acme"}]


async def test_a_plan_cancelled_while_it_is_rolled_back_gives_its_connection_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolling_back = asyncio.Event()
    roll_back = psycopg.AsyncConnection.rollback

    async def slowly(conn: psycopg.AsyncConnection[Any]) -> None:
        rolling_back.set()
        await asyncio.sleep(0)
        await roll_back(conn)

    async with AsyncDatabase(settings.model_copy(update={"pool_size": 1, "connect_timeout": 2})) as database:
        monkeypatch.setattr(psycopg.AsyncConnection, "rollback", slowly)
        task = asyncio.create_task(database.run("t", one(Query("bad", "Bad.", "select 1 / 0"))))
        await asyncio.wait_for(rolling_back.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await database.run("acme", one(TENANT)) == [{"tenant": "acme"}]


async def test_coroutines_share_the_pool(async_database: AsyncDatabase) -> None:
    await async_database.run_admin(lambda: fetch(CREATE(), GRANT()))
    await asyncio.gather(*(async_database.run("t", one(PUT, n=n)) for n in range(24)))
    assert await async_database.run("t", one(ALL)) == [{"n": n} for n in range(24)]


async def test_the_constructor_does_no_io_and_the_first_use_opens(settings: Settings) -> None:
    database = AsyncDatabase(settings)
    try:
        assert await database.run("acme", one(TENANT)) == [{"tenant": "acme"}]
    finally:
        await database.close()
    with pytest.raises(DatabaseError, match="already closed"):
        await database.run("acme", one(TENANT))


def test_a_closed_database_says_so(settings: Settings) -> None:
    with Database.connect(settings) as database:
        pass
    with pytest.raises(DatabaseError, match="already closed"):
        database.run("t", one(TENANT))


# What goes wrong with connections


def test_down_at_start() -> None:
    with pytest.raises(
        DatabaseUnavailable, match=r"ana@127.0.0.1:1/memories cannot be reached: .+ Start it"
    ) as refused:
        Database.connect(Settings(), dsn="postgresql://ana:hunter2@127.0.0.1:1/memories")
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(DatabaseUnavailable, match="nowhere.invalid"):
        Database.connect(Settings(), dsn="host=nowhere.invalid dbname=d")


def test_a_database_that_does_not_exist(server: Server) -> None:
    with pytest.raises(DatabaseUnavailable, match='database "no_such" does not exist'):
        Database.connect(Settings(), dsn=server.dsn_of("no_such"))


@pytest.mark.parametrize(
    "dsn", ["postgresql://u:hunter2@[::1/d", "hunter2", "host=h pass word=hunter2", "mysql://u:hunter2@h/d"]
)
def test_a_dsn_that_cannot_be_read_is_not_repeated(dsn: str) -> None:
    with pytest.raises(SettingsInvalid, match="MEMREG_DATABASE_URL") as refused:
        Database.connect(Settings(), dsn=dsn)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_gone_in_the_middle(things: Database) -> None:
    with pytest.raises(ConnectionLost, match="nothing of this call was kept"):
        things.run("t", lambda: fetch(PUT(n=1), KILL(), ALL()))
    with pytest.raises(ConnectionLost), things.transaction("t") as conn:
        conn.execute(PUT.sql.encode(), {"n": 2})
        conn.execute(KILL.sql.encode())
    assert numbers(things) == []


def test_a_lost_connection_is_not_run_again(things: Database) -> None:
    calls: list[int] = []

    def plan() -> Steps[None]:
        calls.append(1)
        yield from fetch(KILL())

    with pytest.raises(ConnectionLost):
        things.run("t", plan)
    assert calls == [1]


def test_gone_while_committing_says_that_nobody_knows(things: Database, database_url: str) -> None:
    """A deferred trigger ends the connection inside the commit itself."""
    with psycopg.connect(database_url) as conn:
        conn.execute(
            """
            create function die() returns trigger language plpgsql security definer as
                $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
            create constraint trigger die after insert on public.thing deferrable initially deferred
                for each row execute function die()
            """
        )
    with pytest.raises(CommitUnknown, match="may or may not have been kept"):
        things.run("t", one(PUT, n=1))
    with pytest.raises(CommitUnknown), things.transaction("t") as conn:
        conn.execute(PUT.sql.encode(), {"n": 1})


def test_connections_lost_while_idle_are_replaced_unseen(things: Database, database_url: str) -> None:
    with things.transaction("a"), things.transaction("b"), things.transaction("c"):
        pass
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    things.run("t", one(PUT, n=1))
    assert numbers(things) == [1]


def test_out_of_connections_in_this_process(settings: Settings) -> None:
    narrow = settings.model_copy(update={"pool_size": 1, "connect_timeout": 0.2})
    with Database.connect(narrow) as database:
        with database.transaction("a"), pytest.raises(TooManyConnections, match="MEMREG_POOL_SIZE"):
            database.run("b", one(TENANT))
        assert database.run("b", one(TENANT)) == [{"tenant": "b"}]


@pytest.mark.usefixtures("things")
def test_read_only(settings: Settings, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "do $$ begin execute format('alter database %I set default_transaction_read_only = on', "
            "current_database()); end $$"
        )
    with Database.connect(settings) as database:
        assert database.run("t", one(ALL)) == []
        with pytest.raises(DatabaseReadOnly, match="read-only .* Point MEMREG_DATABASE_URL at the primary"):
            database.run("t", one(PUT, n=1))
        with pytest.raises(DatabaseReadOnly), database.transaction("t") as conn:
            conn.execute(PUT.sql.encode(), {"n": 1})


# Migrations, as the database sees them


def test_behind_is_refused_and_migrating_helps(empty_database_url: str) -> None:
    settings = Settings(database_url=empty_database_url)
    with pytest.raises(MigrationsBehind, match="at migration none, .* Run `memreg migrate`"):
        Database.connect(settings)
    with Database.connect(settings, migrate=True) as database:
        assert database.applied[0] == "0001"
    with Database.connect(settings) as database:
        assert database.applied == ()


def test_ahead_is_refused(settings: Settings, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("update memreg.alembic_version set version_num = '9999'")
    for migrate in (None, True, False):
        with pytest.raises(MigrationsAhead, match="9999, newer than this memreg knows .* Upgrade memreg"):
            Database.connect(settings, migrate=migrate)


def test_statements_of_a_plan_are_values() -> None:
    assert PUT(n=1) == Statement(PUT, {"n": 1})


def test_a_statement_that_a_migration_changed_fails_but_once(database: Database) -> None:
    """What it returns is another row than when it was prepared; so it is prepared anew."""
    asked = Query("widening", "A table that gets a column.", "select * from memreg.widening")
    with psycopg.connect(database.conninfo, autocommit=True) as admin:
        admin.execute("create table memreg.widening as select 1 as a")
        for _ in range(10):
            database.run_admin(lambda: fetch_rows(asked()))
        admin.execute("alter table memreg.widening add column b integer")
    with pytest.raises(DatabaseError, match="cached plan must not change result type"):
        database.run_admin(lambda: fetch_rows(asked()))
    assert database.run_admin(lambda: fetch_rows(asked())) == [{"a": 1, "b": None}]


def test_text_is_kept_as_it_is_whatever_the_environment_would_have_it_be(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON is sent as UTF-8; a connection of another encoding would take it for other letters."""
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    said = {"name": "Ana Müller", "city": "Łódź"}
    dsn = make_conninfo(database_url, client_encoding="latin1")
    with Engine.connect(dsn, schema="people", extractor="patterns") as engine:
        register(engine.database)
        made = engine.ingest(proposals=[Proposal("Person", said)]).decisions[0]
        assert made.memory_id is not None
        assert engine.get(made.memory_id).values == said
    with psycopg.connect(database_url, client_encoding="UTF8") as conn:
        assert conn.execute("select payload from memreg.memories").fetchone() == (said,)
