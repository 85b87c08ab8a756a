"""What agreement is worth in a class: how often each level of a column occurs among matches, siblings and strangers.

Fellegi and Sunter's model of record linkage (1969) with a third class: a *sibling* is another object of the same family
(another song of the album, another size of the product, another room of the hotel) that agrees in most columns and is
told apart by a few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from memreg.engine.level import LEVELS, Level
from memreg.engine.record import Role

Shares = tuple[float, ...]
"""How often each level occurs, from NONE to EQUAL; the sum is 1, or less where `CAPPED` holds a level down."""

REPEATS = 0.3
LEAST_REPEATS, MOST_REPEATS = 0.06, 0.7
SIBLINGS = 0.1
RIVALS = 5
"""The candidates that a decision is learned from: at most one of them is the same object."""
HEADSTART = 0.7
"""Natural log odds: a true match stands among the first of the rivals more often than by chance."""
COMMON_SLOTS = 60
COMMON_FLOOR = 0.05
DEPENDENCE = 0.25
"""For words that many memories share: of how many candidates the sharing ones are counted, what a word of one memory
counts as, and how far the next rarest word is independent of the rarest. These and HEADSTART were chosen on labelled
streams, all together."""
PLACES = 5
LEAST_SHARE = 10**-PLACES
CLIP = 30.0

MATCHES: Mapping[Role, Shares] = {
    Role.NAME: (0.015, 0.02, 0.05, 0.10, 0.11, 0.13, 0.575),
    Role.ATTRIBUTE: (0.12, 0.03, 0.03, 0.09, 0.11, 0.07, 0.55),
    Role.TEXT: (0.12, 0.08, 0.08, 0.07, 0.12, 0.08, 0.45),
    Role.DATE: (0.004, 0.006, 0.02, 0.03, 0.03, 0.01, 0.90),
    Role.YEAR: (0.004, 0.006, 0.02, 0.03, 0.03, 0.01, 0.90),
    Role.NUMBER: (0.12, 0.01, 0.07, 0.08, 0.12, 0.01, 0.59),
    Role.CODE: (0.03, 0.01, 0.01, 0.06, 0.02, 0.14, 0.73),
    Role.STRONG: (0.08, 0.005, 0.005, 0.08, 0.005, 0.005, 0.82),
    Role.SHARED: (0.12, 0.005, 0.005, 0.08, 0.005, 0.005, 0.78),
}
SIBLINGS_BY_ROLE: Mapping[Role, Shares] = {
    Role.NAME: (0.22, 0.20, 0.22, 0.22, 0.05, 0.04, 0.05),
    Role.ATTRIBUTE: (0.20, 0.04, 0.06, 0.08, 0.06, 0.03, 0.53),
    Role.TEXT: (0.25, 0.15, 0.12, 0.12, 0.08, 0.06, 0.22),
    Role.DATE: (0.35, 0.02, 0.06, 0.04, 0.05, 0.02, 0.46),
    Role.YEAR: (0.35, 0.02, 0.06, 0.04, 0.05, 0.02, 0.46),
    Role.NUMBER: (0.30, 0.01, 0.10, 0.09, 0.10, 0.01, 0.39),
    Role.CODE: (0.50, 0.01, 0.01, 0.34, 0.02, 0.04, 0.08),
    Role.STRONG: (0.93, 0.005, 0.005, 0.04, 0.005, 0.005, 0.01),
    Role.SHARED: (0.33, 0.005, 0.005, 0.05, 0.005, 0.005, 0.60),
}
STRANGERS: Mapping[Role, Shares] = {
    Role.NAME: (0.70, 0.18, 0.05, 0.02, 0.02, 0.01, 0.02),
    Role.ATTRIBUTE: (0.49, 0.10, 0.08, 0.02, 0.04, 0.02, 0.25),
    Role.TEXT: (0.41, 0.23, 0.05, 0.02, 0.02, 0.01, 0.26),
    Role.DATE: (0.83, 0.02, 0.03, 0.03, 0.04, 0.02, 0.03),
    Role.YEAR: (0.56, 0.02, 0.03, 0.03, 0.04, 0.02, 0.30),
    Role.NUMBER: (0.52, 0.01, 0.18, 0.07, 0.06, 0.01, 0.15),
    Role.CODE: (0.90, 0.01, 0.01, 0.05, 0.01, 0.01, 0.01),
    Role.STRONG: (0.94, 0.005, 0.005, 0.03, 0.005, 0.005, 0.01),
    Role.SHARED: (0.93, 0.005, 0.005, 0.015, 0.005, 0.005, 0.035),
}
CAPPED: Mapping[Role, int] = {Role.NAME: 2, Role.DATE: 1, Role.YEAR: 1, Role.CODE: 1}
"""The lowest levels that a class may not learn to expect of its repeats: a name that does not agree is no match."""


@dataclass(frozen=True, slots=True)
class ColumnShares:
    """The levels of one column among matches, siblings and strangers."""

    matches: Shares
    siblings: Shares
    strangers: Shares

    @classmethod
    def expected(cls, role: Role) -> ColumnShares:
        """What a role promises before anything was seen."""
        return cls(MATCHES[role], SIBLINGS_BY_ROLE[role], STRANGERS[role])


@dataclass(frozen=True, slots=True)
class Worth:
    """What each level of a column speaks for a match, in natural log odds against a stranger and against a sibling.
    Neither ever falls from a level to the next."""

    against_stranger: tuple[float, ...]
    against_sibling: tuple[float, ...]
    of_matches: float


@dataclass(frozen=True)
class Calibration:
    """What agreement is worth in a class. `columns`: learned shares by `role:column`, of those seen so far; `telling`:
    how often each column that names an object is the one that tells siblings apart, where that is known; `repeats`:
    the share of decisions about something known; `siblings`: the share of other candidates that are siblings; `shift`:
    what a person added to the log odds of the class; `fixed`: whether it is held fast; `decisions`: how many it was
    learned from."""

    columns: Mapping[str, ColumnShares] = field(default_factory=dict)
    telling: Mapping[str, float] = field(default_factory=dict)
    repeats: float = REPEATS
    siblings: float = SIBLINGS
    shift: float = 0.0
    fixed: bool = False
    decisions: int = 0
    _worth: dict[tuple[str, Role], Worth] = field(default_factory=dict, compare=False, repr=False)
    _weights: dict[tuple[str, ...], list[tuple[str, float]]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def prior(self) -> float:
        """The natural log odds that a candidate is the same object before anything of it is seen. However often a class
        repeats itself, that alone counts for no more than seven in ten: little evidence stays little. And where nothing
        was repeated so far, it still may be."""
        repeats = min(max(self.repeats, LEAST_REPEATS), MOST_REPEATS)
        return math.log(repeats / RIVALS / (1 - repeats)) + HEADSTART + self.shift

    def worth(self, column: str, role: Role) -> Worth:
        """What the levels of a column are worth."""
        found = self._worth.get((column, role))
        if found is None:
            shares = self.columns.get(place(column, role)) or ColumnShares.expected(role)
            found = self._worth[column, role] = worth_of(shares, role)
        return found

    def against_siblings(self, named: Mapping[str, float], names: tuple[str, ...], rest: float) -> float:
        """The log odds against a sibling, which differs in one of the columns that name (`names`) and is like a match
        in the others: -ln Σ w·exp(-worth) over them, and the `rest`. `named`: the worth of those that both records
        fill."""
        if not names:
            return rest
        weights = self._weights.get(names)
        if weights is None:
            even = not self.telling.keys() >= set(names)
            weights = [(name, 1 / len(names) if even else self.telling[name]) for name in dict.fromkeys(names)]
            self._weights[names] = weights
        found = []
        for name, weight in weights:
            worth = named.get(name, 0.0)
            found.append(weight * math.exp(-(worth if -CLIP < worth < CLIP else max(-CLIP, min(CLIP, worth)))))
        return rest - math.log(max(sum(found), 1e-12))

    def together(self, against_stranger: float, against_sibling: float) -> float:
        """The log odds against everything that is not a match: strangers and siblings by their shares."""
        share, rest = self._shares
        sibling, stranger = share - against_sibling, rest - against_stranger
        most = sibling if sibling > stranger else stranger
        return -(most + math.log(math.exp(sibling - most) + math.exp(stranger - most)))

    @cached_property
    def _shares(self) -> tuple[float, float]:
        """The natural logarithms of the shares of siblings and strangers."""
        return math.log(self.siblings), math.log(1 - self.siblings)

    def to_json(self) -> dict[str, Any]:
        """As kept in the database."""
        return {
            "columns": {
                key: [[max(round(s, PLACES), LEAST_SHARE) for s in row] for row in (c.matches, c.siblings, c.strangers)]
                for key, c in self.columns.items()
            },
            "telling": {name: round(share, PLACES) for name, share in self.telling.items()},
            "repeats": round(self.repeats, PLACES),
            "siblings": round(self.siblings, PLACES),
            "shift": self.shift,
            "fixed": self.fixed,
            "decisions": self.decisions,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> Calibration:
        """From the database; without any, what roles promise."""
        if not kept:
            return cls()
        columns = {key: ColumnShares(*(tuple(shares) for shares in all_of)) for key, all_of in kept["columns"].items()}
        rest = {name: kept[name] for name in ("telling", "repeats", "siblings", "shift", "fixed", "decisions")}
        return cls(columns, **rest)


def place(column: str, role: Role) -> str:
    """The key of a column's shares: a compared column may hold dates in one pair and numbers in another."""
    return f"{role}:{column}"


