"""Undo: the exact state before comes back by a new revision and entry; what was built on it is never lost unasked."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused, ArgumentInvalid, AuditNotFound
from memreg.core.queries import Query
from memreg.core.steps import Steps
from memreg.engine.model import Action, Decision, Message, Proposal
from memreg.engine.store import SQL, class_lock
from memreg.operations.acts.undo_run import Undo, UndoResult, parts
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve
from memreg.operations.review import review
from tests.support.engines import every, people, people_spec, say
from tests.support.replay import check_replay, rows, stored


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def states(engine: Engine) -> dict[UUID, dict[str, object]]:
    """Every live memory's state in the tables, without what tells of its revisions."""
    found = stored(engine.database, engine.tenant)
    return {
        memory_id: {name: value for name, value in state.items() if name not in ("revision", "void")}
        for memory_id, state in found.items()
        if not state["is_deleted"]
    }


def test_an_update_is_taken_back_exactly(engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    before = states(engine)
    moved = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    done = engine.undo(moved.audit_id, by="ann", why="a joke")
    assert states(engine) == before
    assert done.sentence == "1 decision about 1 memory undone."
    [undone] = done.undone
    assert (undone.undoes, undone.action) == (moved.audit_id, "UPDATE")
    assert undone.memories[0].before is not None
    assert undone.memories[0].after is not None
    assert (undone.memories[0].before["city"], undone.memories[0].after["city"]) == ("Oslo", "Lisbon")
    assert moved.memory_id is not None
    assert [each.revision for each in engine.history(moved.memory_id)] == [1, 2, 3]
    entry = engine.audit(limit=1)[0]
    assert (entry.action, entry.basis, entry.message_id) == (Action.UNDO, "person", done.act_id)
    assert "a joke" in entry.reasons
    check_replay(engine.database, "default", people_spec())


def test_a_new_memory_is_taken_back_with_its_keys(engine: Engine) -> None:
    made = say(engine, name="Ana Lopez", email="ana@lopez.io")
    engine.undo(made.audit_id, by="ann")
    assert states(engine) == {}
    again = say(engine, name="Ana Lopez", email="ana@lopez.io")
    assert again.action is Action.CREATE
    check_replay(engine.database, "default", people_spec())


def test_an_undo_is_undone(engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    moved = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    after = states(engine)
    undo = engine.undo(moved.audit_id, by="ann")
    with pytest.raises(ActRefused, match=f"undone already, by {undo.undone[0].audit_id}"):
        engine.undo(moved.audit_id, by="ann")
    engine.undo(undo.undone[0].audit_id, by="ann")
    assert states(engine) == after
    engine.undo(moved.audit_id, by="ann")  # which stands again
    assert states(engine) != after
    check_replay(engine.database, "default", people_spec())


def test_what_was_built_on_it_is_listed_or_undone_too(engine: Engine) -> None:
    made = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    later = [say(engine, name="Ana Lopez", email="ana@lopez.io", city=city) for city in ("Oslo", "Rome")]
    after = states(engine)
    with pytest.raises(ActRefused, match="2 later decisions") as refused:
        engine.undo(made.audit_id, by="ann")
    assert refused.value.blockers == tuple(each.audit_id for each in reversed(later))
    assert states(engine) == after
    done = engine.undo(made.audit_id, by="ann", cascade=True)
    assert [each.undoes for each in done.undone] == [*refused.value.blockers, made.audit_id]
    assert states(engine) == {}
    assert done.act_id is not None
    engine.undo_many(message_id=done.act_id, by="ann", dry_run=False)
    assert states(engine) == after
    check_replay(engine.database, "default", people_spec())


def test_what_was_undone_does_not_stand_in_the_way(engine: Engine) -> None:
    made = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    moved = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    engine.undo(moved.audit_id, by="ann")
    engine.undo(made.audit_id, by="ann")
    assert states(engine) == {}


def test_a_deleted_memory_comes_back_unless_another_has_its_key(engine: Engine) -> None:
    made = say(engine, name="Ana Lopez", email="ana@lopez.io")
    gone = say(engine, operation="delete", email="ana@lopez.io")
    engine.undo(gone.audit_id, by="ann")
    assert list(every(engine)) == [made.memory_id]
    gone = say(engine, operation="delete", email="ana@lopez.io")
    other = say(engine, name="Ana Lopez", email="ana@lopez.io")
    with pytest.raises(ActRefused, match="its key email is that of memory") as refused:
        engine.undo(gone.audit_id, by="ann")
    assert refused.value.blockers == (other.audit_id,)
    engine.undo(gone.audit_id, by="ann", cascade=True)
    assert list(every(engine)) == [made.memory_id]
    check_replay(engine.database, "default", people_spec())


def test_nothing_to_undo_is_said(engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io")
    same = say(engine, name="Ana Lopez", email="ana@lopez.io")
    with pytest.raises(ActRefused, match="changed no memory"):
        engine.undo(same.audit_id, by="ann")
    with pytest.raises(AuditNotFound):
        engine.undo(uuid4(), by="ann")
    with pytest.raises(ArgumentInvalid):
        engine.undo(same.audit_id, by=" ")


def test_a_dry_run_changes_nothing(engine: Engine) -> None:
    made = say(engine, name="Ana Lopez", email="ana@lopez.io")
    entries = len(engine.audit(limit=100))
    told = engine.undo(made.audit_id, by="ann", dry_run=True)
    assert told.sentence == "1 decision about 1 memory would be undone."
    assert len(engine.audit(limit=100)) == entries
    assert list(every(engine)) == [made.memory_id]


def message(engine: Engine, message_id: str, *proposals: Proposal, session: str | None = None) -> tuple[Decision, ...]:
    return engine.ingest(Message(message_id, message_id, session), proposals=proposals).decisions


def test_the_decisions_of_a_message_of_a_session_and_of_an_hour(engine: Engine) -> None:
    ana = Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})
    bo = Proposal("Person", {"name": "Bo Ek", "email": "bo@ek.se"})
    message(engine, "m1", ana)
    kept = states(engine)
    since = datetime.now(UTC)
    message(engine, "m2", Proposal("Person", {"email": "ana@lopez.io", "city": "Oslo"}), bo, session="s")
    message(engine, "m3", Proposal("Person", {"email": "bo@ek.se", "city": "Rome"}), session="s")
    after = states(engine)

    told = engine.undo_many(message_id="m2", by="ann")
    assert told.dry_run
    assert len(told.undone) == 1
    assert len(told.blocked) == 1  # m3 built on it
    assert states(engine) == after
    with pytest.raises(ActRefused, match="1 of them cannot be undone"):
        engine.undo_many(message_id="m2", by="ann", dry_run=False)

    by_session = engine.undo_many(session="s", by="ann", dry_run=False)
    assert len(by_session.undone) == 3
    assert states(engine) == kept
    assert by_session.act_id is not None
    engine.undo_many(message_id=by_session.act_id, by="ann", dry_run=False)
    assert states(engine) == after

    by_time = engine.undo_many(since=since, by="ann", dry_run=False)
    assert len(by_time.undone) == 3
    assert states(engine) == kept
    nothing = engine.undo_many(since=since, by="ann", dry_run=False)
    assert nothing.sentence == "There is nothing to undo."
    assert engine.undo_many(since=since + timedelta(days=1), by="ann").undone == ()
    check_replay(engine.database, "default", people_spec())


def test_a_selection_says_something(engine: Engine) -> None:
    with pytest.raises(ArgumentInvalid, match="name a message, a session or a time"):
        engine.undo_many(by="ann")
    with pytest.raises(ArgumentInvalid, match="zone"):
        engine.undo_many(by="ann", since=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_bad_hour_of_more_decisions_than_one_transaction_takes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memreg.operations.acts.undo_run.CHUNK", 3)
    since = datetime.now(UTC)
    for city in ("Oslo", "Rome", "Bergen", "Lisbon", "Vienna", "Paris", "Turin"):
        say(engine, name="Ana Lopez", email="ana@lopez.io", city=city)
    done = engine.undo_many(since=since, by="ann", dry_run=False)
    assert len(done.undone) == 7
    assert states(engine) == {}
    assert len({each.message_id for each in engine.audit(limit=7)}) == 1
    check_replay(engine.database, "default", people_spec())


def test_what_was_resolved_into_another_memory_is_taken_apart_again(database: Database) -> None:
    engine = people(database)
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    switch(database, "default", "people", on=True, by="ann")
    held = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    assert held.action is Action.CREATE
    before = states(engine)
    switch(database, "default", "people", on=False, by="ann")
    resolved = resolve(database, "default", "people", by="ann").outcomes[0].decision
    assert resolved.action is Action.UPDATE
    engine.undo(resolved.audit_id, by="ann")
    assert states(engine) == before
    check_replay(database, "default", people_spec())


def test_the_questions_of_what_is_undone_are_answered_by_that(engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    doubt = say(engine, name="Zoe Quist", email="ana@lopez.io", city="Ystad")

    def asked() -> list[str]:
        return [item.kind for item in review(engine.database, "default", "people").items]

    assert asked() == ["identity_contradiction"]
    undo = engine.undo(doubt.audit_id, by="ann")
    assert asked() == []
    engine.undo(undo.undone[0].audit_id, by="ann")
    assert asked() == ["identity_contradiction"]


def test_what_is_undone_can_be_decided_again(database: Database) -> None:
    engine = people(database)
    message(engine, "m1", Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Lisbon"}))
    bo = Proposal("Person", {"name": "Bo Ek", "email": "bo@ek.se"})
    message(engine, "m2", Proposal("Person", {"email": "ana@lopez.io", "city": "Oslo"}), bo)
    message(engine, "m3", Proposal("Person", {"email": "bo@ek.se", "city": "Rome"}))

    def said() -> list[dict[str, object]]:
        return sorted((each.values for each in every(engine).values()), key=lambda values: str(values["name"]))

    after = said()
    undone = engine.undo_many(message_id="m2", by="ann", cascade=True, again=True, dry_run=False)
    assert said() == [{"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Lisbon"}]
    rehearsed = resolve(database, "default", "people", by="ann", dry_run=True)
    assert len(rehearsed.outcomes) == 3
    assert len(said()) == 1
    resolved = resolve(database, "default", "people", by="ann")
    assert [each.message_id for each in resolved.outcomes] == ["m2", "m2", "m3"]
    assert said() == after
    assert resolve(database, "default", "people", by="ann").outcomes == ()
    assert undone.act_id is not None
    with pytest.raises(ActRefused):  # what was decided again was built on it
        engine.undo_many(message_id=undone.act_id, by="ann", dry_run=False)
    check_replay(database, "default", people_spec())


def test_an_undo_that_was_undone_has_nothing_decided_again(database: Database) -> None:
    engine = people(database)
    made = say(engine, name="Ana Lopez", email="ana@lopez.io")
    undo = engine.undo(made.audit_id, by="ann", again=True)
    engine.undo(undo.undone[0].audit_id, by="ann")
    assert resolve(database, "default", "people", by="ann").outcomes == ()
    engine.undo(made.audit_id, by="ann", again=True)
    assert len(resolve(database, "default", "people", by="ann").outcomes) == 1
    assert len(every(engine)) == 1


def test_what_is_undone_counts_as_wrong_until_it_is_brought_back(engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    moved = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    standing = Query(
        "standing",
        "Judgements that stand.",
        "select audit_id, kind from memreg.judgements where tenant = %(tenant)s and withdrawn_at is null",
    )
    undo = engine.undo(moved.audit_id, by="ann")
    assert rows(engine.database, standing, "default") == [{"audit_id": moved.audit_id, "kind": "false_update"}]
    engine.undo(undo.undone[0].audit_id, by="ann")
    assert rows(engine.database, standing, "default") == []


def test_a_memory_is_not_known_by_what_was_taken_back(engine: Engine) -> None:
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    wrong = say(engine, name="Zoe Quist", email="ana@lopez.io", city="Ystad")
    assert wrong.memory_id == ana.memory_id
    engine.undo(wrong.audit_id, by="ann")
    zoe = say(engine, name="Zoe Quist", city="Ystad")
    assert zoe.action is Action.CREATE
    assert zoe.score == 0.0 or zoe.score is None


def test_of_two_who_undo_the_same_one_does(engine: Engine) -> None:
    made = say(engine, name="Ana Lopez", email="ana@lopez.io")
    others = [Engine(engine.database, schema="people", extractor="patterns") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda each: _try_undo(each, made.audit_id), others))
    assert sorted(outcomes) == [False, False, False, True]
    assert [each.action for each in engine.audit(limit=10)] == [Action.UNDO, Action.CREATE]


def _try_undo(engine: Engine, audit_id: UUID) -> bool:
    try:
        engine.undo(audit_id, by="ann")
    except ActRefused:
        return False
    return True


def test_messages_that_come_while_hours_are_undone_lose_nothing(engine: Engine) -> None:
    for city in ("Oslo", "Rome", "Bergen"):
        say(engine, name="Ana Lopez", email="ana@lopez.io", city=city)
    before = datetime.now(UTC) - timedelta(hours=1)
    other = Engine(engine.database, schema="people", extractor="patterns")
    with ThreadPoolExecutor(2) as pool:
        told = pool.map(lambda n: say(other, name=f"Bo {n} Ek", email=f"bo{n}@ek.se"), range(12))
        undone = 0
        for _ in range(20):
            done = engine.undo_many(since=before, by="ann", cascade=True, dry_run=False)
            undone += len(done.undone)
        assert len(list(told)) == 12
    undone += len(engine.undo_many(since=before, by="ann", cascade=True, dry_run=False).undone)
    assert undone == 15
    assert states(engine) == {}
    check_replay(engine.database, "default", people_spec())


def test_what_was_held_back_and_undone_is_decided_in_the_order_it_came(database: Database) -> None:
    engine = people(database)
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    switch(database, "default", "people", on=True, by="ann")
    since = datetime.now(UTC)
    for number in range(40):  # more than one transaction resolves
        say(engine, name="Ana Lopez", email="ana@lopez.io", city=f"City {number}")
    engine.undo_many(since=since, by="ann", again=True, dry_run=False)
    switch(database, "default", "people", on=False, by="ann")
    resolved = resolve(database, "default", "people", by="ann")
    assert len(resolved.outcomes) == 40
    [ana] = every(engine).values()
    assert ana.values["city"] == "City 39"
    assert [each.values["city"] for each in engine.history(ana.id)[1:]] == [f"City {number}" for number in range(40)]


def test_the_rest_of_a_bad_hour_is_undone_although_a_memory_of_it_was_erased(engine: Engine) -> None:
    since = datetime.now(UTC)
    gone = say(engine, name="Ana Lopez", email="ana@lopez.io")
    say(engine, name="Bo Ek", email="bo@ek.se")
    assert gone.memory_id is not None
    engine.erase(gone.memory_id, by="ann", why="the law")
    told = engine.undo_many(since=since, by="ann")
    assert [(each.audit_id, each.reason) for each in told.blocked] == [
        (gone.audit_id, "its values were erased for good")
    ]
    done = engine.undo_many(since=since, by="ann", dry_run=False)
    assert done.sentence == "1 decision about 1 memory undone; 1 decision cannot be."
    assert states(engine) == {}
    with pytest.raises(ActRefused, match="erased for good"):
        engine.undo(gone.audit_id, by="ann", cascade=True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"action": "UPDAT"}, "action cannot be UPDAT: it must be one of CREATE"),
        ({"action": 3}, "action cannot be 3"),
        ({"basis": "identiy"}, "basis cannot be identiy: it must be one of invalid"),
        ({"basis": "new\x00"}, "NUL"),
        ({"until": "2h"}, "until cannot be str: it must be a datetime"),
    ],
)
def test_selections_that_cannot_be(engine: Engine, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentInvalid, match=told):
        engine.undo_many(session="s", by="ann", **given)


def test_what_came_while_an_hour_was_undone_is_told_with_what_was_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memreg.operations.acts.undo_run.CHUNK", 1)
    since = datetime.now(UTC)
    say(engine, name="Ana Lopez", email="ana@lopez.io")
    say(engine, name="Bo Ek", email="bo@ek.se")
    whole = parts

    def meanwhile(planned: UndoResult, wanted: Undo) -> Iterator[Undo]:
        for number, each in enumerate(whole(planned, wanted)):
            if number:
                say(engine, email="ana@lopez.io", city="Oslo")
            yield each

    monkeypatch.setattr("memreg.operations.acts.undo_run.parts", meanwhile)
    with pytest.raises(ActRefused, match=r"a later decision .*\(1 decision about 1 memory undone by then") as refused:
        engine.undo_many(since=since, by="ann", dry_run=False)
    assert len(refused.value.blockers) == 1
    [ana] = every(engine).values()
    assert ana.values["city"] == "Oslo"
    monkeypatch.undo()
    engine.undo_many(since=since, by="ann", dry_run=False)
    assert states(engine) == {}


def test_a_memory_is_found_by_what_it_said_long_ago_however_often_something_is_taken_back(engine: Engine) -> None:
    for name in ("Ana", "Berta", "Cecilia", "Dora", "Emilia"):
        say(engine, name=f"{name} Lopez", email="ana@lopez.io")
    by = Query("by", "What they are found by.", "select candidate_keys from memreg.memories where tenant = %(tenant)s")
    before = rows(engine.database, by, "default")
    for city in ("Oslo", "Rome"):
        moved = say(engine, email="ana@lopez.io", city=city)
        undo = engine.undo(moved.audit_id, by="ann")
        assert rows(engine.database, by, "default") == before
        engine.undo(undo.undone[0].audit_id, by="ann")
        engine.undo(moved.audit_id, by="ann")
    [ana] = every(engine)
    engine.undo(engine.forget(ana, by="ann").audit_id or "", by="ann")
    assert rows(engine.database, by, "default") == before
    check_replay(engine.database, "default", people_spec())


def test_who_only_looks_waits_for_nobody_and_nobody_for_them(engine: Engine) -> None:
    made = say(engine, name="Ana Lopez", email="ana@lopez.io")
    held = SQL["lock_class"](lock=class_lock("default", "people", "Person"))

    def holding() -> Steps[int]:
        yield (held,)
        told = engine.undo_many(since=datetime.now(UTC) - timedelta(hours=1), by="ann")
        told += engine.undo(made.audit_id, by="ann", dry_run=True)
        return len(told.undone)

    assert engine.database.run("default", holding) == 2
