"""A person's corrections: checked as what messages say is, pinned against it, with the keys that are right."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ActRefused, ArgumentInvalid
from memreg.core.queries import Query
from memreg.engine.model import Action, Basis
from memreg.operations.kill_switch import switch
from tests.integration.test_acts_split import judged
from tests.support.engines import people, say
from tests.support.offices import made, offices
from tests.support.replay import check_replay, rebuilt, rows, stored


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


@pytest.fixture
def ana(engine: Engine) -> UUID:
    memory = say(engine, name="Ana Lopez", email="a@x.io", city="Oslo", tags=["pilot"]).memory_id
    assert memory is not None
    return memory


def test_values_are_normalised_as_those_of_messages_are(engine: Engine, ana: UUID, database: Database) -> None:
    done = engine.correct(ana, {"name": "  Ana   Lopes ", "email": "Ana@X.io", "age": "41"}, by="eva", why="she said")
    memory = engine.get(ana)
    assert memory.values == {
        "name": "Ana Lopes", "email": "ana@x.io", "age": 41, "city": "Oslo", "tags": ["pilot"]
    }  # fmt: skip
    assert (memory.revision, done.memories[0].changed) == (2, ("name", "email", "age"))
    assert done.sentence == f"Person {ana}: name, email, age is corrected, name, email, age is pinned."
    assert rebuilt(database, "default") == stored(database, "default")


def test_what_is_pinned_outranks_what_is_said_later_and_the_decision_says_so(engine: Engine, ana: UUID) -> None:
    engine.correct(ana, {"city": "Bergen"}, by="eva")
    decision = say(engine, email="a@x.io", city="Lima", age=40)
    assert (decision.action, decision.memory_id) == (Action.UPDATE, ana)
    assert any(reason.startswith("city keeps what eva set on") for reason in decision.reasons)
    assert (engine.get(ana).values["city"], engine.get(ana).values["age"]) == ("Bergen", 40)


def test_pinning_what_it_says_leaves_what_it_is_found_by(engine: Engine, ana: UUID, database: Database) -> None:
    say(engine, email="a@x.io", name="Annika Berg")
    by = Query(
        "by", "What memories are found by.", "select candidate_keys from memreg.memories where tenant = %(tenant)s"
    )
    before = rows(database, by, "default")
    engine.correct(ana, {"name": "Annika Berg"}, by="eva")
    engine.correct(ana, unpin=["name"], by="eva")
    assert rows(database, by, "default") == before


def test_without_pinning_a_message_may_change_it_again(engine: Engine, ana: UUID) -> None:
    engine.correct(ana, {"city": "Bergen"}, by="eva", pin=False)
    say(engine, email="a@x.io", city="Lima")
    assert engine.get(ana).values["city"] == "Lima"


def test_unpinned_a_message_may_change_it_again(engine: Engine, ana: UUID, database: Database) -> None:
    engine.correct(ana, {"city": "Bergen"}, by="eva")
    done = engine.correct(ana, unpin=["city"], by="tom")
    assert done.sentence == f"Person {ana}: city is no longer pinned."
    say(engine, email="a@x.io", city="Lima")
    assert engine.get(ana).values["city"] == "Lima"
    assert done.audit_id is not None
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_value_can_be_taken_away_and_stays_so(engine: Engine, ana: UUID) -> None:
    engine.correct(ana, {"city": None, "tags": []}, by="eva")
    say(engine, email="a@x.io", city="Lima", tags=["chef"], age=40)
    values = engine.get(ana).values
    assert values == {"name": "Ana Lopez", "email": "a@x.io", "age": 40}


def test_it_is_found_by_the_right_key_and_not_by_the_wrong_one(engine: Engine, ana: UUID) -> None:
    engine.correct(ana, {"email": "right@x.io"}, by="eva")
    assert say(engine, email="right@x.io", age=41).memory_id == ana
    other = say(engine, name="Wolfgang Schmidt", email="a@x.io")
    assert (other.action, other.basis) == (Action.CREATE, Basis.NEW)


def test_a_value_that_was_right_until_now_keeps_its_key(engine: Engine, ana: UUID) -> None:
    done = engine.correct(ana, {"email": "new@x.io"}, keep_keys=True, by="eva")
    assert done.notes == ()
    assert say(engine, email="a@x.io", age=41).memory_id == ana
    assert say(engine, email="new@x.io", age=42).memory_id == ana


def test_a_wrong_name_is_no_evidence_any_more(engine: Engine) -> None:
    wrong = say(engine, name="Wolfgang Schmidt", city="Graz", tags=["chef"]).memory_id
    assert wrong is not None
    engine.correct(wrong, {"name": "Ana Lopez", "city": "Oslo", "tags": ["pilot"]}, by="eva")
    decision = say(engine, name="Wolfgang Schmidt", city="Graz", tags=["chef"])
    assert (decision.action, decision.memory_id == wrong) == (Action.CREATE, False), decision


def test_what_was_right_until_now_still_is_evidence(engine: Engine) -> None:
    moved = say(engine, name="Wolfgang Schmidt", city="Graz", tags=["chef"]).memory_id
    assert moved is not None
    engine.correct(moved, {"name": "Wolfgang Berger", "city": "Oslo"}, keep_keys=True, by="eva")
    assert say(engine, name="Wolfgang Schmidt", city="Graz", tags=["chef"]).memory_id == moved


def test_undone_it_is_exactly_as_before(engine: Engine, ana: UUID, database: Database) -> None:
    before = stored(database, "default")[ana]
    done = engine.correct(ana, {"email": "right@x.io", "city": None}, by="eva")
    assert done.audit_id is not None
    engine.undo(done.audit_id, by="eva")
    after = stored(database, "default")[ana]
    assert {name: after[name] for name in ("payload", "keys")} == {name: before[name] for name in ("payload", "keys")}
    assert "pinned" not in after
    say(engine, email="a@x.io", city="Lima")
    assert engine.get(ana).values["city"] == "Lima"


def test_the_decision_that_put_the_wrong_value_is_judged(engine: Engine, ana: UUID, database: Database) -> None:
    wrong = say(engine, email="a@x.io", city="Lima")
    assert wrong.action is Action.UPDATE
    engine.correct(ana, {"age": 40}, by="eva")
    assert judged(database) == []
    done = engine.correct(ana, {"city": "Bergen"}, by="eva")
    [judgement] = judged(database)
    assert (judgement["audit_id"], judgement["act_id"]) == (wrong.audit_id, done.audit_id)
    assert done.audit_id is not None
    engine.undo(done.audit_id, by="eva")
    assert judged(database)[0]["withdrawn_at"] is not None


def test_a_dry_run_changes_nothing(engine: Engine, ana: UUID, database: Database) -> None:
    before = stored(database, "default")
    done = engine.correct(ana, {"city": "Bergen"}, by="eva", dry_run=True)
    assert done.memories[0].after is not None
    assert done.memories[0].after["city"] == "Bergen"
    assert stored(database, "default") == before


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"town": "Oslo"}, "values cannot be 'town': Person has no such column; it has name"),
        ({"born": "soon"}, "Person.born cannot be 'soon': it "),
        ({"name": ""}, "Person.name cannot be empty: it is required"),
        ({"mood": "sad"}, "Person.mood cannot be 'sad': it "),
        ({"email": "nobody"}, "Person.email cannot be the value: it "),
        ({}, "say what is right"),
    ],
)
def test_values_that_cannot_be(engine: Engine, ana: UUID, values: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentInvalid, match=told):
        engine.correct(ana, values, by="eva")


def test_what_cannot_be_corrected(engine: Engine, ana: UUID, database: Database) -> None:
    zoe = say(engine, name="Zoe Adams", email="z@x.io").memory_id
    with pytest.raises(ActRefused, match=f"its key email is that of memory {zoe}; .* memreg merge") as refused:
        engine.correct(ana, {"email": "z@x.io"}, by="eva")
    assert refused.value.blockers == (zoe,)
    with pytest.raises(ActRefused, match="city is not pinned"):
        engine.correct(ana, unpin=["city"], by="eva")
    engine.correct(ana, {"city": "Bergen"}, by="eva")
    with pytest.raises(ActRefused, match="it says so already"):
        engine.correct(ana, {"city": "Bergen"}, by="eva")
    with pytest.raises(ArgumentInvalid, match="it is corrected as well"):
        engine.correct(ana, {"city": "Rome"}, unpin=["city"], by="eva")
    engine.forget(ana, by="eva")
    with pytest.raises(ActRefused, match=f"it is deleted; bring it back first with memreg restore {ana}"):
        engine.correct(ana, {"city": "Rome"}, by="eva")
    switch(database, "default", "people", on=True, by="eva")
    waiting = say(engine, name="Tor Moe").memory_id
    assert waiting is not None
    with pytest.raises(ActRefused, match="it is unresolved; let memreg resolve decide it first"):
        engine.correct(waiting, {"city": "Rome"}, by="eva")


def test_references_are_given_as_ids(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    ana, bob = (made(engine, "Person", {"name": name, "email": f"{name}@x.io"}) for name in ("Ana", "Bob"))
    engine.correct(ana, {"employer": acme, "friends": [str(bob)]}, by="eva")
    memory = engine.get(ana)
    assert (memory.values["employer"], memory.values["friends"]) == (str(acme), [str(bob)])
    assert memory.references["employer"][0].name == "Acme"
    check_replay(database, "default", engine.version().spec)
    for wrong, told in ((ana, "there is no Company with this id"), ("Acme", "is no id: give the id of a memory")):
        with pytest.raises(ArgumentInvalid, match=told):
            engine.correct(ana, {"employer": wrong}, by="eva")
    engine.forget(acme, by="eva")
    assert "employer" not in engine.get(ana).values


async def test_asynchronously(ana: UUID, async_database: AsyncDatabase) -> None:
    waiting = AsyncEngine(async_database, schema="people")
    await waiting.correct(ana, {"city": "Bergen"}, by="eva")
    made_of = (await waiting.split(ana, columns=["city"], values={"name": "Bob"}, by="eva")).made
    assert made_of is not None
    await waiting.forget(made_of, by="eva")
    await waiting.restore(made_of, by="eva")
    assert (await waiting.get(made_of)).values == {"name": "Bob", "city": "Bergen"}
