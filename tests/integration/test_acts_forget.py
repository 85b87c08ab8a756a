"""Forgetting softly with what refers to it, and bringing back, unless another one has the keys by now."""

from __future__ import annotations

from uuid import UUID

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused, MemoryNotFound
from memreg.engine.model import Action, Basis
from memreg.operations.kill_switch import switch
from tests.support.acts import content, contents
from tests.support.engines import people, say
from tests.support.offices import forget as to_forget
from tests.support.offices import made, offices, told
from tests.support.replay import check_replay, rebuilt, stored


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


@pytest.fixture
def ana(engine: Engine) -> UUID:
    memory = say(engine, name="Ana Lopez", email="a@x.io", phone="111", city="Oslo").memory_id
    assert memory is not None
    return memory


def test_forgotten_it_is_not_read_or_found_and_its_key_is_free(engine: Engine, ana: UUID, database: Database) -> None:
    done = engine.forget(ana, by="eva", why="a test")
    with pytest.raises(MemoryNotFound):
        engine.get(ana)
    assert engine.search("lopez") == []
    assert say(engine, name="Ana Lopez", email="a@x.io").action is Action.CREATE
    [entry] = engine.audit(action="forget")
    assert (entry.audit_id, entry.basis) == (done.audit_id, Basis.PERSON)
    assert rebuilt(database, "default") == stored(database, "default")


def test_restored_it_has_its_values_and_every_key_that_it_had(engine: Engine, ana: UUID, database: Database) -> None:
    say(engine, name="Ana Lopez", phone="111", email="new@x.io")
    before = stored(database, "default")[ana]
    engine.forget(ana, by="eva")
    done = engine.restore(ana, by="eva")
    assert done.sentence == f"Person {ana} is there again."
    assert content(stored(database, "default")[ana]) == content(before)
    for email in ("a@x.io", "new@x.io"):
        assert say(engine, email=email, age=40).memory_id == ana
    assert rebuilt(database, "default") == stored(database, "default")


def test_what_a_message_deleted_is_restored_too(engine: Engine, ana: UUID) -> None:
    assert say(engine, operation="delete", email="a@x.io").action is Action.DELETE
    engine.restore(ana, by="eva")
    assert say(engine, email="a@x.io", age=40).memory_id == ana


def test_restored_stays_pinned(engine: Engine, ana: UUID) -> None:
    engine.correct(ana, {"city": "Bergen"}, by="eva")
    engine.forget(ana, by="eva")
    engine.restore(ana, by="eva")
    say(engine, email="a@x.io", city="Lima")
    assert engine.get(ana).values["city"] == "Bergen"


def test_restoring_names_who_has_its_keys_now(engine: Engine, ana: UUID, database: Database) -> None:
    engine.forget(ana, by="eva")
    other = say(engine, name="Wolfgang Schmidt", email="a@x.io").memory_id
    before = stored(database, "default")
    with pytest.raises(ActRefused, match=f"its key email is that of memory {other}") as refused:
        engine.restore(ana, by="eva")
    assert refused.value.blockers == (other,)
    assert stored(database, "default") == before


def test_each_is_undone_exactly(engine: Engine, ana: UUID, database: Database) -> None:
    before = contents(database)
    forgotten = engine.forget(ana, by="eva").audit_id
    assert forgotten is not None
    engine.undo(forgotten, by="eva")
    assert contents(database) == before
    engine.forget(ana, by="eva")
    restored = engine.restore(ana, by="eva").audit_id
    assert restored is not None
    engine.undo(restored, by="eva")
    assert stored(database, "default")[ana]["is_deleted"]
    assert stored(database, "default")[ana]["keys"] == []
    assert rebuilt(database, "default") == stored(database, "default")


def test_dry_runs_change_nothing(engine: Engine, ana: UUID, database: Database) -> None:
    before = stored(database, "default")
    assert engine.forget(ana, by="eva", dry_run=True).sentence == f"Person {ana} would be forgotten."
    assert stored(database, "default") == before
    engine.forget(ana, by="eva")
    before = stored(database, "default")
    done = engine.restore(ana, by="eva", dry_run=True)
    assert (done.audit_id, done.sentence) == (None, f"Person {ana} would be there again.")
    assert stored(database, "default") == before


