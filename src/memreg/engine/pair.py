"""Two records side by side: what each column is worth, and the log odds of it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memreg.engine.calibration import Calibration, Worth, common_words_limit, place
from memreg.engine.compare import Comparison, Evidence
from memreg.engine.once import once
from memreg.engine.record import Role
from memreg.engine.statistics import Statistics

_NAME, _ATTRIBUTE = Role.NAME, Role.ATTRIBUTE
_FEATURES = {
    Role.NAME: "naming",
    Role.ATTRIBUTE: "describing",
    Role.TEXT: "free_text",
    Role.DATE: "compared_values",
    Role.YEAR: "compared_values",
    Role.NUMBER: "compared_values",
    Role.STRONG: "identity_values",
    Role.SHARED: "identity_values",
    Role.CODE: "codes",
}


class Weighed(NamedTuple):
    """The evidence of a column with what it is worth against a stranger, and no more than common words allow
    (`limited`), and against a sibling."""

    evidence: Evidence
    stranger: float
    limited: float
    sibling: float


def weigh(evidence: Evidence, statistics: Statistics, worth: Worth | None = None) -> Weighed:
    """What the evidence of a column is worth. `worth`: of the column in this role, where it is at hand."""
    column, role, level, _, frequencies = evidence
    if worth is None:
        worth = statistics.calibration.worth(column, role)
    stranger = limited = worth.against_stranger[level]
    if frequencies and stranger > 0 and (role is _NAME or role is _ATTRIBUTE):
        limited = min(stranger, common_words_limit(worth.of_matches, frequencies, statistics.documents))
    return Weighed(evidence, stranger, limited, worth.against_sibling[level])


@dataclass(eq=False)
class Pair:
    """Two records side by side, as every feature is given them: what each column that both fill is worth. `same_text`,
    `alike`, `touches`: as in `Comparison`; `names`: the columns that name an object of the class."""

    weighed: Sequence[Weighed]
    same_text: bool
    alike: bool
    touches: bool
    calibration: Calibration
    names: tuple[str, ...]

    @classmethod
    def of(cls, found: Comparison, names: tuple[str, ...], statistics: Statistics) -> Pair:
        """What a comparison is worth under some statistics."""
        weighed = [weigh(evidence, statistics) for evidence in found.evidence]
        return cls(weighed, found.same_text, found.alike, found.touches, statistics.calibration, names)

    @property
    def levels(self) -> Mapping[str, int]:
        """How far each column agrees, by `role:column`."""
        return {place(found.column, found.role): int(found.level) for found, _, _, _ in self.weighed}

    @once
    def by_feature(self) -> Mapping[str, Sequence[Weighed]]:
        """What is weighed, by the feature that tells of it."""
        found: dict[str, list[Weighed]] = {}
        for each in self.weighed:
            found.setdefault(_FEATURES[each.evidence.role], []).append(each)
        return found

    @once
    def against(self) -> tuple[float, float, float]:
        """The log odds against strangers, what siblings take off them, and those before looking."""
        named, others, strangers = {}, [], []
        for evidence, _, limited, sibling in self.weighed:
            strangers.append(limited)
            if evidence[1] is _NAME:
                named[evidence[0]] = sibling
            else:
                others.append(sibling)
        stranger = sum(strangers)
        calibration = self.calibration
        against = calibration.against_siblings(named, self.names, sum(others))
        return stranger, calibration.together(stranger, against) - stranger, calibration.prior
