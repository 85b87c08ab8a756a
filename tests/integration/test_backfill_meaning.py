"""A backfill of a change of meaning: classes and columns under new names, new identity, and messages meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from memreg.api.registry import Registry
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import BackfillRefused
from memreg.core.ids import uuid7
from memreg.core.settings import Settings
from memreg.engine.batch import decide_message
from memreg.engine.cache import Cache
from memreg.engine.ingest import Walk
from memreg.engine.model import Action, Basis, Extraction, Message, Proposal
from memreg.operations.backfill import Backfill, backfill, cancel, life, pause, plan, resume, roll_back, start, status
from memreg.operations.backfill.work import Next, Work
from memreg.operations.kill_switch import status as switches
from memreg.operations.kill_switch import switch
from memreg.operations.review import review
from memreg.operations.trip.limits import rules, set_rule
from memreg.registry.models import Status
from tests.support.people import SCHEMA, engine_of, final_state, register, rows, say
from tests.support.replay import rebuilt, stored

OLD = """
schema: people
compatibility: none
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, normalize: [trim]}
      phone: {dtype: string}
      state: {dtype: string}
      age:   {dtype: string}
    annotation:
      searchable: {name: 3, state: 1}
      identity: [{columns: [email], strength: strong}]
"""
NEW = """
schema: people
compatibility: none
classes:
  Contact:
    from: Person
    columns:
      first: {dtype: string, from: {column: name, split: " ", part: 1}}
      rest:  {dtype: string, from: {column: name, split: " ", part: 2, rest: true}}
      mail:  {dtype: string, from: email, normalize: [email]}
      phone: {dtype: string, normalize: [digits]}
      state: {dtype: enum, values: [open, closed], from: {column: state, map: {new: open, done: closed}}}
      age:   {dtype: integer}
    annotation:
      searchable: {first: 3, rest: 3, state: 1}
      identity: [{columns: [mail], strength: strong}, {columns: [phone], strength: strong}]