def test_what_cannot_be_forgotten_or_restored(engine: Engine, ana: UUID) -> None:
    with pytest.raises(ActRefused, match="it is not deleted"):
        engine.restore(ana, by="eva")
    engine.forget(ana, by="eva")
    with pytest.raises(ActRefused, match="it is deleted"):
        engine.forget(ana, by="eva")
    engine.restore(ana, by="eva")
    other = say(engine, name="Wolfgang Schmidt", email="b@x.io").memory_id
    assert other is not None
    merged = engine.merge(ana, other, by="eva").audit_id
    with pytest.raises(ActRefused, match=f"it went into memory {ana}; memreg undo {merged} takes them apart"):
        engine.restore(other, by="eva")
    with pytest.raises(ActRefused, match=f"it went into memory {ana}, so do it to that one"):
        engine.forget(other, by="eva")


def test_an_unresolved_memory_comes_back_unresolved(engine: Engine, database: Database) -> None:
    switch(database, "default", "people", on=True, by="eva")
    waiting = say(engine, name="Tor Moe", email="t@x.io").memory_id
    assert waiting is not None
    engine.forget(waiting, by="eva")
    engine.restore(waiting, by="eva")
    assert engine.get(waiting).unresolved
    assert stored(database, "default")[waiting]["keys"] == []


# What refers to it


def test_what_refers_to_it_is_dealt_with_as_its_column_declares(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    person = {"name": "Ana Lopez", "email": "a@x.io", "employer": {"vat": "NO1", "name": "Acme"}}
    ana = made(engine, "Person", person)
    bob = made(engine, "Person", {"name": "Bob", "email": "b@x.io", "friends": [person], "manager": person})
    badge = made(engine, "Badge", {"code": "b1", "owner": person})
    before = contents(database)
    done = engine.forget(ana, by="eva")
    assert {each.memory_id for each in done.memories} == {ana, badge, bob}
    with pytest.raises(MemoryNotFound):
        engine.get(badge)
    left = engine.get(bob)
    assert "friends" not in left.values
    assert left.references["manager"][0].is_gone
    check_replay(database, "default", engine.version().spec)
    assert done.audit_id is not None
    engine.undo(done.audit_id, by="eva")
    assert contents(database) == before
    check_replay(database, "default", engine.version().spec)
    assert engine.get(acme).revision == 1


def test_what_refuses_its_delete_is_named(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    purchase = made(engine, "Purchase", {"customer": {"vat": "NO1", "name": "Acme"}, "number": "1", "note": "ink"})
    with pytest.raises(ActRefused, match=f"Purchase.customer of memory {purchase} refers to memory {acme}") as refused:
        engine.forget(acme, by="eva")
    assert refused.value.blockers == (purchase,)
    engine.forget(purchase, by="eva")
    engine.forget(acme, by="eva")
    check_replay(database, "default", engine.version().spec)


def test_what_referred_to_something_that_went_into_it_counts(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    globex = made(engine, "Company", {"name": "Globex", "vat": "NO2"})
    ana = made(engine, "Person", {"name": "Ana", "email": "a@x.io", "employer": {"vat": "NO2", "name": "Globex"}})
    engine.merge(acme, globex, by="eva")
    engine.forget(acme, by="eva")
    assert "employer" not in engine.get(ana).values
    check_replay(database, "default", engine.version().spec)


def test_what_went_with_it_is_told_when_it_alone_is_restored(database: Database) -> None:
    engine = offices(database)
    ana = made(engine, "Person", {"name": "Ana", "email": "a@x.io"})
    made(engine, "Badge", {"code": "b1", "owner": {"name": "Ana", "email": "a@x.io"}})
    forgotten = engine.forget(ana, by="eva")
    [note] = engine.restore(ana, by="eva").notes
    assert f"memreg undo {forgotten.audit_id} takes all of it back" in note


def test_a_delete_by_a_message_does_the_same(database: Database) -> None:
    """The act and the decision agree on what goes with a memory."""
    engine, other = offices(database), offices_of(database, "acme")
    states = []
    for each in (engine, other):
        person = {"name": "Ana Lopez", "email": "a@x.io"}
        ana = made(each, "Person", person)
        made(each, "Person", {"name": "Bob", "email": "b@x.io", "friends": [person], "manager": person})
        made(each, "Badge", {"code": "b1", "owner": person})
        if each is engine:
            each.forget(ana, by="eva")
        else:
            told(each, to_forget("Person", email="a@x.io"))
        found = stored(database, each.tenant).values()
        states.append(sorted((s["is_deleted"], s["payload"].get("name", ""), len(s["keys"])) for s in found))
    assert states[0] == states[1]


def offices_of(database: Database, tenant: str) -> Engine:
    return Engine(database, tenant=tenant, schema="offices", extractor="patterns")
