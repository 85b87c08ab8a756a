"""The Wilson interval: published values, and what it says of few trials."""

from __future__ import annotations

import pytest

from memreg.operations.interval import Interval, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
        # table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # By the formula, z² / (n + z²) is what a single trial leaves.
        (1, 1, 0.2065, 1.0),
        (0, 1, 0.0, 0.7935),
    ],
)
def test_published_values(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes, trials)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_no_trial_says_nothing() -> None:
    assert wilson(0, 0) == Interval(0.0, 1.0)


def test_without_a_failure_the_end_is_exactly_one_and_there_is_room_below() -> None:
    for trials in (1, 2, 7, 49, 1000, 9999):
        found = wilson(trials, trials)
        assert found.high == 1.0
        assert 0 < found.low < 1
        assert wilson(0, trials).low == 0.0


def test_it_holds_the_share_narrows_with_trials_and_mirrors() -> None:
    width = 1.0
    for trials in (4, 20, 100, 5000):
        found = wilson(trials * 3 // 4, trials)
        assert found.low < 0.75 < found.high
        assert found.high - found.low < width
        width = found.high - found.low
        mirrored = wilson(trials - trials * 3 // 4, trials)
        assert mirrored.low == pytest.approx(1 - found.high)


@pytest.mark.parametrize(("successes", "trials"), [(2, 1), (-1, 3), (0, -1)])
def test_what_cannot_be(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        wilson(successes, trials)
