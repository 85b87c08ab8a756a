"""In one process: who waits with many threads for one lock leaves connections to the others."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import TooManyConnections
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.core.steps import Steps, fetch_rows
from memreg.engine.model import Proposal
from memreg.engine.store import class_lock
from tests.support.engines import register

THREADS = 12
WAITING = """
select count(*) from pg_locks
where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())
"""


def narrow(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update={"pool_size": 8, "connect_timeout": 20, **changes})


def told(number: int) -> list[Proposal]:
    return [Proposal("Person", {"name": f"Name{number} Stone", "email": f"n{number}@x.org"})]


def until_waiting(conn: psycopg.Connection[tuple[int]], wanted: int) -> None:
    """Until so many transactions wait for the lock."""
    ends = time.monotonic() + 20
    while (conn.execute(WAITING).fetchone() or (0,))[0] < wanted:
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_class_that_is_held_does_not_hold_up_other_tenants(settings: Settings, database_url: str) -> None:
    with (
        Database.connect(narrow(settings)) as database,
        psycopg.connect(database_url, autocommit=True) as holder,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        register(database)
        engine = Engine(database, schema="people")
        hot, calm = engine.for_tenant("hot"), engine.for_tenant("calm")
        hot.ingest(proposals=told(0))
        holder.execute("select pg_advisory_lock(%s)", (class_lock("hot", "people", "Person"),))
        waiting = [threads.submit(hot.ingest, proposals=told(number)) for number in range(1, THREADS)]
        until_waiting(holder, 6)
        for number in range(3):
            assert calm.ingest(proposals=told(number)).status == "decided"
        assert not any(each.done() for each in waiting)
        holder.execute("select pg_advisory_unlock_all()")
        assert all(each.result(20).status == "decided" for each in waiting)
        assert len(hot.list("Person")) == THREADS


async def test_tasks_as_well(settings: Settings, database_url: str) -> None:
    with Database.connect(settings) as registering:
        register(registering)
    async with await AsyncDatabase.connect(narrow(settings)) as database:
        engine = AsyncEngine(database, schema="people")
        hot, calm = engine.for_tenant("hot"), engine.for_tenant("calm")
        with psycopg.connect(database_url, autocommit=True) as holder:
            holder.execute("select pg_advisory_lock(%s)", (class_lock("hot", "people", "Person"),))
            waiting = [asyncio.create_task(hot.ingest(proposals=told(number))) for number in range(THREADS)]
            await asyncio.sleep(0)
            for number in range(3):
                assert (await calm.ingest(proposals=told(number))).status == "decided"
            gone = waiting.pop()
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert not any(each.done() for each in waiting)
        assert {result.status for result in await asyncio.gather(*waiting)} == {"decided"}


def test_who_waits_in_vain_is_told_for_what(settings: Settings, database_url: str) -> None:
    with (
        Database.connect(narrow(settings, pool_size=4, connect_timeout=0.5)) as database,
        psycopg.connect(database_url, autocommit=True) as holder,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        register(database)
        hot = Engine(database, tenant="hot", schema="people")
        hot.ingest(proposals=told(0))
        holder.execute("select pg_advisory_lock(%s)", (class_lock("hot", "people", "Person"),))
        waiting = [threads.submit(hot.ingest, proposals=told(number)) for number in range(1, 4)]
        until_waiting(holder, 3)
        with pytest.raises(TooManyConnections, match="one tenant has its share"):
            hot.ingest(proposals=told(4))
        holder.execute("select pg_advisory_unlock_all()")
        assert all(each.result(20).status == "decided" for each in waiting)


def test_a_turn_that_begins_again_keeps_what_was_prepared(settings: Settings) -> None:
    """Just then many are waiting; planning anew would keep them waiting longer."""
    prepared = Query("prepared", "What is prepared.", "select count(*) as statements from pg_prepared_statements")

    def stale() -> Steps[int]:
        found = yield from fetch_rows(prepared())
        if not tries:
            tries.append(found[0]["statements"])
            yield from fetch_rows(Query("stale", "Begin again.", "select memreg.must(false, 'it')")())
        return int(found[0]["statements"])

    with Database.connect(narrow(settings, pool_size=1)) as database:
        register(database)
        engine = Engine(database, schema="people")
        for number in range(8):
            engine.ingest(proposals=told(number))
        tries: list[int] = []
        after = database.run("default", stale)
        assert database.retried == {"changed": 1}
    assert after == tries[0] > 3