def worth_of(shares: ColumnShares, role: Role) -> Worth:
    """Log odds of each level, made to never fall from one to the next. A name or a code that agrees for the most part
    never speaks against a sibling; a shared key never says more than its role promises, however well it did so far."""
    sibling = _rising(shares.matches, shares.siblings)
    if role in (Role.NAME, Role.CODE):
        sibling = [min(0.0, w) if level <= Level.MOST else w for level, w in enumerate(sibling)]
    stranger = _rising(shares.matches, shares.strangers)
    if role is Role.SHARED:
        most = _log(MATCHES[role][Level.EQUAL] / STRANGERS[role][Level.EQUAL])
        stranger = [min(most, weight) for weight in stranger]
    return Worth(tuple(stranger), tuple(sibling), shares.matches[Level.EQUAL])


def common_words_limit(of_matches: float, frequencies: tuple[int, ...], documents: int) -> float:
    """The most that a column is worth whose words many memories share: the log odds against as many of the candidates
    having them too. The second and third rarest words count in part, since words come together."""
    others = max(frequencies[0], 1) - 1.0
    for step, frequency in enumerate(frequencies[1:], 1):
        others *= min(1.0, max(frequency, 1) / max(documents, 1)) ** (DEPENDENCE**step)
    return max(0.0, _log(of_matches / min(1.0, (others + COMMON_FLOOR) / COMMON_SLOTS)))


def _log(ratio: float) -> float:
    return math.log(max(ratio, 1e-9))


def _rising(favour: Shares, against: Shares) -> list[float]:
    """The log ratios of two rows of shares, levels pooled where a ratio would fall: pool adjacent violators (Ayer et
    al., 1955), with shares summed, so that each stays a likelihood ratio."""
    blocks: list[tuple[float, float, int]] = []
    for one, other in zip(favour, against, strict=True):
        blocks.append((one, other, 1))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] > blocks[-1][0] * blocks[-2][1]:
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    found = [_log(one / other) for one, other, size in blocks for _ in range(size)]
    assert len(found) == LEVELS
    return found
