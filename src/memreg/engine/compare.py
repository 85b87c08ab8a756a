"""Two records column by column: how far each column agrees, and what met in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from memreg.engine.alignment import NO_WEIGHT, Alignment, align, level_of, numbers_differ, similarity, substitutes
from memreg.engine.codes import Codes, CodesMet, meet
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

_NONE, _PART, _EQUAL = Level.NONE, Level.PART, Level.EQUAL
_NAME, _ATTRIBUTE = Role.NAME, Role.ATTRIBUTE
_NOBODY: Mapping[str, str] = {}

_CODE_LEVELS = {
    CodesMet.EQUAL: Level.EQUAL,
    CodesMet.SOME: Level.NEAR,
    CodesMet.STEM: Level.MOST,
    CodesMet.DIFFERENT: Level.NONE,
}


class Evidence(NamedTuple):
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


Memo = dict[tuple[str, tuple[str, ...] | str], Evidence]
"""The evidence of a column by the other side's text or value, before anything else of the other record counts."""


class Comparison(NamedTuple):
    """The evidence of each column that both records fill. `same_text`: both have the same searchable text, and some;
    `alike`: all text that both have is equal, a name among it; `touches`: a token or an identity value met."""

    evidence: tuple[Evidence, ...]
    same_text: bool
    alike: bool
    touches: bool


def compare(mine: Record, theirs: Record, statistics: Statistics, memo: Memo | None = None) -> Comparison:
    """Set two records of a class against each other. Symmetric. `memo`: kept by the caller for one `mine` and
    statistics, so that a text that several candidates or revisions share is aligned once."""
    if memo is None:
        memo = {}
    texts = _texts(mine, theirs, statistics, memo)
    values = _identity(mine, theirs, memo)
    others = [*_compared(mine, theirs, memo), *values]
    codes = code_evidence(mine.codes, theirs.codes, statistics)
    if codes is not None:
        values.append(codes)
        others.append(codes)
    equal, met = True, False
    for found in texts:
        equal = equal and found.level is _EQUAL
        met = met or found.level is not _NONE
    for found in values:
        met = met or found.level is not _NONE
    same = equal and bool(texts) and mine.fields.keys() == theirs.fields.keys() and _all_equal(mine, theirs)
    touches = same or met
    alike = same or (equal and any(found.role is _NAME for found in texts))
    return Comparison((*texts, *others), same, alike, touches)


def _all_equal(mine: Record, theirs: Record) -> bool:
    """Whether every text has the same words, each in its own column."""
    return all(
        tokens == theirs.fields[column] or frozenset(tokens) == frozenset(theirs.fields[column])
        for column, tokens in mine.fields.items()
    )


def text_evidence(
    column: str, role: Role, own: tuple[str, ...], tokens: tuple[str, ...], statistics: Statistics, is_open: bool
) -> Evidence:
    """The text of a searchable column against the one that another record has there, whatever else either says."""
    alignment = align(own, tokens, statistics, is_open)
    if not alignment.met:
        return Evidence(column, role, _NONE, alignment)
    return _judged(column, role, own, tokens, alignment, statistics, is_open)


def value_evidence(column: str, value: str, other: str) -> Evidence:
    """Two values of a compared column."""
    role, level = compare_values(value, other)
    return Evidence(column, role, level, _values(value, other))


def key_evidence(column: str, role: Role, value: str, other: str) -> Evidence:
    """Two values of an identity column."""
    return Evidence(column, role, compare_keys(value, other), _values(value, other))


def code_evidence(mine: Codes, theirs: Codes, statistics: Statistics) -> Evidence | None:
    """The codes of two records; None where they tell nothing."""
    if not (mine.whole or theirs.whole):
        return None
    rare = max(RARE_CODE_HOLDERS, RARE_CODE_SHARE * statistics.documents)
    found = meet(mine, theirs, lambda code: statistics.frequency(code) <= rare)
    return None if found is None else Evidence(CODES, Role.CODE, _CODE_LEVELS[found[0]], found[1])


