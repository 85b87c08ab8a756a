"""What a person pinned stays pinned under the name that its column has in a later version."""

from __future__ import annotations

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.operations.backfill import backfill
from tests.support.engines import every, register, say

OLD = """
schema: people
compatibility: none
classes:
  Person:
    columns:
      name: {dtype: string, required: true}
      email: {dtype: string, normalize: [email]}
      city: {dtype: string}
      age: {dtype: string}
    annotation:
      searchable: {name: 3, city: 1}
      identity: [{columns: [email], strength: strong}]
"""
NEW = OLD.replace("city: {dtype: string}", "town: {dtype: string, from: city}").replace("city: 1", "town: 1")


@pytest.mark.parametrize("converted", [False, True])
def test_a_pin_follows_its_column(database: Database, converted: bool) -> None:
    register(database, OLD)
    with Engine(database, schema="people", extractor="structured") as engine:
        ana = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Lisbon").memory_id
        assert ana is not None
        corrected = engine.correct(ana, {"city": "Porto"}, by="kim")
        register(database, NEW)
        if converted:
            backfill(database, "people", 2)
        told = say(engine, name="Ana Lopez", email="ana@lopez.io", **{"town" if converted else "city": "Oslo"})
        assert any("kim" in reason for reason in told.reasons)
        if not converted:
            backfill(database, "people", 2)
        assert every(engine)[ana].values["town"] == "Porto"
        assert engine.replay_audit().differences == ()
        assert corrected.audit_id is not None
        engine.undo(corrected.audit_id, by="kim")
        assert every(engine)[ana].values["town"] == "Lisbon"
        say(engine, name="Ana Lopez", email="ana@lopez.io", town="Oslo")
        assert every(engine)[ana].values["town"] == "Oslo"
        assert engine.replay_audit().differences == ()


def test_a_pin_outranks_what_the_one_says_that_a_backfill_keeps(database: Database) -> None:
    old = OLD.replace("age: {dtype: string}", "phone: {dtype: string}")
    register(database, old)
    with Engine(database, schema="people", extractor="structured") as engine:
        kept = say(engine, name="Ana Lopez", email="a@x.io", phone="475", city="Lisbon").memory_id
        other = say(engine, name="Zed Quist", email="b@x.io", phone="475", city="Oslo").memory_id
        assert kept is not None
        assert other is not None
        engine.correct(other, {"city": "Bergen"}, by="kim")
        register(database, old.replace("identity: [", "identity: [{columns: [phone], strength: strong}, "))
        backfill(database, "people", 2, collisions="merge")
        assert {memory_id: each.values["city"] for memory_id, each in every(engine).items()} == {kept: "Bergen"}
        say(engine, email="a@x.io", city="Rome")
        assert every(engine)[kept].values["city"] == "Bergen"
        assert engine.replay_audit().differences == ()
        [merged] = [each for each in engine.audit() if each.message_id.startswith("backfill:")]
        engine.undo(merged.audit_id, by="kim", cascade=True)
        assert {memory_id: each.values["city"] for memory_id, each in every(engine).items()} == {
            kept: "Lisbon",
            other: "Bergen",
        }
        assert engine.replay_audit().differences == ()
