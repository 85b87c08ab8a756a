"""How likely two records are one object, in [0, 1]: a readable list of features, each with what met.

The seam is `score(proposal, candidate, statistics) -> Score`; nothing else knows the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from memreg.engine.calibration import Calibration, place
from memreg.engine.compare import compare
from memreg.engine.level import Level
from memreg.engine.once import once
from memreg.engine.pair import Pair, Weighed
from memreg.engine.record import Record, Role
from memreg.engine.shared import Shared
from memreg.engine.statistics import Statistics

PLACES = 4
ASKED, TOLD_APART = 0.55, 0.79
ALMOST_SURE = 0.9999
CLIP = 50.0
COMPARED_ROLES = frozenset({Role.DATE, Role.YEAR, Role.NUMBER})
VALUE_ROLES = COMPARED_ROLES | {Role.STRONG, Role.SHARED}
OUTWEIGHING = frozenset({Role.STRONG, Role.SHARED, Role.DATE})
USUAL = 1.0
SHOWN = 20
_LEVELS = tuple(level.name.lower() for level in Level)


class Part(NamedTuple):
    """What one feature found: `amount` is evidence in natural log odds, for the same object (positive) or against it;
    `met` are the tokens or values that it saw; `bounds`: it decides the score by itself, whatever the others say."""

    name: str
    amount: float
    met: tuple[str, ...] = ()
    bounds: bool = False


def naming(pair: Pair) -> Part:
    """Columns that name an object: how far they agree, against how often two objects that have nothing to do with each
    other do."""
    return _of_columns(pair, "naming")


def describing(pair: Pair) -> Part:
    """Columns that describe an object, such as a town or a kind."""
    return _of_columns(pair, "describing")


def free_text(pair: Pair) -> Part:
    """Notes, lists and other text of little weight: other words are more words, no contradiction."""
    return _of_columns(pair, "free_text")


def compared_values(pair: Pair) -> Part:
    """Compared columns (dates, numbers, booleans): equal, near by a typing slip or in time, or different."""
    return _of_columns(pair, "compared_values")


def identity_values(pair: Pair) -> Part:
    """Columns of identity keys on both sides: equal, nearly equal or different. Evidence, never a veto."""
    return _of_columns(pair, "identity_values")


def codes(pair: Pair) -> Part:
    """Rare model numbers and other codes anywhere in the text: shared, alike in their beginning, or standing against
    each other."""
    return _of_columns(pair, "codes")


def common_words(pair: Pair) -> Part:
    """What is taken off because many memories of the class share the words that met."""
    limited = [weighed for weighed in pair.weighed if weighed.limited < weighed.stranger]
    amount = sum([weighed.limited - weighed.stranger for weighed in limited])
    return Part("common_words", amount, tuple([weighed.evidence.column for weighed in limited]))


def siblings(pair: Pair) -> Part:
    """What is taken off because another object of the same family (another size, another song of the album) would agree
    as far; the columns that tell siblings apart count most."""
    against = tuple([evidence.column for evidence, _, _, sibling in pair.weighed if sibling < 0])
    return Part("siblings", pair.against[1], against)


def before_looking(pair: Pair) -> Part:
    """How likely any candidate is the same object: by how often this class speaks of something known, and what a person
    added for the class."""
    return Part("before_looking", pair.calibration.prior)


def same_text(pair: Pair) -> Part:
    """Equal text in every searchable column and no differing value: the score is 1."""
    bounds = pair.same_text and not _differing(pair)
    return Part("same_text", 0.0, bounds=bounds)


def told_apart(pair: Pair) -> Part:
    """Equal text in every searchable column (before a class has learned: in those that both fill), but a value differs,
    and no key nor day is equal: a question to a person (0.55 to 0.79), unless the class has shown that its repeats
    differ so."""
    is_alike = pair.same_text or (pair.alike and not pair.calibration.columns)
    if not is_alike:
        return Part("told_apart", 0.0)
    against = _differing(pair)
    equal = any(w.evidence.role in OUTWEIGHING and w.evidence.level is Level.EQUAL for w in pair.weighed)
    speaking = tuple(w.evidence.column for w in against if not _is_usual(w, pair.calibration))
    return Part("told_apart", 0.0, speaking, bounds=bool(speaking) and not equal)


def nothing_met(pair: Pair) -> Part:
    """No token and no identity value met: the score is 0."""
    return Part("nothing_met", 0.0, bounds=not pair.touches)


@dataclass(frozen=True)
class Score:
    """A score in [0, 1], rounded to 4 places; `snapshot` numbers the statistics it was made with; `pair`: what it was
    made of."""

    value: float
    snapshot: int
    pair: Pair | None = field(default=None, compare=False, repr=False)

    @once
    def parts(self) -> tuple[Part, ...]:
        """What each feature found, in their order."""
        return tuple([feature(self.pair) for feature in FEATURES]) if self.pair else ()

    @property
    def levels(self) -> Mapping[str, int]:
        """How far each column agreed, by `role:column`."""
        return self.pair.levels if self.pair else {}


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


def score(proposal: Record, candidate: Record, statistics: Statistics) -> Score:
    """How likely the two records are one object: the logistic function of the sum of the features' log odds.

    Fellegi and Sunter's weights (A Theory for Record Linkage, 1969) over levels of agreement by column, as learned by
    the class or promised by the columns' roles. Symmetric; 1.0 for equal text where nothing differs; 0.0 where no
    token and no identity column met.
    """
    pair = Pair.of(compare(proposal, candidate, statistics), proposal.name_columns, statistics)
    return Score(_value(pair), statistics.snapshot, pair)


def best_score(proposal: Record, revisions: Sequence[Record], statistics: Statistics) -> Score:
    """The highest score over a memory's current and recent revisions (the current one first; it wins a tie). What is
    found out about the proposal is shared with the memories that it is held against next."""
    shared = Shared.of(proposal, statistics)
    best = shared.pair(proposal, revisions[0])
    highest = _value(best)
    for record in revisions[1:]:
        pair = shared.pair(proposal, record)
        value = _value(pair)
        if value > highest:
            best, highest = pair, value
    return Score(highest, statistics.snapshot, best)


def _value(pair: Pair) -> float:
    if not pair.touches:
        return 0.0
    if pair.same_text and not _differing(pair):
        return 1.0
    log_odds = max(-CLIP, min(CLIP, sum(pair.against)))
    value = min(ALMOST_SURE, 1 / (1 + math.exp(-log_odds)))
    if pair.alike and told_apart(pair).bounds:
        value = max(ASKED, min(value, TOLD_APART))
    return round(value, PLACES)


def describe(name: str) -> str:
    """The sentence that explains a feature, from its docstring."""
    for feature in FEATURES:
        if feature.__name__ == name:
            return " ".join((feature.__doc__ or "").split())
    return name


def _differing(pair: Pair) -> tuple[Weighed, ...]:
    return tuple(w for w in pair.weighed if w.evidence.role in VALUE_ROLES and w.evidence.level < Level.EQUAL)


def _is_usual(weighed: Weighed, calibration: Calibration) -> bool:
    """Whether a class has shown that a compared value differs so among its repeats. A key's value never does."""
    evidence = weighed.evidence
    shown = place(evidence.column, evidence.role) in calibration.columns
    return shown and weighed.stranger >= USUAL and evidence.role in COMPARED_ROLES


def _of_columns(pair: Pair, name: str) -> Part:
    """What the columns say whose roles a feature looks at."""
    those = pair.by_feature.get(name)
    if those is None:
        return Part(name, 0)
    met = tuple([f"{found.column} {_LEVELS[found.level]}: {', '.join(found.met)}" for found, _, _, _ in those[:SHOWN]])
    return Part(name, sum([stranger for _, stranger, _, _ in those]), met)
