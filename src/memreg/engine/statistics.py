"""How common the tokens of a class are and what agreement is worth in it: numbered snapshots, so that a score can be
made again later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from memreg.engine.calibration import Calibration

FIRST_SNAPSHOT = 32
GROWTH = 1.25
LONGEST_GAP = 50_000


@dataclass(frozen=True)
class Statistics:
    """Document frequencies of a class in a tenant and its calibration, as of a snapshot (0: none yet, every token
    weighs the same and every column is worth what its role promises).

    `frequencies` leaves out tokens that occur in one memory only. `change` is the class's count of writes at that time.
    """

    snapshot: int = 0
    documents: int = 0
    frequencies: Mapping[str, int] = field(default_factory=dict)
    change: int = 0
    calibration: Calibration = field(default_factory=Calibration)
    _idf: dict[int, float] = field(default_factory=dict, compare=False, repr=False)

    def frequency(self, token: str) -> int:
        """How many memories hold a token, as far as is known: 0 for one that a single memory holds."""
        return min(self.frequencies.get(token, 0), self.documents)

    def idf(self, token: str) -> float:
        """The weight of a token in (0, 1]: 1 for one never seen, falling with its share of the memories.

        ln(1 + (N + 1) / (df + 1)) / ln(N + 2): Spärck Jones's inverse document frequency (1972), smoothed and
        divided by its own largest value, so that 1 means the same at every size.
        """
        frequency = self.frequencies.get(token, 0)
        found = self._idf.get(frequency)
        if found is None:
            held_by = min(frequency, self.documents)
            found = math.log(1 + (self.documents + 1) / (held_by + 1)) / math.log(self.documents + 2)
            self._idf[frequency] = found
        return found

    def due(self, change: int) -> bool:
        """Whether the class has been written to often enough since this snapshot for the next."""
        return change >= self.due_at

    @property
    def due_at(self) -> float:
        """The count of writes of the class at which the next snapshot is due: 32, then each time there are a quarter
        more. Never while its calibration is held fast."""
        if self.calibration.fixed:
            return math.inf
        return min(max(FIRST_SNAPSHOT, math.ceil(GROWTH * self.change)), self.change + LONGEST_GAP)
