"""Behind a pooler in transaction mode: what works, and what a connection of the server keeps of our transactions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.rows import dict_row

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.cli.main import memreg
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import DatabaseError
from memreg.core.pooler import Pooling
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.engine.model import Basis, Message, Proposal
from memreg.migrations import runner
from memreg.operations.kill_switch import switch
from memreg.operations.surroundings import read_surroundings, surroundings_checks
from tests.support.engines import people
from tests.support.pooler import needs_pgbouncer, pooler

pytestmark = needs_pgbouncer

LEFT = """
select
    current_user = session_user as same_role,
    (
        select coalesce(jsonb_object_agg(name, setting), '{}')
        from pg_settings where source = 'session' and name not in ('application_name', 'client_encoding')
    ) as settings,
    current_setting('memreg.tenant', true) as tenant,
    (select count(*) from pg_prepared_statements) as prepared,
    (select count(*) from pg_listening_channels()) as listening,
    (select count(*) from pg_class where relpersistence = 't') as temporary,
    (select count(*) from pg_cursors where is_holdable) as cursors,
    (
        select count(*) from pg_locks
        where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
    ) as locks
"""
NOTHING = {
    "same_role": True, "settings": {}, "prepared": 0, "listening": 0, "temporary": 0, "cursors": 0, "locks": 0,
}  # fmt: skip
PIDS = Query("pids", "Who answers.", "select pg_backend_pid() as pid, now() as at")


@pytest.fixture
def behind(database_url: str) -> Iterator[str]:
    """The DSN of a pooler with one connection to the test's database: all of its clients share it."""
    with pooler(database_url, size=1) as dsn:
        yield dsn


def through(dsn: str, **changes: Any) -> Settings:
    return Settings(database_url=dsn, connect_timeout=10, **changes)


def left_at(dsn: str) -> dict[str, Any]:
    """What the pooler's one connection of the server has kept."""
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row, prepare_threshold=None) as conn:
        row = conn.execute(LEFT).fetchone()
    assert row is not None
    assert row.pop("tenant") in (None, "")
    return row


def use(engine: Engine) -> None:
    """Whatever touches a tenant's data, and more often than statements are prepared after."""
    for number in range(8):
        values = {"name": f"Ana{number % 4} Lopez", "email": f"ana{number % 4}@lopez.io", "city": "Oslo"}
        engine.ingest(Message("m", f"m{number}"), proposals=[Proposal("Person", values)])
    engine.ingest(proposals=[Proposal("Person", {"name": "Ana0 Lopez", "city": "Oslo"})])
    many = [Message("not read by any pattern", f"many{number}") for number in range(20)]
    assert [result.message_id for result in engine.ingest_many(many, chunk=7)] == [each.id for each in many]
    memories = engine.list("Person")
    assert len(memories) == 4
    for memory in memories:
        assert engine.get(memory.id) == memory
        engine.history(memory.id)
        assert memory.created_at.utcoffset() == timedelta()
    assert engine.search("oslo")
    engine.merge(memories[0].id, memories[1].id, by="ana")


def test_nothing_is_left_with_the_server(behind: str) -> None:
    with Database.connect(through(behind)) as database:
        engine = people(database)
        use(engine)
        assert database.pooling is Pooling.PLAIN
        assert left_at(behind) == NOTHING


def test_whoever_shares_the_connection_is_not_made_one_of_us(behind: str) -> None:
    """In turns with a client that cares for its own settings."""
    with (
        Database.connect(through(behind)) as database,
        psycopg.connect(behind, autocommit=True, prepare_threshold=None) as other,
    ):
        before = other.execute("select current_setting('TimeZone'), current_user").fetchone()
        engine = people(database)
        for number in range(3):
            engine.ingest(f"Ana{number} Lopez moved to Oslo")
            assert other.execute("select current_setting('TimeZone'), current_user").fetchone() == before


def test_a_zone_of_the_servers_is_not_that_of_times(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"alter database \"{conn.info.dbname}\" set timezone = 'Asia/Kolkata'")
    for dsn in (database_url, None):
        with pooler(database_url, size=1) as behind, Database.connect(through(dsn or behind)) as database:
            row = database.run("acme", lambda: one())
            assert row["at"].utcoffset() == timedelta()
            assert row["zone"] == "UTC"


def one() -> Any:
    rows = yield (Query("now", "Now.", "select now() as at, current_setting('TimeZone') as zone")(),)
    return rows[0][0]


