"""The kill switch: who turned what, when and why; effective on the next message of every engine."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, SchemaNotFound
from memreg.core.settings import Settings
from memreg.engine.model import Action, Basis
from memreg.operations.kill_switch import Switched, status, switch
from tests.support.people import SCHEMA, engine_of, forget, person, register, rows, say

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _people(database: Database) -> None:
    register(database)


def turn(database: Database, on: bool, class_name: str | None = None, tenant: str = "default") -> Switched:
    return switch(database, tenant, SCHEMA, class_name, on=on, by="ana", reason="it merges twins", clock=lambda: NOW)


def test_the_next_message_of_every_engine_only_creates(database: Database, settings: Settings) -> None:
    here = engine_of(database)
    say(here, "1", person(name="Ana Lopez", email="ana@lopez.io"))
    with Database.connect(settings) as another:
        there = engine_of(another)
        assert say(there, "2", person(name="Ana Lopez", email="ana@lopez.io")).decisions[0].action is Action.UPDATE
        turn(database, on=True)
        for engine, message in ((here, "3"), (there, "4")):
            created, refused = say(
                engine, message, person(name="Ana", email="ana@lopez.io"), forget(email="ana@lopez.io")
            ).decisions
            assert (created.action, created.basis) == (Action.CREATE, Basis.KILL_SWITCH)
            assert (refused.action, refused.basis) == (Action.REJECT, Basis.KILL_SWITCH)
        assert sum(row["unresolved"] for row in rows(database, "memories")) == 2
        assert turn(another, on=False).waiting == {"Person": 4}
        assert say(there, "5", person(name="Ana", email="ana@lopez.io")).decisions[0].basis is Basis.IDENTITY


def test_a_switch_covers_its_class_only(database: Database) -> None:
    engine = engine_of(database)
    turn(database, on=True, class_name="Place")
    assert say(engine, "1", person(name="Ana")).decisions[0].basis is Basis.NEW


def test_who_when_and_why_are_kept(database: Database) -> None:
    done = turn(database, on=True, class_name="Person")
    assert done.changed
    assert done.is_on
    again = switch(database, "default", SCHEMA, "Person", on=True, by="bo", reason="other", clock=lambda: LATER)
    assert not again.changed
    assert again.sentence == "it was on already"
    assert again.switch == done.switch
    (found,) = status(database, "default", SCHEMA).on
    assert (found.set_by, found.reason, found.set_at) == ("ana", "it merges twins", NOW)
    switch(database, "default", SCHEMA, "Person", on=False, by="bo", clock=lambda: LATER)
    assert status(database, "default", SCHEMA).on == ()
    (found,) = status(database, "default", SCHEMA).switches
    assert (found.set_by, found.reason, found.set_at) == ("bo", None, LATER)


def test_off_twice_is_off(database: Database) -> None:
    done = turn(database, on=False, class_name="Person")
    assert not done.changed
    assert done.switch is None
    assert done.sentence == "it was off already"


def test_a_class_stays_on_by_the_switch_of_every_class(database: Database) -> None:
    turn(database, on=True)
    turn(database, on=True, class_name="Person")
    done = turn(database, on=False, class_name="Person")
    assert done.changed
    assert done.sentence == "it is off, but the switch of every class of people for tenant default is on"
    assert say(engine_of(database), "1", person(name="Ana")).decisions[0].basis is Basis.KILL_SWITCH


def test_every_class_off_names_the_class_that_is_still_on(database: Database) -> None:
    turn(database, on=True, class_name="Person")
    assert [each.class_name for each in turn(database, on=False).still_on] == ["Person"]


def test_every_tenant(database: Database) -> None:
    turn(database, on=True, tenant="*")
    assert say(engine_of(database, "acme"), "1", person(name="Ana")).decisions[0].basis is Basis.KILL_SWITCH
    assert [each.tenant for each in status(database, "acme", SCHEMA).on] == ["*"]
    assert [each.tenant for each in turn(database, on=False).still_on] == ["*"]
    turn(database, on=False, tenant="*")
    assert say(engine_of(database, "acme"), "2", person(name="Bo")).decisions[0].basis is Basis.NEW


def test_another_tenant_is_untouched(database: Database) -> None:
    turn(database, on=True)
    assert status(database, "acme", SCHEMA).switches == ()
    assert say(engine_of(database, "acme"), "1", person(name="Ana")).decisions[0].basis is Basis.NEW


def test_unknown_names_are_refused(database: Database) -> None:
    with pytest.raises(ArgumentInvalid, match=r"class cannot be 'Nobody'.*Person, Place"):
        turn(database, on=True, class_name="Nobody")
    with pytest.raises(SchemaNotFound):
        switch(database, "default", "nowhere", None, on=True, by="ana")
    with pytest.raises(SchemaNotFound):
        status(database, "default", "nowhere")
    with pytest.raises(ArgumentInvalid, match="say who"):
        switch(database, "default", SCHEMA, None, on=True, by=" ")
