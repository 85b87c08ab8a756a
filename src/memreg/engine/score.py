"""How likely two records are one object, in [0, 1]: a readable list of features, each with what met.

The seam is `score(proposal, candidate, statistics) -> Score`; nothing else knows the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from memreg.engine.calibration import Calibration, Worth, common_words_limit, place
from memreg.engine.compare import Comparison, Evidence, Memo, compare
from memreg.engine.level import Level
from memreg.engine.once import once
from memreg.engine.record import Record, Role
from memreg.engine.statistics import Statistics

PLACES = 4
ASKED, TOLD_APART = 0.55, 0.79
ALMOST_SURE = 0.9999
CLIP = 50.0
LIMITED_ROLES = frozenset({Role.NAME, Role.ATTRIBUTE})
COMPARED_ROLES = frozenset({Role.DATE, Role.YEAR, Role.NUMBER})
VALUE_ROLES = COMPARED_ROLES | {Role.STRONG, Role.SHARED}
OUTWEIGHING = frozenset({Role.STRONG, Role.SHARED, Role.DATE})
USUAL = 1.0
_NAME = Role.NAME
SHOWN = 20


class Part(NamedTuple):
    """What one feature found: `amount` is evidence in natural log odds, for the same object (positive) or against it;
    `met` are the tokens or values that it saw; `bounds`: it decides the score by itself, whatever the others say."""

    name: str
    amount: float
    met: tuple[str, ...] = ()
    bounds: bool = False


class Weighed(NamedTuple):
    """The evidence of a column with what it is worth against a stranger, and no more than common words allow
    (`limited`), and against a sibling."""

    evidence: Evidence
    stranger: float
    limited: float
    sibling: float


Amounts = tuple[float, float, float]
"""What evidence is worth against a stranger, the same limited by common words, and against a sibling."""


@dataclass(eq=False)
class Pair:
    """Two records side by side, with what each column is worth: what every feature is given. `names`: the columns that
    name an object of the class."""

    comparison: Comparison
    amounts: list[Amounts]
    calibration: Calibration
    names: tuple[str, ...]

    @once
    def weighed(self) -> tuple[Weighed, ...]:
        """The evidence of each column with what it is worth."""
        return tuple(
            Weighed(evidence, *amounts)
            for evidence, amounts in zip(self.comparison.evidence, self.amounts, strict=True)
        )

    @once
    def against(self) -> tuple[float, float, float]:
        """The log odds against strangers, what siblings take off them, and those before looking."""
        stranger = sum([limited for _, limited, _ in self.amounts])
        named, others = {}, []
        for evidence, amounts in zip(self.comparison.evidence, self.amounts, strict=True):
            if evidence.role is _NAME:
                named[evidence.column] = amounts[2]
            else:
                others.append(amounts[2])
        rest = sum(others)
        sibling = self.calibration.against_siblings(named, self.names, rest)
        return stranger, self.calibration.together(stranger, sibling) - stranger, self.calibration.prior


def naming(pair: Pair) -> Part:
    """Columns that name an object: how far they agree, against how often two objects that have nothing to do with each
    other do."""
    return _by_role(pair, "naming", Role.NAME)


def describing(pair: Pair) -> Part:
    """Columns that describe an object, such as a town or a kind."""
    return _by_role(pair, "describing", Role.ATTRIBUTE)


def free_text(pair: Pair) -> Part:
    """Notes, lists and other text of little weight: other words are more words, no contradiction."""
    return _by_role(pair, "free_text", Role.TEXT)


def compared_values(pair: Pair) -> Part:
    """Compared columns (dates, numbers, booleans): equal, near by a typing slip or in time, or different."""
    return _by_role(pair, "compared_values", *COMPARED_ROLES)


def identity_values(pair: Pair) -> Part:
    """Columns of identity keys on both sides: equal, nearly equal or different. Evidence, never a veto."""
    return _by_role(pair, "identity_values", Role.STRONG, Role.SHARED)


def codes(pair: Pair) -> Part:
    """Rare model numbers and other codes anywhere in the text: shared, alike in their beginning, or standing against
    each other."""
    return _by_role(pair, "codes", Role.CODE)


def common_words(pair: Pair) -> Part:
    """What is taken off because many memories of the class share the words that met."""
    limited = [weighed for weighed in pair.weighed if weighed.limited < weighed.stranger]
    amount = sum(weighed.limited - weighed.stranger for weighed in limited)
    return Part("common_words", amount, tuple(weighed.evidence.column for weighed in limited))


def siblings(pair: Pair) -> Part:
    """What is taken off because another object of the same family (another size, another song of the album) would agree
    as far; the columns that tell siblings apart count most."""
    against = tuple(weighed.evidence.column for weighed in pair.weighed if weighed.sibling < 0)
    return Part("siblings", pair.against[1], against)


def before_looking(pair: Pair) -> Part:
    """How likely any candidate is the same object: by how often this class speaks of something known, and what a person
    added for the class."""
    return Part("before_looking", pair.calibration.prior)


def same_text(pair: Pair) -> Part:
    """Equal text in every searchable column and no differing value: the score is 1."""
    bounds = pair.comparison.same_text and not _differing(pair)
    return Part("same_text", 0.0, bounds=bounds)


def told_apart(pair: Pair) -> Part:
    """Equal text in every searchable column (before a class has learned: in those that both fill), but a value differs,
    and no key nor day is equal: a question to a person (0.55 to 0.79), unless the class has shown that its repeats
    differ so."""
    is_alike = pair.comparison.same_text or (pair.comparison.alike and not pair.calibration.columns)
    against = _differing(pair) if is_alike else ()
    equal = any(w.evidence.role in OUTWEIGHING and w.evidence.level is Level.EQUAL for w in pair.weighed)
    speaking = tuple(w.evidence.column for w in against if not _is_usual(w, pair.calibration))
    return Part("told_apart", 0.0, speaking, bounds=bool(speaking) and not equal)


def nothing_met(pair: Pair) -> Part:
    """No token and no identity value met: the score is 0."""
    return Part("nothing_met", 0.0, bounds=not pair.comparison.touches)


@dataclass(frozen=True)
class Score:
    """A score in [0, 1], rounded to 4 places; `snapshot` numbers the statistics it was made with; `pair`: what it was
    made of."""

    value: float
    snapshot: int
    pair: Pair | None = field(default=None, compare=False, repr=False)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What each feature found, in their order."""
        return tuple(feature(self.pair) for feature in FEATURES) if self.pair else ()

    @property
    def levels(self) -> Mapping[str, int]:
        """How far each column agreed, by `role:column`."""
        found = self.pair.comparison.evidence if self.pair else ()
        return {place(evidence.column, evidence.role): int(evidence.level) for evidence in found}


