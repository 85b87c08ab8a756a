"""The names under which a proposal is taken, and what stands in for a value that it lacks."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest

from memreg.annotator.fields import class_of as class_of_an_answer
from memreg.engine.model import Proposal
from memreg.engine.validate import missing_columns, validate, with_defaults
from memreg.registry.models import SchemaVersion, Status
from tests.support.evolution import lineage, schema

FIRST = schema("Friend:\n  columns:\n    name: {dtype: string}\n    years: {dtype: string}")
SECOND = schema(
    "Person:\n  from: Friend\n  columns:\n    full: {dtype: string, from: name}\n    years: {dtype: string}"
)
THIRD = schema(
    """
Human:
  from: Person
  aliases: [Somebody]
  columns:
    title: {dtype: string, required: true, from: full}
    age:   {dtype: integer, from: years}
    first: {dtype: string, from: {column: full, split: " ", part: 1}}
    state: {dtype: enum, values: [new, old], required: true, default: new}
    tags:  {dtype: "list[string]", default: [a]}
"""
)
VERSIONS = lineage(FIRST, SECOND, THIRD)
VERSION = SchemaVersion(THIRD, 3, Status.ACTIVE, "f", lineage=VERSIONS)


def test_values_may_be_any_mapping() -> None:
    """Its keys need not be like a set's."""

    class Values(UserDict[str, Any]):
        def keys(self) -> list[str]:  # type: ignore[override]  # as some have it
            return list(self.data)

    assert validate(Proposal("Human", Values(title="Ana")), VERSION).values == {"title": "Ana"}


@pytest.mark.parametrize("name", ["Human", "Somebody", "Person", "Friend"])
def test_a_class_goes_by_every_name_that_it_has_or_had(name: str) -> None:
    checked = validate(Proposal(name, {"title": "Ana"}), VERSION)
    assert (checked.class_name, checked.refusal) == ("Human", None)


def test_another_name_is_refused_as_before() -> None:
    refused = validate(Proposal("Humans", {"title": "Ana"}), VERSION)
    assert refused.refusal is not None
    assert "'Humans' is no class" in refused.refusal


@pytest.mark.parametrize(
    ("given", "values", "notes"),
    [
        ({"name": "Ana"}, {"title": "Ana"}, ["'name' was taken as title, as it is called now"]),
        ({"full": "Ana"}, {"title": "Ana"}, ["'full' was taken as title, as it is called now"]),
        ({"full": "Ana", "title": None}, {"title": "Ana"}, ["'full' was taken as title, as it is called now"]),
        ({"full": "Ana", "title": "Eva"}, {"title": "Eva"}, ["'full' is no column of Human and was left out"]),
        (
            {"name": "Ana", "full": "Eva"},
            {"title": "Ana"},
            ["'name' was taken as title, as it is called now", "'full' is no column of Human and was left out"],
        ),
        ({"years": "42", "title": "A"}, {"age": 42, "title": "A"}, ["'years' was taken as age, as it is called now"]),
        ({"other": 1, "title": "A"}, {"title": "A"}, ["'other' is no column of Human and was left out"]),
    ],
)
def test_a_renamed_column_goes_by_its_former_names(
    given: dict[str, Any], values: dict[str, Any], notes: list[str]
) -> None:
    checked = validate(Proposal("Human", given), VERSION)
    assert (checked.values, list(checked.notes)) == (values, notes)


def test_without_earlier_versions_the_names_in_the_file_are_known() -> None:
    alone = SchemaVersion(THIRD, 1, Status.ACTIVE, "f")
    assert validate(Proposal("Person", {"full": "Ana"}), alone).values == {"title": "Ana"}
    assert validate(Proposal("Friend", {"full": "Ana"}), alone).refusal is not None


def test_a_default_stands_in_for_a_required_value() -> None:
    human = THIRD.by_name["Human"]
    assert missing_columns({}, human) == ("title",)
    assert with_defaults({"title": "A", "state": None}, human) == {"title": "A", "state": "new", "tags": ["a"]}
    assert with_defaults({"title": "A", "state": "old", "tags": ["b"]}, human)["tags"] == ["b"]
    first, second = with_defaults({}, human), with_defaults({}, human)
    assert first["tags"] is not second["tags"]


def test_a_model_may_answer_with_an_alias() -> None:
    found, problem = class_of_an_answer("Somebody", VERSION)
    assert (found, problem) == (THIRD.by_name["Human"], "")
