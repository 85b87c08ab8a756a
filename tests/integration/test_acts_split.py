"""Splitting a memory that two objects went into: values, keys and what messages find afterwards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused, ArgumentInvalid
from memreg.core.queries import Query
from memreg.core.steps import Rows, fetch_rows
from memreg.engine.model import Basis
from memreg.operations.acts.outcome import ActResult
from tests.support.engines import people, say
from tests.support.offices import made, offices
from tests.support.replay import check_replay, rebuilt, stored


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def judged(database: Database) -> Rows:
    query = Query("judged", "judged", "select * from memreg.judgements where tenant = %(tenant)s order by id")
    return database.run("default", lambda: fetch_rows(query(tenant="default")))


def mixed(engine: Engine) -> UUID:
    """Ana's memory, into which what was said of Bob went by a wrong phone number: revision 2."""
    ana = say(engine, name="Ana", email="a@x.io", phone="111", city="Oslo", tags=["pilot"]).memory_id
    assert ana is not None
    wrong = say(engine, name="Ana Bright", email="b@x.io", phone="111", city="Bergen", tags=["doctor"])
    assert (wrong.memory_id, wrong.basis) == (ana, Basis.IDENTITY)
    assert say(engine, email="a@x.io", notes="tea").memory_id == ana
    return ana


def apart(done: ActResult) -> UUID:
    assert done.made is not None
    return done.made


def test_by_revisions_each_has_what_was_said_of_it(engine: Engine, database: Database) -> None:
    ana = mixed(engine)
    done = engine.split(ana, revisions=[2], by="eva", why="two people")
    assert engine.get(ana).values == {
        "name": "Ana", "email": "a@x.io", "phone": "111", "city": "Oslo", "tags": ["pilot"], "notes": "tea"
    }  # fmt: skip
    assert engine.get(apart(done)).values == {
        "name": "Ana Bright", "email": "b@x.io", "phone": "111", "city": "Bergen", "tags": ["doctor"]
    }  # fmt: skip
    assert rebuilt(database, "default") == stored(database, "default")


def test_the_keys_went_with_the_values(engine: Engine) -> None:
    ana = mixed(engine)
    bob = apart(engine.split(ana, revisions=[2], by="eva"))
    for email, memory in (("a@x.io", ana), ("b@x.io", bob)):
        decision = say(engine, email=email, age=40)
        assert (decision.memory_id, decision.basis) == (memory, Basis.IDENTITY)


def test_what_is_said_next_finds_the_right_one_by_its_words(engine: Engine, database: Database) -> None:
    """What the old memory said while two objects spoke in it is no evidence any more; what it said before is."""
    ana = say(engine, name="Ana", phone="111", city="Oslo").memory_id
    assert ana is not None
    assert say(engine, name="Ana", phone="111", city="Lima").memory_id == ana
    wrong = say(engine, name="Ana Bright", phone="111", city="Bergen", tags=["doctor"])
    assert wrong.memory_id == ana
    done = engine.split(ana, revisions=[3], by="eva")
    assert say(engine, name="Ana Bright", city="Bergen", tags=["doctor"]).memory_id == done.made
    assert say(engine, name="Ana", city="Oslo").memory_id == ana
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_split_is_undone_exactly(engine: Engine, database: Database) -> None:
    ana = mixed(engine)
    before = stored(database, "default")[ana]
    done = engine.split(ana, revisions=[2], by="eva")
    assert done.audit_id is not None
    engine.undo(done.audit_id, by="eva")
    after = stored(database, "default")
    assert {**after[ana], "revision": 0, "void": []} == {**before, "revision": 0, "void": []}
    assert after[apart(done)]["is_deleted"]
    assert after[apart(done)]["keys"] == []
    assert rebuilt(database, "default") == after


def test_what_went_to_a_new_memory_does_not_go_to_another_one(engine: Engine, database: Database) -> None:
    ana = mixed(engine)
    done = engine.split(ana, revisions=[2], by="eva")
    engine.forget(apart(done), by="eva")
    with pytest.raises(ActRefused, match=f"revision 2 is memory {done.made} already; memreg undo {done.audit_id}"):
        engine.split(ana, revisions=[2, 3], by="eva")
    engine.undo_many(message_id=engine.audit(limit=1)[0].message_id, by="eva", dry_run=False)
    assert done.audit_id is not None
    engine.undo(done.audit_id, by="eva")
    assert engine.split(ana, revisions=[2], by="eva").made is not None
    assert rebuilt(database, "default") == stored(database, "default")


def test_by_columns_values_keys_and_pins_move(engine: Engine) -> None:
    ana = mixed(engine)
    engine.correct(ana, {"city": "Rome"}, by="tom")
    done = engine.split(ana, columns=["email", "city"], values={"name": " Bob  Stone "}, by="eva")
    bob = apart(done)
    assert engine.get(bob).values == {"name": "Bob Stone", "email": "a@x.io", "city": "Rome"}
    assert "email" not in engine.get(ana).values
    assert say(engine, email="b@x.io", city="Lima", age=3).memory_id == bob
    assert engine.get(bob).values["city"] == "Rome"
    assert say(engine, email="a@x.io", age=4).memory_id == bob  # every address was of that column


