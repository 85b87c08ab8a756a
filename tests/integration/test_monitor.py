"""The monitors, from the decisions of real engines: what is counted, for whom, and how far back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, SchemaNotFound
from memreg.core.steps import Rows, Steps, fetch
from memreg.engine.model import Message, Proposal
from memreg.operations.kill_switch import switch
from memreg.operations.monitor.figures import ClassFigures, monitor
from memreg.operations.monitor.judgements import SQL
from memreg.operations.monitor.rates import Rate
from memreg.operations.monitor.window import Place, Window, count_decisions, read_window
from tests.support.engines import people, say

ANA = {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo", "born": "1990-04-02"}
BOB = {"name": "Bob Stone", "email": "bob@stone.org", "city": "Ystad", "born": "1961-11-23"}


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def figures(database: Database, tenant: str = "default", class_name: str = "Person") -> ClassFigures:
    (found,) = (each for each in monitor(database, tenant, "people").classes if each.class_name == class_name)
    return found


def test_nothing_is_decided_yet(database: Database, engine: Engine) -> None:  # noqa: ARG001
    found = monitor(database, "default", "people")
    assert found.classes == ()
    assert found.inbox_age is None
    assert {each.table for each in found.sizes} >= {"memories", "audit_log", "audit_values", "messages"}
    assert all(each.table_bytes >= 0 and each.index_bytes >= 0 for each in found.sizes)


def test_decisions_and_rates(database: Database, engine: Engine) -> None:
    say(engine, **ANA)
    say(engine, **BOB)
    say(engine, **ANA)
    moved = say(engine, **{**ANA, "city": "Lima"})
    say(engine, name="Zoe Quist", email="ana@lopez.io", city="Porto", born="1944-01-01")
    found = figures(database)
    assert found.version == 1
    assert found.decisions == 5
    assert found.by_decision == (("CREATE", "new", 2), ("UPDATE", "identity", 3))
    assert found.contradictions == Rate(1, 3)
    assert found.zero_hits == Rate(2, 2), "neither resembled anything known"
    assert (found.false_updates, found.missed_updates) == (Rate(0, 3), Rate(0, 2))
    assert sum(found.scores) == 3
    assert sum(found.over_time) == 5
    assert found.drift is None
    engine.undo(moved.audit_id, by="ana", cascade=True)
    again = figures(database)
    assert again.false_updates == Rate(2, 3)
    assert again.decisions == 5, "an act is no decision"


def test_undoing_many_decisions_does_not_hide_them(database: Database, engine: Engine) -> None:
    say(engine, **ANA)
    for city in ("Lima", "Porto", "Turku", "Perth", "Split"):
        say(engine, **{**ANA, "city": city})
    engine.undo_many(since=utc_now() - timedelta(hours=1), by="ana", dry_run=False)
    place = Place("default", "people", "Person", 1)

    def plan() -> Steps[tuple[Window, Rows, Rows]]:
        counted, answers, timed = yield from fetch(
            count_decisions(place, limit=6),
            SQL["key_answers"](**place.asked, after=None, limit=6, answers=100),
            SQL["time_decisions"](
                **place.asked, since=None, first=utc_now() - timedelta(hours=1), last=utc_now(), limit=6
            ),
        )
        window = yield from read_window(place, counted)
        return window, answers, timed

    window, answers, timed = database.run("default", plan)
    assert window.decisions == 6, "the newest decisions, however many acts came after them"
    assert window.false_updates == Rate(5, 5)
    assert len(answers) == 5
    assert timed[0]["timed"] == 6


def test_a_merge_is_a_missed_update(database: Database, engine: Engine) -> None:
    first, second = say(engine, name="Ana Lopez", city="Oslo"), say(engine, name="Anneli Lopes", city="Bergen")
    assert first.action == second.action == "CREATE"
    engine.merge(first.memory_id or "", second.memory_id or "", by="ana")
    assert figures(database).missed_updates == Rate(1, 2)


def test_a_tenant_sees_its_own_and_an_operator_all(database: Database, engine: Engine) -> None:
    say(engine, **ANA)
    acme = engine.for_tenant("acme")
    for _ in range(3):
        say(acme, **BOB)
    say(acme, "Sensor", serial="s-1", place="roof")
    assert figures(database).decisions == 1
    assert figures(database, "acme").decisions == 3
    every = monitor(database, "*", "*").classes
    assert [(each.tenant, each.class_name, each.decisions) for each in every] == [
        ("acme", "Person", 3),
        ("acme", "Sensor", 1),
        ("default", "Person", 1),
    ]


def test_the_window_is_bounded_in_time(database: Database, engine: Engine) -> None:
    say(engine, **ANA)
    later = utc_now() + timedelta(hours=3)
    assert monitor(database, "default", "people", window=timedelta(hours=2), clock=lambda: later).classes == ()
    assert (
        monitor(database, "default", "people", window=timedelta(hours=4), clock=lambda: later).classes[0].decisions == 1
    )


def test_latency_is_told(database: Database, engine: Engine) -> None:
    say(engine, **ANA)
    found = figures(database).latency
    assert found is not None
    assert found.timed == 1
    assert 0 < found.median <= found.p95 <= found.p99


def test_a_switch_and_questions_are_told(database: Database, engine: Engine) -> None:
    say(engine, **ANA)
    say(engine, name="Zoe Quist", email="ana@lopez.io", city="Porto", born="1944-01-01")
    switch(database, "*", "people", "Person", on=True, by="ana")
    found = monitor(database, "default", "people")
    assert found.classes[0].switched is not None
    assert [(each.kind, each.items) for each in found.backlog] == [("identity_contradiction", 1)]


def test_an_old_message_is_told(database: Database, engine: Engine) -> None:
    engine.submit(Message("nothing to see", "m1"))
    engine.close()
    found = monitor(database, "default", "people", clock=lambda: utc_now() + timedelta(minutes=5))
    assert found.inbox_age is None or found.inbox_age >= timedelta(minutes=4)


def test_wrong_questions_are_refused(database: Database, engine: Engine) -> None:  # noqa: ARG001
    with pytest.raises(SchemaNotFound):
        monitor(database, "default", "nowhere")
    with pytest.raises(ArgumentInvalid):
        monitor(database, "default", "people", window=timedelta(0))


def test_many_decisions_of_one_turn(database: Database, engine: Engine) -> None:
    engine.ingest(proposals=[Proposal("Person", {**ANA, "email": f"p{n}@x.io", "name": f"N{n} M"}) for n in range(25)])
    assert figures(database).decisions == 25


def test_an_engine_tells_of_its_own_tenant(engine: Engine) -> None:
    say(engine, **ANA)
    say(engine.for_tenant("acme"), **BOB)
    found = engine.monitor(window=timedelta(hours=1))
    assert [(each.tenant, each.decisions) for each in found.classes] == [("default", 1)]
    assert found.sizes
    with pytest.raises(ArgumentInvalid):
        engine.monitor(window=timedelta(0))


def test_an_engine_turns_its_switch(engine: Engine) -> None:
    done = engine.kill_switch(True, "Person", by="ana", why="it merges twins")
    assert done.sentence == "it is on: nothing is merged or deleted"
    assert say(engine, **ANA).basis == "kill_switch"
    assert say(engine.for_tenant("acme"), **ANA).basis == "new"
    (on,) = engine.kill_switches().on
    assert (on.set_by, on.reason, on.evidence) == ("ana", "it merges twins", None)
    assert engine.kill_switch(False, "Person", by="ana").waiting == {"Person": 1}
    with pytest.raises(ArgumentInvalid):
        engine.kill_switch(True, "Nobody", by="ana")


def test_a_class_that_no_schema_has_is_never_named(database: Database, engine: Engine) -> None:
    say(engine, "ana@lopez.io is my address", name="Ana")
    say(engine, **ANA)
    told = monitor(database, "*", "*")
    assert [each.class_name for each in told.classes] == ["Person"]
