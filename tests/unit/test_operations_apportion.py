"""Whole numbers in place of shares."""

from __future__ import annotations

from fractions import Fraction

import pytest

from memreg.operations.apportion import apportion


@pytest.mark.parametrize(
    ("shares", "parts"),
    [
        ([], []),
        ([Fraction(3)], [3]),
        ([Fraction(1, 3)] * 3, [1, 0, 0]),
        ([Fraction(1, 2), Fraction(3, 2)], [1, 1]),
        ([Fraction(1, 4), Fraction(3, 4), Fraction(0)], [0, 1, 0]),
        ([Fraction(10, 3), Fraction(20, 3)], [3, 7]),
    ],
)
def test_the_largest_remainders_are_rounded_up(shares: list[Fraction], parts: list[int]) -> None:
    assert apportion(shares) == parts


@pytest.mark.parametrize("shares", [[Fraction(1, 2)], [Fraction(-1), Fraction(2)]])
def test_shares_that_are_none_are_refused(shares: list[Fraction]) -> None:
    with pytest.raises(ValueError, match="add up"):
        apportion(shares)