def _texts(mine: Record, theirs: Record, statistics: Statistics, memo: Memo) -> list[Evidence]:
    """Each searchable column that both fill, names also crosswise where they were swapped; then equal tokens of
    different columns count in both."""
    partner = _swapped(mine, theirs) if len(mine.name_columns) > 1 else _NOBODY
    found: dict[str, Evidence] = {}
    elsewhere = theirs.fields
    for column, own in mine.fields.items():
        other = partner.get(column, column) if partner else column
        tokens = elsewhere.get(other)
        if tokens is None:
            continue
        if other != column:
            alignment = _crosswise(mine, theirs, column, other, statistics)
            is_open = column in mine.open_columns
            found[column] = _judged(column, mine.roles[column], own, tokens, alignment, statistics, is_open)
            continue
        evidence = memo.get(place := (column, tokens))
        if evidence is None:
            is_open = column in mine.open_columns
            evidence = memo[place] = text_evidence(column, mine.roles[column], own, tokens, statistics, is_open)
        found[column] = evidence
    strayed = (bool(partner) or _may_stray(mine, theirs)) and _has_strays(mine, theirs, partner, found)
    if strayed or mine.lists or theirs.lists:
        aligned = {column: _alignment(evidence) for column, evidence in found.items()}
        changed = _across(mine, theirs, partner, aligned, statistics) if strayed else set[str]()
        for column in found:
            other = partner.get(column, column)
            alias = _alias(mine, theirs, column, other)
            if alias or column in changed:
                texts, is_open = (mine.fields[column], elsewhere[other]), column in mine.open_columns
                role = mine.roles[column]
                found[column] = _judged(column, role, *texts, aligned[column], statistics, is_open, alias)
    if not partner:
        return list(found.values())
    return [
        _swapped_evidence(mine, column, partner[column], found, statistics) if column in partner else found[column]
        for column in found
    ]


def _alignment(evidence: Evidence) -> Alignment:
    assert isinstance(evidence.between, Alignment)
    return evidence.between


def _may_stray(mine: Record, theirs: Record) -> bool:
    """Whether a token of one side may stand in another column of the other: what every column has in common with its
    own met there."""
    places = mine.places
    for column, tokens in theirs.fields.items():
        for token in tokens:
            if token in places and places[token] != column:
                return True
    return False


def _has_strays(mine: Record, theirs: Record, partner: Mapping[str, str], found: Mapping[str, Evidence]) -> bool:
    """Whether a token that is left over on one side is left over on the other, in whatever column."""
    common = mine.all_tokens & theirs.all_tokens
    if not common:
        return False
    met_in = {partner.get(column, column): evidence for column, evidence in found.items()} if partner else found
    left = [_alignment(found[c]).mine if c in found else tokens for c, tokens in mine.fields.items()]
    right = [_alignment(met_in[c]).theirs if c in met_in else tokens for c, tokens in theirs.fields.items()]
    for token in common:
        for one in left:
            if token in one:
                for other in right:
                    if token in other:
                        return True
    return False


def _crosswise(mine: Record, theirs: Record, column: str, other: str, statistics: Statistics) -> Alignment:
    """A name against the one that it was swapped with; words that did not move count in both."""
    stayed = {c: [t for t in mine.fields.get(c, ()) if t in theirs.fields.get(c, ())] for c in (column, other)}
    ours = tuple(token for token in mine.fields[column] if token not in stayed[column])
    others = tuple(token for token in theirs.fields[other] if token not in stayed[other])
    found = align(ours, others, statistics, column in mine.open_columns)
    for token in dict.fromkeys([*stayed[column], *stayed[other]]):
        found.met.append((token, token))
        found.matched += statistics.idf(token)
    return found


