"""What a turn was decided by without locks, against whoever writes until it is written itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TypeVar
from uuid import UUID

import psycopg
import pytest

from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ExtractionFailed
from memreg.core.ids import uuid7
from memreg.core.steps import Steps
from memreg.engine.batch import deciding
from memreg.engine.cache import Cache
from memreg.engine.decided import DecidedMany, Given
from memreg.engine.inbox import submit
from memreg.engine.ingest import Walk, accept, bury
from memreg.engine.model import Action, Basis, Extraction, IngestResult, Message, Proposal
from memreg.operations.backfill import Backfill, backfill
from memreg.operations.backfill.life import pause
from memreg.operations.kill_switch import switch
from tests.support.people import ONE, SCHEMA, engine_of, person, register, rows, say
from tests.support.steps import paused

T = TypeVar("T")
Plan = Callable[[], Steps[DecidedMany]]


def given(message_id: str, *proposals: Proposal) -> Given:
    """A message with its proposals, as `say` says it."""
    return Given(Message(f"message {message_id}", message_id), Extraction(proposals, "structured"))


def turns(*messages: Given) -> Plan:
    """The plan that decides messages together, of a tenant that nobody stands in the way of so far."""
    return deciding(Walk("default", SCHEMA, Cache(), utc_now, uuid7), messages)


def only(result: DecidedMany) -> IngestResult:
    """The result of the one message that was decided."""
    (found,) = result.results
    assert isinstance(found, IngestResult)
    return found


def test_a_class_that_two_switches_hold_is_written_to(database: Database) -> None:
    """One of the tenant and one of every tenant, in whatever order their classes come."""
    register(database)
    for tenant, class_name in (("default", None), ("*", None), ("default", "Person"), ("*", "Person")):
        switch(database, tenant, "people", class_name, on=True, by="test")
    decision = say(engine_of(database), "m1", person(name="Ana Lopez", email="ana@lopez.io")).decisions[0]
    assert (decision.action, decision.basis) == (Action.CREATE, Basis.KILL_SWITCH)


# While and after a class takes another name


RENAMED = ONE.replace("  Person:\n", "  Human:\n    from: Person\n")


def test_the_count_of_writes_of_a_renamed_class_begins_above_what_came_with_it(database: Database) -> None:
    register(database)
    engine = engine_of(database)
    for number in range(3):
        say(engine, f"m{number}", person(name=f"Person {number}", email=f"p{number}@x.org"))
    backfill(database, SCHEMA, register(database, RENAMED))
    say(engine_of(database), "new", Proposal("Human", {"name": "Bo Ek", "email": "bo@x.org"}))
    say(engine_of(database), "old", Proposal("Human", {"email": "p1@x.org", "city": "Oslo"}))
    found = {row["payload"]["name"]: row["change"] for row in rows(database, "memories")}
    assert [found[name] for name in ("Bo Ek", "Person 1")] == [1, 2]
    assert found["Person 0"] < 0 and found["Person 2"] < 0


# Guards behind the guards


def disturbed(plan: Callable[[], Steps[T]], before: str, event: Callable[[], object]) -> Callable[[], Steps[T]]:
    """A plan during whose first run something happens, just before a query is asked."""
    left = [event]

    def run() -> Steps[T]:
        steps = plan()
        batch = next(steps)
        while True:
            if left and any(each.query.name == before for each in batch):
                left.pop()()
            try:
                batch = steps.send((yield batch))
            except StopIteration as stop:
                found: T = stop.value
                return found

    return run


def test_who_comes_second_with_a_strong_key_finds_the_first(database: Database) -> None:
    """As where a backfill gives a memory the keys that it has under the version in force, which is no write to it."""
    register(database)
    engine = engine_of(database)
    ana = say(engine, "m1", person(name="Ana Lopez", email="ana@x.org")).decisions[0].memory_id
    with psycopg.connect(database.conninfo, autocommit=True) as admin:
        held = admin.execute("update memreg.identity_keys set memory_id = memory_id returning class, key, digest")
        place = held.fetchone()
        admin.execute("delete from memreg.identity_keys")

        def give() -> None:
            admin.execute(
                "insert into memreg.identity_keys (tenant, schema, class, key, digest, memory_id, strong, created_at)"
                " values ('default', %s, %s, %s, %s, %s, true, now())",
                (SCHEMA, *(place or ()), ana),
            )

        plan = turns(given("m2", person(name="Wolfgang Schmidt", email="ana@x.org")))
        decision = only(database.run("default", disturbed(plan, "lock_turn", give))).decisions[0]
    assert (decision.action, decision.basis, decision.memory_id) == (Action.UPDATE, Basis.IDENTITY, ana)
    assert database.retried == {"changed": 1}


DEVICES = """
schema: people
classes:
  Device:
    columns:
      serial: {dtype: string, required: true}
      site:   {dtype: string, default: main}
      note:   {dtype: string}
    annotation:
      searchable: {note: 3}
      identity: [{columns: [serial, site], strength: strong}]