"""


def old(n: int, **more: Any) -> Proposal:
    said = {
        "name": f"Ana{n} Lopez{n} Diaz",
        "email": f"P{n}@x.org",
        "phone": f"+47 {n:05d}",
        "state": "new",
        "age": "7",
    }
    return Proposal("Person", {**said, **more})


def new(n: int, **more: Any) -> Proposal:
    said = {"first": f"Ana{n}", "rest": f"Lopez{n} Diaz", "mail": f"p{n}@x.org", "phone": f"47{n:05d}"}
    return Proposal("Contact", {**said, "state": "open", "age": 7, **more})


@pytest.fixture
def forty(database: Database) -> Database:
    """Forty people of the old version, and the new one approved."""
    register(database, OLD)
    engine = engine_of(database)
    for start_at in range(0, 40, 10):
        say(engine, f"fill {start_at}", *(old(n) for n in range(start_at, start_at + 10)))
    assert register(database, NEW) == 2
    return database


def stop_at(database: Database, stage: str, converted: int) -> list[Backfill]:
    """A backfill that is paused when a stage has come so far."""
    seen: list[Backfill] = []

    def look(now: Backfill) -> None:
        seen.append(now)
        if (now.stage, now.status) == (stage, "running") and now.converted >= converted:
            pause(database, SCHEMA)

    backfill(database, SCHEMA, 2, chunk=10, progress=look)
    return seen


def keys_in(database: Database, column: str = "candidate_keys") -> list[tuple[Any, ...]]:
    """The candidate keys that memories have, and those of the table that lookups read."""
    with psycopg.connect(database.conninfo) as conn:
        return conn.execute(
            "select tenant, key, memory_id from memreg.candidate_keys except"
            " select tenant, unnest(candidate_keys), id from memreg.memories"
            if column == "candidate_keys"
            else "select tenant, unnest(candidate_keys), id from memreg.memories except"
            " select tenant, key, memory_id from memreg.candidate_keys"
        ).fetchall()


def test_it_is_as_if_they_had_come_under_the_new_version(forty: Database) -> None:
    assert backfill(forty, SCHEMA, 2, chunk=10).activated
    later = engine_of(forty, "later")
    for start_at in range(0, 40, 10):
        say(later, f"fill {start_at}", *(new(n) for n in range(start_at, start_at + 10)))
    assert final_state(forty) == final_state(forty, "later")
    assert keys_in(forty) == keys_in(forty, "memories") == []
    assert {row["class"] for row in rows(forty, "memories")} == {"Contact"}
    assert {(key["class"], key["key"]) for key in rows(forty, "keys")} == {("Contact", "mail"), ("Contact", "phone")}


@pytest.mark.parametrize("stage", ["index", "rewrite"])
@pytest.mark.parametrize("converted", [0, 10, 30])
def test_halted_anywhere_messages_find_what_they_speak_of(forty: Database, stage: str, converted: int) -> None:
    stop_at(forty, stage, converted)
    (halted,) = status(forty, SCHEMA)
    assert (halted.status, halted.stage) == ("paused", stage)
    engine = engine_of(forty)
    says = old if stage == "index" else new
    by_key = say(engine, "by key", *(says(n, age="8") for n in (0, 15, 39))).decisions
    assert [(each.action, each.basis) for each in by_key] == [(Action.UPDATE, Basis.IDENTITY)] * 3
    by_text = says(21)
    values = {name: value for name, value in by_text.values.items() if name in ("name", "first", "rest")}
    (found,) = say(engine, "by text", Proposal(by_text.class_name, values)).decisions
    assert (found.action, found.basis) == (Action.UPDATE, Basis.SCORE)
    listed = engine.list("Person" if stage == "index" else "Contact", limit=1000)
    assert len(listed) == 40
    assert {each.values.get("state") for each in listed} == {"new" if stage == "index" else "open"}
    say(engine, "another", says(77))
    with pytest.raises(BackfillRefused, match="it is paused"):
        pause(forty, SCHEMA)
    resume(forty, SCHEMA)
    assert backfill(forty, SCHEMA, 2, chunk=7).activated
    live = rows(forty, "memories")
    assert {(row["version"], row["class"]) for row in live} == {(2, "Contact")}
    assert len(live) == 41
    assert sorted(row["payload"]["age"] for row in live) == [7] * 38 + [8] * 3
    assert keys_in(forty) == keys_in(forty, "memories") == []
    assert len([key for key in rows(forty, "keys") if key["key"] == "mail"]) == 41


@pytest.mark.parametrize("stage", ["index", "rewrite"])
def test_the_audit_and_the_lineage_rebuild_what_is_stored(forty: Database, stage: str) -> None:
    say(engine_of(forty), "before", old(3, age="8"), Proposal("Person", {"email": "p4@x.org"}, "delete"))
    stop_at(forty, stage, 20)
    says = old if stage == "index" else new
    say(engine_of(forty), "halted", *(says(n, age="9") for n in (1, 15, 39)), says(50))
    resume(forty, SCHEMA)
    backfill(forty, SCHEMA, 2)
    say(engine_of(forty), "after", new(2, age=10), Proposal("Contact", {"mail": "p7@x.org"}, "delete"))
    version = Registry(forty).get(SCHEMA, 2).version
    assert rebuilt(forty, "default", version) == stored(forty, "default")


def test_values_under_the_same_name_and_annotation_are_found_by_what_they_became(database: Database) -> None:
    register(database, OLD)
    say(engine_of(database), "1", *(old(n) for n in range(3)))
    mapped = "state: {dtype: string, from: {column: state, map: {new: fresh}}}"
    register(database, OLD.replace("state: {dtype: string}", mapped))
    backfill(database, SCHEMA, 2)
    say(engine_of(database, "later"), "1", *(old(n, state="fresh") for n in range(3)))
    assert final_state(database) == final_state(database, "later")
    for tenant in ("default", "later"):
        assert len(engine_of(database, tenant).search("fresh")) == 3, tenant
        assert engine_of(database, tenant).search("new") == []
    assert keys_in(database) == keys_in(database, "memories") == []


def test_a_class_that_comes_back_takes_its_memories_again(database: Database) -> None:
    place = "  Place:\n    columns: {town: {dtype: string}}\n    annotation: {searchable: {town: 1}}\n"
    register(database, OLD + place)
    say(engine_of(database), "1", old(1), Proposal("Place", {"town": "Oslo"}))
    register(database, OLD + "# without places\n")
    backfill(database, SCHEMA, 2)
    assert {row["class"]: row["version"] for row in rows(database, "memories")} == {"Person": 2, "Place": 1}
    assert engine_of(database).search("oslo") == []
    register(database, OLD + place)
    backfill(database, SCHEMA, 3)
    assert {row["class"]: row["version"] for row in rows(database, "memories")} == {"Person": 3, "Place": 3}
    (found,) = engine_of(database).search("oslo")
    (decision,) = say(engine_of(database), "2", Proposal("Place", {"town": "Oslo"})).decisions
    assert decision.memory_id == found.id


def test_what_was_extracted_before_is_decided_after(forty: Database) -> None:
    backfill(forty, SCHEMA, 2)
    walk = Walk("default", SCHEMA, Cache(), utc_now, uuid7)
    said = Extraction((old(3, age="9", state="done"),), "llm", version=1)
    decided = forty.run("default", lambda: decide_message(walk, Message("x", "late"), said))
    (decision,) = decided.result.decisions
    assert (decision.action, decision.class_name) == (Action.UPDATE, "Contact")
    assert decision.memory_id is not None
    assert engine_of(forty).get(decision.memory_id).values["state"] == "closed"


def test_a_switch_is_on_under_the_new_name_too(forty: Database) -> None:
    switch(forty, "default", SCHEMA, "Person", on=True, by="ana")
    set_rule(forty, "default", SCHEMA, "drift", "Person", by="ana", limit=2.0)
    backfill(forty, SCHEMA, 2)
    (decision,) = say(engine_of(forty), "1", new(3)).decisions
    assert (decision.action, decision.basis) == (Action.CREATE, Basis.KILL_SWITCH)
    was, now = sorted(switches(forty, "default", SCHEMA).on, key=lambda each: each.class_name, reverse=True)
    assert (was.class_name, now.class_name, was.audit_id) == ("Person", "Contact", now.audit_id)
    (drift,) = (each for each in rules(forty, "default", SCHEMA, "Contact") if each.rule == "drift")
    assert (drift.limit, drift.set_by) == (2.0, "ana")


def test_cancelled_nothing_is_left_of_it(forty: Database) -> None:
    before = final_state(forty), rows(forty, "keys")
    stop_at(forty, "index", 30)
    assert rows(forty, "keys") != before[1]
    cancel(forty, SCHEMA)
    with pytest.raises(BackfillRefused, match="being cancelled"):
        backfill(forty, SCHEMA, 2)
    done = roll_back(forty, SCHEMA, "it was too early").backfilled.backfill
    assert done is not None
    assert done.status == "cancelled"
    assert (final_state(forty), rows(forty, "keys")) == before
    assert keys_in(forty) == []
    assert Registry(forty).get(SCHEMA, 2).version.status is Status.APPROVED
    assert backfill(forty, SCHEMA, 2).activated


@pytest.mark.parametrize("halted", [False, True])
def test_rolled_back_after_it_was_in_force(forty: Database, halted: bool) -> None:
    before = {row["id"]: row["payload"] for row in rows(forty, "memories")}
    if halted:
        stop_at(forty, "rewrite", 20)
    else:
        backfill(forty, SCHEMA, 2)
    say(engine_of(forty), "meanwhile", new(3, age=44), new(80))
    done = roll_back(forty, SCHEMA, "the names are worse", by="ana", chunk=9)
    assert done.backfilled.activated
    version = Registry(forty).get(SCHEMA, 3).version
    assert (version.status, version.restores) == (Status.ACTIVE, 1)
    after = rows(forty, "memories")
    assert {(row["version"], row["class"]) for row in after} == {(3, "Person")}
    changed = {row["id"]: row["payload"] for row in after if row["payload"] != before.get(row["id"])}
    assert sorted((each["name"], each["age"]) for each in changed.values()) == [
        ("Ana3 Lopez3 Diaz", "44"),
        ("Ana80 Lopez80 Diaz", "7"),
    ]
    assert keys_in(forty) == keys_in(forty, "memories") == []
    (decision,) = say(engine_of(forty), "once more", old(5, age="12")).decisions
    assert (decision.action, decision.basis) == (Action.UPDATE, Basis.IDENTITY)
    assert {status.status for status in status(forty)} == ({"done", "cancelled"} if halted else {"done"})


@pytest.mark.parametrize("policy", ["review", "merge", "refuse"])
def test_those_that_are_one_under_the_new_identity(database: Database, policy: Any) -> None:
    register(database, OLD)
    engine = engine_of(database)
    one, two, three = (
        say(engine, str(n), old(n, phone=phone, age=age)).decisions[0].memory_id
        for n, (phone, age) in enumerate((("+47 5", None), ("475", "30"), ("0047-5", "31")))
    )
    register(database, NEW)
    looked = plan(database, SCHEMA, 2)
    assert [(each.class_name, each.memories, each.collisions) for each in looked.classes] == [("Contact", 3, 1)]
    done = backfill(database, SCHEMA, 2, collisions=policy)
    if policy == "refuse":
        assert "1 memory has the strong key of another one under people@2" in done.sentence
        assert Registry(database).get(SCHEMA, 2).version.status is Status.APPROVED
        assert backfill(database, SCHEMA, 2, collisions="review").activated
        return
    assert done.activated
    live = {row["id"]: row for row in rows(database, "memories") if not row["is_deleted"]}
    if policy == "review":
        assert set(live) == {one, two, three}
        (item,) = review(database, "default", SCHEMA, kind="identity_conflict").items
        assert {memory.id for memory in item.memories} == {one, two}
        return
    assert set(live) == {one, three}
    assert live[one]["payload"]["age"] == 30, "the keeper takes what it lacks"
    assert live[one]["payload"]["first"] == "Ana0", "and keeps what it has"
    held = {(key["memory_id"], key["key"]) for key in rows(database, "keys") if key["memory_id"] in (one, two)}
    assert held == {(one, "mail"), (one, "phone")}
    for n in (0, 1):
        (decision,) = say(engine, f"again {n}", new(n, phone="475")).decisions
        assert decision.memory_id == one
    (entry,) = engine.audit(message_id=f"backfill:{status(database)[0].id}:{two}")
    assert entry.action is Action.UPSERT
    with psycopg.connect(database.conninfo) as conn:
        kept = conn.execute(
            "select details -> 'absorbed' from memreg.audit_values where audit_id = %s", [entry.audit_id]
        )
        (absorbed,) = kept.fetchone() or ({},)
    assert absorbed["memory_id"] == str(two), "what it was before is kept, so that it can be turned round"
    assert absorbed["before"]["payload"]["first"] == "Ana1"
    assert two is not None
    assert engine.history(two)[-1].is_deleted


def test_a_key_that_a_memory_held_before_is_held_in_its_new_form(database: Database) -> None:
    two_keys = OLD.replace("strong}]", "strong}, {columns: [phone], strength: strong}]")
    register(database, two_keys)
    engine = engine_of(database)
    (first,) = say(engine, "1", old(1)).decisions
    (second,) = say(engine, "2", old(1, phone="+47 777")).decisions
    assert (second.memory_id, second.basis) == (first.memory_id, Basis.IDENTITY)
    register(database, two_keys.replace("phone: {dtype: string}", "phone: {dtype: string, normalize: [digits]}"))
    backfill(database, SCHEMA, 2)
    assert sorted(key["key"] for key in rows(database, "keys")) == ["email", "phone@2", "phone@2"]
    for number in ("4700001", "47-777"):
        proposal = Proposal("Person", {"name": "Somebody Else", "phone": number})
        (found,) = say(engine, number, proposal).decisions
        assert (found.memory_id, found.basis) == (first.memory_id, Basis.IDENTITY)


def test_some_may_stay_and_are_read_all_the_same(database: Database) -> None:
    register(database, OLD)
    engine = engine_of(database)
    say(engine, "1", old(1), old(2, age="very old"))
    register(database, NEW)
    assert not backfill(database, SCHEMA, 2, allow="40%").activated
    done = backfill(database, SCHEMA, 2, allow="1")
    assert done.sentence == (
        "people@2 is active; 1 memory was converted; "
        "1 memory stays in the form of an older version, as it does not fit people@2"
    )
    listed = {each.values["first"]: each for each in engine.list("Contact")}
    assert (listed["Ana2"].version, listed["Ana2"].values.get("age")) == (1, None)
    (decision,) = say(engine, "2", new(2, age=99)).decisions
    assert (decision.action, decision.basis) == (Action.UPDATE, Basis.IDENTITY)
    assert any("age was left out" in reason for reason in decision.reasons)
    assert decision.memory_id is not None
    assert engine.get(decision.memory_id).values["age"] == 99
    assert {row["version"] for row in rows(database, "memories")} == {2}


def test_a_rate_is_kept_over_all_workers(forty: Database) -> None:
    now, waits = [1000.0], []

    def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))
        now[0] += seconds

    work = Work(forty, lambda: datetime.fromtimestamp(now[0], UTC), uuid7, 10, sleep)
    begun = forty.run_admin(lambda: life.begin(SCHEMA, 2, life.Wishes(rate=20.0), work.clock, uuid7))
    assert begun is not None
    while work.chunk(begun.backfill_id)[0] is not Next.NOTHING:
        pass
    assert set(waits) == {0.0, 0.5}, "10 memories at 20 a second"
    assert sum(waits) >= 80 / 20


def test_messages_on_both_sides_of_the_moment(forty: Database, settings: Settings) -> None:
    stop, failed = threading.Event(), []
    sent = [0, 0]

    def talk(worker: int) -> None:
        with Database.connect(settings) as mine:
            engine = engine_of(mine)
            while not stop.is_set():
                n = sent[worker]
                # An application of the old version: its words are understood before and after.
                decisions = say(
                    engine, f"{worker}/{n}", old(1000 * (worker + 1) + n), old(n % 40, age=str(20 + worker))
                ).decisions
                if [each.action for each in decisions] not in (
                    [Action.CREATE, Action.UPDATE],
                    [Action.CREATE, Action.SKIP],
                ):
                    failed.append(decisions)
                sent[worker] += 1

    threads = [threading.Thread(target=talk, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert backfill(forty, SCHEMA, 2, chunk=5).activated
        before = list(sent)
        while any(now < then + 2 for now, then in zip(sent, before, strict=True)):
            assert all(thread.is_alive() for thread in threads)
            time.sleep(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    live = [row for row in rows(forty, "memories") if not row["is_deleted"]]
    assert len(live) == 40 + sum(sent), "none lost, none doubled"
    assert {(row["version"], row["class"]) for row in live} == {(2, "Contact")}
    assert keys_in(forty) == keys_in(forty, "memories") == []
    keys = [key["key"] for key in rows(forty, "keys")]
    assert keys.count("mail") == keys.count("phone") == len(live)
    assert review(forty, "default", SCHEMA, kind="identity_conflict").items == ()


def test_left_to_the_workers_it_waits_for_one(forty: Database) -> None:
    begun = start(forty, SCHEMA, 2, slots=2)
    assert begun is not None
    assert (begun.status, begun.stage, begun.workers) == ("running", "index", 0)
    assert backfill(forty, SCHEMA, 2).joined
