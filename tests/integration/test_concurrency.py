"""Several workers at once: one memory for one object, one result for one message, whatever commits in between."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import sql

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ExtractionFailed
from memreg.core.ids import uuid7
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.core.steps import Steps
from memreg.engine.batch import decide_message
from memreg.engine.cache import Cache
from memreg.engine.decided import Decided
from memreg.engine.ingest import Walk
from memreg.engine.model import Action, Basis, Extraction, IngestResult, Message, Proposal
from memreg.engine.refresh import Due, refresh
from memreg.engine.score import Score, best_score
from memreg.operations.kill_switch import switch
from memreg.registry.models import SchemaVersion
from tests.support.engines import async_people, every, people, register, say
from tests.support.replay import ENTRIES, MEMORIES, rebuilt, rows, stored
from tests.support.steps import paused

SNAPSHOTS = Query(
    "snapshots",
    "Every snapshot.",
    "select snapshot, documents from memreg.calibrations where tenant = %(tenant)s order by class, snapshot",
)
Plan = Callable[[], Steps[Decided]]


def walking(*proposals: Proposal, message_id: str | None = None) -> Plan:
    """The plan of a message with these proposals, in the tenant `default`."""
    walk = Walk("default", "people", Cache(), utc_now, uuid7)
    message = Message("said", message_id or str(uuid7()))
    return lambda: decide_message(walk, message, Extraction(proposals, "structured"))


def person(operation: str = "upsert", **values: Any) -> Proposal:
    return Proposal("Person", values, "delete" if operation == "delete" else "upsert")


# Stepped by hand: another worker commits between the read and the lock


def test_a_memory_made_meanwhile_is_found_by_its_key(database: Database, database_url: str) -> None:
    engine = people(database)
    with paused(database_url, walking(person(name="Ana Lopez", email="ana@lopez.io", city="Oslo"))) as worker:
        worker.until("lock_turn")
        other = say(engine, name="A. L.", email="ana@lopez.io")
        decision = worker.finish().result.decisions[0]
    assert (decision.action, decision.basis, decision.memory_id) == (Action.UPDATE, Basis.IDENTITY, other.memory_id)
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_memory_made_meanwhile_is_found_by_its_text(database: Database, database_url: str) -> None:
    engine = people(database)
    with paused(database_url, walking(person(name="Ana Lopez", city="Oslo"))) as worker:
        worker.until("lock_turn")
        other = say(engine, name="Ana Lopez", city="Oslo")
        decision = worker.finish().result.decisions[0]
    assert (decision.action, decision.basis, decision.memory_id) == (Action.UPDATE, Basis.SCORE, other.memory_id)
    assert len(every(engine)) == 1


def test_a_memory_deleted_meanwhile_is_neither_hit_nor_candidate(database: Database, database_url: str) -> None:
    engine = people(database)
    old = say(engine, name="Ana Lopez", email="ana@lopez.io")
    with paused(database_url, walking(person(name="Ana Lopez", email="ana@lopez.io"))) as worker:
        worker.until("lock_turn")
        assert say(engine, operation="delete", email="ana@lopez.io").action is Action.DELETE
        decision = worker.finish().result.decisions[0]
    assert (decision.action, decision.basis) == (Action.CREATE, Basis.NEW)
    assert any(f"{old.memory_id}, which was deleted" in reason for reason in decision.reasons)
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_memory_changed_meanwhile_is_scored_and_merged_as_it_is_now(database: Database, database_url: str) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", city="Oslo", tags=["friend"])
    with paused(database_url, walking(person(name="Ana Lopez", city="Oslo", tags=["pilot"]))) as worker:
        worker.until("lock_turn")
        say(engine, name="Ana Lopez", city="Oslo", tags=["doctor"], email="ana@lopez.io")
        decision = worker.finish().result.decisions[0]
    assert decision.memory_id == ana.memory_id
    memory = engine.get(decision.memory_id)
    assert memory.values["tags"] == ["friend", "doctor", "pilot"]
    assert memory.values["email"] == "ana@lopez.io"
    assert memory.revision == 3
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_key_that_went_to_another_memory_meanwhile(database: Database, database_url: str) -> None:
    engine = people(database)
    say(engine, name="Ana Lopez", email="ana@lopez.io")
    with paused(database_url, walking(person(email="ana@lopez.io", city="Oslo"))) as worker:
        worker.until("lock_turn")
        say(engine, operation="delete", email="ana@lopez.io")
        other = say(engine, name="Wolfgang Schmidt", email="ana@lopez.io")
        decision = worker.finish().result.decisions[0]
    assert decision.memory_id == other.memory_id
    assert engine.get(decision.memory_id).values == {
        "name": "Wolfgang Schmidt",
        "email": "ana@lopez.io",
        "city": "Oslo",
    }
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_key_taken_meanwhile_is_not_completed_by_merging(database: Database, database_url: str) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    with paused(database_url, walking(person(email="ana@lopez.io", born="1990-05-01", age=36))) as worker:
        worker.until("lock_turn")
        other = say(engine, name="Ana Lopez", born="1990-05-01", email="ana@other.io")
        assert other.action is Action.CREATE
        decision = worker.finish().result.decisions[0]
    assert decision.memory_id == ana.memory_id
    assert engine.get(decision.memory_id or "").values == {"name": "Ana Lopez", "email": "ana@lopez.io", "age": 36}
    assert rebuilt(database, "default") == stored(database, "default")


def test_the_same_message_on_two_workers_is_decided_once(database: Database, database_url: str) -> None:
    engine = people(database)
    plan = walking(person(name="Ana Lopez", email="ana@lopez.io"), message_id="m1")
    with paused(database_url, plan) as worker:
        worker.until("lock_turn")
        first = engine.ingest(
            Message("said", "m1"), proposals=[Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})]
        )
        second = worker.finish().result
    assert first.status == "decided"
    assert second == IngestResult("m1", "replayed", first.decisions)
    assert len(rows(database, ENTRIES, "default")) == 1


def test_the_same_message_refused_on_two_workers_is_decided_once(database: Database, database_url: str) -> None:
    """Nothing to lock by class: the message alone holds the second worker back."""
    engine = people(database)
    with paused(database_url, walking(Proposal("Nobody", {"a": 1}), message_id="m1")) as worker:
        worker.until("claim_turn")
        first = engine.ingest(Message("said", "m1"), proposals=[Proposal("Nobody", {"a": 1})])
        with pytest.raises(psycopg.errors.SerializationFailure, match="that a message waits to be decided has changed"):
            worker.finish()
    second = database.run("default", walking(Proposal("Nobody", {"a": 1}), message_id="m1")).result
    assert (first.status, second.status) == ("decided", "replayed")
    assert len(rows(database, ENTRIES, "default")) == 1


def test_a_worker_that_dies_holding_the_lock_leaves_nothing(database: Database, database_url: str) -> None:
    engine = people(database)
    with paused(database_url, walking(person(name="Ana Lopez", email="ana@lopez.io"))) as worker:
        worker.until("insert_memories")
    # its connection is gone now
    assert rows(database, MEMORIES, "default") == []
    assert rows(database, ENTRIES, "default") == []
    assert say(engine, name="Ana Lopez", email="ana@lopez.io").action is Action.CREATE


def test_the_last_time_seen_never_goes_back(database: Database, database_url: str) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    with paused(database_url, walking(person(email="ana@lopez.io"))) as early:
        early.until("lock_turn")
        say(engine, email="ana@lopez.io", city="Oslo")
        later = engine.get(ana.memory_id or "").last_seen_at
        early.finish()
    assert engine.get(ana.memory_id or "").last_seen_at == later


def test_the_last_time_seen_never_goes_back_by_a_change_either(database: Database, database_url: str) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    with paused(database_url, walking(person(email="ana@lopez.io", city="Oslo"))) as early:
        early.until("lock_turn")
        say(engine, email="ana@lopez.io")  # seen only, so that nothing tells the other to read it again
        later = engine.get(ana.memory_id or "").last_seen_at
        early.finish()
    after = engine.get(ana.memory_id or "")
    assert (after.values["city"], after.last_seen_at) == ("Oslo", later)


@pytest.mark.parametrize("class_name", [None, "Person"])
def test_a_switch_turned_on_while_a_worker_waits_for_the_lock_is_obeyed(
    database: Database, database_url: str, class_name: str | None
) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    with paused(database_url, walking(person("delete", email="ana@lopez.io"), person(name="Bo Ek"))) as worker:
        worker.until("lock_turn")
        switch(database, "default", "people", class_name, on=True, by="test")
        refused, created = worker.finish().result.decisions
    assert (refused.action, refused.basis) == (Action.REJECT, Basis.KILL_SWITCH)
    assert (created.action, created.basis) == (Action.CREATE, Basis.KILL_SWITCH)
    assert engine.get(ana.memory_id or "").values["name"] == "Ana Lopez"
    actions = [each["action"] for each in rows(database, ENTRIES, "default")]
    assert actions == ["CREATE", "SWITCH", "REJECT", "CREATE"]


def test_a_switch_turned_off_while_a_worker_waits_for_the_lock_is_off(database: Database, database_url: str) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    switch(database, "default", "people", on=True, by="test")
    with paused(database_url, walking(person(email="ana@lopez.io", city="Oslo"))) as worker:
        worker.until("lock_turn")
        switch(database, "default", "people", on=False, by="test")
        decision = worker.finish().result.decisions[0]
    assert (decision.action, decision.memory_id) == (Action.UPDATE, ana.memory_id)


# Really at once


def at_once(work: list[Callable[[], Any]]) -> list[Any]:
    """The results of the functions, started together on threads of their own."""
    gate = threading.Barrier(len(work))

    def started(one: Callable[[], Any]) -> Any:
        gate.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(started, work))


def test_two_threads_with_the_same_new_object_leave_one_memory(database: Database) -> None:
    engine = people(database)
    for number in range(10):
        name, email = f"Person{number} Family{number}", f"p{number}@x.io"

        def work(name: str = name, email: str = email) -> IngestResult:
            return engine.ingest(proposals=[Proposal("Person", {"name": name, "email": email})])

        results = at_once([work, work])
        assert sorted(str(r.decisions[0].action) for r in results) == ["CREATE", "UPDATE"]
        assert len({r.decisions[0].memory_id for r in results}) == 1
    assert len(every(engine)) == 10


def test_eight_threads_with_overlapping_objects(settings: Settings) -> None:
    objects = 12
    with Database.connect(settings.model_copy(update={"pool_size": 8})) as database:
        engine = people(database)

        def work(seed: int) -> Callable[[], int]:
            order = list(range(objects))
            random.Random(seed).shuffle(order)

            def run() -> int:
                for start in range(0, objects, 3):
                    proposals = [
                        Proposal(
                            "Person", {"name": f"Person{n} Family{n}", "email": f"p{n}@x.io", "tags": [f"w{seed}"]}
                        )
                        for n in order[start : start + 3]
                    ]
                    result = engine.ingest(proposals=[*proposals, Proposal("Note", {"title": f"topic{order[start]}"})])
                    assert len(result.decisions) == 4
                return objects

            return run

        assert sum(at_once([work(seed) for seed in range(8)])) == 8 * objects
        memories = every(engine)
        assert Counter(m.values["email"] for m in memories.values()) == {f"p{n}@x.io": 1 for n in range(objects)}
        assert all(sorted(m.values["tags"]) == [f"w{n}" for n in range(8)] for m in memories.values())
        assert len(every(engine, "Note")) == len({m.values["title"] for m in every(engine, "Note").values()})
        assert len(rows(database, ENTRIES, "default")) == 8 * (objects + 4)
        assert rebuilt(database, "default") == stored(database, "default")


def _random_turn(chosen: random.Random) -> list[Proposal]:
    found = []
    for _ in range(chosen.randint(1, 3)):
        if chosen.random() < 0.2:
            found.append(Proposal("Note", {"title": chosen.choice(["Buy milk", "Buy bread"])}))
            continue
        values: dict[str, Any] = {}
        for share, column, options in (
            (0.8, "name", ["Ana Lopez", "Ana", "Tor Moe", "Tor Lopez", "Wolf Schmidt"]),
            (0.5, "email", ["a@x.io", "b@x.io", "c@x.io", "d@x.io"]),
            (0.3, "phone", ["111", "222"]),
            (0.3, "born", ["1990-01-01", "1991-01-01"]),
            (0.3, "tags", [["x"], ["y"], ["z"]]),
        ):
            if chosen.random() < share:
                values[column] = chosen.choice(options)
        found.append(person("delete" if chosen.random() < 0.2 else "upsert", **values))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_random_turns_at_once_keep_the_invariants(database: Database, seed: int) -> None:
    engine = people(database)

    def work(number: int) -> Callable[[], None]:
        def run() -> None:
            chosen = random.Random(seed * 100 + number)
            for _ in range(25):
                message = Message("said", f"m{chosen.randint(0, 100)}")
                assert engine.ingest(message, proposals=_random_turn(chosen)).decisions

        return run

    at_once([work(number) for number in range(6)])
    found = stored(database, "default")
    assert rebuilt(database, "default") == found
    live = [state for state in found.values() if not state["is_deleted"]]
    strong = Counter((key["key"], key["digest"]) for state in live for key in state["keys"] if key["strong"])
    assert all(count == 1 for count in strong.values())
    entries = Counter((row["message_id"], row["ordinal"]) for row in rows(database, ENTRIES, "default"))
    assert all(count == 1 for count in entries.values())


def test_the_same_message_at_once_is_decided_once(database: Database) -> None:
    engine = people(database)

    def work() -> IngestResult:
        return engine.ingest(Message("Ana Lopez writes from ana@lopez.io.", "m1"))

    results = at_once([work] * 4)
    assert Counter(result.status for result in results) == {"decided": 1, "replayed": 3}
    assert len({result.decisions for result in results}) == 1
    assert len(rows(database, ENTRIES, "default")) == 1


def _ingest_many(url: str, name: str, gate: Any) -> None:
    with Database.connect(Settings(database_url=url)) as database:
        engine = Engine(database, schema="people")
        gate.wait()
        for number in range(10):
            engine.ingest(
                Message("said", f"{name}-{number}"),
                proposals=[Proposal("Person", {"name": f"Person{number} Family{number}", "email": f"p{number}@x.io"})],
            )


def test_two_processes_with_the_same_new_objects_leave_one_memory_each(database: Database, database_url: str) -> None:
    register(database)
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(2)
    workers = [spawn.Process(target=_ingest_many, args=(database_url, name, gate)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(every(Engine(database, schema="people"))) == 10
    assert len(rows(database, ENTRIES, "default")) == 20
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_database_that_isolates_more_by_default_changes_nothing(database_url: str, settings: Settings) -> None:
    """What has committed since the lock was asked for must be seen, whatever the server's default isolation is."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("alter database {} set default_transaction_isolation = 'serializable'").format(name))
    with Database.connect(settings) as database:
        engine = people(database)
        with database.transaction("default") as conn:
            row = conn.execute(b"show transaction_isolation").fetchone()
        assert row == {"transaction_isolation": "read committed"}

        def work() -> IngestResult:
            return engine.ingest(proposals=[Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})])

        assert len({result.decisions[0].memory_id for result in at_once([work] * 4)}) == 1
        assert rebuilt(database, "default") == stored(database, "default")


