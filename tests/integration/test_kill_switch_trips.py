"""The kill switch trips by itself in the running system, keeps its evidence, and only a person resets it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from bench.people import FIRST, LAST, TOWNS, person
from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, DatabaseUnavailable
from memreg.core.ids import uuid7
from memreg.core.settings import Settings
from memreg.core.steps import fetch_rows
from memreg.engine.cache import Cache
from memreg.engine.model import Action, Basis, Decision, Proposal
from memreg.operations.kill_switch import status, switch
from memreg.operations.trip.limits import SQL, rules, set_rule
from memreg.operations.trip.look import Looker, look
from tests.support.engines import register
from tests.support.people import rows

RIGHT = """
schema: staff
classes:
  Person:
    description: Somebody who works with us
    columns:
      first: {dtype: string, desc: First name, required: true, normalize: [trim, collapse]}
      last: {dtype: string, desc: Last name, normalize: [trim, collapse]}
      email: {dtype: string, desc: E-mail, normalize: [email]}
      born: {dtype: date, desc: Day of birth}
      city: {dtype: string, desc: Town, normalize: [trim, collapse]}
      employer: {dtype: string, desc: Company, normalize: [trim, collapse]}
    annotation:
      searchable: {first: 2, last: 3, city: 1, employer: 1}
      compare: [born]
      identity: [{columns: [email], strength: strong}]
