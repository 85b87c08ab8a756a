"""Sharing whole numbers out so that the parts are whole, too, and add up to exactly the same."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def apportion(shares: Sequence[Fraction]) -> list[int]:
    """Whole numbers in place of shares: each within 1 of its share, and their sum that of the shares. Pure.

    The largest remainders are rounded up, the first ones among equals (Hamilton's method). The shares are not negative
    and their sum is whole; otherwise ValueError.
    """
    total = sum(shares, Fraction(0))
    if total.denominator != 1 or any(share < 0 for share in shares):
        raise ValueError("shares are not negative, and add up to a whole number")
    parts = [share.numerator // share.denominator for share in shares]
    left = total.numerator - sum(parts)
    by_remainder = sorted(range(len(shares)), key=lambda index: (parts[index] - shares[index], index))
    for index in by_remainder[:left]:
        parts[index] += 1
    return parts
