"""Edits between two words: the optimal string alignment distance, by a library that is loaded when first asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache


def edits(one: str, other: str, most: int) -> int:
    """How many insertions, deletions, replacements and swaps of neighbours turn one text into the other; any number
    above `most` where it is more than that."""
    return _distance()(one, other, score_cutoff=most)


@cache
def _distance() -> Callable[..., int]:
    from rapidfuzz.distance import OSA  # it takes as long to load as the rest of what decides, and identity needs none

    return OSA.distance