# Between accepting a message and deciding it


class Meanwhile:
    """An extractor during whose work something else happens."""

    name = "meanwhile"

    def __init__(self, event: Callable[[], Any], fails: bool = False) -> None:
        self.event = event
        self.fails = fails

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
        self.event()
        if self.fails:
            raise ExtractionFailed(extractor=self.name, reason="nothing")
        return Extraction((person(name="Ana Lopez", email="ana@lopez.io"),), self.name)


def test_an_extraction_that_fails_does_not_bury_what_another_worker_decided(database: Database) -> None:
    engine = people(database)
    text = "Ana Lopez writes from ana@lopez.io."
    slow = Engine(
        database, schema="people", extractor=Meanwhile(lambda: engine.ingest(Message(text, "m1")), fails=True)
    )
    result = slow.ingest(Message(text, "m1"))
    assert (result.status, len(result.decisions)) == ("replayed", 1)
    assert engine.ingest(Message(text, "m1")).status == "replayed"


def test_a_version_approved_during_extraction_decides(database: Database) -> None:
    register(database, approve=False)
    registry = Registry(database)
    engine = Engine(database, schema="people", extractor=Meanwhile(lambda: registry.approve("people")))
    assert engine.ingest("hello").decisions[0].basis is Basis.NEW


def test_a_switch_turned_on_during_extraction_is_obeyed(database: Database) -> None:
    register(database)

    def turn_on() -> None:
        switch(database, "default", "people", "Person", on=True, by="test")

    engine = Engine(database, schema="people", extractor=Meanwhile(turn_on))
    assert engine.ingest("hello").decisions[0].basis is Basis.KILL_SWITCH