Feature = Callable[[Pair], Part]
FEATURES: tuple[Feature, ...] = (
    naming,
    describing,
    free_text,
    compared_values,
    identity_values,
    codes,
    common_words,
    siblings,
    before_looking,
    same_text,
    told_apart,
    nothing_met,
)


@dataclass(slots=True)
class Found:
    """What was found out about a proposal while it was scored under some statistics: it holds for every candidate with
    the same text or value in a column. `worths`: by level, without the limit of common words."""

    statistics: Statistics
    evidence: Memo = field(default_factory=dict)
    worths: dict[tuple[str, Role], tuple[tuple[Amounts, ...], float]] = field(default_factory=dict)

    @classmethod
    def of(cls, proposal: Record, statistics: Statistics) -> Found:
        """What was found out so far; it lives as long as the proposal's record."""
        kept: Found | None = proposal.findings.get("score")
        if kept is None or kept.statistics is not statistics:
            kept = proposal.findings["score"] = cls(statistics)
        return kept


def score(proposal: Record, candidate: Record, statistics: Statistics) -> Score:
    """How likely the two records are one object: the logistic function of the sum of the features' log odds.

    Fellegi and Sunter's weights (A Theory for Record Linkage, 1969) over levels of agreement by column, as learned by
    the class or promised by the columns' roles. Symmetric; 1.0 for equal text where nothing differs; 0.0 where no
    token and no identity column met.
    """
    return Score(*_valued(proposal, candidate, Found.of(proposal, statistics)))


