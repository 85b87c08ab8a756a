"""The score (invariant 4): in [0, 1], symmetric, 1.0 for the same, 0.0 for nothing in common, never lowered by more in
common."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from memreg.engine.alignment import similarity
from memreg.engine.compare import compare
from memreg.engine.record import Record
from memreg.engine.score import PLACES, Score, best_score, describe, score
from memreg.engine.statistics import Statistics
from tests.support.engines import person

SPEC, ANNOTATION = person()
STEP = 10**-PLACES
WORDS = ["ana", "anna", "lopez", "lopes", "garcia", "oslo", "bergen", "b12", "b13", "x", "müller", "mueller", "doctor"]

NEW = ["zebra", "z99", "ål", "anb", "z"]

words = st.sampled_from(WORDS) | st.text("abcdeå12", min_size=1, max_size=9)
texts = st.lists(words, min_size=1, max_size=5).map(" ".join)
others = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@x.io", "b@x.io"]),
        "phone": st.sampled_from(["1", "2"]),
        "born": st.sampled_from(["1990-05-01", "1990-05-02"]),
    },
)
searched = st.fixed_dictionaries(
    {}, optional={"name": texts, "city": texts, "tags": st.lists(texts, min_size=1, max_size=3, unique=True)}
)
payloads = st.builds(lambda one, two: one | two, searched, others)
statistics = st.builds(
    lambda documents, shares: Statistics(1, documents, {w: min(n, documents) for w, n in shares.items()}, documents),
    st.integers(0, 10_000),
    st.dictionaries(st.sampled_from(WORDS), st.integers(2, 10_000)),
)


def record(payload: dict[str, Any]) -> Record:
    return Record.of(payload, SPEC, ANNOTATION)


def differing(one: dict[str, Any], other: dict[str, Any]) -> int:
    return sum(1 for name in ("email", "phone", "born") if name in one and name in other and one[name] != other[name])


@given(payloads, payloads, statistics)
def test_a_score_is_from_0_to_1_with_4_places(one: dict[str, Any], other: dict[str, Any], known: Statistics) -> None:
    found = score(record(one), record(other), known)
    assert 0.0 <= found.value <= 1.0
    assert round(found.value, PLACES) == found.value
    assert found.snapshot == known.snapshot
    assert all(describe(part.name) != part.name for part in found.parts)


@given(payloads, payloads, statistics)
def test_a_score_is_symmetric(one: dict[str, Any], other: dict[str, Any], known: Statistics) -> None:
    here, there = score(record(one), record(other), known), score(record(other), record(one), known)
    assert here.value == pytest.approx(there.value, abs=1.01 * STEP)  # sums in another order may round otherwise


@given(searched, others, others, statistics)
def test_the_same_text_is_1_unless_something_differs(
    text: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any], known: Statistics
) -> None:
    one, other = record(text | mine), record(text | theirs)
    assume(one.fields)
    found = score(one, other, known).value
    if not differing(mine, theirs):
        assert found == 1.0
    else:
        assert found < 1.0


@given(searched, st.sampled_from(["email", "phone", "born"]), statistics)
def test_one_difference_alone_is_below_the_update_threshold(
    text: dict[str, Any], column: str, known: Statistics
) -> None:
    values = {"email": ("a@x.io", "b@x.io"), "phone": ("1", "2"), "born": ("1990-05-01", "1990-05-02")}[column]
    one, other = record(text | {column: values[0]}), record(text | {column: values[1]})
    assume(one.fields)
    assert score(one, other, known).value < 0.80


@given(payloads, payloads, statistics)
@example({"name": "ana"}, {"city": "bergen"}, Statistics())
def test_nothing_in_common_is_0(one: dict[str, Any], other: dict[str, Any], known: Statistics) -> None:
    mine, theirs = record(one), record(other)
    assume(not compare(mine, theirs, known).touches)
    assert score(mine, theirs, known).value == 0.0


@given(payloads, payloads, texts, texts, st.sampled_from(["name", "city"]), st.sampled_from(NEW), statistics)
def test_one_more_equal_token_never_lowers_it(
    one: dict[str, Any], other: dict[str, Any], mine: str, theirs: str, column: str, token: str, known: Statistics
) -> None:
    one, other = one | {column: mine}, other | {column: theirs}
    before = score(record(one), record(other), known).value
    more = [payload | {column: f"{payload[column]} {token}"} for payload in (one, other)]
    after = score(record(more[0]), record(more[1]), known).value
    assert after >= before - 1.01 * STEP


@given(payloads, payloads, statistics)
def test_the_best_of_the_revisions_counts(one: dict[str, Any], other: dict[str, Any], known: Statistics) -> None:
    mine, current, earlier = record(one), record(other), record(one)
    found: Score = best_score(mine, [current, earlier], known)
    assert found.value == max(score(mine, current, known).value, score(mine, earlier, known).value)


@given(words, words)
def test_likeness_of_tokens_is_symmetric_and_below_1(one: str, other: str) -> None:
    assume(one != other)
    assert similarity(one, other) == similarity(other, one)
    assert 0.0 <= similarity(one, other) < 1.0


@given(statistics, words)
def test_a_token_weighs_more_than_0_and_at_most_1(known: Statistics, word: str) -> None:
    assert 0.0 < known.idf(word) <= 1.0 + 1e-9
