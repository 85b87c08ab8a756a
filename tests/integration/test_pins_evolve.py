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
