"""Memories as they were at a time: values, those deleted and merged since, references, former versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, MemoryNotFound, MemoryNotThere
from memreg.operations.backfill.run import backfill
from tests.support.engines import people, say
from tests.support.offices import made, offices


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def create(engine: Engine, class_name: str = "Person", **values: Any) -> UUID:
    memory = say(engine, class_name, **values).memory_id
    assert memory is not None
    return memory


def now() -> datetime:
    return datetime.now(UTC)


def test_values_of_then(engine: Engine) -> None:
    ana = create(engine, name="Ana Lopez", email="a@x.io", city="Oslo")
    first = now()
    engine.correct(ana, {"city": "Rome"}, by="eva")
    second = now()
    engine.correct(ana, {"city": "Lima"}, by="eva")
    assert [engine.get(ana, as_of=at).values["city"] for at in (first, second, now())] == ["Oslo", "Rome", "Lima"]
    then = engine.get(ana, as_of=first)
    assert (then.revision, then.updated_at, then.last_seen_at) == (1, then.created_at, then.created_at)
    elsewhere = first.astimezone(timezone(timedelta(hours=-7)))
    assert engine.get(ana, as_of=elsewhere).values["city"] == "Oslo"


def test_the_moment_of_a_change_is_after_it(engine: Engine) -> None:
    ana = create(engine, name="Ana Lopez", email="a@x.io")
    engine.correct(ana, {"city": "Rome"}, by="eva")
    at = engine.history(ana)[1].created_at
    assert engine.get(ana, as_of=at).values["city"] == "Rome"
    assert "city" not in engine.get(ana, as_of=at - timedelta(microseconds=1)).values


def test_who_was_there(engine: Engine) -> None:
    start = now()
    ana = create(engine, name="Ana Lopez", email="a@x.io")
    bob = create(engine, name="Wolfgang Schmidt", email="b@x.io")
    both = now()
    engine.forget(bob, by="eva")
    one = now()
    engine.restore(bob, by="eva")
    engine.merge(ana, bob, by="eva")
    merged = now()
    zoe = create(engine, name="Zoe Adams", email="z@x.io")

    def ids(at: datetime, **how: Any) -> list[UUID]:
        return [each.id for each in engine.list("Person", as_of=at, **how)]

    assert [ids(at) for at in (start, both, one, merged, now())] == [[], [ana, bob], [ana], [ana], [ana, zoe]]
    assert ids(both, limit=1) == [ana]
    assert ids(both, after=ana) == [bob]
    assert [each.id for each in engine.list(as_of=both)] == [ana, bob]
    assert engine.get(bob, as_of=both).values["email"] == "b@x.io"


def test_why_it_was_not_there(engine: Engine) -> None:
    before = now()
    ana = create(engine, name="Ana Lopez", email="a@x.io")
    bob = create(engine, name="Wolfgang Schmidt", email="b@x.io")
    with pytest.raises(MemoryNotThere, match=r"at \d{4}-.* UTC: it was made on \d{4}"):
        engine.get(ana, as_of=before)
    engine.forget(bob, by="eva")
    with pytest.raises(MemoryNotThere, match="it had been deleted on"):
        engine.get(bob, as_of=now())
    engine.restore(bob, by="eva")
    engine.merge(ana, bob, by="eva")
    with pytest.raises(MemoryNotThere, match=f"it had gone into memory {ana}"):
        engine.get(bob, as_of=now())
    with pytest.raises(MemoryNotFound, match="No memory"):
        engine.get(uuid4(), as_of=now())
    with pytest.raises(MemoryNotFound):
        engine.for_tenant("acme").get(ana, as_of=now())
    assert engine.for_tenant("acme").list(as_of=now()) == []


@pytest.mark.parametrize(
    ("at", "told"), [(now().replace(tzinfo=None), "it needs a zone"), ("2026-01-01", "it must be a datetime")]
)
def test_a_time_that_is_none(engine: Engine, at: Any, told: str) -> None:
    for read in (lambda: engine.get(uuid4(), as_of=at), lambda: engine.list("Person", as_of=at)):
        with pytest.raises(ArgumentInvalid, match=told):
            read()


def test_references_lead_to_what_was_there(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    globex = made(engine, "Company", {"name": "Globex", "vat": "NO2"})
    ana = made(engine, "Person", {"name": "Ana", "email": "a@x.io", "employer": {"vat": "NO2", "name": "Globex"}})
    first = now()
    engine.correct(globex, {"name": "Globex Ltd"}, by="eva")
    renamed = now()
    merge = engine.merge(acme, globex, by="eva").audit_id
    merged = now()
    assert merge is not None
    engine.undo(merge, by="eva")
    apart = now()
    engine.correct(ana, {"employer": None}, by="eva")
    engine.forget(globex, by="eva")

    def employer(at: datetime) -> tuple[str | None, UUID]:
        [led] = engine.get(ana, as_of=at).references["employer"]
        return led.name, led.id

    assert employer(first) == ("Globex", globex)
    assert employer(renamed) == ("Globex Ltd", globex)
    assert employer(merged) == ("Globex Ltd", acme)  # the name that a person had pinned went along
    assert employer(apart) == ("Globex Ltd", globex)
    assert "employer" not in engine.get(ana).values
    assert engine.list("Person", as_of=merged)[0].values["employer"] == str(acme)


class Company(BaseModel):
    name: str


class Person(BaseModel):
    name: str
    employer: Company | None = None


def test_pydantic_instances_are_of_then_too(database: Database) -> None:
    engine = offices(database)
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    made(engine, "Person", {"name": "Ana", "email": "a@x.io", "employer": {"vat": "NO1", "name": "Acme"}})
    then = now()
    engine.correct(acme, {"name": "Globex"}, by="eva")
    [was], [is_now] = engine.list(Person, as_of=then), engine.list(Person)
    assert was.values == Person(name="Ana", employer=Company(name="Acme"))
    assert is_now.values == Person(name="Ana", employer=Company(name="Globex"))


OLD = """
schema: people
classes:
  Human:
    columns:
      name: {dtype: string, required: true}
      town: {dtype: string}
    annotation: {searchable: {name: 3}, identity: [{columns: [name], strength: strong}]}
"""
NEW = """
schema: people
compatibility: none
classes:
  Person:
    from: Human
    columns:
      name: {dtype: string, required: true}
      city: {dtype: string, from: town}
    annotation: {searchable: {name: 3}, identity: [{columns: [name], strength: strong}]}
"""


def test_a_former_version_is_read_in_the_form_of_now(database: Database) -> None:
    registry = Registry(database)
    registry.register(OLD, annotate="heuristic")
    registry.approve("people", by="eva")
    engine = Engine(database, schema="people")
    ana, bob = (
        create(engine, class_name="Human", name="Ana", town="Oslo"),
        create(engine, class_name="Human", name="Bob"),
    )
    engine.correct(ana, {"town": "Rome"}, by="eva")
    then = now()
    engine.correct(ana, {"town": "Lima"}, by="eva")
    engine.forget(bob, by="eva")
    registry.register(NEW, annotate="heuristic")
    registry.approve("people", 2, by="eva")
    backfill(database, "people", 2)
    engine = Engine(database, schema="people")
    assert engine.get(ana).values == {"name": "Ana", "city": "Lima"}
    was = engine.get(ana, as_of=then)
    assert (was.class_name, was.values) == ("Person", {"name": "Ana", "city": "Rome"})
    assert [each.values for each in engine.list("Person", as_of=then)] == [was.values, {"name": "Bob"}]
