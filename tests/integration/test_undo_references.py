"""Undo where memories refer to each other, and under a later version of the schema."""

from __future__ import annotations

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused
from memreg.operations.backfill import backfill
from tests.support.engines import every, register, say
from tests.support.offices import asked, company, forget, offices, person, told

REFERS = "select target_id, memory_id from memreg.memory_references where tenant = 'default'"


def test_what_is_referred_to_is_not_taken_away(database: Database) -> None:
    engine = offices(database)
    (acme,) = told(engine, company(name="Acme", vat="NO1"))
    *_, ana = told(engine, person(name="Ana Lopez", email="ana@lopez.io", employer="Acme"))
    assert [row["target_id"] for row in asked(engine, REFERS)] == [acme.memory_id]
    with pytest.raises(ActRefused, match="refers to memory") as refused:
        engine.undo(acme.audit_id, by="kim")
    assert len(refused.value.blockers) == 1
    done = engine.undo(acme.audit_id, by="kim", cascade=True)
    assert [each.undoes for each in done.undone] == [ana.audit_id, acme.audit_id]
    assert asked(engine, REFERS) == []
    assert engine.replay_audit().differences == ()
    assert done.act_id is not None
    engine.undo_many(message_id=done.act_id, by="kim", dry_run=False)
    assert [row["target_id"] for row in asked(engine, REFERS)] == [acme.memory_id]
    assert engine.replay_audit().differences == ()


def test_a_delete_that_is_undone_refers_again(database: Database) -> None:
    engine = offices(database)
    told(engine, company(name="Acme", vat="NO1"))
    *_, ana = told(engine, person(name="Ana Lopez", email="ana@lopez.io", employer="Acme"))
    before = asked(engine, REFERS)
    (gone,) = told(engine, forget("Person", email="ana@lopez.io"))
    assert asked(engine, REFERS) == []
    engine.undo(gone.audit_id, by="kim")
    assert asked(engine, REFERS) == before
    assert ana.memory_id is not None
    assert engine.get(ana.memory_id).references["employer"][0].name == "Acme"


OLD = """
schema: people
compatibility: none
classes:
  Person:
    columns:
      name: {dtype: string, required: true}
      email: {dtype: string, normalize: [email]}
      age: {dtype: string}
    annotation:
      searchable: {name: 3}
      identity: [{columns: [email], strength: strong}]
"""
NEW = OLD.replace("Person:", "Contact:\n    from: Person").replace(
    "age: {dtype: string}", "years: {dtype: integer, from: age}"
)


def test_what_was_said_under_an_earlier_version_comes_back_in_the_form_of_the_present_one(database: Database) -> None:
    register(database, OLD)
    engine = Engine(database, schema="people", extractor="structured")
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io", age="40").memory_id
    older = say(engine, email="ana@lopez.io", age="41")
    gone = say(engine, operation="delete", email="ana@lopez.io")
    register(database, NEW)
    backfill(database, "people", 2)
    assert every(engine, "Contact") == {}
    engine.undo(gone.audit_id, by="kim")
    assert ana is not None
    assert every(engine, "Contact")[ana].values == {"name": "Ana Lopez", "email": "ana@lopez.io", "years": 41}
    engine.undo(older.audit_id, by="kim")
    assert every(engine, "Contact")[ana].values["years"] == 40
    assert say(engine, "Contact", email="ana@lopez.io", years=42).memory_id == ana
    assert engine.replay_audit().differences == ()
