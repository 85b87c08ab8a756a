"""Candidates as an audit entry keeps them: short, and told as they were."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from memreg.engine.decide import Candidate
from memreg.engine.kept import LEAST_TOLD, candidates_told, kept_form, levels_told, worth_telling
from memreg.engine.score import FEATURES, Part, Score

NAMES = [feature.__name__ for feature in FEATURES]


def candidate(number: int, value: float, *, partial: bool = False, **levels: int) -> Candidate:
    parts = (Part(NAMES[0], -1.25, ("ana / bo",)), Part(NAMES[1], 0.0), Part(NAMES[2], 0.0, bounds=True))
    score = cast("Score", SimpleNamespace(value=value, parts=parts, levels=levels))
    return Candidate(UUID(int=number << 64 | number), score, partial)


def kept(*candidates: Candidate) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(kept_form(candidates)))


def test_what_is_worth_telling_is_told_with_every_part() -> None:
    given = candidate(1, 0.7, partial=True, name=3, city=0)
    (told,) = candidates_told(kept(given))
    assert told["memory_id"] == str(given.memory_id)
    assert (told["score"], told["partial_identity"], told["levels"]) == (0.7, True, {"name": 3, "city": 0})
    assert [part["name"] for part in told["parts"]] == NAMES
    assert told["parts"][0] == {"name": NAMES[0], "amount": -1.25, "bounds": False}
    assert told["parts"][1] == {"name": NAMES[1], "amount": 0, "bounds": False}
    assert told["parts"][2] == {"name": NAMES[2], "amount": 0.0, "bounds": True}


@pytest.mark.parametrize("value", [0.0, 0.0001, LEAST_TOLD - 0.0001])
def test_of_the_others_score_and_levels_are_left(value: float) -> None:
    given = candidate(2**63 + 5, value, city=6)
    form = kept(candidate(1, 0.2, name=1, city=2), given)
    told = candidates_told(form)[1]
    assert told == {
        "memory_id": str(given.memory_id),
        "score": value,
        "partial_identity": False,
        "levels": {"city": 6},
        "parts": [],
    }
    assert len(json.dumps(form["held"][1])) < 40
    assert levels_told(form) == [{"name": 1, "city": 2}, {"city": 6}]


def test_a_partial_identity_is_not_lost_with_a_low_score() -> None:
    (told,) = candidates_told(kept(candidate(1, 0.0, partial=True, name=0)))
    assert (told["score"], told["partial_identity"]) == (0.0, True)


def test_none_is_an_empty_list() -> None:
    assert kept() == []
    assert candidates_told([]) == levels_told([]) == []


def test_entries_of_before_are_told_as_they_are() -> None:
    before = [{"memory_id": "x", "score": 0.4, "levels": {"name": 1}, "parts": [{"name": "naming", "amount": 1.0}]}]
    assert candidates_told(before) == before
    assert levels_told([*before, {"levels": {}}, {}]) == [{"name": 1}]


def test_what_is_worth_telling() -> None:
    best, second, last = candidate(1, 0.9), candidate(2, LEAST_TOLD), candidate(3, LEAST_TOLD - 0.0001)
    assert list(worth_telling([best, second, last])) == [best, second]
