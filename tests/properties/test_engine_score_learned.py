"""The score (invariant 4) under whatever a class may have learned: several names, swapped names, codes, other names."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from memreg.engine.compare import compare
from memreg.engine.record import Role
from memreg.engine.score import CLIP, PLACES, best_score, score
from memreg.engine.statistics import Statistics
from tests.support.scoring import (
    NEW,
    TEXT,
    VALUES,
    all_words,
    cold,
    pairs,
    record,
    searched,
    statistics,
    texts,
    valued,
)

Payload = dict[str, Any]
STEP = 1.01 * 10**-PLACES
"""Sums in another order may round otherwise."""


@given(pairs(), statistics)
def test_a_score_is_from_0_to_1_with_4_places(two: tuple[Payload, Payload], known: Statistics) -> None:
    found = score(record(two[0]), record(two[1]), known)
    assert 0.0 <= found.value <= 1.0
    assert round(found.value, PLACES) == found.value


@given(pairs(), statistics)
@example(
    ({"given": "steak iv c", "surname": "ab 13 b"}, {"given": "ab 13 b", "surname": "steak garcia c"}), Statistics()
)
@example(({"title": "a b abc"}, {"title": "ab c"}), Statistics())
@example(
    (
        {"surname": "b12", "title": "steak b abc12345", "notes": "abc 13"},
        {"given": "x", "surname": "abc12345 zz steak", "notes": "lopez b12"},
    ),
    Statistics(),
)
def test_a_score_is_symmetric(two: tuple[Payload, Payload], known: Statistics) -> None:
    one, other = record(two[0]), record(two[1])
    here, there = score(one, other, known), score(other, one, known)
    assert here.value == pytest.approx(there.value, abs=STEP)
    assert here.levels == there.levels


@given(searched, valued, statistics)
def test_the_same_is_1(text: Payload, values: Payload, known: Statistics) -> None:
    assume(text)
    assert score(record(text | values), record(text | values), known).value == 1.0


@given(searched, st.sampled_from(sorted(VALUES)), st.data(), statistics)
def test_one_difference_is_below_1_whatever_was_learned(
    text: Payload, column: str, data: st.DataObject, known: Statistics
) -> None:
    assume(text)
    values = data.draw(st.lists(st.sampled_from(VALUES[column]), min_size=2, max_size=2, unique=True))
    one, other = ({**text, column: value} for value in values)
    assert score(record(one), record(other), known).value < 1.0


@given(searched, st.sampled_from(sorted(VALUES)), st.data(), cold)
def test_one_difference_is_no_update_at_a_cold_start(
    text: Payload, column: str, data: st.DataObject, known: Statistics
) -> None:
    assume(text)
    values = data.draw(st.lists(st.sampled_from(VALUES[column]), min_size=2, max_size=2, unique=True))
    one, other = ({**text, column: value} for value in values)
    assert score(record(one), record(other), known).value < 0.80


@given(pairs(), statistics)
@example(({"title": "ana"}, {"city": "bergen"}), Statistics())
@example(({"born": "1990-05-01"}, {"born": "1990-05-01"}), Statistics())
def test_nothing_met_is_0(two: tuple[Payload, Payload], known: Statistics) -> None:
    one, other = record(two[0]), record(two[1])
    found = compare(one, other, known)
    token_met = any(getattr(evidence.between, "met", ()) for evidence in found.evidence)
    of_identity = {Role.STRONG, Role.SHARED, Role.CODE}
    value_met = any(evidence.role in of_identity and evidence.level > 0 for evidence in found.evidence)
    assume(not token_met and not value_met)
    assert score(one, other, known).value == 0.0


@given(pairs(), st.sampled_from(TEXT), texts, texts, st.sampled_from(NEW), statistics)
@example(({"given": "v"}, {"given": "vi"}), "given", "v", "vi", "zebra", Statistics())
@example(({"title": "z9911"}, {"title": "ana"}), "title", "z9911", "ana", "z991155", Statistics())
@example(
    ({"given": "anna", "surname": "lopez"}, {"given": "lopes", "surname": "ana"}),
    "given", "anna", "lopes", "zebra", Statistics(),
)  # fmt: skip
@example(
    ({"given": "ana", "aliases": "oslo"}, {"given": "anastasia", "aliases": "oslo ana"}),
    "given", "ana", "anastasia", "zebra", Statistics(1, 50, {"zebra": 50}, 50),
)  # fmt: skip
@example(
    ({"given": "v", "surname": "a", "title": "abc"}, {"given": "i", "surname": "v"}),
    "given", "v", "i", "anb", Statistics(),
)  # fmt: skip
@example(
    ({"city": "i ana lopez 13"}, {"city": "13 ana lopez i"}),
    "city", "i ana lopez 13", "13 ana lopez i", "d", Statistics(),
)  # fmt: skip
def test_one_more_equal_word_never_lowers_it(
    two: tuple[Payload, Payload], column: str, mine: str, theirs: str, word: str, known: Statistics
) -> None:
    one, other = two
    if column not in one or column not in other:
        one, other = one | {column: mine}, other | {column: theirs}
    assume(word not in all_words(one, other))
    before = score(record(one), record(other), known)
    after = score(
        record(one | {column: f"{one[column]} {word}"}), record(other | {column: f"{other[column]} {word}"}), known
    )
    assert after.value >= before.value - STEP


@given(pairs(), statistics)
def test_the_parts_say_the_whole_score(two: tuple[Payload, Payload], known: Statistics) -> None:
    """Where no part bounds, the logistic function of the parts' sum is the score."""
    found = score(record(two[0]), record(two[1]), known)
    if any(part.bounds for part in found.parts):
        assert all(part.amount == 0 for part in found.parts if part.bounds)
        return
    log_odds = max(-CLIP, min(CLIP, sum(part.amount for part in found.parts)))
    assert found.value == pytest.approx(1 / (1 + math.exp(-log_odds)), abs=2e-4)


@given(pairs(), st.lists(searched, max_size=3), valued, statistics)
def test_revisions_are_scored_together_as_one_by_one(
    two: tuple[Payload, Payload], earlier: list[Payload], values: Payload, known: Statistics
) -> None:
    mine, current = two
    revisions = [current, *(current | text for text in earlier), current | values]
    found = best_score(record(mine), [record(each) for each in revisions], known)
    alone = [score(record(mine), record(each), known) for each in revisions]
    best = max(alone, key=lambda each: each.value)
    assert found.value == best.value
    assert found.parts == best.parts
