"""Who looks after the switches: engines, workers for what they decided, and resolve."""

from __future__ import annotations

from typing import Any

import pytest

from bench.people import person
from memreg.api.engine import Engine
from memreg.api.watch import Watch
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.engine.cache import Cache
from memreg.engine.model import Action, Basis, Decision, Message, Proposal
from memreg.operations.kill_switch import status
from memreg.operations.resolve import resolve
from memreg.operations.trip.pending import SECONDS, Pending
from tests.integration.test_kill_switch_trips import WRONG, engine_of, say, strangers
from tests.support.engines import register

NAMES = ["Lopez", "Berg", "Quist", "Stone", "Hagen", "Wong", "Babic", "Aalto"]


class Tick:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wrong(database: Database) -> Engine:
    """An engine under a wrong key that looks at nothing by itself."""
    register(database, WRONG)
    return Engine(database, schema="staff", extractor="patterns", trips=False)


def merged(engine: Engine, count: int) -> list[Decision]:
    """So many updates that are wrong."""
    people, decisions = strangers(), list[Decision]()
    while sum(each.action is Action.UPDATE for each in decisions) < count:
        decisions.append(say(engine, **next(people)))
    return decisions


def test_what_a_worker_left_unlooked_at_is_looked_at_later(database: Database, wrong: Engine) -> None:
    decisions = merged(wrong, 25)
    tick = Tick()
    watch = Watch(database, Pending(tick))
    assert watch.decided("default", "staff", decisions[-1:], Cache(), utc_now) == ()
    assert watch.look_after(Cache(), utc_now) == ()
    tick.now = SECONDS
    (trip,) = watch.look_after(Cache(), utc_now)
    assert (trip.class_name, trip.finding.rule) == ("Person", "contradictions")
    assert [each.audit_id for each in status(database, "default", "staff").on] == [trip.audit_id]
    assert watch.look_after(Cache(), utc_now) == ()


def test_an_engine_that_trips_nothing_looks_at_nothing(database: Database, wrong: Engine) -> None:
    merged(wrong, 25)
    assert status(database, "default", "staff").switches == ()


def test_a_worker_trips_it(database: Database) -> None:
    text = WRONG + '    patterns: ["{first} {last} of {city}"]\n'
    register(database, text)
    with Engine(database, schema="staff", extractor="patterns") as engine:
        for number, last in enumerate(NAMES * 6):
            known = person("Ana", last)
            engine.submit(Message(f"Ana {last}{number} of {known['city']}", f"m{number}", session="one"))
        engine.background(slots=1).close(30.0)
    (on,) = status(database, "default", "staff").on
    assert on.set_by == "monitor"


def test_resolving_trips_it_again_where_the_cause_is_still_there(database: Database) -> None:
    register(database, WRONG)
    engine, people = engine_of(database), strangers()
    engine.kill_switch(True, by="ana")
    for _ in range(120):
        say(engine, **next(people))
    engine.kill_switch(False, by="ana")
    resolved = resolve(database, "default", "staff", by="ana")
    updated = [each for each in resolved.outcomes if each.decision.action is Action.UPDATE]
    assert 20 <= len(updated) < 60
    (left,) = resolved.left
    assert left.class_name == "Person"
    assert [each.class_name for each in status(database, "default", "staff").on] == ["Person"]


def test_a_message_of_many_proposals_is_looked_at_as_a_whole(database: Database) -> None:
    register(database, WRONG)
    engine, people = engine_of(database), strangers()
    for _ in range(12):
        done = engine.ingest(proposals=[Proposal("Person", next(people)) for _ in range(10)])
    assert done.decisions[-1].basis is Basis.KILL_SWITCH


def test_nothing_is_looked_at_without_a_decision(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register(database, WRONG)
    looked = list[Any]()
    monkeypatch.setattr("memreg.operations.trip.look.look", lambda *asked: looked.append(asked))
    engine = engine_of(database)
    engine.ingest(proposals=[])
    for _ in range(3):
        engine.ingest(proposals=[Proposal("Nobody", {"first": "Ana"})])
    assert looked == []


def test_engines_that_live_for_one_message_trip_the_switch_too(database: Database) -> None:
    register(database, WRONG)
    people, updates = strangers(), 0
    while updates < 40 and not status(database, "default", "staff").on:
        with Engine(database, schema="staff", extractor="patterns") as engine:
            updates += say(engine, **next(people)).action is Action.UPDATE
    (switched,) = status(database, "default", "staff").on
    assert (switched.class_name, switched.set_by) == ("Person", "monitor")