def test_many_engines_share_few_connections(database_url: str) -> None:
    with pooler(database_url, size=2) as behind, Database.connect(through(behind)) as database:
        people(database)

        def work(worker: int) -> None:
            with Engine.connect(behind, schema="people") as engine:
                for number in range(10):
                    values = {"name": f"N{number} Stone", "email": f"n{number}@stone.io", "tags": [f"w{worker}"]}
                    engine.ingest(Message("m", f"{worker}-{number}"), proposals=[Proposal("Person", values)])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        memories = Engine(database, schema="people").list("Person")
        assert len(memories) == 10
        assert {frozenset(memory.values["tags"]) for memory in memories} == {frozenset(f"w{n}" for n in range(8))}


async def test_the_asynchronous_engine(behind: str) -> None:
    with Database.connect(through(behind)) as database:
        people(database)
    async with AsyncEngine.connect(behind, schema="people") as engine:
        for number in range(8):
            await engine.ingest(
                proposals=[Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io", "tags": [str(number)]})]
            )
        assert len(await engine.list("Person")) == 1
    assert left_at(behind) == NOTHING


def test_the_direct_way_prepares(settings: Settings) -> None:
    with Database.connect(settings) as database:
        people(database)
        assert database.pooling is Pooling.NONE


def test_statements_are_prepared_where_it_was_set_so_and_the_error_tells_what_to_do(database_url: str) -> None:
    """As it may be in session mode; in transaction mode they are lost."""
    with pooler(database_url, size=1, mode="session") as behind:
        with Database.connect(through(behind, prepare_threshold=0)) as database:
            people(database)
            use(Engine(database, schema="people"))
            found = surroundings_checks(read_surroundings(database, None, utc_now))
            (told,) = [check for check in found if check.name == "pooler"]
            assert (told.health, told.advice) == (
                "warn", "unset MEMREG_PREPARE_THRESHOLD, unless it is in session mode",
            )  # fmt: skip
    with pooler(database_url, size=1) as behind:
        with Database.connect(through(behind)) as database:
            found = surroundings_checks(read_surroundings(database, None, utc_now))
            assert [check.health for check in found if check.name == "pooler"] == ["ok"]
        with pytest.raises(DatabaseError, match="unset MEMREG_PREPARE_THRESHOLD"):
            for _ in range(2):
                with Database.connect(through(behind, prepare_threshold=0)) as database:
                    Engine(database, schema="people").list("Person")


def test_the_kill_switch_and_the_command(behind: str) -> None:
    with Database.connect(through(behind)) as database:
        engine = people(database)
        use(engine)
        switch(database, "default", "people", "Person", on=True, by="eva")
        made = engine.ingest(proposals=[Proposal("Person", {"name": "Ana1 Lopez", "email": "ana1@lopez.io"})])
        assert made.decisions[0].basis is Basis.KILL_SWITCH
    for words in (
        ["memories", "Person"],
        ["kill-switch", "off", "--class", "Person", "--by", "eva"],
        ["doctor"],
        ["monitor"],
    ):
        result = CliRunner().invoke(memreg, [*words, "--schema", "people", "--database", behind])
        assert result.exit_code == 0, result.output
    assert left_at(behind) == NOTHING


# The workers, and migrations


def test_workers_of_this_process_and_of_others(behind: str) -> None:
    with Database.connect(through(behind)) as database:
        people(database)
    with Engine.connect(behind, schema="people", extractor="patterns") as engine:
        sent = [engine.submit(Message(f"Name{n} Stone lives in Oslo", f"s{n}", session="chat")) for n in range(8)]
        assert engine.wait(sent[-1]).status == "decided"
        assert engine.stats().completed == len(sent)
    assert left_at(behind) == NOTHING
    with Engine.connect(behind, schema="people", settings=through(behind, workers=0)) as engine:
        engine.submit(Message("Bo Chen lives in Bergen", "last"))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("memreg")), "worker", "--until-empty", "--database", behind],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Stopped; 1 job was taken up: a message, or those of a session.\n")
    assert left_at(behind) == NOTHING


def test_migrations_hold_no_lock_of_a_session(empty_database_url: str) -> None:
    with pooler(empty_database_url, size=2) as behind:
        assert runner.upgrade(behind) == list(runner.revisions())
        assert runner.upgrade(behind) == []
        assert left_at(behind) == NOTHING
