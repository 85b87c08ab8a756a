"""A delete by a key needs that key in the message, of whatever kind it is; a guessed one is left out, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.annotator.items import Read, Source, read
from memreg.annotator.mask import Mask
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.parse import parse_schema

SCHEMA = """
schema: s
classes:
  Person:
    columns:
      name: {dtype: string}
      email: {dtype: string, normalize: [email]}
      born: {dtype: date}
      side: {dtype: enum, values: [left, right]}
    annotation:
      searchable: {name: 3}
      identity:
        - {columns: [email], strength: strong}
        - {columns: [name, born], strength: strong}
        - {columns: [name, side], strength: strong}
  Sensor:
    columns: {serial: {dtype: integer}}
    annotation: {identity: [{columns: [serial], strength: strong}]}
  Topic:
    columns: {title: {dtype: string}}
    annotation: {identity: [{columns: [title], strength: strong}]}
"""


def read_delete(
    text: str, class_name: str, operation: str = "delete", before: tuple[str, ...] = (), **values: Any
) -> Read:
    spec = parse_schema(SCHEMA, "test")
    annotations = {each.name: each.declared for each in spec.classes if each.declared is not None}
    source = Source(text, before, None, SchemaVersion(spec, 1, Status.ACTIVE, "f", annotations, 1), Mask())
    item = {"class": class_name, "operation": operation, "values": values, "evidence": text}
    return read(item, source)


@pytest.mark.parametrize(
    ("text", "class_name", "values"),
    [
        ("Forget about tea", "Topic", {"title": "Tea"}),
        ("忘记茶吧", "Topic", {"title": "茶"}),
        ("Forget 4711", "Sensor", {"serial": 4711}),
        ("Forget Ana Lopez of 5 January 1980", "Person", {"name": "Ana Lopez", "born": "1980-01-05"}),
        ("Forget Ana Lopez, the one to the left", "Person", {"name": "Ana Lopez", "side": "left"}),
        ("Forget everybody", "Person", {"name": "everybody else"}),
    ],
)
def test_a_delete_by_what_is_said_is_proposed_as_it_is(text: str, class_name: str, values: dict[str, Any]) -> None:
    found = read_delete(text, class_name, **values)
    assert found.problem is None
    assert found.proposal is not None
    assert found.proposal.values == values


@pytest.mark.parametrize(
    ("text", "class_name", "values", "column"),
    [
        ("Forget all of them", "Topic", {"title": "tea"}, "title"),
        ("Forget the steam", "Topic", {"title": "tea"}, "title"),
        ("Forget all of them", "Sensor", {"serial": 4711}, "serial"),
        ("Forget 14711", "Sensor", {"serial": 4711}, "serial"),
        ("Forget Ana Lopez", "Person", {"name": "Ana Lopez", "born": "1980-01-05"}, "born"),
        ("Forget Ana Lopez of 1980", "Person", {"name": "Ana Lopez", "born": "1980-01-05"}, "born"),
        ("Forget whoever came 1980-01-05", "Person", {"name": "Ana Lopez", "born": "1980-01-05"}, "name"),
        ("Forget the one to the left", "Person", {"name": "Ana Lopez", "side": "left"}, "name"),
    ],
)
def test_a_delete_by_a_guess_is_asked_about(text: str, class_name: str, values: dict[str, Any], column: str) -> None:
    found = read_delete(text, class_name, **values)
    assert found.proposal is None
    assert (found.problem or "").startswith(f"its {column} identifies the object, and is not in the message")


def test_a_guess_beside_a_key_that_is_said_is_left_out() -> None:
    found = read_delete("Forget ana@lopez.io", "Person", email="ana@lopez.io", name="Bo Berg", born="1975-05-05")
    assert found.problem is None
    assert found.proposal is not None
    assert found.proposal.values == {"email": "ana@lopez.io"}


def test_an_address_that_is_not_said_is_refused_beside_any_other_key() -> None:
    found = read_delete("Forget Ana Lopez, left", "Person", name="Ana Lopez", side="left", email="bo@berg.no")
    assert found.problem is not None


def test_an_earlier_turn_may_tell_who_is_meant() -> None:
    assert read_delete("Forget it", "Topic", before=("We spoke about tea",), title="tea").problem is None


def test_an_upsert_may_put_a_name_or_a_day_in_words_of_its_own() -> None:
    found = read_delete("Mother turned forty today", "Person", "upsert", name="Maria", born="1980-01-05")
    assert found.problem is None
    assert found.proposal is not None
