"""The calibration of a class as a person reads it: what agreement is worth, what was set by whom, the recent scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from memreg.engine.calibration import Calibration, place
from memreg.engine.compare import CODES
from memreg.engine.decide import THRESHOLDS, Thresholds
from memreg.engine.record import Record, Role
from memreg.engine.score import COMPARED_ROLES
from memreg.registry.models import ClassAnnotation, ClassSpec, Kind

BINS = 20

_COMPARED: Mapping[Kind, Role] = {Kind.DATE: Role.DATE, Kind.DATETIME: Role.DATE}


@dataclass(frozen=True, slots=True)
class ColumnWorth:
    """What each level of a column's agreement, from `none` to `equal`, speaks for the same object, in natural log odds:
    against a stranger and against a sibling. `learned`: from decisions, or else what the role promises. The column `*`
    stands for the codes of the whole text."""

    column: str
    role: str
    learned: bool
    against_strangers: tuple[float, ...]
    against_siblings: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """A snapshot that a person asked for: who, when and why, and what was set from then on. `shift` is in natural log
    odds."""

    snapshot: int
    set_at: datetime
    set_by: str
    reason: str | None
    shift: float
    held: bool


@dataclass(frozen=True, slots=True)
class RecentScores:
    """The best scores of a class's newest decisions, by what decided them (`basis`), and how many decisions had no
    candidate at all."""

    by_basis: Mapping[str, tuple[float, ...]]
    without_candidate: int
    thresholds: Thresholds = THRESHOLDS

    @property
    def count(self) -> int:
        """How many decisions were held against a candidate."""
        return sum(map(len, self.by_basis.values()))

    @property
    def decisions(self) -> int:
        """How many decisions there were, with a candidate or without."""
        return self.count + self.without_candidate

    @property
    def bins(self) -> tuple[int, ...]:
        """How many scores are in each twentieth of [0, 1], the last with 1 itself."""
        found = [0] * BINS
        for scores in self.by_basis.values():
            for score in scores:
                # In whole ten-thousandths, as scores are rounded: 0.55 * 20 is not 11.
                found[min(BINS - 1, round(score * 10_000) * BINS // 10_000)] += 1
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ClassCalibration:
    """The calibration of a class in a tenant.

    `snapshot` 0 with no `taken_at`: none was taken yet, and every number is what the columns' roles promise.
    `memories`: those that the words' rarity was counted in; `learned_from`: decisions. `repeats`: the share of
    decisions about something known; `siblings`: the share of the other candidates that are siblings; `telling`: how
    often each column that names an object is what tells siblings apart. `shift`: natural log odds that a person added
    to every score of the class; `held`: no snapshot is taken by schedule. `overrides`: the newest first.
    """

    class_name: str
    snapshot: int
    taken_at: datetime | None
    memories: int
    learned_from: int
    repeats: float
    siblings: float
    shift: float
    held: bool
    telling: Mapping[str, float]
    columns: tuple[ColumnWorth, ...]
    overrides: tuple[Override, ...]
    scores: RecentScores


def worths(calibration: Calibration, spec: ClassSpec, annotation: ClassAnnotation) -> tuple[ColumnWorth, ...]:
    """What each column of a class is worth, in the order of its annotation, the codes of the whole text last: as
    learned, or as its role promises. A compared column has a line for each kind of value that was seen in it."""
    roles = Record.of({}, spec, annotation).roles
    found = [_worth(calibration, name, role) for name, role in roles.items()]
    for name in annotation.compare:
        if name not in roles:
            kind = spec.by_name[name].dtype.kind
            seen = [role for role in sorted(COMPARED_ROLES) if place(name, role) in calibration.columns]
            found += [_worth(calibration, name, role) for role in seen or [_COMPARED.get(kind, Role.NUMBER)]]
    return (*found, _worth(calibration, CODES, Role.CODE))


def telling(calibration: Calibration, names: Sequence[str]) -> dict[str, float]:
    """How often each column that names an object is what tells siblings apart: the same for all until it is learned."""
    if calibration.telling.keys() >= set(names):
        return {name: calibration.telling[name] for name in names}
    return dict.fromkeys(names, 1 / len(names))


def _worth(calibration: Calibration, name: str, role: Role) -> ColumnWorth:
    worth = calibration.worth(name, role)
    learned = place(name, role) in calibration.columns
    return ColumnWorth(name, str(role), learned, worth.against_stranger, worth.against_sibling)
