"""The population stability index: nothing for what is equal, much for what is far, and what chance makes of it."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.operations.monitor.drift import drift

COUNTS = st.dictionaries(st.integers(1, 11), st.integers(0, 500), min_size=1).filter(lambda found: any(found.values()))


def test_nothing_against_something_is_no_drift() -> None:
    assert drift({}, {5: 10}) is None
    assert drift({5: 10}, {5: 0}) is None


def test_the_formula_by_hand() -> None:
    found = drift({1: 99, 2: 299}, {1: 199, 2: 199})
    assert found is not None
    p, q = (99.5 / 399, 299.5 / 399), (0.5, 0.5)
    assert found.index == pytest.approx(sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True)), abs=1e-4)
    assert (found.recent, found.reference) == (398, 398)


def test_what_is_far_is_much() -> None:
    found = drift({10: 290, 11: 10}, {3: 290, 11: 10})
    assert found is not None
    assert found.beyond_chance > 1


@given(COUNTS, COUNTS)
def test_it_is_symmetric_and_never_negative(recent: dict[int, int], reference: dict[int, int]) -> None:
    there, back = drift(recent, reference), drift(reference, recent)
    assert there is not None
    assert back is not None
    assert there.index == back.index
    assert there.index >= 0
    assert there.beyond_chance <= there.index


@given(COUNTS)
def test_the_same_is_no_drift(counts: dict[int, int]) -> None:
    found = drift(counts, counts)
    assert found is not None
    assert found.index == 0


def test_chance_explains_what_two_samples_of_one_differ_by() -> None:
    chance, beyond = random.Random(11), 0
    for _ in range(400):
        samples = [Counter(chance.choices(range(6, 12), (1, 2, 3, 5, 20, 40), k=300)) for _ in range(2)]
        found = drift(*samples)
        assert found is not None
        beyond += found.beyond_chance > 0
    assert beyond <= 16, "about one in a hundred, by its definition"