def test_snapshots_taken_at_once_are_one(database: Database) -> None:
    engine = people(database)
    for number in range(5):
        say(engine, "Note", title=f"topic{number} common")

    def work() -> int | None:
        return database.run("default", lambda: refresh("default", "people", "Note", Due(5, ("title",)), utc_now))

    assert sorted(at_once([work] * 3), key=str) == [1, None, None]
    found = rows(database, SNAPSHOTS, "default")
    assert [(row["snapshot"], row["documents"]) for row in found] == [(1, 5)]


async def test_many_tasks_and_cancelled_ones(async_database: AsyncDatabase, database: Database) -> None:
    register(database)
    engine = async_people(async_database)

    async def take(number: int) -> IngestResult:
        proposal = Proposal(
            "Person", {"name": f"Person{number % 5} Family{number % 5}", "email": f"p{number % 5}@x.io"}
        )
        return await engine.ingest(Message("said", f"m{number}"), proposals=[proposal])

    tasks = [asyncio.create_task(take(number)) for number in range(30)]
    await asyncio.sleep(0.02)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    results = [await take(number) for number in range(30)]  # whatever a cancelled one came to
    assert all(len(result.decisions) == 1 for result in results)
    assert len(await engine.list("Person")) == 5
    assert len(rows(database, ENTRIES, "default")) == 30
    assert rebuilt(database, "default") == stored(database, "default")


def test_the_extractor_works_outside_any_transaction(database: Database, database_url: str) -> None:
    register(database)
    states: list[str] = []

    def look() -> None:
        with psycopg.connect(database_url, autocommit=True) as conn:
            found = conn.execute(
                "select state from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                " and backend_type = 'client backend'"
            ).fetchall()
        states.extend(state for (state,) in found)

    assert Engine(database, schema="people", extractor=Meanwhile(look)).ingest("hello").status == "decided"
    assert set(states) == {"idle"}


def test_what_was_scored_before_the_lock_is_not_scored_under_it(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = people(database)
    say(engine, name="Ana Lopez", city="Oslo")
    scored: list[float] = []

    def counted(*args: Any) -> Score:
        found = best_score(*args)
        scored.append(found.value)
        return found

    monkeypatch.setattr("memreg.engine.turn.best_score", counted)
    with paused(database_url, walking(person(name="Ana Lopez", city="Oslo"))) as worker:
        worker.until("lock_turn")
        assert scored == [1.0]
        worker.finish()
    assert scored == [1.0]
