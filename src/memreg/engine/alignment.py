"""The tokens of two texts set against each other one to one: equal, written together, then nearly equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from memreg.engine.edits import edits
from memreg.engine.level import Level
from memreg.engine.statistics import Statistics

INITIAL = 0.5
PREFIX = 0.7
SCRAMBLED = 0.5
SAME_LETTERS = 0.75
SOFT_PAIRS, SOFT_PAIRS_OF_TEXT = 100, 36
"""How many pairs of left-over tokens are compared at most, in a column and in one of free text."""

FEW = 12
"""Tokens on both sides up to which looking through them is as fast as making sets."""
NO_WEIGHT = 1e-9
CONTRADICTED_SLIGHTLY, CONTRADICTED_PARTLY, CONTRADICTED_MOSTLY = 0.05, 0.3, 0.55
MUCH_SOFT = 0.4
MUCH_EXTRA = 0.25
VOWELS = frozenset("aeiou")
NEGATIONS = frozenset("no not non never without nicht kein keine ohne sans sin senza".split())
"""Words that are no slip of another: `with` and `without`."""
ROMAN = frozenset("i ii iii iv v vi vii viii ix x xi xii".split())


@dataclass(slots=True)
class Alignment:
    """Two texts, aligned. `met`: pairs of tokens; `matched`: their weight; `mine` and `theirs`: what is left of the
    weight of each token that did not meet an equal one; `soft`: those that met a nearly equal one, on either side."""

    met: list[tuple[str, str]] = field(default_factory=list)
    matched: float = 0.0
    mine: dict[str, float] = field(default_factory=dict)
    theirs: dict[str, float] = field(default_factory=dict)
    soft: frozenset[str] = frozenset()
    digits_in_order: bool = True

    def copy(self) -> Alignment:
        """The same, to be changed by itself."""
        met, mine, theirs = [*self.met], {**self.mine}, {**self.theirs}
        return Alignment(met, self.matched, mine, theirs, self.soft, self.digits_in_order)


def align(mine: Sequence[str], theirs: Sequence[str], statistics: Statistics, is_open: bool) -> Alignment:
    """Set two texts against each other, each a tuple of distinct tokens in order. Symmetric: swapped texts swap the
    sides."""
    weigh = statistics.idf
    if mine == theirs:
        return Alignment([(token, token) for token in mine], sum([weigh(token) for token in mine]))
    if len(mine) == len(theirs) == 1:
        one, other = mine[0], theirs[0]
        found = Alignment([], 0.0, {one: weigh(one)}, {other: weigh(other)})
        if likeness := similarity(one, other):
            _meet_softly(one, other, likeness, found)
        return found
    ours, others = (set(mine), set(theirs)) if len(mine) + len(theirs) > FEW else (mine, theirs)
    equal, left, right = [], {}, {}
    for token in mine:
        if token in others:
            equal.append(token)
        else:
            left[token] = weigh(token)
    for token in theirs:
        if token not in ours:
            right[token] = weigh(token)
    if equal:
        matched = sum([weigh(token) for token in equal])
        found = Alignment([(token, token) for token in equal], matched, left, right)
        if len(equal) > 1:
            order = [token for token in theirs if token in ours and has_digit(token)]
            found.digits_in_order = [token for token in equal if has_digit(token)] == order
        if not (left and right):
            return found
    else:
        found = Alignment([], 0.0, left, right)
    if len(left) == len(right) == 1:
        (one,), (other,) = left, right
        if likeness := similarity(one, other):
            _meet_softly(one, other, likeness, found)
        return found
    _join(mine, theirs, found)
    if left and right and len(left) * len(right) <= (SOFT_PAIRS_OF_TEXT if is_open else SOFT_PAIRS):
        _soft(found)
    return found


def _join(mine: Sequence[str], theirs: Sequence[str], found: Alignment) -> None:
    """Neighbours of one side that the other writes together: `steak house` and `steakhouse`; the same ones first,
    whichever side they are on."""
    joins = []
    for tokens, apart, together in (mine, found.mine, found.theirs), (theirs, found.theirs, found.mine):
        if len(apart) < 2 or not together:
            continue
        longest = max(map(len, together))
        for start in range(len(tokens) - 1):
            if len(tokens[start]) + len(tokens[start + 1]) > longest:
                continue
            if tokens[start] in apart and tokens[start + 1] in apart:
                for pieces in (tokens[start : start + 2], tokens[start : start + 3]):
                    joined = "".join(pieces)
                    if joined in together and not joined.isdigit():
                        joins.append((len(pieces), joined, pieces, apart, together))
    if not joins:
        return
    for _, joined, pieces, apart, together in sorted(joins, key=lambda join: join[:3]):
        if joined in together and all(piece in apart for piece in pieces):
            found.matched += together.pop(joined)
            found.met.append((joined, joined))
            for piece in pieces:
                del apart[piece]


def _soft(found: Alignment) -> None:
    """Nearly equal tokens, likest first."""
    words = [token for token in found.mine if not has_digit(token)]
    others = [token for token in found.theirs if not has_digit(token)]
    likely = [
        (-likeness, min(one, other), max(one, other), one, other)
        for one in words
        for other in others
        if (likeness := similarity(one, other)) > 0
    ]
    if len(likely) > 1:
        likely.sort()
    for negative, _, _, one, other in likely:
        if one not in found.soft and other not in found.soft:
            _meet_softly(one, other, -negative, found)


def _meet_softly(one: str, other: str, likeness: float, found: Alignment) -> None:
    found.soft |= {one, other}
    amount = likeness * min(found.mine[one], found.theirs[other])
    found.matched += amount
    found.mine[one] -= amount
    found.theirs[other] -= amount
    found.met.append((one, other))


def level_of(found: Alignment, is_open: bool) -> Level:
    """How far the two texts agree, by the weight of what met, of what is left over on both sides (a contradiction), and
    on one alone (mere extra text). Numbers that stand against each other leave half of it at most."""
    if found.matched <= 0:
        return Level.NONE
    if not (found.mine or found.theirs):
        return Level.EQUAL if found.digits_in_order or is_open else Level.PART
    (here, slipped), (there, slipped_there) = (
        _unmet_weight(found.mine, found.soft),
        _unmet_weight(found.theirs, found.soft),
    )
    lesser, greater, slips = min(here, there), max(here, there), max(slipped, slipped_there)
    contradicted = lesser / (found.matched + lesser)
    if greater <= NO_WEIGHT and slips <= NO_WEIGHT:
        level = Level.EQUAL
    elif contradicted < CONTRADICTED_SLIGHTLY:
        if slips / (found.matched + slips) >= MUCH_SOFT:
            level = Level.MOST
        else:
            extra = (greater - lesser) / (found.matched + greater)
            level = Level.NEAR if extra < MUCH_EXTRA else Level.CONTAINED
    elif contradicted < CONTRADICTED_PARTLY:
        level = Level.MOST
    else:
        level = Level.PART if contradicted < CONTRADICTED_MOSTLY else Level.LOW
    return Level.PART if level > Level.PART and not is_open and numbers_differ(found) else level


def _unmet_weight(side: Mapping[str, float], soft: frozenset[str]) -> tuple[float, float]:
    """The weight that is left over on a side, and that of what met a nearly equal token there."""
    unmet = slipped = 0.0
    for token, weight in side.items():
        if token in soft:
            slipped += weight
        else:
            unmet += weight
    return unmet, slipped


def numbers_differ(found: Alignment) -> bool:
    """Whether numbers of the two texts stand against each other: others on both sides, or the same in another order."""
    return not found.digits_in_order or (bool(found.theirs) and _numbers(found.mine) and _numbers(found.theirs))


def substitutes(mine: Sequence[str], theirs: Sequence[str], found: Alignment) -> bool:
    """Whether the two texts have another word in the same place: `Camera red DSC` and `Camera silver DSC`. Between
    equal neighbours that is another object of the same kind, where left-over words elsewhere may just describe."""
    places: dict[tuple[str, str], list[str]] = {}
    for token, around in _left_over(mine, found.mine, found.soft):
        places.setdefault(around, []).append(token)
    return any(
        (one in ROMAN and other in ROMAN) or similarity(one, other) == 0
        for other, around in _left_over(theirs, found.theirs, found.soft)
        for one in places.get(around, ())
    )


def _left_over(
    tokens: Sequence[str], rest: Mapping[str, float], soft: frozenset[str]
) -> Iterator[tuple[str, tuple[str, str]]]:
    for position, token in enumerate(tokens):
        if rest.get(token, 0.0) > NO_WEIGHT and (token not in soft or token in ROMAN):
            before = tokens[position - 1] if position else ""
            after = tokens[position + 1] if position + 1 < len(tokens) else ""
            yield token, (before, after)


def _numbers(side: Mapping[str, float]) -> bool:
    return any(weight > NO_WEIGHT and has_digit(token) for token, weight in side.items()) if side else False


@lru_cache(maxsize=8_192)
def has_digit(token: str) -> bool:
    """Whether a token has a digit: such a token is never nearly another."""
    return not token.isalpha() and any(map(str.isdigit, token))


def names_agree(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """Whether two names have an equal token and no token on either side stands against one of the other: what a shared
    key asks for beside it. `Ana Lopez` and `A. M. Lopez` agree; two restaurants of one hotel do not."""
    if not mine & theirs:
        return False
    left, right = mine - theirs, theirs - mine
    return not (_unmet(left, right) and _unmet(right, left))


def _unmet(left: frozenset[str], right: frozenset[str]) -> bool:
    """Whether a token of one side has no nearly equal one, nor is a part of one written together, on the other."""
    return any(not any(similarity(one, two) > 0 or one in two or two in one for two in right) for one in left)


def similarity(one: str, other: str) -> float:
    """How alike two different tokens are, in [0, 1). Symmetric; tokens with digits are never alike.

    1 - edits / length for one edit in 4 letters and more, two from 7 letters on, three from 12 (optimal string
    alignment distance); a beginning of three letters and more; an initial; half of the letters in common for
    scrambled words.
    """
    return _similarity(one, other) if one < other else _similarity(other, one)


@lru_cache(maxsize=16_384)
def _similarity(one: str, other: str) -> float:
    if one == other or has_digit(one) or has_digit(other) or one in NEGATIONS or other in NEGATIONS:
        return 0.0
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    size = len(long)
    if len(short) == 1:
        return INITIAL if long[0] == short else 0.0
    strange = len({*short}.difference(long))
    if not strange and _is_contraction(short, long):
        return PREFIX
    if len(short) < 3:
        return 0.0
    if long.startswith(short):
        return PREFIX if size - len(short) > 1 else max(PREFIX, 1 - 1 / size)
    allowed = 0 if len(short) < 4 else 1 if size < 7 else 2 if size < 12 else 3
    # Each letter that the other word lacks is an edit, and one that they do not have in common.
    if strange > allowed and 1 - strange / size < SAME_LETTERS:
        return 0.0
    found = 0.0
    if allowed >= strange and allowed:
        distance = edits(one, other, allowed)
        found = 1 - distance / size if distance <= allowed else 0.0
    if found <= SCRAMBLED:
        letters = _letters(one, other)
        found = max(found, SCRAMBLED * letters if letters >= SAME_LETTERS else 0.0)
    return found


def _is_contraction(short: str, long: str) -> bool:
    """Whether a word is another without its inner vowels: `ltd`, `intl`, `st`, `ft`."""
    if len(short) < 2 or len(long) < len(short) + 2 or short[0] != long[0] or short[-1] != long[-1]:
        return False
    rest = iter(long)
    return VOWELS.isdisjoint(short[1:]) and all(letter in rest for letter in short)


def _letters(one: str, other: str) -> float:
    """The share of letters that two words have in common, wherever they stand; 0 where it cannot be enough to count."""
    longest, most = max(len(one), len(other)), min(len(one), len(other))
    if 1 - (longest - most) / longest < SAME_LETTERS:
        return 0.0
    common = sum([min(one.count(letter), other.count(letter)) for letter in set(one)])
    return 1 - (longest - common) / longest
