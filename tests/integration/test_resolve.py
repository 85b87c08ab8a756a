"""Resolve: after it the memories are as if the class had never been create-only; each proposal settles once."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.engine.model import Action, Basis, Proposal
from memreg.operations import resolve as module
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import Resolver, resolve, resolve_chunk
from memreg.operations.review import review
from tests.support.people import (
    ONE,
    SCHEMA,
    engine_of,
    final_state,
    forget,
    person,
    register,
    rows,
    say,
)
from tests.support.steps import paused

BEFORE: Sequence[Sequence[Proposal]] = [
    [person(name="Ana Lopez", email="ana@lopez.io", city="Lisbon")],
    [person(name="Bo Ek", email="bo@ek.se", notes="likes tea")],
]
MEANWHILE: Sequence[Sequence[Proposal]] = [
    [person(name="Ana Lopez", email="ana@lopez.io", city="Oslo")],
    [person(name="Cy Dee", email="cy@dee.org"), person(name="Cy Dee", email="cy@dee.org", tags=["friend"])],
    [person(email="cy@dee.org", city="Rome")],  # incomplete, were it new
    [forget(email="bo@ek.se")],
    [person(name="Bo Ek", email="bo@ek.se", notes="is back")],
    [person(name="Di", email="di@x.org", notes="a"), person(name="Di", email="di@x.org", notes="a")],
    [
        person(name="Ed", email="ed@x.org", notes="a"),
        person(name="Ed", email="ed@x.org", notes="b"),
        person(name="Ed", email="ed@x.org", notes="a"),
    ],
    [person(email="nobody@x.org")],  # incomplete for good
    [forget(email="unheard@of.org")],
    [Proposal("Place", {"name": "Oslo"}), person(name="Ana Lopez")],
    [Proposal("Place", {"name": "Oslo"})],
    [person(name="Ana Lopes", city="Bergen")],
]


def walk(database: Database, tenant: str, switched: bool) -> None:
    engine = engine_of(database, tenant)
    for number, proposals in enumerate(BEFORE):
        say(engine, f"before {number}", *proposals)
    if switched:
        switch(database, tenant, SCHEMA, on=True, by="ana")
    for number, proposals in enumerate(MEANWHILE):
        say(engine, f"meanwhile {number}", *proposals)
    if switched:
        switch(database, tenant, SCHEMA, on=False, by="ana")


@pytest.fixture
def switched(database: Database) -> Database:
    """A tenant `default` that was switched on meanwhile, and a tenant `never` that was not."""
    register(database)
    walk(database, "never", switched=False)
    walk(database, "default", switched=True)
    return database


def test_the_final_memories_are_as_if_it_had_never_been_on(switched: Database) -> None:
    assert final_state(switched) != final_state(switched, "never")
    done = resolve(switched, "default", SCHEMA, by="ana")
    assert final_state(switched) == final_state(switched, "never")
    assert done.left == ()
    held = sum(len(proposals) for proposals in MEANWHILE)
    assert len(done.outcomes) == sum(done.counts.values()) == held
    never = [row for row in rows(switched, "audit", "never") if row["message_id"].startswith("meanwhile")]
    decided = [(str(each.decision.action), str(each.decision.basis)) for each in done.outcomes]
    assert sorted(decided) == sorted((row["action"], row["basis"]) for row in never)


def test_each_proposal_has_a_second_entry_and_settles_once(switched: Database) -> None:
    first = resolve(switched, "default", SCHEMA, by="ana")
    audit = rows(switched, "audit")
    again = [row for row in audit if row["extractor"] == "resolve"]
    assert {row["id"] for row in again} == {each.decision.audit_id for each in first.outcomes}
    assert {row["actor"] for row in again} == {"ana"}
    second = resolve(switched, "default", SCHEMA)
    assert second.outcomes == ()
    assert rows(switched, "audit") == audit


def test_an_unresolved_memory_becomes_live_or_goes_into_another(switched: Database) -> None:
    done = resolve(switched, "default", SCHEMA)
    memories = {row["id"]: row for row in rows(switched, "memories")}
    merged = 0
    for outcome in done.outcomes:
        if outcome.memory_id is None:
            continue
        memory = memories[outcome.memory_id]
        if outcome.decision.action is Action.CREATE:
            assert outcome.decision.memory_id == outcome.memory_id
            assert not memory["unresolved"]
            assert memory["revision"] >= 2
        else:
            merged += 1
            assert memory["is_deleted"]
            assert any(str(outcome.memory_id) in reason for reason in outcome.decision.reasons)
            assert outcome.decision.memory_id != outcome.memory_id
    assert merged >= 3
    revisions = rows(switched, "revisions")
    assert all(memory["revision"] == sum(r["memory_id"] == i for r in revisions) for i, memory in memories.items())
    entries = {row["id"] for row in rows(switched, "audit")}
    assert all(row["audit_id"] in entries for row in revisions)


def test_reviews_come_out_as_if_it_had_never_been_on(switched: Database) -> None:
    resolve(switched, "default", SCHEMA)
    mine, theirs = (review(switched, tenant, SCHEMA) for tenant in ("default", "never"))
    assert mine.counts == theirs.counts
    assert ("dead_letter", "Person") in mine.counts


def test_dry_run_decides_the_same_and_writes_nothing(switched: Database) -> None:
    names = ("memories", "keys", "revisions", "audit", "reviews", "messages")
    before = {name: rows(switched, name) for name in names}
    rehearsed = resolve(switched, "default", SCHEMA, dry_run=True)
    assert {name: rows(switched, name) for name in names} == before
    done = resolve(switched, "default", SCHEMA)
    assert rehearsed.counts == done.counts
    assert rehearsed.dry_run
    assert rehearsed.left == ()
    assert [each.audit_id for each in rehearsed.outcomes] == [each.audit_id for each in done.outcomes]


def test_stopped_in_the_middle_it_goes_on(switched: Database) -> None:
    resolver = Resolver("default", SCHEMA)
    assert switched.run("default", lambda: resolve_chunk(resolver, 3))
    rest = resolve(switched, "default", SCHEMA)
    assert rest.outcomes
    assert final_state(switched) == final_state(switched, "never")


def test_two_at_once_settle_each_once(switched: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 1)
    counts: list[int] = []
    with Database.connect(settings) as another:
        threads = [
            threading.Thread(target=lambda each=each: counts.append(len(resolve(each, "default", SCHEMA).outcomes)))
            for each in (switched, another)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(counts) == sum(len(proposals) for proposals in MEANWHILE)
    assert final_state(switched) == final_state(switched, "never")


def test_a_class_that_is_still_on_is_left(switched: Database) -> None:
    switch(switched, "default", SCHEMA, "Person", on=True, by="ana")
    done = resolve(switched, "default", SCHEMA)
    assert {each.decision.class_name for each in done.outcomes} == {"Place"}
    (left,) = done.left
    assert left.class_name == "Person"
    assert "kill-switch status" in left.reason
    switch(switched, "default", SCHEMA, "Person", on=False, by="ana")
    resolve(switched, "default", SCHEMA)
    assert final_state(switched) == final_state(switched, "never")


def test_what_a_pending_version_took_in(database: Database) -> None:
    register(database, approve=False)
    for number, proposals in enumerate(MEANWHILE):
        decisions = say(engine_of(database), str(number), *proposals).decisions
        assert {each.basis for each in decisions} <= {Basis.PENDING, Basis.INCOMPLETE, Basis.DUPLICATE_IN_TURN}
    done = resolve(database, "default", SCHEMA)
    assert done.outcomes == ()
    assert {left.class_name for left in done.left} == {"Person", "Place"}
    assert all("memreg approve people@1" in left.reason for left in done.left)
    Registry(database).approve(SCHEMA, by="ana")
    for number, proposals in enumerate(MEANWHILE):
        say(engine_of(database, "never"), str(number), *proposals)
    resolve(database, "default", SCHEMA)
    assert final_state(database) == final_state(database, "never")


def test_what_was_held_back_of_a_class_that_is_gone_is_left(database: Database) -> None:
    register(database)
    switch(database, "default", SCHEMA, on=True, by="ana")
    say(engine_of(database), "1", Proposal("Place", {"name": "Oslo"}))
    switch(database, "default", SCHEMA, on=False, by="ana")
    register(database, "compatibility: none" + ONE[: ONE.index("  Place:")])
    (left,) = resolve(database, "default", SCHEMA).left
    assert (left.class_name, left.reason) == ("Place", "people@2 has no such class any more")


def test_a_switch_turned_on_while_it_waits_for_the_lock_is_obeyed(database: Database, database_url: str) -> None:
    register(database)
    switch(database, "default", SCHEMA, on=True, by="ana")
    say(engine_of(database), "1", person(name="Ana Lopez", email="ana@lopez.io"))
    switch(database, "default", SCHEMA, on=False, by="ana")
    with paused(database_url, lambda: resolve_chunk(Resolver("default", SCHEMA), 25)) as worker:
        worker.until("lock_class")
        switch(database, "default", SCHEMA, on=True, by="ana")
        assert worker.finish() is None
    assert [row["unresolved"] for row in rows(database, "memories")] == [True]


def test_statistics_that_come_due_meanwhile(database: Database) -> None:
    """More than one transaction, and snapshots taken between the decisions."""
    register(database)
    switch(database, "default", SCHEMA, on=True, by="ana")
    for number in range(40):
        say(engine_of(database), str(number), person(name=f"Nr {number % 30}", email=f"{number % 30}@x.org"))
    switch(database, "default", SCHEMA, on=False, by="ana")
    seen: list[tuple[int, int]] = []
    done = resolve(database, "default", SCHEMA, progress=lambda done, total: seen.append((done, total)))
    assert done.counts == {("CREATE", "new"): 30, ("UPDATE", "identity"): 10}
    assert seen == [(25, 40), (40, 40)]
    assert {row["snapshot"] for row in rows(database, "audit")} > {0}


def test_a_long_backlog_goes_on_where_it_stood_and_a_message_stays_whole(database: Database) -> None:
    """Several transactions, messages of two classes and of several proposals across their borders."""
    register(database)
    for tenant in ("default", "never"):
        switch(database, tenant, SCHEMA, on=tenant == "default", by="ana")
        for number in range(40):
            who = person(name=f"Nr {number % 20}", email=f"{number % 20}@x.org", notes=f"note {number}")
            again = person(name=f"Nr {number % 20}", email=f"{number % 20}@x.org", city=f"City{number % 7}")
            say(engine_of(database, tenant), str(number), who, Proposal("Place", {"name": f"City{number % 7}"}), again)
    switch(database, "default", SCHEMA, on=False, by="ana")
    rehearsed = resolve(database, "default", SCHEMA, dry_run=True)
    done = resolve(database, "default", SCHEMA)
    assert (len(done.outcomes), done.left) == (120, ())
    assert done.counts == rehearsed.counts
    assert final_state(database) == final_state(database, "never")
    assert resolve(database, "default", SCHEMA).outcomes == ()
