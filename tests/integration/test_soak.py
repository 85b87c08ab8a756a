"""Two minutes of mixed load with kills, at a pace that leaves the machine to the other tests; and that what a soak
checks is found where it is broken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bench import soak_server
from bench.soak_checks import Checks, replays
from bench.soak_load import Reader
from bench.soak_outcome import ALL, memory_ratios
from bench.soak_run import Wanted, run
from bench.soak_world import NAME, SCHEMA, World
from memreg import Engine
from memreg.core.database import Database
from memreg.operations.kill_switch import switch
from tests.support.folders import short_folder

SECONDS = float(os.environ.get("MEMREG_TEST_SOAK_SECONDS", "120"))
WORLD = World(seed=3, tenants=2, objects=12)
STEPS = {0: 14, 1: 14}


@pytest.fixture
def parent() -> Iterator[Path]:
    """A folder for the soak's own server, in memory where there is room."""
    folder = short_folder("memreg-soak-")
    yield folder
    soak_server.remove(folder)


@pytest.mark.timeout(600)
def test_mixed_load_with_kills_breaks_nothing_and_memory_stays_flat(parent: Path) -> None:
    wanted = Wanted.of(SECONDS, loaders=2, rate=4.0, kills=6, objects=200, durable=False, parent=parent)
    told: list[str] = []
    outcome = run(wanted, told.append)
    assert outcome.broken == [], told
    figures = outcome.figures
    assert (figures["kills"], figures["ends_of_postgres"]) == (6, 4)
    assert figures["messages"] > SECONDS  # of which there are some in each second, else nothing was put to the test
    # Beside other tests, at a pace that leaves them the machine, a worker has met everything after half of the time.
    memory = memory_ratios(outcome.samples, figures["seconds"], warm=0.5)
    assert set(memory) == {"loader 0", "worker 0", ALL}
    assert max(each["ratio"] for each in memory.values()) <= 1.05, memory


@pytest.fixture
def soaked(database: Database, tmp_path: Path) -> Engine:
    """An engine on a database in which some steps of two loaders were said, one after another."""
    engine = Engine(database, schema=NAME, extractor=Reader(0.0), trips=False)
    file = tmp_path / "soak.yaml"
    file.write_text(SCHEMA)
    engine.registry.register(file, annotate="heuristic")
    engine.registry.approve(NAME, by="ana")
    for loader, steps in STEPS.items():
        for number in range(steps):
            told = WORLD.told(loader, number)
            tenant = engine.for_tenant(told.tenant)
            for message, proposals in zip(told.messages, told.proposals, strict=True):
                tenant.ingest(message, proposals=None if told.way in ("submit", "text") else proposals)
    return engine


def checks_of(database: Database) -> Checks:
    """The checks of that database."""
    return Checks(database.conninfo, WORLD)


def test_a_world_that_was_told_holds_and_its_replays_change_nothing(soaked: Engine, database: Database) -> None:
    checks = checks_of(database)
    assert checks.at_rest(STEPS, soaked) == []
    before = checks.digest()
    again, broken = replays(WORLD, STEPS, soaked, lambda number: number % 3 == 0)
    assert (again > 5, broken, checks.digest()) == (True, [], before)
    soaked.for_tenant("t0").ingest("Account t0x00001 holds 7 tagged new.")
    assert checks.digest() != before


def test_what_was_held_back_is_there_once_it_is_resolved(soaked: Engine, database: Database) -> None:
    switch(database, "t0", NAME, on=True, by="ana")
    steps = {0: STEPS[0] + 15, 1: STEPS[1]}
    for number in range(STEPS[0], steps[0]):
        told = WORLD.told(0, number)
        for message, proposals in zip(told.messages, told.proposals, strict=True):
            given = None if told.way in ("submit", "text") else proposals
            soaked.for_tenant(told.tenant).ingest(message, proposals=given)
    broken = checks_of(database).at_rest(steps, soaked)
    assert "cannot be resolved" in broken[0]
    switch(database, "t0", NAME, on=False, by="ana")
    assert checks_of(database).at_rest(steps, soaked) == []


BREACHES = {
    "update memreg.messages set session = 's', queued = true, status = 'decided', decided_at = received_at"
    " - case when tenant = 't0' then interval '1 day' * row_number else interval '0' end from (select tenant as whose,"
    " id as one, row_number() over (order by arrival) from memreg.messages) as all_of_them"
    " where tenant = whose and id = one": ("messages of a session were not decided in the order of their submits"),
    "delete from memreg.messages where id = (select min(id) from memreg.messages)": (
        "a message that was told is not kept"
    ),
    "update memreg.messages set status = 'accepted' where id = (select min(id) from memreg.messages)": (
        "a message is neither decided nor dead"
    ),
    "update memreg.messages set id = 't0-9-1-0' where id = (select min(id) from memreg.messages where tenant = 't0')": (
        "a message that nobody told is kept"
    ),
    "insert into memreg.memories select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid()))).*"
    " from memreg.memories as one where class = 'Place' and not is_deleted limit 1": (
        "an object has more than one live memory"
    ),
    "update memreg.memories set payload = payload || '{\"highest\": -5}' where class = 'Account'": (
        "accounts of t0 are not what was told"
    ),
    'update memreg.memories set payload = payload || \'{"number": "t1x00001"}\''
    " where class = 'Account' and tenant = 't0'": "a memory holds what was said in another tenant",
    "update memreg.memories set tenant = 't7' where (tenant, id) = (select tenant, id from memreg.memories limit 1)": (
        "is of a tenant that is not there"
    ),
    "update memreg.memories set payload = payload || '{\"town\": \"Nowhere\"}' where class = 'Person'": (
        "the audit does not rebuild what is stored"
    ),
}


@pytest.mark.parametrize("statement", BREACHES, ids=BREACHES.values())
def test_a_breach_is_found(soaked: Engine, database: Database, statement: str) -> None:
    assert checks_of(database).any_time() == []
    with psycopg.connect(database.conninfo) as conn:
        conn.execute("set session_replication_role = replica")  # past the triggers that refuse it
        assert conn.execute(statement.encode()).rowcount > 0
    broken = checks_of(database).at_rest(STEPS, soaked)
    assert any(BREACHES[statement] in sentence for sentence in broken), broken


def test_an_open_transaction_and_its_lock_are_found(soaked: Engine, database: Database) -> None:
    checks = checks_of(database)
    checks.patience = 2.5
    with psycopg.connect(database.conninfo) as conn:
        conn.execute("select pg_advisory_xact_lock(7)")
        broken = checks.at_rest(STEPS, soaked)
    assert [each.partition(":")[0] for each in broken] == ["a transaction was left open", "a lock was left"]