"""
WRONG = RIGHT.replace("columns: [email], strength", "columns: [first], strength")


def somebody(first: str, last: str) -> dict[str, Any]:
    """What is known of a person, the same at every call."""
    known = person(first, last)
    return {"first": first, "last": last, **{name: known[name] for name in ("email", "born", "city", "employer")}}


def strangers(seed: int = 7) -> Iterator[dict[str, Any]]:
    """People who are all different, in no order; some first names are of many."""
    chance = random.Random(seed)
    pairs = [(first, last) for first in FIRST for last in LAST]
    chance.shuffle(pairs)
    return (somebody(*pair) for pair in pairs)


def say(engine: Engine, **values: Any) -> Decision:
    return engine.ingest(proposals=[Proposal("Person", values)]).decisions[0]


def until_it_trips(engine: Engine, people: Iterator[dict[str, Any]], at_most: int = 400) -> list[Decision]:
    """The decisions up to the first that the switch decided, which is the last one."""
    decisions = []
    for _ in range(at_most):
        decisions.append(say(engine, **next(people)))
        if decisions[-1].basis is Basis.KILL_SWITCH:
            break
    return decisions


def engine_of(database: Database) -> Engine:
    return Engine(database, schema="staff", extractor="patterns")


def test_a_wrong_key_trips_it_before_a_hundred_wrong_merges(database: Database) -> None:
    register(database, WRONG)
    engine, people = engine_of(database), strangers()
    decisions = until_it_trips(engine, people)
    assert decisions[-1].basis is Basis.KILL_SWITCH
    wrong = [each for each in decisions if each.action is Action.UPDATE]
    assert 20 <= len(wrong) < 50
    (on,) = status(database, "default", "staff").on
    assert (on.class_name, on.set_by) == ("Person", "monitor")
    assert on.reason is not None
    assert "identity updates are contradicted" in on.reason
    assert on.evidence is not None
    assert on.evidence["rule"] == "contradictions"
    assert on.evidence["low"] > on.evidence["limit"] == 0.15
    assert on.evidence["version"] == 1
    assert on.evidence["contradicted"][0] == str(wrong[-1].audit_id)
    assert on.evidence["first_contradicted_at"] is not None


def test_the_trip_is_an_entry_of_the_audit_and_another_engine_obeys(database: Database, settings: Settings) -> None:
    register(database, WRONG)
    people = strangers()
    until_it_trips(engine_of(database), people)
    (on,) = status(database, "default", "staff").on
    (entry,) = (row for row in rows(database, "audit") if row["action"] == "SWITCH")
    assert (entry["id"], entry["basis"], entry["actor"]) == (on.audit_id, "monitor", "monitor")
    assert entry["details"]["evidence"] == on.evidence
    assert entry["memory_id"] is None
    with Database.connect(settings) as another:
        assert say(engine_of(another), **next(people)).basis is Basis.KILL_SWITCH
        forgotten = engine_of(another).ingest(proposals=[Proposal("Person", {"first": "Ana"}, "delete")]).decisions[0]
        assert (forgotten.action, forgotten.basis) == (Action.REJECT, Basis.KILL_SWITCH)


def test_only_what_came_since_a_reset_counts(database: Database) -> None:
    register(database, WRONG)
    engine, people = engine_of(database), strangers()
    until_it_trips(engine, people)
    with pytest.raises(ArgumentInvalid, match="only a person"):
        switch(database, "default", "staff", "Person", on=False, by="monitor")
    switch(database, "default", "staff", "Person", on=False, by="ana", reason="looked into")
    (reset,) = status(database, "default", "staff").switches
    assert reset.reset_at is not None
    assert reset.evidence is not None, "what it had tripped by is kept"
    (entry, tripped) = (row for row in reversed(rows(database, "audit")) if row["action"] == "SWITCH")
    assert (entry["basis"], entry["actor"], entry["details"]["on"]) == ("person", "ana", False)
    assert entry["details"]["reset"] == tripped["details"]["evidence"]
    again = until_it_trips(engine, people)
    assert again[-1].basis is Basis.KILL_SWITCH
    assert sum(each.action is Action.UPDATE for each in again) >= 20, "it must be counted anew"


def test_a_right_key_never_trips_it(database: Database) -> None:
    register(database, RIGHT)
    engine, people = engine_of(database), list(islice(strangers(), 60))
    chance = random.Random(5)
    for each in people:
        say(engine, **each)
    for _ in range(120):
        known = chance.choice(people)
        say(engine, **{"first": known["first"], "email": known["email"], **moved(known, chance)})
    assert sum(row["action"] == "UPDATE" for row in rows(database, "audit")) == 120
    assert status(database, "default", "staff").switches == ()


def test_a_few_contradictions_among_many_do_not_trip_it(database: Database) -> None:
    register(database, RIGHT)
    engine, people = engine_of(database), list(islice(strangers(), 60))
    for each in people:
        say(engine, **each)
    for number, (known, other) in enumerate(zip(people * 2, people[1:] * 2, strict=False)):
        wrong = number % 20 == 0  # one in twenty writes from somebody else's address
        decision = say(engine, **(other if wrong else known) | {"email": known["email"]})
        assert decision.basis is Basis.IDENTITY
    assert status(database, "default", "staff").switches == ()


def test_the_rule_has_its_limits_of_a_tenant_and_class(database: Database) -> None:
    register(database, WRONG)
    assert {each.rule: each.limit for each in rules(database, "default", "staff")} == {
        "false_updates": 0.05,
        "contradictions": 0.15,
        "identity_confidence": 0.70,
        "drift": 2.0,
        "candidate_failures": 0.5,
    }
    set_rule(database, "*", "*", "contradictions", by="ana", on=False)
    set_rule(database, "default", "staff", "identity_confidence", "Person", by="bo", minimum=40)
    found = {each.rule: each for each in rules(database, "default", "staff", "Person")}
    assert (found["contradictions"].is_on, found["contradictions"].set_by) == (False, "ana")
    assert (found["identity_confidence"].minimum, found["identity_confidence"].limit) == (40, 0.70)
    decisions = until_it_trips(engine_of(database), strangers())
    assert sum(each.action is Action.UPDATE for each in decisions) >= 40
    (on,) = status(database, "default", "staff").on
    assert on.evidence is not None
    assert on.evidence["rule"] == "identity_confidence"
    assert "the key first are contradicted" in on.evidence["said"]


def test_a_limit_of_its_own_for_a_tenant_leaves_the_others(database: Database) -> None:
    register(database, WRONG)
    set_rule(database, "acme", "staff", "contradictions", by="ana", minimum=5)
    acme = Engine(database, tenant="acme", schema="staff", extractor="patterns")
    assert sum(each.action is Action.UPDATE for each in until_it_trips(acme, strangers())) < 20
    assert status(database, "default", "staff").on == ()


def test_wrong_rules_are_refused(database: Database) -> None:
    register(database, WRONG)
    for wrong in ({"rule": "luck"}, {"limit": float("nan")}, {"limit": -1.0}, {"minimum": 0}, {"by": " "}):
        asked: dict[str, Any] = {"rule": "drift", "by": "ana", **wrong}
        with pytest.raises(ArgumentInvalid):
            set_rule(database, "default", "staff", **asked)


def test_judgements_trip_it(database: Database) -> None:
    register(database, RIGHT)
    engine, people = engine_of(database), list(islice(strangers(), 10))
    for number in range(40):
        last = say(engine, **people[number % 10] | {"city": TOWNS[number // 10]})
    assert last.action is Action.UPDATE
    for entry in engine.audit(action="update", limit=6):
        engine.undo(entry.audit_id, by="ana")
    (on,) = status(database, "default", "staff").on
    assert on.evidence is not None
    assert (on.evidence["rule"], on.evidence["of"]) == ("false_updates", 30)
    assert 4 <= on.evidence["counted"] <= 6


def test_what_goes_wrong_in_looking_fails_no_message(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    register(database, WRONG)

    def broken(*_: Any) -> Any:
        raise DatabaseUnavailable(where="x", reason="it is gone")

    monkeypatch.setattr("memreg.operations.trip.look.look", broken)
    engine, people = engine_of(database), strangers()
    assert all(say(engine, **next(people)).action in (Action.CREATE, Action.UPDATE) for _ in range(60))
    assert "kill_switch_not_looked_at" in caplog.text


def test_another_tenant_and_class_go_on(database: Database) -> None:
    register(database, WRONG)
    until_it_trips(engine_of(database), strangers())
    acme = Engine(database, tenant="acme", schema="staff", extractor="patterns")
    assert say(acme, first="Ana", last="Lopez").basis is Basis.NEW
    assert status(database, "acme", "staff").on == ()


@pytest.mark.parametrize("together", [2, 4])
def test_of_several_who_look_at_once_one_trips_it(database: Database, together: int) -> None:
    register(database, WRONG)
    set_rule(database, "default", "staff", "contradictions", by="ana", on=False)
    set_rule(database, "default", "staff", "identity_confidence", by="ana", on=False)
    engine, people = engine_of(database), strangers()
    for _ in range(120):
        say(engine, **next(people))
    set_rule(database, "default", "staff", "contradictions", by="ana")
    looker = Looker("default", "staff", Cache(), utc_now, uuid7)
    with ThreadPoolExecutor(together) as pool:
        asked = [pool.submit(database.run, "default", lambda: look(looker, ["Person"])) for _ in range(together)]
        trips = [trip for each in asked for trip in each.result()]
    assert len(trips) == 1
    turned = [row for row in rows(database, "audit") if row["action"] == "SWITCH"]
    assert [row["basis"] for row in turned] == ["person"] * 3 + ["monitor"], "rules are set by a person, in the audit"
    assert turned[0]["details"]["rule"] == "contradictions"


def test_a_reset_between_the_look_and_the_trip_wins(database: Database) -> None:
    register(database, WRONG)
    engine, people = engine_of(database), strangers()
    until_it_trips(engine, people)
    switch(database, "default", "staff", "Person", on=False, by="ana")
    stale = SQL["trip_switch"](
        tenant="default", schema="staff", class_name="Person", reason="old", evidence=Jsonb({}), audit_id=uuid7(),
        now=utc_now(), reset_at=None,
    )  # fmt: skip
    assert database.run("default", lambda: fetch_rows(stale)) == []
    assert status(database, "default", "staff").on == ()


def moved(known: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The rest of what somebody known says, who may have moved or changed jobs."""
    rest = {name: known[name] for name in ("last", "born", "city", "employer") if chance.random() < 0.7}
    return rest | ({"city": chance.choice(TOWNS)} if chance.random() < 0.2 else {})
