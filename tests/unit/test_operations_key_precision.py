"""Counting answers and contradictions, and when a key contradicts too often."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from memreg.operations.key_precision import KeyPrecision, tally
from memreg.registry.models import IdentityKey, Strength

A, B = "a", "b"


def entry(basis: str = "identity", score: float | None = 0.9, *, operation: str = "upsert", **answers: str) -> Any:
    """A row of `identity_answers`: which memory each key named ("" for a key that did not answer)."""
    return {
        "operation": operation,
        "basis": basis,
        "score": score,
        "possible": 0.55,
        "candidates": None,
        "keys": [{"key": key, "answers": [memory] if memory else []} for key, memory in answers.items()],
        "said": [*answers],
    }


def conflict(scores: dict[str, float], **answers: str) -> Any:
    listed = [{"memory_id": memory, "score": score} for memory, score in scores.items()]
    return entry("identity_conflict", None, **answers) | {"candidates": listed}


def counts(*entries: Any) -> dict[str, tuple[int, int, int]]:
    """Answers, contradicted by the text, contradicted by another key; by key."""
    counted = tally(entries)
    return {
        key: (counted[key, "answers"], counted[key, "by_text"], counted[key, "by_keys"])
        for key in dict.fromkeys(key for key, _ in counted)
    }


def test_a_key_that_did_not_answer_is_not_counted() -> None:
    assert counts(entry(email=A, phone="")) == {"email": (1, 0, 0)}


def test_keys_that_agree_both_answer_and_share_the_blame() -> None:
    assert counts(entry(email=A, phone=A), entry(score=0.2, email=A, phone=A)) == {
        "email": (2, 1, 0),
        "phone": (2, 1, 0),
    }


@pytest.mark.parametrize(("score", "contradicted"), [(0.0, 1), (0.5499, 1), (0.55, 0), (1.0, 0), (None, 0)])
def test_the_lower_threshold_of_the_decision_tells_a_contradiction(score: float | None, contradicted: int) -> None:
    assert counts(entry(score=score, email=A)) == {"email": (1, contradicted, 0)}


def test_another_threshold_of_its_time_counts() -> None:
    assert counts(entry(score=0.5, email=A) | {"possible": 0.4}) == {"email": (1, 0, 0)}


def test_a_delete_is_contradicted_only_by_what_it_says_besides_its_keys() -> None:
    bare = entry(score=0.0, operation="delete", email=A)
    assert counts(bare) == {"email": (1, 0, 0)}
    assert counts(bare | {"said": ["email", "name"]}) == {"email": (1, 1, 0)}


def test_in_a_conflict_the_text_sides_with_a_key() -> None:
    assert counts(conflict({A: 0.9, B: 0.1}, email=A, phone=B)) == {"email": (1, 0, 0), "phone": (1, 0, 1)}
    assert counts(conflict({A: 0.1, B: 0.9}, email=A, phone=B)) == {"email": (1, 0, 1), "phone": (1, 0, 0)}


def test_in_a_conflict_where_the_text_speaks_for_neither_each_is_contradicted() -> None:
    for scores in ({A: 0.1, B: 0.2}, {}):
        assert counts(conflict(scores, email=A, phone=B)) == {"email": (1, 0, 1), "phone": (1, 0, 1)}


def test_a_conflict_of_memories_that_the_text_speaks_for_contradicts_neither() -> None:
    both = conflict({A: 0.55, B: 0.9}, email=A, phone=B)
    assert counts(both) == {"email": (1, 0, 0), "phone": (1, 0, 0)}
    assert tally([both])["email", "conflicts"] == tally([both])["phone", "conflicts"] == 1
    assert tally([entry(email=A, phone=A)])["email", "conflicts"] == 0


def test_a_delete_with_nothing_but_keys_that_conflict_contradicts_them() -> None:
    bare = conflict({A: 0.0, B: 0.0}, email=A, phone=B) | {"operation": "delete"}
    assert counts(bare) == {"email": (1, 0, 1), "phone": (1, 0, 1)}


def test_a_memory_that_the_entry_does_not_list_scored_no_more_than_its_last() -> None:
    assert counts(conflict({A: 0.8, "c": 0.3}, email=A, phone=B)) == {"email": (1, 0, 0), "phone": (1, 0, 1)}
    assert counts(conflict({A: 0.8, "c": 0.7}, email=A, phone=B)) == {"email": (1, 0, 0), "phone": (1, 0, 0)}


def test_two_keys_that_agree_against_a_third() -> None:
    assert counts(conflict({A: 0.9, B: 0.1}, email=A, phone=B, card=A)) == {
        "email": (1, 0, 0),
        "phone": (1, 0, 1),
        "card": (1, 0, 0),
    }


def key(answers: int, by_text: int = 0, by_keys: int = 0, strength: Strength = "strong") -> KeyPrecision:
    return KeyPrecision("people", 1, "Person", IdentityKey(("email",), strength), answers, by_text, by_keys)


def test_a_key_that_never_answered_has_no_precision() -> None:
    silent = key(0)
    assert silent.precision is None
    assert silent.interval is None
    assert not silent.contradicts_too_often
    assert silent.warning is None


def test_precision_is_the_share_that_nothing_contradicted() -> None:
    found = key(200, by_text=2, by_keys=1)
    assert found.contradictions == 3
    assert found.precision == pytest.approx(0.985)
    interval = found.interval
    assert interval is not None
    assert interval.low < 0.985 < interval.high


@pytest.mark.parametrize(
    ("answers", "contradictions", "strength", "too_often"),
    [
        (1, 1, "strong", False),  # one odd message
        (2, 2, "strong", False),
        (3, 3, "strong", True),
        (20, 3, "strong", True),
        (30, 3, "strong", False),  # .90, but may well be .95
        (1000, 50, "strong", False),
        (1000, 70, "strong", True),
        (10, 3, "shared", True),
        (20, 3, "shared", False),
        (40, 5, "shared", False),
        (100, 10, "shared", False),
        (1000, 150, "shared", True),
        (1000, 40, "shared", False),
    ],
)
def test_too_often(answers: int, contradictions: int, strength: Strength, too_often: bool) -> None:
    assert key(answers, contradictions, strength=strength).contradicts_too_often is too_often


def test_a_key_that_did_not_answer_yet_has_the_warning_of_before() -> None:
    bad = key(100, 12)
    assert replace(key(0), before=bad).warning == bad.warning
    assert not replace(key(0), before=bad).contradicts_too_often
    assert replace(key(0, strength="shared"), before=bad).warning is None
    assert replace(key(0), before=key(100)).warning is None


def test_the_warning_says_what_to_do() -> None:
    strong, shared = key(100, 12).warning, key(100, 30, strength="shared").warning
    assert strong is not None
    assert shared is not None
    assert "in people@1 12 of 100 answers were contradicted" in strong
    assert "0.880 (0.802 to 0.930)" in strong
    assert "make it shared, add a column to it or drop it" in strong
    assert "make it shared" not in shared
    assert "0.90 is expected; add a column to it or drop it" in shared
    assert "`memreg annotate people`" in strong
    assert "`memreg approve people --annotation FILE`" in strong