def _judged(
    column: str,
    role: Role,
    own: tuple[str, ...],
    tokens: tuple[str, ...],
    alignment: Alignment,
    statistics: Statistics,
    is_open: bool,
    alias: frozenset[str] = frozenset(),
) -> Evidence:
    """How far the text of a column agrees with the one that it was aligned with, names more strictly than the rest, but
    for other names that a side lists (`alias`)."""
    level = _EQUAL if alias else level_of(alignment, is_open)
    if role is _NAME and not alias and level > _PART:
        level = _PART if substitutes(own, tokens, alignment) else level
    if role is _ATTRIBUTE and level is _PART and numbers_differ(alignment):
        level = Level.LOW  # a size, a street number, a reference: the number is the point of it
    frequencies: tuple[int, ...] = ()
    if role is _NAME or role is _ATTRIBUTE:
        met = alignment.met
        frequencies = _frequencies(
            {*met, *((word, word) for word in alias)} if alias or len(met) > 1 else met, statistics
        )
    return Evidence(column, role, level, alignment, frequencies)


def _swapped_evidence(
    mine: Record, column: str, other: str, found: Mapping[str, Evidence], statistics: Statistics
) -> Evidence:
    """Where both were swapped, each says what the lesser of the two does; a name that stands in another column, and no
    name in its own, is contained at most."""
    evidence = found[column]
    if other not in found:
        place = min(column, other, key=mine.name_columns.index)
        return evidence._replace(column=place, level=min(evidence.level, Level.CONTAINED))
    both = evidence.frequencies, found[other].frequencies
    frequencies = tuple(max(pair) for pair in zip_longest(*both, fillvalue=statistics.documents))
    return evidence._replace(level=min(evidence.level, found[other].level), frequencies=frequencies)


def _frequencies(met: Iterable[tuple[str, str]], statistics: Statistics) -> tuple[int, ...]:
    frequency = statistics.frequency
    found = [frequency(one) if one == two else max(frequency(one), frequency(two)) for one, two in met]
    return tuple(sorted(found)[:3]) if len(found) > 1 else tuple(found)


def _alias(mine: Record, theirs: Record, column: str, other: str) -> frozenset[str]:
    """The words of one name that the names of the other side lack, where it lists them all among its other names."""
    if mine.roles[column] is not Role.NAME or not (mine.lists or theirs.lists):
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
    return partners(names, _unequal(names, mine, theirs), _unequal(names, theirs, mine))


def partners(
    names: Sequence[str], left: Mapping[str, frozenset[str]], right: Mapping[str, frozenset[str]]
) -> dict[str, str]:
    """Which of some columns exchanged their values, by the words of each side that the other does not have there."""
    if not (any(left.values()) and any(right.values())):
        return {}
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
    mine: Record, theirs: Record, partner: Mapping[str, str], aligned: dict[str, Alignment], statistics: Statistics
) -> set[str]:
    """Equal tokens left over in different columns count in both. Gives the columns whose alignment it changed; all are
    copies then."""
    changed: set[str] = set()
    for column in aligned:
        aligned[column] = aligned[column].copy()
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
                places_met = {column, of_theirs.get(other, column)} & aligned.keys()
                changed |= places_met
                for place in places_met:
                    aligned[place].matched += amount
                    aligned[place].met.append((token, token))
    return changed


def _compared(mine: Record, theirs: Record, memo: Memo) -> list[Evidence]:
    found = []
    for column, value in mine.compared.items():
        other = theirs.compared.get(column)
        if other is not None:
            evidence = memo.get((column, other))
            if evidence is None:
                evidence = memo[column, other] = value_evidence(column, value, other)
            found.append(evidence)
    return found


def _identity(mine: Record, theirs: Record, memo: Memo) -> list[Evidence]:
    found = []
    for column, value in mine.only_identity.items():
        other = theirs.only_identity.get(column)
        if other is not None:
            evidence = memo.get((column, other))
            if evidence is None:
                evidence = memo[column, other] = key_evidence(column, mine.roles[column], value, other)
            found.append(evidence)
    return found


def _values(one: str, other: str) -> tuple[str, ...]:
    return (one,) if one == other else (f"{one} / {other}",)
