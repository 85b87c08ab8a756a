"""Near-equal e-mail addresses, phone numbers and model numbers never identify: not to merge, and not to delete."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from tests.support.engines import register, say

SCHEMA = """
schema: near
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, normalize: [email]}
      phone: {dtype: string, normalize: [digits]}
      city:  {dtype: string}
    annotation:
      searchable: {name: 3, city: 1}
      identity: [{columns: [email], strength: strong}, {columns: [phone], strength: shared}]
  Product:
    columns:
      name:  {dtype: string, required: true}
      model: {dtype: string}
      color: {dtype: string}
    annotation:
      searchable: {name: 3, color: 1}
      identity: [{columns: [model], strength: shared}]
"""
ANA = {"name": "Ana Lopez", "email": "ana.lopez@mail.org", "phone": "+47 22 33 44 55", "city": "Oslo"}
SONY = {"name": "Sony headphones", "model": "WH-1000XM4", "color": "black"}
# The column, a value near the stored one, and the stored one in another writing.
NEAR = [
    ("Person", "email", "ana.lopes@mail.org"),
    ("Person", "email", "ana.lopez@mail.com"),
    ("Person", "email", "ana.lopez@mial.org"),
    ("Person", "email", "analopez@mail.org"),
    ("Person", "email", "ana.lopez1@mail.org"),
    ("Person", "phone", "+47 22 33 44 56"),
    ("Person", "phone", "+47 22 33 45 45"),
    ("Person", "phone", "22 33 44 55"),
    ("Person", "phone", "+47 22 33 44 555"),
    ("Product", "model", "WH-1000XM5"),
    ("Product", "model", "WH-1000XM"),
    ("Product", "model", "WH-100XM4"),
    ("Product", "model", "HW-1000XM4"),
]
BY_IDENTITY = {"identity", "identity_conflict", "partial_identity"}


@pytest.fixture
def engine(database: Database) -> Engine:
    register(database, SCHEMA)
    engine = Engine(database, schema="near", extractor="patterns")
    say(engine, **ANA)
    say(engine, "Product", **SONY)
    return engine


@pytest.mark.parametrize(("class_name", "column", "value"), NEAR)
def test_with_the_same_text(engine: Engine, class_name: str, column: str, value: str) -> None:
    """The text may still be equal enough, or a person may be asked; the near value itself decides nothing."""
    known: dict[str, Any] = ANA if class_name == "Person" else SONY
    keys = {"email", "phone", "model"}
    said = {name: each for name, each in known.items() if name not in keys} | {column: value}
    decision = say(engine, class_name, **said)
    assert decision.basis not in BY_IDENTITY
    (first, *_) = engine.list(class_name)
    stored: dict[str, Any] = first.values
    assert stored[column] == ("4722334455" if column == "phone" else known[column])


@pytest.mark.parametrize(("class_name", "column", "value"), NEAR)
def test_with_another_text(engine: Engine, class_name: str, column: str, value: str) -> None:
    decision = say(engine, class_name, name="Zoe Quist", **{column: value})
    assert (decision.action, decision.basis) == ("CREATE", "new")
    assert len(engine.list(class_name)) == 2


@pytest.mark.parametrize(("class_name", "column", "value"), NEAR)
def test_to_delete(engine: Engine, class_name: str, column: str, value: str) -> None:
    name = ANA["name"] if class_name == "Person" else SONY["name"]
    decision = say(engine, class_name, operation="delete", name=name, **{column: value})
    assert (decision.action, decision.basis) == ("REJECT", "delete_without_identity")


def test_the_same_in_another_writing_identifies(engine: Engine) -> None:
    assert say(engine, name="Lopez", phone="4722334455").basis == "identity"
    assert say(engine, name="Zoe Quist", email="Ana.Lopez@MAIL.org").basis == "identity"
    assert say(engine, "Product", name="headphones", model="wh-1000xm4").basis == "identity"


def test_near_on_one_key_is_no_conflict_with_an_equal_one(engine: Engine) -> None:
    """Her address, a number that is nearly hers: the address answers alone, and the number is the newer one."""
    decision = say(engine, name="Ana Lopez", email="ana.lopez@mail.org", phone="4722334456")
    assert decision.basis == "identity"
    precision = {each.key.name: each.answers for each in engine.registry.key_precision("near")}
    assert precision == {"email": 1, "phone": 0, "model": 0}
