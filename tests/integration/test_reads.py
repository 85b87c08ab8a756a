"""Reads on a real database: get, list by pages, search, history, the audit; as dicts or as the Pydantic class."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.api.registry import Registry
from memreg.api.registry_async import AsyncRegistry
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ArgumentInvalid, AuditNotFound, MemoryNotFound, SchemaIncompatible
from memreg.engine.model import Action, Message, Proposal
from memreg.operations.kill_switch import switch
from tests.support.engines import every, people, people_spec, say


class Guest(BaseModel):
    """Somebody who stays here."""

    name: str
    email: str | None = None
    arrived: date | None = None
    tags: list[str] = []


class Stranger(BaseModel):
    """A class that nobody registered."""

    name: str


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def fill(engine: Engine, count: int) -> list[UUID]:
    made = engine.ingest(
        proposals=[Proposal("Person", {"name": f"Person{n} Family{n}", "email": f"p{n}@x.io"}) for n in range(count)]
    )
    return [each.memory_id for each in made.decisions if each.memory_id]


def test_get_gives_the_memory_and_its_times(engine: Engine) -> None:
    made = say(engine, name=" Ana  Lopez ", email="ANA@lopez.io")
    memory = engine.get(str(made.memory_id))
    assert (memory.id, memory.class_name, memory.version) == (made.memory_id, "Person", 1)
    assert (memory.revision, memory.unresolved) == (1, False)
    assert memory.values == {"name": "Ana Lopez", "email": "ana@lopez.io"}
    assert memory.created_at == memory.updated_at == memory.last_seen_at
    assert memory.created_at.tzinfo == UTC or memory.created_at.utcoffset() is not None


def test_a_memory_that_is_not_there(engine: Engine) -> None:
    gone = say(engine, name="Ana Lopez", email="ana@lopez.io")
    say(engine, operation="delete", email="ana@lopez.io")
    for missing in (uuid4(), gone.memory_id):
        with pytest.raises(MemoryNotFound, match="in tenant 'default'"):
            engine.get(missing or "")
    with pytest.raises(MemoryNotFound):
        engine.history(uuid4())
    with pytest.raises(AuditNotFound):
        engine.explain(uuid4())


@pytest.mark.parametrize("value", ["", "x", "a" * 300, "\0", "\ud800", 5, None])
def test_an_id_that_is_none(engine: Engine, value: Any) -> None:
    for read in (engine.get, engine.history, engine.explain):
        with pytest.raises(ArgumentInvalid, match="must be an id"):
            read(value)


def test_list_pages_by_id(engine: Engine) -> None:
    ids = fill(engine, 25)
    assert ids == sorted(ids)
    pages: list[UUID] = []
    after: UUID | None = None
    while page := engine.list("Person", limit=10, after=after):
        assert len(page) <= 10
        pages += [memory.id for memory in page]
        after = page[-1].id
    assert pages == ids
    assert [memory.id for memory in engine.list("Person", limit=10_000)] == ids
    assert engine.list("Person", after=str(ids[-1])) == []


def test_list_without_a_class_gives_every_class(engine: Engine) -> None:
    fill(engine, 2)
    say(engine, "Note", title="Buy milk")
    assert [memory.class_name for memory in engine.list()] == ["Note", "Person", "Person"]
    assert engine.list("Nothing") == []
    with pytest.raises(ArgumentInvalid, match="after cannot be"):
        engine.list(after=uuid4())


def test_list_shows_unresolved_and_hides_deleted(engine: Engine, database: Database) -> None:
    fill(engine, 1)
    say(engine, operation="delete", email="p0@x.io")
    switch(database, "default", "people", on=True, by="test")
    held = say(engine, name="Ana Lopez")
    (memory,) = engine.list("Person")
    assert (memory.id, memory.unresolved) == (held.memory_id, True)


@pytest.mark.parametrize("limit", [0, -1, 10_001, True, 1.5, "10", None])
def test_a_limit_that_cannot_be(engine: Engine, limit: Any) -> None:
    for read in (
        lambda: engine.list("Person", limit=limit),
        lambda: engine.search("ana", limit=limit),
        lambda: engine.audit(limit=limit),
    ):
        with pytest.raises(ArgumentInvalid, match="whole number from 1 to 10,000"):
            read()


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_class_name_that_no_text_of_postgres_can_be(engine: Engine, name: str) -> None:
    for read in (
        lambda: engine.list(name),
        lambda: engine.search("ana", name),
        lambda: engine.audit(class_name=name),
        lambda: engine.audit(message_id=name),
        lambda: engine.audit(basis=name),
        lambda: engine.audit(action=name),
    ):
        with pytest.raises(ArgumentInvalid):
            read()


@pytest.mark.parametrize("name", ["P'; drop table memreg.memories; --", "x" * 300, 'a"b', "%s %(x)s"])
def test_a_class_that_is_not_there_has_no_memories(engine: Engine, name: str) -> None:
    assert engine.list(name) == []
    assert engine.search("ana", name) == []
    assert engine.audit(class_name=name) == []


def test_search_finds_words_by_their_beginning_best_first(engine: Engine) -> None:
    ana = say(engine, name="Ana López", city="Oslo").memory_id
    oslo = say(engine, name="Oslo Hansen", city="Bergen").memory_id
    note = say(engine, "Note", title="Trip", body="to Oslo").memory_id
    assert engine.search("oslo")[0].id == oslo
    assert {memory.id for memory in engine.search("osl")} == {ana, oslo, note}
    assert [memory.id for memory in engine.search("lop")] == [ana]
    assert [memory.id for memory in engine.search("LÓPEZ")] == [ana]
    assert [memory.id for memory in engine.search("oslo", "Note")] == [note]
    assert len(engine.search("oslo", limit=2)) == 2
    assert engine.search("") == engine.search(" ' & | ! :* \0 \ud800") == []


def test_search_is_over_searchable_columns_of_live_memories(engine: Engine, database: Database) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io", notes="likes chess")
    assert engine.search("chess") == []
    assert engine.search("io") == []
    assert len(engine.search("ana")) == 1
    say(engine, operation="delete", email="ana@lopez.io")
    assert engine.search("ana") == []
    switch(database, "default", "people", on=True, by="test")
    say(engine, name="Ana Lopez")
    assert engine.search("ana") == []


def test_history_gives_every_revision_and_who_made_it(engine: Engine) -> None:
    first = say(engine, name="Ana Lopez", email="ana@lopez.io")
    second = say(engine, email="ana@lopez.io", city="Oslo")
    say(engine, email="ana@lopez.io", city="Oslo")
    third = say(engine, operation="delete", email="ana@lopez.io")
    history = engine.history(first.memory_id or "")
    assert [each.revision for each in history] == [1, 2, 3]
    assert [each.audit_id for each in history] == [first.audit_id, second.audit_id, third.audit_id]
    assert [each.values.get("city") for each in history] == [None, "Oslo", "Oslo"]
    assert [each.is_deleted for each in history] == [False, False, True]
    assert [each.created_at for each in history] == sorted(each.created_at for each in history)


def test_the_audit_is_newest_first_and_filtered(engine: Engine) -> None:
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    bad = say(engine, "Nobody", x=1)
    note = engine.ingest(Message("said", "m1"), proposals=[Proposal("Note", {"title": "Buy milk"})]).decisions[0]
    gone = say(engine, operation="delete", email="ana@lopez.io")
    ids = [ana.audit_id, bad.audit_id, note.audit_id, gone.audit_id]
    assert [entry.audit_id for entry in engine.audit()] == ids[::-1]
    assert [entry.audit_id for entry in engine.audit(limit=2)] == ids[:1:-1]
    assert [entry.audit_id for entry in engine.audit(before=ids[1])] == ids[:1]
    assert [entry.audit_id for entry in engine.audit(memory_id=ana.memory_id)] == [gone.audit_id, ana.audit_id]
    assert [entry.audit_id for entry in engine.audit(message_id="m1")] == [note.audit_id]
    assert [entry.audit_id for entry in engine.audit(class_name="Nobody")] == [bad.audit_id]
    assert [entry.audit_id for entry in engine.audit(action="delete")] == [gone.audit_id]
    assert [entry.audit_id for entry in engine.audit(basis="new")] == [note.audit_id, ana.audit_id]
    assert engine.audit(limit=1)[0].action is Action.DELETE


def test_a_pydantic_class_comes_back_as_its_instances(database: Database) -> None:
    registry = Registry(database)
    registry.register([Guest], annotate="heuristic")
    (name,) = [record.version.name for record in registry.versions()]
    registry.approve(name)
    engine = Engine(database, schema=name)
    say(engine, "Guest", name="Ana Lopez", email="ana@lopez.io", arrived="2026-05-01", tags=["vip"])
    (found,) = engine.list(Guest)
    assert found.values == Guest(name="Ana Lopez", email="ana@lopez.io", arrived=date(2026, 5, 1), tags=["vip"])
    assert engine.search("ana", Guest)[0].values.arrived == date(2026, 5, 1)
    assert engine.list("Guest")[0].values["arrived"] == "2026-05-01"
    with pytest.raises(ArgumentInvalid, match="Stranger"):
        engine.list(Stranger)


def test_a_memory_that_does_not_fit_its_pydantic_class_is_named_without_its_values(database: Database) -> None:
    class Strict(Guest):
        """Another class under the registered name, which asks for more."""

        email: str
        room: int

    Strict.__name__ = "Guest"
    Registry(database).register([Guest], annotate="heuristic")
    engine = Engine(database, schema="guest")
    made = say(engine, "Guest", name="Ana Lopez")
    with pytest.raises(ArgumentInvalid, match=rf"memory {made.memory_id} does not fit it \(email, room\)") as refused:
        engine.list(Strict)
    assert "Ana" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_pydantic_class_comes_back_as_its_instances_to_coroutines(async_database: AsyncDatabase) -> None:
    registry = AsyncRegistry(async_database)
    version = (await registry.register([Guest], annotate="heuristic")).version
    await registry.approve(version.name)
    engine = AsyncEngine(async_database, schema=version.name)
    values = {"name": "Ana Lopez", "email": "ana@lopez.io", "arrived": "2026-05-01", "tags": ["vip"]}
    await engine.ingest(proposals=[Proposal("Guest", values)])
    guest = Guest(name="Ana Lopez", email="ana@lopez.io", arrived=date(2026, 5, 1), tags=["vip"])
    assert [found.values for found in await engine.list(Guest)] == [guest]
    assert [found.values for found in await engine.search("ana", Guest)] == [guest]
    with pytest.raises(ArgumentInvalid, match="Stranger"):
        await engine.search("ana", Stranger)


def test_a_class_that_a_version_removed_stays_readable(database: Database) -> None:
    engine = people(database)
    note = say(engine, "Note", title="Buy milk")
    spec = people_spec()
    fewer = replace(spec, classes=tuple(each for each in spec.classes if each.name != "Note"))
    with pytest.raises(SchemaIncompatible, match="Note, removed: .* its memories stay as they are"):
        Registry(database).register(fewer, annotate="heuristic")
    Registry(database).register(fewer, annotate="heuristic", force="no notes any more")
    assert str(Registry(database).approve("people").status) == "active"
    assert engine.get(note.memory_id or "").version == 1
    assert set(every(engine, "Note")) == {note.memory_id}
    assert len(engine.search("milk", "Note")) == 1
    assert len(engine.history(note.memory_id or "")) == 1
    refused = say(engine, "Note", title="Buy bread")
    assert refused.action is Action.REJECT
