"""Upcasting a payload: what is converted, what is left out, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.operations.upcast import upcast
from memreg.registry.parse import parse_schema

SPEC = parse_schema(
    """
schema: s
classes:
  Thing:
    columns:
      name:  {dtype: string, required: true, normalize: [casefold]}
      count: {dtype: integer}
      tags:  {dtype: "list[string]"}
      one:   {dtype: string}
      kind:  {dtype: enum, values: [a, b]}
      code:  {dtype: integer, pii: true}
""",
    "the test",
).by_name["Thing"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"count": "42"}, {"count": 42}),
        ({"tags": "x"}, {"tags": ["x"]}),
        ({"one": ["x"]}, {"one": "x"}),
        ({"name": "ANA"}, {"name": "ana"}),
        ({"gone": 1, "count": 2}, {"count": 2}),
        ({"count": None}, {}),
        ({}, {}),
    ],
)
def test_values_take_the_form_of_the_newer_version(before: dict[str, object], after: dict[str, object]) -> None:
    done = upcast(before, {}, SPEC)
    assert (done.payload, done.refusal) == (after, None)


def test_originals_follow_their_columns() -> None:
    done = upcast({"name": "ana", "gone": "x"}, {"name": "ANA", "gone": "X"}, SPEC)
    assert done.originals == {"name": "ANA"}


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ({"count": "many"}, ["Thing.count", "'many'"]),
        ({"kind": "c"}, ["Thing.kind", "'c'"]),
        ({"one": ["x", "y"]}, ["Thing.one"]),
        ({"count": "9" * 500}, ["Thing.count", "…"]),
    ],
)
def test_a_value_that_does_not_fit_is_named(before: dict[str, object], words: list[str]) -> None:
    refusal = upcast(before, {}, SPEC).refusal
    assert refusal is not None
    assert all(word in refusal for word in words)


def test_a_personal_value_is_not_shown() -> None:
    refusal = upcast({"code": "secret"}, {}, SPEC).refusal
    assert refusal is not None
    assert "Thing.code" in refusal
    assert "secret" not in refusal


@given(
    st.dictionaries(
        st.sampled_from(["name", "count", "tags", "one", "kind", "code", "gone"]),
        st.one_of(st.text(max_size=5), st.integers(-9, 9), st.lists(st.text(max_size=3), max_size=3), st.none()),
    )
)
def test_a_second_time_changes_nothing(payload: dict[str, object]) -> None:
    once = upcast(payload, {}, SPEC)
    if once.refusal is None:
        assert upcast(once.payload, {}, SPEC) == once
