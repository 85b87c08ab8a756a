"""What is undone with `again` waits for `memreg resolve`, each proposal once, whatever else was decided meanwhile."""

from __future__ import annotations

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.engine.model import Action, Proposal
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import Resolved, resolve
from tests.integration.test_undo import message
from tests.support.engines import every, people, people_spec, say
from tests.support.offices import forget, made, offices, told
from tests.support.replay import check_replay

ANA = Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})
BO = Proposal("Person", {"name": "Bo Ek", "email": "bo@ek.se"})


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def resolved(engine: Engine) -> Resolved:
    return resolve(engine.database, "default", engine.schema(), by="ann")


def test_what_a_message_said_besides_is_undone_after_the_first_was_resolved(engine: Engine) -> None:
    one, two = message(engine, "m1", ANA, BO)
    engine.undo(one.audit_id, by="ann", again=True)
    assert len(resolved(engine).outcomes) == 1
    engine.undo(two.audit_id, by="ann", again=True)
    done = resolved(engine)
    assert len(done.outcomes) == 1
    assert done.left == ()
    assert len(every(engine)) == 2
    check_replay(engine.database, "default", people_spec())


@pytest.mark.parametrize("first", ["undo", "resolve"])
def test_what_was_held_back_and_undone_does_not_wait(engine: Engine, first: str) -> None:
    switch(engine.database, "default", "people", on=True, by="ann")
    one, _ = message(engine, "m1", ANA, BO)
    if first == "undo":
        engine.undo(one.audit_id, by="ann")
    switch(engine.database, "default", "people", on=False, by="ann")
    if first == "resolve":
        resolved(engine)
        engine.undo(one.audit_id, by="ann", cascade=True)
    assert resolved(engine).left == ()
    [bo] = every(engine).values()
    assert bo.values["name"] == "Bo Ek"


@pytest.mark.parametrize("was_there", [False, True])
def test_what_was_resolved_is_resolved_again_without_a_second_memory(engine: Engine, was_there: bool) -> None:
    if was_there:
        say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon")
    switch(engine.database, "default", "people", on=True, by="ann")
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    switch(engine.database, "default", "people", on=False, by="ann")
    [outcome] = resolved(engine).outcomes
    engine.undo(outcome.decision.audit_id, by="ann", again=True)
    [again] = resolved(engine).outcomes
    assert (again.decision.action, again.decision.memory_id) == (outcome.decision.action, outcome.decision.memory_id)
    [ana] = every(engine).values()
    assert (ana.values["city"], ana.unresolved) == ("Oslo", False)
    check_replay(engine.database, "default", people_spec())


def test_what_was_held_back_and_resolved_is_decided_again_once(engine: Engine) -> None:
    switch(engine.database, "default", "people", on=True, by="ann")
    held = say(engine, name="Ana Lopez", email="ana@lopez.io")
    switch(engine.database, "default", "people", on=False, by="ann")
    resolved(engine)
    engine.undo(held.audit_id, by="ann", cascade=True, again=True)
    done = resolved(engine)
    assert [each.decision.action for each in done.outcomes] == [Action.CREATE]
    assert done.left == ()
    assert len(every(engine)) == 1
    check_replay(engine.database, "default", people_spec())


def test_what_followed_from_a_decision_follows_again_and_is_not_decided_by_itself(database: Database) -> None:
    engine = offices(database)
    ana = made(engine, "Person", {"name": "Ana Lopez", "email": "a@x.io"})
    made(engine, "Badge", {"code": "B1", "owner": str(ana)})
    deleted = told(engine, forget("Person", email="a@x.io"), message_id="m2")
    assert len(deleted) == 2
    engine.undo_many(message_id="m2", by="ann", again=True, dry_run=False)
    assert len(engine.list("Badge")) == 1
    done = resolved(engine)
    assert [each.decision.action for each in done.outcomes] == [Action.DELETE]
    assert done.left == ()
    assert engine.list("Badge") == []


def test_what_a_message_refers_to_is_found_again_although_it_was_undone_too(database: Database) -> None:
    engine = offices(database)
    by_email = {"email": "b@x.io"}
    said = [
        Proposal("Person", {"name": "Ana Lopez", "email": "a@x.io", "employer": {"name": "Acme"}, "manager": by_email}),
        Proposal("Person", {"name": "Bo Ek", "email": "b@x.io", "manager": {"email": "a@x.io"}}),
    ]
    told(engine, *said, message_id="m1")

    def referred() -> dict[object, dict[str, str | None]]:
        return {
            each.values["name"]: {column: found[0].name for column, found in each.references.items()}
            for each in engine.list("Person")
        }

    before = referred()
    assert before["Ana Lopez"] == {"employer": "Acme", "manager": "Bo Ek"}
    engine.undo_many(message_id="m1", by="ann", again=True, dry_run=False)
    assert referred() == {}
    assert resolved(engine).left == ()
    assert referred() == before
    assert [each.values["name"] for each in engine.list("Company")] == ["Acme"]