"""


def test_a_default_completes_no_key_that_another_memory_holds(database: Database) -> None:
    """It would be refused by the database for ever; and nobody said that it is the same object."""
    register(database, DEVICES)
    engine = engine_of(database)
    first = say(engine, "m1", Proposal("Device", {"serial": "A", "note": "red lamp"})).decisions[0]
    second = say(engine, "m2", Proposal("Device", {"serial": "A", "note": "green door"})).decisions[0]
    assert (first.action, second.action) == (Action.CREATE, Action.CREATE)
    assert second.reasons[-1] == (
        f"serial+site would become the key of memory {first.memory_id}, so site has no default"
    )
    payloads = {row["id"]: row["payload"] for row in rows(database, "memories")}
    assert payloads[first.memory_id] == {"serial": "A", "site": "main", "note": "red lamp"}
    assert payloads[second.memory_id] == {"serial": "A", "note": "green door"}
    assert [row["memory_id"] for row in rows(database, "keys")] == [first.memory_id]
    (question,) = rows(database, "reviews")
    assert (question["kind"], set(question["memory_ids"])) == ("identity_conflict", {first.memory_id, second.memory_id})


def test_two_that_come_at_once_after_one_of_a_clock_ahead_have_a_place_each(database: Database) -> None:
    register(database)
    walk = Walk("default", SCHEMA, Cache(), utc_now, uuid7)
    ahead = replace(walk, new_id=lambda: UUID(int=uuid7().int + (1 << 100)))

    def leave(message_id: str, walk: Walk = walk) -> Callable[[], Steps[bool]]:
        return lambda: submit(walk, Message("said", message_id, "talk"), 100)

    database.run("default", leave("m1", ahead))
    other = disturbed(leave("m2"), "queue_message", lambda: database.run("default", leave("m3")))
    assert database.run("default", other)
    places = {row["id"]: row["arrival"].int for row in rows(database, "messages")}
    assert (places["m3"], places["m2"]) == (places["m1"] + 1, places["m1"] + 2)


def test_two_batches_with_the_same_messages_of_other_classes_wait_in_no_circle(database: Database) -> None:
    """No lock of a class keeps them apart, only the messages do; each of them is decided once."""
    register(database)
    ids = [f"m{number:02}" for number in range(40)]
    people = turns(*(given(each, person(name=f"Person {each}", email=f"{each}@x.org")) for each in ids))
    places = turns(*(given(each, Proposal("Place", {"name": f"Town {each}"})) for each in reversed(ids)))
    together = Barrier(2)

    def decide(plan: Plan) -> list[IngestResult]:
        together.wait(20)
        return [each for each in database.run("default", plan).results if isinstance(each, IngestResult)]

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(decide, (people, places))
    assert not database.retried["deadlock"]
    decided = [each.message_id for each in (*one, *other) if each.status == "decided"]
    assert len(decided) == len(set(decided))
    entries = [(row["message_id"], row["ordinal"]) for row in rows(database, "audit")]
    assert len(entries) == len(set(entries)) == len(decided)


def test_the_question_about_a_message_that_died_while_it_was_decided_is_settled(database: Database) -> None:
    register(database)
    walk = Walk("default", SCHEMA, Cache(), utc_now, uuid7)
    said = given("m1", person(name="Ana Lopez", email="ana@x.org"))
    failure = ExtractionFailed(extractor="llm", reason="nothing")
    database.run("default", lambda: accept(walk, said.message))

    def fail() -> None:
        assert database.run("default", lambda: bury(walk, said.message, failure)).status == "dead"

    assert only(database.run("default", disturbed(turns(said), "lock_turn", fail))).status == "decided"
    assert [row["status"] for row in rows(database, "messages")] == ["decided"]
    assert [row["status"] for row in rows(database, "reviews")] == ["settled"]


def halt_before_rewriting(database: Database, version: int) -> None:
    """Put a version in force, and leave the memories in their form of before."""

    def look(now: Backfill) -> None:
        if (now.stage, now.status) == ("rewrite", "running"):
            pause(database, SCHEMA)

    backfill(database, SCHEMA, version, chunk=1, progress=look)


@pytest.mark.parametrize("said", [{"city": "Oslo"}, {}])
def test_what_is_erased_of_a_class_that_is_renamed_does_not_come_back(
    database: Database, database_url: str, said: dict[str, str]
) -> None:
    register(database)
    for number in range(5):
        say(engine_of(database), f"m{number}", person(name=f"Person {number}", email=f"p{number}@x.org"))
    halt_before_rewriting(database, register(database, RENAMED))
    ana = next(row for row in rows(database, "memories") if row["class"] == "Person")
    plan = turns(given("said", Proposal("Human", {"email": ana["payload"]["email"]} | said)))
    with paused(database_url, plan) as worker:
        worker.until("lock_turn")
        engine_of(database).erase(ana["id"], by="eva")
        with pytest.raises(psycopg.errors.SerializationFailure, match="has changed since it was read"):
            worker.finish()
    assert next(row for row in rows(database, "memories") if row["id"] == ana["id"])["payload"] == {}
    assert only(database.run("default", plan)).decisions[0].memory_id != ana["id"]


def test_what_is_erased_of_a_class_that_is_renamed_is_not_told_of_who_resembles_it(
    database: Database, database_url: str
) -> None:
    """It was only held against it, and not written to; the entry would keep what it was held against."""
    register(database)
    ana = say(engine_of(database), "m1", person(name="Ana Lopez", email="ana@lopez.io", city="Quito")).decisions[0]
    assert ana.memory_id is not None
    halt_before_rewriting(database, register(database, RENAMED))
    assert [row["class"] for row in rows(database, "memories")] == ["Person"]
    plan = turns(given("said", Proposal("Human", {"name": "Ana Lopez", "email": "other@lopez.io"})))
    with paused(database_url, plan) as worker:
        worker.until("lock_turn")
        engine_of(database).erase(ana.memory_id, by="eva")
        with pytest.raises(psycopg.errors.SerializationFailure, match="has changed since it was read"):
            worker.finish()
    only(database.run("default", plan))
    (entry,) = [row for row in rows(database, "audit") if row["message_id"] == "said"]
    assert "Quito" not in str(entry)
    (tombstone,) = [row for row in rows(database, "memories") if row["id"] == ana.memory_id]
    assert (tombstone["class"], tombstone["version"], tombstone["payload"]) == ("Human", 2, {})
    assert engine_of(database).replay_audit().is_same
