"""How far the scores at which memories are merged have moved: the population stability index. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

BINS = 11
"""Tenths of the score, and exactly 1."""
_PRIOR = 0.5
_Z_99 = 2.3263478740408408


@dataclass(frozen=True, slots=True)
class Drift:
    """`index`: the population stability index of `recent` scores against `reference` ones, the next older; below 0.1
    nothing moved, from 0.25 on much did (Siddiqi). `chance`: what it may be with nothing moved at all."""

    index: float
    chance: float
    recent: int
    reference: int

    @property
    def beyond_chance(self) -> float:
        """What of the index few scores cannot explain, at least 0."""
        return max(0.0, self.index - self.chance)


def drift(recent: Mapping[int, int], reference: Mapping[int, int]) -> Drift | None:
    """The drift between two distributions, as counts by bin (1 to 11); None where one of them is empty.

    The index is the sum over the bins of (p - q) ln(p / q). Source: N. Siddiqi, "Credit Risk Scorecards", Wiley (2006),
    where 0.1 and 0.25 are its limits; it is the symmetric divergence of H. Jeffreys (1946). Half a score is added to
    each bin that either has, so that an empty one does not make it infinite. Of distributions that are the same it is
    about (1/n + 1/m) times a chi-square of B - 1 degrees of freedom (B. Yurdakul, "Statistical Properties of Population
    Stability Index", Western Michigan University, 2018): `chance` is the 99th percentile of that, by the normal
    approximation.
    """
    n, m = sum(recent.values()), sum(reference.values())
    if not n or not m:
        return None
    bins = sorted({each for counts in (recent, reference) for each, count in counts.items() if count})
    total = 0.0
    for each in bins:
        p = (recent.get(each, 0) + _PRIOR) / (n + _PRIOR * len(bins))
        q = (reference.get(each, 0) + _PRIOR) / (m + _PRIOR * len(bins))
        total += (p - q) * math.log(p / q)
    degrees = max(1, len(bins) - 1)
    chance = (degrees + _Z_99 * math.sqrt(2 * degrees)) * (1 / n + 1 / m)
    return Drift(round(total, 4), round(chance, 4), n, m)
