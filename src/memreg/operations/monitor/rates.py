"""A rate with the interval that it honestly stands for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from memreg.operations.interval import Interval, wilson


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `of`."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        """In [0, 1]; None of nothing."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> Interval:
        """What the share may really be, with 95 % confidence (Wilson); all of [0, 1] of nothing."""
        return wilson(self.count, self.of)

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.count + other.count, self.of + other.of)
