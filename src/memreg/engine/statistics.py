"""How common the tokens of a class are: numbered snapshots, so that a score can be made again later."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FIRST_SNAPSHOT = 32
LONGEST_GAP = 50_000
PROBES = 8
PROBED_MEMORIES = 1_000


@dataclass(frozen=True)
class Statistics:
    """Document frequencies of a class in a tenant, as of a snapshot (0: none yet, every token weighs the same).

    `frequencies` leaves out tokens that occur in one memory only. `change` is the class's count of writes at that time.
    """

    snapshot: int = 0
    documents: int = 0
    frequencies: Mapping[str, int] = field(default_factory=dict)
    change: int = 0

    def idf(self, token: str) -> float:
        """The weight of a token in (0, 1]: 1 for one never seen, falling with its share of the memories.

        ln(1 + (N + 1) / (df + 1)) / ln(N + 2): Spärck Jones's inverse document frequency (1972), smoothed and
        divided by its own largest value, so that 1 means the same at every size.
        """
        frequency = min(self.frequencies.get(token, 0), self.documents)
        return math.log(1 + (self.documents + 1) / (frequency + 1)) / math.log(self.documents + 2)

    def rarest(self, tokens: Iterable[str]) -> tuple[str, ...]:
        """The tokens to look candidates up by: the rarest, at most 8, and no more once 1,000 memories hold them; one at
        least."""
        chosen: list[str] = []
        held = 0
        for token in sorted(tokens, key=lambda token: (self.frequencies.get(token, 0), -len(token), token)):
            held += self.frequencies.get(token, 0)
            if len(chosen) == PROBES or (chosen and held > PROBED_MEMORIES):
                break
            chosen.append(token)
        return tuple(chosen)

    def due(self, change: int) -> bool:
        """Whether the class has been written to often enough since this snapshot for the next: at 32, 64, 128 …
        writes."""
        return change >= min(max(FIRST_SNAPSHOT, 2 * self.change), self.change + LONGEST_GAP)