def _valued(proposal: Record, candidate: Record, found: Found) -> tuple[float, int, Pair]:
    statistics = found.statistics
    comparison = compare(proposal, candidate, statistics, found.evidence)
    pair = _weigh(comparison, proposal.name_columns, found)
    if not comparison.touches:
        value = 0.0
    elif comparison.same_text and not _differing(pair):
        value = 1.0
    else:
        log_odds = max(-CLIP, min(CLIP, sum(pair.against)))
        value = min(ALMOST_SURE, 1 / (1 + math.exp(-log_odds)))
        if comparison.alike and told_apart(pair).bounds:
            value = max(ASKED, min(value, TOLD_APART))
    return round(value, PLACES), statistics.snapshot, pair


def best_score(proposal: Record, revisions: Sequence[Record], statistics: Statistics) -> Score:
    """The highest score over a memory's current and recent revisions (the current one first; it wins a tie)."""
    found = Found.of(proposal, statistics)
    best = _valued(proposal, revisions[0], found)
    for record in revisions[1:]:
        other = _valued(proposal, record, found)
        if other[0] > best[0]:
            best = other
    return Score(*best)


def describe(name: str) -> str:
    """The sentence that explains a feature, from its docstring."""
    for feature in FEATURES:
        if feature.__name__ == name:
            return " ".join((feature.__doc__ or "").split())
    return name


def _weigh(comparison: Comparison, names: tuple[str, ...], found: Found) -> Pair:
    worths, amounts = found.worths, []
    for each in comparison.evidence:
        column, role, level, _, frequencies = each
        of_column = worths.get((column, role))
        if of_column is None:
            of_column = worths[column, role] = _by_level(found.statistics.calibration.worth(column, role))
        plain = of_column[0][level]
        if frequencies and plain[0] > 0 and role in LIMITED_ROLES:
            limit = common_words_limit(of_column[1], frequencies, found.statistics.documents)
            plain = plain[0], min(plain[0], limit), plain[2]
        amounts.append(plain)
    return Pair(comparison, amounts, found.statistics.calibration, names)


def _by_level(worth: Worth) -> tuple[tuple[Amounts, ...], float]:
    """What each level is worth, and the share of matches that are equal."""
    both = zip(worth.against_stranger, worth.against_sibling, strict=True)
    return tuple((stranger, stranger, sibling) for stranger, sibling in both), worth.of_matches


def _differing(pair: Pair) -> tuple[Weighed, ...]:
    return tuple(w for w in pair.weighed if w.evidence.role in VALUE_ROLES and w.evidence.level < Level.EQUAL)


def _is_usual(weighed: Weighed, calibration: Calibration) -> bool:
    """Whether a class has shown that a compared value differs so among its repeats. A key's value never does."""
    evidence = weighed.evidence
    shown = place(evidence.column, evidence.role) in calibration.columns
    return shown and weighed.stranger >= USUAL and evidence.role in COMPARED_ROLES


def _by_role(pair: Pair, name: str, *roles: Role) -> Part:
    those = [weighed for weighed in pair.weighed if weighed.evidence.role in roles]
    met = tuple(f"{w.evidence.column} {w.evidence.level.name.lower()}: {', '.join(w.evidence.met)}" for w in those)
    return Part(name, sum(weighed.stranger for weighed in those), met[:SHOWN])
