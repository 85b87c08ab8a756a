"""Merging two memories: whose values and keys the result has, who refers to it, and taking it back exactly."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ActRefused, ArgumentInvalid, MemoryNotFound
from memreg.engine.model import Action, Basis, Proposal
from memreg.operations.kill_switch import switch
from tests.support.engines import people, say
from tests.support.offices import made, offices, told
from tests.support.people import rows
from tests.support.replay import check_replay, rebuilt, stored


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def create(engine: Engine, **values: Any) -> UUID:
    decision = say(engine, **values)
    assert decision.action is Action.CREATE, decision
    assert decision.memory_id is not None
    return decision.memory_id


def two(engine: Engine) -> tuple[UUID, UUID]:
    one = create(engine, name="Ana Lopez", email="a@x.io", city="Oslo", tags=["pilot"])
    other = create(engine, name="Wolfgang Schmidt", email="b@x.io", tags=["doctor"], notes="tea")
    return one, other


def test_the_result_has_the_values_and_the_keys_of_both(engine: Engine) -> None:
    keep, other = two(engine)
    done = engine.merge(keep, other, by="eva", why="one person")
    memory = engine.get(keep)
    assert memory.values == {
        "name": "Ana Lopez", "email": "a@x.io", "city": "Oslo", "tags": ["pilot", "doctor"], "notes": "tea"
    }  # fmt: skip
    with pytest.raises(MemoryNotFound):
        engine.get(other)
    for email in ("a@x.io", "b@x.io"):
        decision = say(engine, email=email, city="Bergen")
        assert (decision.memory_id, decision.basis) == (keep, Basis.IDENTITY)
    assert {each.column: each.winner for each in done.winners}["notes"] == "other"
    assert done.sentence == f"Person {other} went into {keep}."
    [entry] = engine.audit(action="merge")
    assert (entry.audit_id, entry.basis, entry.memory_id) == (done.audit_id, Basis.PERSON, keep)


def test_a_wish_goes_before_the_policy(engine: Engine) -> None:
    keep, other = two(engine)
    engine.merge(keep, other, prefer={"name": "other", "tags": "keep"}, by="eva")
    values = engine.get(keep).values
    assert (values["name"], values["tags"]) == ("Wolfgang Schmidt", ["pilot"])


def test_a_dry_run_tells_all_and_changes_nothing(engine: Engine, database: Database) -> None:
    keep, other = two(engine)
    before = stored(database, "default")
    done = engine.merge(keep, other, by="eva", dry_run=True)
    assert (done.audit_id, done.dry_run) == (None, True)
    assert done.sentence == f"Person {other} would go into {keep}."
    assert [each.column for each in done.winners] == ["name", "email", "city", "tags", "notes"]
    assert done.memories[0].after is not None
    assert done.memories[0].changed == ("tags", "notes")
    assert done.memories[1].after is None
    assert stored(database, "default") == before
    assert not engine.audit(action="merge")


def test_undone_both_are_exactly_as_before(engine: Engine, database: Database) -> None:
    keep, other = two(engine)
    before = stored(database, "default")
    done = engine.merge(keep, other, by="eva")
    assert done.audit_id is not None
    engine.undo(done.audit_id, by="eva")
    after = stored(database, "default")
    assert all(
        {**after[each], "revision": 0, "void": []} == {**before[each], "revision": 0, "void": []} for each in before
    )
    assert say(engine, email="b@x.io", city="Rome").memory_id == other


def test_the_audit_rebuilds_it(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    other = made(engine, "Company", {"name": "Globex", "vat": "NO2"})
    engine.merge(acme, other, by="eva")
    check_replay(database, "default", engine.version().spec)


def test_who_referred_to_the_other_one_refers_to_it(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    other = made(engine, "Company", {"name": "Globex", "vat": "NO2"})
    ana = made(engine, "Person", {"name": "Ana", "email": "a@x.io", "employer": {"vat": "NO2", "name": "Globex"}})
    done = engine.merge(acme, other, by="eva")
    assert engine.get(ana).values["employer"] == str(acme)
    assert engine.get(ana).revision == 1
    assert done.audit_id is not None
    engine.undo(done.audit_id, by="eva")
    assert engine.get(ana).values["employer"] == str(other)


def test_references_to_one_object_are_no_difference(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    other = made(engine, "Company", {"name": "Globex", "vat": "NO2"})
    ana = made(engine, "Person", {"name": "Ana", "email": "a@x.io", "employer": {"vat": "NO2", "name": "Globex"}})
    bob = made(engine, "Person", {"name": "Bob", "email": "b@x.io", "employer": {"vat": "NO1", "name": "Acme"}})
    engine.merge(acme, other, by="eva")
    done = engine.merge(ana, bob, by="eva", dry_run=True)
    assert {each.column: each.winner for each in done.winners}["employer"] == "same"


def test_what_is_merged_again_goes_along(database: Database) -> None:
    engine = offices(database)
    one, two_, three = (made(engine, "Company", {"name": n, "vat": n}) for n in ("NO1", "NO2", "NO3"))
    ana = made(engine, "Person", {"name": "Ana", "email": "a@x.io", "employer": {"vat": "NO1", "name": "NO1"}})
    engine.merge(two_, one, by="eva")
    engine.merge(three, two_, by="eva")
    assert engine.get(ana).values["employer"] == str(three)
    assert told(engine, Proposal("Company", {"name": "NO1", "vat": "NO1"}))[0].memory_id == three


def test_an_unresolved_memory_may_go_into_one(engine: Engine, database: Database) -> None:
    keep = create(engine, name="Ana Lopez", email="a@x.io")
    switch(database, "default", "people", on=True, by="eva")
    held_back = say(engine, name="Ana Lopez", city="Oslo").memory_id
    assert held_back is not None
    with pytest.raises(ActRefused, match="it is unresolved"):
        engine.merge(held_back, keep, by="eva")
    engine.merge(keep, held_back, by="eva")
    assert engine.get(keep).values == {"name": "Ana Lopez", "email": "a@x.io", "city": "Oslo"}


def test_a_key_of_a_third_one_stays_there_and_is_told(engine: Engine, database: Database) -> None:
    third = create(engine, name="Ana Lopez", born="1990-05-01")
    keep = create(engine, name="Zoe Adams", email="z@x.io")
    other = create(engine, name="Tor Moe", born="1990-05-01", email="t@x.io")
    engine.correct(keep, {"name": "Ana Lopez"}, by="eva")
    done = engine.merge(keep, other, by="eva")
    assert engine.get(keep).values["born"] == "1990-05-01"
    assert done.notes == (f"the result has the key name+born of memory {third}, which keeps it: merge that one too",)
    assert say(engine, name="Ana Lopez", born="1990-05-01", city="Rome").memory_id == third
    assert rebuilt(database, "default") == stored(database, "default")


@pytest.mark.parametrize("state", ["deleted", "gone into another", "the same", "unknown", "of another class"])
def test_what_cannot_be_merged(engine: Engine, state: str) -> None:
    keep, other = two(engine)
    if state == "deleted":
        engine.forget(other, by="eva")
        with pytest.raises(ActRefused, match=f"memory {other} is refused: it is deleted; .*memreg restore {other}"):
            engine.merge(keep, other, by="eva")
    elif state == "gone into another":
        third = create(engine, name="Tor Moe", email="c@x.io")
        engine.merge(third, other, by="eva")
        with pytest.raises(ActRefused, match=f"it went into memory {third}"):
            engine.merge(keep, other, by="eva")
    elif state == "the same":
        with pytest.raises(ArgumentInvalid, match="it is the same memory"):
            engine.merge(keep, keep, by="eva")
    elif state == "unknown":
        with pytest.raises(MemoryNotFound):
            engine.merge(keep, uuid4(), by="eva")
    else:
        note = say(engine, "Note", title="Buy milk").memory_id
        assert note is not None
        with pytest.raises(ActRefused, match="it is a Note, and memory .* is a Person"):
            engine.merge(keep, note, by="eva")


def test_of_another_tenant_is_unknown(engine: Engine) -> None:
    keep, _ = two(engine)
    foreign = create(engine.for_tenant("acme"), name="Zoe Adams", email="z@x.io")
    with pytest.raises(MemoryNotFound):
        engine.merge(keep, foreign, by="eva")


@pytest.mark.parametrize(
    "arguments",
    [
        {"prefer": {"nom": "keep"}},
        {"prefer": {"name": "mine"}},
        {"prefer": ["name"]},
        {"by": " "},
    ],
)
def test_arguments_that_cannot_be(engine: Engine, arguments: Any) -> None:
    keep, other = two(engine)
    with pytest.raises(ArgumentInvalid):
        engine.merge(keep, other, **{"by": "eva", **arguments})


async def test_asynchronously(engine: Engine, async_database: AsyncDatabase) -> None:
    keep, other = two(engine)
    waiting = AsyncEngine(async_database, schema="people")
    done = await waiting.merge(keep, other, by="eva")
    assert done.audit_id is not None
    assert (await waiting.get(keep)).values["notes"] == "tea"
    await waiting.undo(done.audit_id, by="eva")
    assert (await waiting.get(other)).values["notes"] == "tea"


def test_the_questions_about_the_two_are_answered(engine: Engine, database: Database) -> None:
    keep = create(engine, name="Ana Lopez", email="a@x.io", born="1990-05-01")
    decision = say(engine, name="Ana Lopez", email="b@x.io", city="Oslo")
    assert (decision.action, decision.basis) == (Action.CREATE, Basis.POSSIBLE_DUPLICATE), decision
    other = decision.memory_id
    assert other is not None
    assert [set(pair) for pair in _open(database)] == [{keep, other}]
    engine.merge(keep, other, by="eva", why="same face")
    assert _open(database) == []
    [item] = rows(database, "reviews")
    assert (item["verdict"], item["settled_by"], item["why"]) == ("merged", "eva", "same face")


def _open(database: Database) -> list[list[UUID]]:
    return [row["memory_ids"] for row in rows(database, "reviews") if row["status"] == "open"]