def test_the_decisions_that_were_wrong_are_judged(engine: Engine, database: Database) -> None:
    ana = mixed(engine)
    done = engine.split(ana, revisions=[2], by="eva")
    [judgement] = judged(database)
    wrong = engine.history(ana)[1].audit_id
    assert (judgement["kind"], judgement["audit_id"], judgement["act_id"]) == ("false_update", wrong, done.audit_id)


def test_the_decision_that_put_a_moved_value_is_judged(engine: Engine, database: Database) -> None:
    ana = mixed(engine)
    engine.split(ana, columns=["city", "notes"], values={"name": "Bob"}, by="eva")
    revisions = engine.history(ana)
    assert {row["audit_id"] for row in judged(database)} == {revisions[1].audit_id, revisions[2].audit_id}


def test_the_first_revision_was_another_object(engine: Engine) -> None:
    ana = mixed(engine)
    done = engine.split(ana, revisions=[1, 3], by="eva")
    assert engine.get(ana).values["name"] == "Ana Bright"
    assert engine.get(apart(done)).values["notes"] == "tea"
    assert say(engine, email="a@x.io", age=40).memory_id == done.made


def test_a_dry_run_changes_nothing(engine: Engine, database: Database) -> None:
    ana = mixed(engine)
    before = stored(database, "default")
    done = engine.split(ana, revisions=[2], by="eva", dry_run=True)
    assert (done.made, done.audit_id) == (None, None)
    assert [memory.after["name"] for memory in done.memories if memory.after] == ["Ana", "Ana Bright"]
    assert stored(database, "default") == before
    assert judged(database) == []


def test_a_key_of_both_stays_and_is_told(engine: Engine) -> None:
    ana = say(engine, name="Ana", email="a@x.io").memory_id
    assert ana is not None
    say(engine, name="Ana", email="a@x.io", city="Oslo")
    done = engine.split(ana, revisions=[2], by="eva")
    assert done.notes == (f"both have the key email, which stays with {ana}",)
    assert say(engine, email="a@x.io", age=1).memory_id == ana


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"revisions": [7]}, "it has no revision 7, but 1 to 3"),
        ({"revisions": [1, 2, 3]}, "nothing would stay with it"),
        ({"revisions": [3]}, "the new memory would lack name, which is required; give it with --values name=..."),
        ({"columns": ["mood"], "values": {"name": "Bob"}}, "it has no mood to be taken away"),
        ({"columns": ["name"]}, "name would be missing there, and is required"),
        ({"columns": ["city"]}, "the new memory would lack name"),
        ({"columns": ["city"], "values": {"name": "Bob", "email": "z@x.io"}}, "email is that of memory"),
    ],
)
def test_what_cannot_be_split(engine: Engine, database: Database, how: dict[str, Any], told: str) -> None:
    ana = mixed(engine)
    say(engine, name="Zoe Adams", email="z@x.io")
    before = stored(database, "default")
    with pytest.raises(ActRefused, match=told):
        engine.split(ana, **how, by="eva")
    assert stored(database, "default") == before


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({}, "either revisions or columns"),
        ({"revisions": [1], "columns": ["city"]}, "either revisions or columns"),
        ({"columns": ["town"]}, "Person has no such column; it has name, email"),
        ({"columns": "city"}, "it must be a list"),
        ({"revisions": ["2"]}, "it must be the number of a revision"),
        ({"columns": ["city"], "values": {"born": "soon"}}, r"Person.born cannot be 'soon': it "),
        ({"columns": ["city"], "values": {"email": "nobody"}}, r"Person.email cannot be the value: it "),
    ],
)
def test_arguments_that_cannot_be(engine: Engine, how: dict[str, Any], told: str) -> None:
    ana = mixed(engine)
    with pytest.raises(ArgumentInvalid, match=told):
        engine.split(ana, **how, by="eva")


def test_references_are_divided_as_values_are(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    ana = made(engine, "Person", {"name": "Ana", "email": "a@x.io", "employer": {"name": "Acme", "vat": "NO1"}})
    badge = made(engine, "Badge", {"code": "b1", "owner": {"name": "Ana", "email": "a@x.io"}})
    done = engine.split(ana, columns=["employer"], values={"name": "Bob Stone", "manager": str(ana)}, by="eva")
    bob = engine.get(apart(done))
    assert (bob.values["employer"], bob.values["manager"]) == (str(acme), str(ana))
    assert engine.get(badge).values["owner"] == str(ana)
    check_replay(database, "default", engine.version().spec)


def test_a_reference_to_nobody_is_refused(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    ana = made(engine, "Person", {"name": "Ana", "email": "a@x.io", "manager": {"name": "Zoe", "email": "z@x.io"}})
    with pytest.raises(ArgumentInvalid, match=f"Person.manager cannot be {acme}: there is no Person with this id"):
        engine.split(ana, columns=["email"], values={"name": "Bob", "manager": str(acme)}, by="eva")
