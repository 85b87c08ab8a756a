"""Whose value stays when two memories become one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from memreg.core.errors import ArgumentInvalid
from memreg.operations.acts.winners import Half, Joined, Side, Winner, join
from memreg.registry.models import ClassSpec
from memreg.registry.parse import parse_schema
from tests.support.offices import offices_spec

SPEC = parse_schema(
    """
schema: people
classes:
  Person:
    columns:
      name: {dtype: string}
      email: {dtype: string}
      tags: {dtype: "list[string]"}
      labels: {dtype: "list[string]", merge: replace}
      log: {dtype: "list[string]", merge: append}
      notes: {dtype: text, merge: append}
      first: {dtype: date, merge: min}
      last: {dtype: date, merge: max}
      source: {dtype: string, merge: keep}
    annotation: {searchable: {name: 3}}
""",
    "people.yaml",
).by_name["Person"]
PIN = {"by": "eva", "at": "2026-11-21T03:00:00+00:00", "why": None}


def joined(kept: dict[str, Any], other: dict[str, Any], **prefer: Side) -> Joined:
    return join(Half(kept), Half(other), SPEC, prefer)


def winner(result: Joined, column: str) -> Winner:
    return next(each for each in result.winners if each.column == column)


@pytest.mark.parametrize(
    ("column", "kept", "other", "result", "who"),
    [
        ("name", "Ana", None, "Ana", "keep"),
        ("name", None, "Ana", "Ana", "other"),
        ("name", "Ana", "Ana", "Ana", "same"),
        ("name", "Ana", "Anna", "Ana", "keep"),
        ("source", "mail", "call", "mail", "keep"),
        ("tags", ["a", "b"], ["b", "c"], ["a", "b", "c"], "both"),
        ("tags", ["a", "b"], ["b"], ["a", "b"], "keep"),
        ("labels", ["a"], ["b"], ["a"], "keep"),
        ("log", ["a", "b"], ["b"], ["a", "b", "b"], "both"),
        ("notes", "tea", "chess", "tea\nchess", "both"),
        ("notes", "tea\nchess", "chess", "tea\nchess", "keep"),
        ("first", "2026-02-01", "2026-01-01", "2026-01-01", "other"),
        ("first", "2026-01-01", "2026-02-01", "2026-01-01", "keep"),
        ("last", "2026-02-01", "2026-01-01", "2026-02-01", "keep"),
    ],
)
def test_without_a_wish_the_policy_of_the_column_decides(
    column: str, kept: Any, other: Any, result: Any, who: str
) -> None:
    halves = [{} if each is None else {column: each} for each in (kept, other)]
    found = joined(*halves)
    assert found.payload == {column: result}
    assert (winner(found, column).winner, winner(found, column).result) == (who, result)
    assert (winner(found, column).kept, winner(found, column).other) == (kept, other)


@pytest.mark.parametrize(("side", "result"), [("keep", {"name": "Ana"}), ("other", {"name": "Anna"})])
def test_a_wish_goes_before_the_policy(side: Side, result: dict[str, Any]) -> None:
    found = joined({"name": "Ana"}, {"name": "Anna"}, name=side)
    assert found.payload == result
    assert winner(found, "name").winner == side


def test_the_side_that_lacks_a_value_can_be_wanted() -> None:
    found = joined({"email": "a@x.io"}, {}, email="other")
    assert found.payload == {}
    assert winner(found, "email").result is None


def test_both_of_a_list_whatever_its_policy() -> None:
    assert joined({"labels": ["a"]}, {"labels": ["b", "a"]}, labels="both").payload == {"labels": ["a", "b"]}


@pytest.mark.parametrize(
    ("prefer", "told"),
    [
        ({"name": "both"}, "name has one value"),
        ({"nom": "keep"}, "it has name, email"),
        ({"name": "mine"}, "keep, other or both"),
    ],
)
def test_a_wish_that_cannot_be_met(prefer: Any, told: str) -> None:
    with pytest.raises(ArgumentInvalid, match=told):
        joined({"name": "Ana"}, {"name": "Anna"}, **prefer)


def test_what_would_be_too_long_together_stays() -> None:
    long = "x" * 60_000
    found = joined({"notes": long}, {"notes": long.upper()})
    assert found.payload == {"notes": long}
    assert "longer" in winner(found, "notes").why
    with pytest.raises(ArgumentInvalid, match="longer"):
        joined({"notes": long}, {"notes": long.upper()}, notes="both")


def test_what_a_person_pinned_wins_and_stays_pinned() -> None:
    mine, theirs = Half({"name": "Ana"}), Half({"name": "Anna"}, pinned={"name": PIN})
    found = join(mine, theirs, SPEC, {})
    assert found.payload == {"name": "Anna"}
    assert found.pinned == {"name": PIN}
    assert winner(found, "name").why == "eva set it on 2026-11-21"
    other_pin = PIN | {"by": "tom"}
    both = join(Half({"name": "Ana"}, pinned={"name": other_pin}), theirs, SPEC, {})
    assert (both.payload, both.pinned) == ({"name": "Ana"}, {"name": other_pin})
    wished = join(mine, theirs, SPEC, {"name": "keep"})
    assert (wished.payload, wished.pinned) == ({"name": "Ana"}, {})


def test_pinned_to_be_empty_is_a_value_too() -> None:
    found = join(Half({}, pinned={"email": PIN}), Half({"email": "b@x.io"}), SPEC, {})
    assert (found.payload, found.pinned) == ({}, {"email": PIN})


def test_what_was_said_goes_with_the_value() -> None:
    mine = Half({"name": "Ana", "email": "a@x.io"}, {"name": " Ana", "email": "A@X.io"})
    theirs = Half({"name": "Anna", "email": "b@x.io"}, {"name": "Anna ", "email": "B@X.io"})
    found = join(mine, theirs, SPEC, {"email": "other"})
    assert found.originals == {"name": " Ana", "email": "B@X.io"}
    same = join(Half({"name": "Ana"}), Half({"name": "Ana"}, {"name": "Ana "}, {"name": PIN}), SPEC, {})
    assert (same.originals, same.pinned) == ({"name": "Ana "}, {"name": PIN})


def test_references_to_what_is_one_object_now_are_the_same() -> None:
    spec: ClassSpec = offices_spec().by_name["Person"]
    column = next(each for each in spec.references if not each.dtype.is_list)
    gone, keeper = str(uuid4()), str(uuid4())
    found = join(Half({column.name: gone}), Half({column.name: keeper}), spec, {}, {gone: keeper})
    assert winner(found, column.name).winner == "same"
    assert found.payload == {column.name: gone}
    apart = join(Half({column.name: gone}), Half({column.name: keeper}), spec, {})
    assert winner(apart, column.name).winner == "keep"


def test_nothing_is_lost_or_made_up() -> None:
    kept, other = {"name": "Ana", "tags": ["a"]}, {"email": "a@x.io", "tags": ["b"]}
    found = joined(kept, other)
    assert found.payload == {"name": "Ana", "email": "a@x.io", "tags": ["a", "b"]}
    assert [each.column for each in found.winners] == ["name", "email", "tags"]
