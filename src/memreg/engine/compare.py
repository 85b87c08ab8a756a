"""Two records column by column: how far each column agrees, and what met in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from memreg.engine.alignment import NO_WEIGHT, Alignment, align, level_of, similarity, substitutes
from memreg.engine.codes import CodesMet, meet
from memreg.engine.level import Level
from memreg.engine.record import Record, Role
from memreg.engine.statistics import Statistics
from memreg.engine.values import compare_keys, compare_values

CODES = "*"
"""Stands for the codes of the whole record where others stand for a column."""
RARE_CODE_HOLDERS, RARE_CODE_SHARE = 4, 0.01
LEAST_SWAP, SWAP_LEAD = 0.6, 0.5
SLIP_IN_SWAP = 0.9
MOST_SWAPPED = 16

_CODE_LEVELS = {
    CodesMet.EQUAL: Level.EQUAL,
    CodesMet.SOME: Level.NEAR,
    CodesMet.STEM: Level.MOST,
    CodesMet.DIFFERENT: Level.NONE,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one column says about a pair: its role, how far its values agree, what was set against each other, and the
    frequencies of the tokens that met (rarest first, three at most)."""

    column: str
    role: Role
    level: Level
    between: Alignment | tuple[str, ...] = ()
    frequencies: tuple[int, ...] = ()

    @property
    def met(self) -> tuple[str, ...]:
        """The tokens or values that met, and those that stand against each other."""
        return _words(self.between) if isinstance(self.between, Alignment) else self.between


@dataclass(frozen=True, slots=True)
class Comparison:
    """The evidence of each column that both records fill. `same_text`: both have the same searchable text, and some;
    `alike`: all text that both have is equal, a name among it; `touches`: a token or an identity value met."""

    evidence: tuple[Evidence, ...]
    same_text: bool
    alike: bool
    touches: bool


def compare(mine: Record, theirs: Record, statistics: Statistics) -> Comparison:
    """Set two records of a class against each other. Symmetric."""
    texts = _texts(mine, theirs, statistics)
    others = [*_compared(mine, theirs), *_identity(mine, theirs)]
    codes = meet(mine.codes, theirs.codes, lambda code: _is_rare(code, statistics))
    if codes is not None:
        others.append(Evidence(CODES, Role.CODE, _CODE_LEVELS[codes[0]], codes[1]))
    same = bool(texts) and mine.fields.keys() == theirs.fields.keys() and _all_equal(mine, theirs, texts)
    values = [found for found in others if found.role in (Role.STRONG, Role.SHARED, Role.CODE)]
    touches = same or any(found.level > Level.NONE for found in [*texts, *values])
    equal = all(found.level is Level.EQUAL for found in texts)
    alike = same or (equal and any(found.role is Role.NAME for found in texts))
    return Comparison((*texts, *others), same, alike, touches)


def _all_equal(mine: Record, theirs: Record, texts: list[Evidence]) -> bool:
    """Whether every text has the same words, numbers in the same order, each in its own column."""
    return all(found.level is Level.EQUAL for found in texts) and all(
        frozenset(tokens) == frozenset(theirs.fields[column]) for column, tokens in mine.fields.items()
    )


def _is_rare(code: str, statistics: Statistics) -> bool:
    return statistics.frequency(code) <= max(RARE_CODE_HOLDERS, RARE_CODE_SHARE * statistics.documents)


def _texts(mine: Record, theirs: Record, statistics: Statistics) -> list[Evidence]:
    """Each searchable column that both fill, names also crosswise where they were swapped; then equal tokens of
    different columns count in both."""
    partner = _swapped(mine, theirs)
    aligned: dict[str, Alignment] = {}
    for column, tokens in mine.fields.items():
        other = partner.get(column, column)
        if other in theirs.fields:
            aligned[column] = align(tokens, theirs.fields[other], statistics, column in mine.open_columns)
    _across(mine, theirs, partner, aligned, statistics)
    levels, seldom = {}, {}
    for column, alignment in aligned.items():
        other = partner.get(column, column)
        alias = _alias(mine, theirs, column, other) if mine.roles[column] is Role.NAME else frozenset()
        levels[column] = Level.EQUAL if alias else _level(mine, theirs, column, other, alignment)
        seldom[column] = _frequencies({*alignment.met, *((word, word) for word in alias)}, statistics)
    found = []
    for column, alignment in aligned.items():
        level, frequencies, place = levels[column], seldom[column], column
        other = partner.get(column, column)
        if other in aligned and other != column:  # both swapped: each says what the lesser of the two does
            level = min(level, levels[other])
            pairs = zip_longest(frequencies, seldom[other], fillvalue=statistics.documents)
            frequencies = tuple(max(pair) for pair in pairs)
        elif other != column:
            level = min(level, Level.CONTAINED)
            place = min(column, other, key=mine.name_columns.index)
        found.append(Evidence(place, mine.roles[column], level, alignment, frequencies))
    return found


