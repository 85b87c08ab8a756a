"""How alike two records are, in [0, 1]: a readable list of features, each with the tokens or values that met.

The seam is `score(proposal, candidate, statistics) -> Score`; nothing else knows the formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from memreg.engine.align import Alignment, align
from memreg.engine.record import Record
from memreg.engine.statistics import Statistics

SAME_NAME_EXTRA = 0.35
OTHER_EXTRA = 0.05
EQUAL_IDENTITY = 0.5
EQUAL_COMPARED = 0.1
DIFFERENCE_FACTOR = 0.77
LEAST_DIFFERENCE = 0.25
PLACES = 4


@dataclass(frozen=True, slots=True)
class Part:
    """What one feature found: `amount` is evidence for the same object (positive) or against it (negative), in the unit
    of token weights, or a factor where `is_factor`; `met` are the tokens or columns that it saw."""

    name: str
    amount: float
    met: tuple[str, ...] = ()
    is_factor: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """A score in [0, 1], rounded to 4 places, with its parts; `snapshot` numbers the statistics it was made with."""

    value: float
    parts: tuple[Part, ...]
    snapshot: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records side by side, with their aligned tokens: what every feature is given."""

    mine: Record
    theirs: Record
    alignment: Alignment


def aligned_tokens(pair: Pair) -> Part:
    """Tokens that both sides have, one to one: equal ones, then nearly equal ones, each by its column's boost and
    rarity."""
    met = tuple(f"{m.mine}={m.theirs}" if m.mine != m.theirs else m.mine for m in pair.alignment.matches)
    return Part("aligned_tokens", sum(match.amount for match in pair.alignment.matches), met)


def equal_identity(pair: Pair) -> Part:
    """Identity columns of equal value on both sides: half the weight of the text, each."""
    equal = _equal(pair.mine.only_identity, pair.theirs.only_identity)
    return Part("equal_identity", EQUAL_IDENTITY * _size(pair) * len(equal), equal)


def equal_compared(pair: Pair) -> Part:
    """Compared columns (dates, numbers, booleans) of equal value: a tenth of the weight of the text, each."""
    equal = _equal(pair.mine.compared, pair.theirs.compared)
    return Part("equal_compared", EQUAL_COMPARED * _size(pair) * len(equal), equal)


def contradiction(pair: Pair) -> Part:
    """In a column that both sides fill, tokens left over on both: the lesser of the two weights speaks against."""
    amount, met = 0.0, []
    for column, (mine, theirs) in pair.alignment.left_over.items():
        if column in pair.mine.open_columns or column not in pair.mine.fields or column not in pair.theirs.fields:
            continue
        lesser = min(mine.weight, theirs.weight)
        if lesser > 0:
            amount += lesser
            met += [f"{column}: {' '.join(mine.tokens)} / {' '.join(theirs.tokens)}"]
    return Part("contradiction", -amount, tuple(met))


def extra_text(pair: Pair) -> Part:
    """Tokens of one side alone: little in a column that the other leaves empty or in free text, more within a
    shared column."""
    amount, met = 0.0, []
    for column, (mine, theirs) in pair.alignment.left_over.items():
        shared = column in pair.mine.fields and column in pair.theirs.fields
        if shared and column not in pair.mine.open_columns:
            amount += SAME_NAME_EXTRA * abs(mine.weight - theirs.weight)
        else:
            amount += OTHER_EXTRA * (mine.weight + theirs.weight)
        met += [*mine.tokens, *theirs.tokens]
    return Part("extra_text", -amount, tuple(met[:20]))


def differences(pair: Pair) -> Part:
    """Identity or compared columns of different value, and numbers or codes that stand against each other in a column.

    Each lowers the score by a quarter; an equal identity column makes up for one, an equal compared column for a part.
    """
    against = [
        *_different(pair.mine.only_identity, pair.theirs.only_identity),
        *_different(pair.mine.compared, pair.theirs.compared),
        *_codes(pair),
    ]
    if not against:
        return Part("differences", 1.0, (), is_factor=True)
    made_up = len(_equal(pair.mine.only_identity, pair.theirs.only_identity))
    made_up_partly = 0.25 * len(_equal(pair.mine.compared, pair.theirs.compared))
    count = max(LEAST_DIFFERENCE, len(against) - made_up - min(made_up_partly, 0.5 if made_up else 0.0))
    return Part("differences", DIFFERENCE_FACTOR**count, tuple(against), is_factor=True)


Feature = Callable[[Pair], Part]
FEATURES: tuple[Feature, ...] = (
    aligned_tokens,
    equal_identity,
    equal_compared,
    contradiction,
    extra_text,
    differences,
)


def score(proposal: Record, candidate: Record, statistics: Statistics) -> Score:
    """How likely the two records are one object: evidence for it over all evidence, times the factors.

    The share is Tversky's ratio model (Features of Similarity, 1977) over token weights `boost · idf`, with what
    is left
    over on both sides of a column weighted apart from what one side has alone. Symmetric; 1.0 for equal text where
    nothing differs; 0.0 where no token and no identity column met.
    """
    pair = Pair(proposal, candidate, align(proposal, candidate, statistics))
    parts = tuple(feature(pair) for feature in FEATURES)
    met = parts[0].amount > 0 or parts[1].amount > 0
    value = 0.0
    if met:
        favour = sum(part.amount for part in parts if not part.is_factor and part.amount > 0)
        against = -sum(part.amount for part in parts if not part.is_factor and part.amount < 0)
        value = favour / (favour + against)
        for part in parts:
            value *= part.amount if part.is_factor else 1.0
    return Score(round(min(1.0, max(0.0, value)), PLACES), parts, statistics.snapshot)


def best_score(proposal: Record, revisions: Sequence[Record], statistics: Statistics) -> Score:
    """The highest score over a memory's current and recent revisions (the current one first; it wins a tie)."""
    return max((score(proposal, record, statistics) for record in revisions), key=lambda found: found.value)


def describe(name: str) -> str:
    """The sentence that explains a feature, from its docstring."""
    for feature in FEATURES:
        if feature.__name__ == name:
            return " ".join((feature.__doc__ or "").split())
    return name


def _size(pair: Pair) -> float:
    return max(1.0, pair.alignment.size)


def _equal(mine: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(column for column, value in sorted(mine.items()) if theirs.get(column) == value)


def _different(mine: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(column for column, value in sorted(mine.items()) if theirs.get(column, value) != value)


def _codes(pair: Pair) -> Iterable[str]:
    for column, (mine, theirs) in pair.alignment.left_over.items():
        if column in pair.mine.open_columns:
            continue
        left, right = _with_digits(mine.tokens), _with_digits(theirs.tokens)
        if left and right:
            yield f"{column}: {' '.join(left)} / {' '.join(right)}"


def _with_digits(tokens: Iterable[str]) -> list[str]:
    return [token for token in tokens if any(character.isdigit() for character in token)]
