"""Acts on memories that an earlier version of the schema wrote: in the form and by the keys of the version in force."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.engine.model import Proposal
from memreg.operations.backfill.run import backfill

OLD = """
schema: people
classes:
  Human:
    columns:
      name: {dtype: string, required: true}
      mail: {dtype: string, normalize: [email]}
      town: {dtype: string}
      tags: {dtype: "list[string]"}
    annotation: {searchable: {name: 3}, identity: [{columns: [mail], strength: strong}]}
"""
NEW = """
schema: people
compatibility: none
classes:
  Person:
    from: Human
    columns:
      name: {dtype: string, required: true}
      email: {dtype: string, from: mail, normalize: [email]}
      city: {dtype: string, from: town}
      tags: {dtype: "list[string]"}
    annotation: {searchable: {name: 3}, identity: [{columns: [email], strength: strong}]}
"""


def told(engine: Engine, class_name: str, **values: Any) -> UUID:
    memory = engine.ingest(proposals=[Proposal(class_name, values)]).decisions[0].memory_id
    assert memory is not None
    return memory


@pytest.fixture
def old(database: Database) -> Engine:
    registry = Registry(database)
    registry.register(OLD, annotate="heuristic")
    registry.approve("people", by="eva")
    return Engine(database, schema="people")


def evolve(database: Database) -> Engine:
    registry = Registry(database)
    registry.register(NEW, annotate="heuristic")
    registry.approve("people", 2, by="eva")
    backfill(database, "people", 2)
    return Engine(database, schema="people")


def test_a_memory_deleted_under_the_old_version_is_restored_under_the_new_one(database: Database, old: Engine) -> None:
    ana = told(old, "Human", name="Ana", mail="a@x.io", town="Oslo")
    old.forget(ana, by="eva")
    engine = evolve(database)
    engine.restore(ana, by="eva")
    memory = engine.get(ana)
    assert (memory.class_name, memory.values) == ("Person", {"name": "Ana", "email": "a@x.io", "city": "Oslo"})
    assert told(engine, "Person", email="a@x.io", city="Rome") == ana
    assert engine.replay_audit().is_same


def test_revisions_of_the_old_version_are_split_off(database: Database, old: Engine) -> None:
    ana = told(old, "Human", name="Ana", mail="a@x.io", town="Oslo", tags=["pilot"])
    assert told(old, "Human", name="Ana", mail="a@x.io", town="Rome", tags=["chef"]) == ana
    engine = evolve(database)
    assert told(engine, "Person", email="a@x.io", tags=["doctor"]) == ana
    made = engine.split(ana, revisions=[2], by="eva").made
    assert made is not None
    assert engine.get(ana).values == {
        "name": "Ana", "email": "a@x.io", "city": "Oslo", "tags": ["pilot", "doctor"]
    }  # fmt: skip
    assert engine.get(made).values == {"name": "Ana", "email": "a@x.io", "city": "Rome", "tags": ["chef"]}
    assert engine.replay_audit().is_same


def test_what_was_pinned_under_its_former_name_stays_pinned_in_a_split(database: Database, old: Engine) -> None:
    ana = told(old, "Human", name="Ana", mail="a@x.io")
    old.correct(ana, {"town": "Bergen"}, by="eva")
    assert told(old, "Human", name="Ana", mail="a@x.io", tags=["chef"]) == ana
    engine = evolve(database)
    engine.split(ana, revisions=[3], by="eva")
    assert told(engine, "Person", email="a@x.io", city="Lima") == ana
    assert engine.get(ana).values == {"name": "Ana", "email": "a@x.io", "city": "Bergen"}
    assert engine.replay_audit().is_same


def test_merged_and_corrected_across_versions_and_taken_back(database: Database, old: Engine) -> None:
    ana = told(old, "Human", name="Ana", mail="a@x.io", town="Oslo")
    bob = told(old, "Human", name="Wolfgang", mail="b@x.io")
    pinned = old.correct(ana, {"town": "Bergen"}, by="eva")
    engine = evolve(database)
    told(engine, "Person", email="a@x.io", city="Lima")
    assert engine.get(ana).values["city"] == "Bergen"  # pinned under its former name
    merged = engine.merge(bob, ana, by="eva")
    assert told(engine, "Person", email="a@x.io", tags=["x"]) == bob
    assert merged.audit_id is not None
    engine.undo(merged.audit_id, by="eva", cascade=True)
    assert told(engine, "Person", email="a@x.io", tags=["y"]) == ana
    assert pinned.audit_id is not None
    assert engine.replay_audit().is_same