def _level(mine: Record, theirs: Record, column: str, other: str, alignment: Alignment) -> Level:
    """How far the text of a column agrees with that of the other record's column, names more strictly than the rest."""
    level = level_of(alignment, column in mine.open_columns)
    is_name = mine.roles[column] is Role.NAME
    return (
        min(level, Level.PART)
        if is_name and substitutes(mine.fields[column], theirs.fields[other], alignment)
        else level
    )


def _frequencies(met: Iterable[tuple[str, str]], statistics: Statistics) -> tuple[int, ...]:
    frequency = statistics.frequency
    return tuple(sorted(max(frequency(one), frequency(two)) for one, two in met)[:3])


def _alias(mine: Record, theirs: Record, column: str, other: str) -> frozenset[str]:
    """The words of one name that the names of the other side lack, where it lists them all among its other names."""
    if not (mine.lists or theirs.lists):
        return frozenset()
    found = frozenset[str]()
    for name, listing in ((mine.fields[column], theirs), (theirs.fields[other], mine)):
        rest = frozenset(name).difference(*(listing.fields.get(c, ()) for c in mine.name_columns))
        if any(rest <= frozenset(listing.fields[place]) for place in listing.lists):
            found |= rest
    return found


def _words(alignment: Alignment) -> tuple[str, ...]:
    met = [one if one == two else f"{one}~{two}" for one, two in alignment.met[:12]]
    rests = [
        [token for token, weight in side.items() if weight > NO_WEIGHT and token not in alignment.soft][:6]
        for side in (alignment.mine, alignment.theirs)
    ]
    if any(rests):
        met.append(f"{' '.join(rests[0]) or '–'} / {' '.join(rests[1]) or '–'}")
    return tuple(met)


def _swapped(mine: Record, theirs: Record) -> dict[str, str]:
    """Columns of names that exchanged their values: first and last name. Words that are equal in their own column have
    no say, so that one more of them changes nothing."""
    names = [c for c in mine.name_columns if c not in mine.open_columns and (c in mine.fields or c in theirs.fields)]
    if len(names) < 2:
        return {}
    left, right = _unequal(names, mine, theirs), _unequal(names, theirs, mine)
    partner: dict[str, str] = {}
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            if one in partner or other in partner:
                continue
            cross = _overlap(left[one], right[other]) + _overlap(left[other], right[one])
            if cross > LEAST_SWAP:
                straight = _overlap(left[one], right[one]) + _overlap(left[other], right[other])
                if cross > straight + SWAP_LEAD:
                    partner |= {one: other, other: one}
    return partner


def _unequal(names: Sequence[str], mine: Record, theirs: Record) -> dict[str, frozenset[str]]:
    return {c: frozenset(mine.fields.get(c, ())).difference(theirs.fields.get(c, ())) for c in names}


def _overlap(left: frozenset[str], right: frozenset[str]) -> float:
    if not left or not right:
        return 0.0
    longest = max(len(left), len(right))
    equal = len(left & right)
    if equal:
        return equal / longest
    if len(left) * len(right) > MOST_SWAPPED:
        return 0.0
    return max(similarity(one, two) for one in left for two in right) * SLIP_IN_SWAP / longest


def _across(
    mine: Record, theirs: Record, partner: Mapping[str, str], aligned: Mapping[str, Alignment], statistics: Statistics
) -> None:
    """Equal tokens left over in different columns: they count in both."""
    weigh = statistics.idf
    of_theirs = {partner.get(column, column): column for column in aligned}
    left = {c: aligned[c].mine if c in aligned else {t: weigh(t) for t in ts} for c, ts in mine.fields.items()}
    right = {
        c: aligned[of_theirs[c]].theirs if c in of_theirs else {t: weigh(t) for t in ts}
        for c, ts in theirs.fields.items()
    }
    places: dict[str, list[str]] = {}
    for column, rest in right.items():
        for token in rest:
            places.setdefault(token, []).append(column)
    for column, rest in left.items():
        for token in rest:
            for other in places.get(token, ()):
                if (column in aligned and partner.get(column, column) == other) or rest[token] <= NO_WEIGHT:
                    continue
                amount = min(rest[token], right[other][token])
                if amount <= NO_WEIGHT:
                    continue
                rest[token] -= amount
                right[other][token] -= amount
                for place in {column, of_theirs.get(other, column)} & aligned.keys():
                    aligned[place].matched += amount
                    aligned[place].met.append((token, token))


def _compared(mine: Record, theirs: Record) -> list[Evidence]:
    found = []
    for column, value in mine.compared.items():
        other = theirs.compared.get(column)
        if other is not None:
            role, level = compare_values(value, other)
            found.append(Evidence(column, role, level, _values(value, other)))
    return found


def _identity(mine: Record, theirs: Record) -> list[Evidence]:
    found = []
    for column, value in mine.only_identity.items():
        other = theirs.only_identity.get(column)
        if other is not None:
            found.append(Evidence(column, mine.roles[column], compare_keys(value, other), _values(value, other)))
    return found


def _values(one: str, other: str) -> tuple[str, ...]:
    return (one,) if one == other else (f"{one} / {other}",)
