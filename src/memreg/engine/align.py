"""Tokens of two records set against each other one to one: equal in a column, equal across columns, then nearly
equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from memreg.engine.record import Record
from memreg.engine.statistics import Statistics

INITIAL = 0.5
PREFIX = 0.7
SOFT_TOKENS = 50
"""How many tokens of a column each side compares with the other's: the work grows with the square of it."""


@dataclass(frozen=True, slots=True)
class Match:
    """Two tokens that met, and the weight that their meeting carries."""

    mine: str
    theirs: str
    column: str
    amount: float


@dataclass(frozen=True, slots=True)
class Rest:
    """What a side has left over in a column: tokens, and their weight (boost · idf)."""

    tokens: tuple[str, ...] = ()
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Alignment:
    """The matches; what is left over by column (mine, theirs); `size`: the mean weight of the two records' text."""

    matches: tuple[Match, ...]
    left_over: Mapping[str, tuple[Rest, Rest]]
    size: float


Weights = dict[tuple[str, str], float]


def align(mine: Record, theirs: Record, statistics: Statistics) -> Alignment:
    """Set the tokens of two records against each other. Symmetric: swapping the records swaps the sides, no amount."""
    left, right = _weights(mine, statistics), _weights(theirs, statistics)
    size = (sum(left.values()) + sum(right.values())) / 2
    matches = [*_same_column(left, right), *_across(left, right), *_soft(left, right, mine.open_columns)]
    columns = dict.fromkeys([*mine.fields, *theirs.fields])
    rests = {column: (_rest(column, left), _rest(column, right)) for column in columns}
    return Alignment(tuple(matches), {c: pair for c, pair in rests.items() if pair[0].tokens or pair[1].tokens}, size)


def _weights(record: Record, statistics: Statistics) -> Weights:
    return {
        (column, token): record.boosts[column] * statistics.idf(token)
        for column, found in record.fields.items()
        for token in found
    }


def _same_column(left: Weights, right: Weights) -> list[Match]:
    """Equal tokens of one column."""
    both = [place for place in left if place in right]
    return [Match(t, t, c, (left.pop((c, t)) + right.pop((c, t))) / 2) for c, t in both]


def _across(left: Weights, right: Weights) -> list[Match]:
    """Equal tokens of different columns, heaviest first; the surplus of the heavier side stays left over."""
    places: dict[str, list[tuple[str, str]]] = {}
    for place in right:
        places.setdefault(place[1], []).append(place)
    found = []
    for token in dict.fromkeys(token for _, token in left if token in places):
        ours = sorted((p for p in left if p[1] == token), key=lambda p: (-left[p], p))
        others = sorted(places[token], key=lambda p: (-right[p], p))
        for one, other in zip(ours, others, strict=False):
            amount = min(left[one], right[other])
            found.append(Match(token, token, one[0], amount))
            _take(left, one, amount)
            _take(right, other, amount)
    return found


def _soft(left: Weights, right: Weights, open_columns: frozenset[str]) -> list[Match]:
    """Nearly equal tokens of one column, likest first, among the heaviest of a long one; free text is left out."""
    likely = sorted(
        (-likeness, min(one[1], other[1]), max(one[1], other[1]), one, other)
        for column in dict.fromkeys(column for column, _ in left if column not in open_columns)
        for one in _heaviest(column, left)
        for other in _heaviest(column, right)
        if (likeness := similarity(one[1], other[1])) > 0
    )
    found = []
    taken: set[tuple[int, tuple[str, str]]] = set()
    for negative, _, _, one, other in likely:
        if (0, one) in taken or (1, other) in taken:
            continue
        taken |= {(0, one), (1, other)}
        amount = -negative * min(left[one], right[other])
        found.append(Match(one[1], other[1], one[0], amount))
        _take(left, one, amount)
        _take(right, other, amount)
    return found


def _heaviest(column: str, weights: Weights) -> list[tuple[str, str]]:
    places = [place for place in weights if place[0] == column]
    if len(places) <= SOFT_TOKENS:
        return places
    return sorted(places, key=lambda place: (-weights[place], place))[:SOFT_TOKENS]


def _take(weights: Weights, place: tuple[str, str], amount: float) -> None:
    weights[place] -= amount
    if weights[place] <= 1e-12:
        del weights[place]


def _rest(column: str, weights: Weights) -> Rest:
    places = [place for place in weights if place[0] == column]
    return Rest(tuple(token for _, token in places), sum(weights[place] for place in places))


def similarity(one: str, other: str) -> float:
    """How alike two different tokens are, in [0, 1): one edit in 4 letters and more, two in 8 and more (optimal string
    alignment distance), a beginning of three letters and more, an initial. Tokens with digits are never alike."""
    if any(c.isdigit() for c in one) or any(c.isdigit() for c in other):
        return 0.0
    short, long = sorted((one, other), key=len)
    if len(short) == 1:
        return INITIAL if long[0] == short else 0.0
    if len(short) >= 3 and long.startswith(short):
        return PREFIX if len(long) - len(short) > 1 else max(PREFIX, 1 - 1 / len(long))
    if len(short) < 4:
        return 0.0
    allowed = 1 if len(long) < 8 else 2
    distance = OSA.distance(one, other, score_cutoff=allowed)
    return 1 - distance / len(long) if distance <= allowed else 0.0
