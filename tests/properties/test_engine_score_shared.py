"""What candidates share while they are scored changes nothing: each score is the one that it has by itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memreg.engine.alignment import INITIAL, PREFIX, SAME_LETTERS, SCRAMBLED, VOWELS, similarity
from memreg.engine.codes import codes_of
from memreg.engine.compare import _has_strays, _may_stray, _texts
from memreg.engine.edits import edits
from memreg.engine.record import Record
from memreg.engine.score import Score, best_score, score
from memreg.engine.statistics import Statistics
from memreg.registry.parse import parse_schema
from tests.support.scoring import TEXT, VALUES, cold, pairs, payloads, record, statistics, words

Payload = dict[str, Any]


@st.composite
def populations(draw: st.DrawFn) -> tuple[Payload, list[list[Payload]]]:
    """A proposal and the memories that it is held against, each with what it said before; some are equal."""
    one, other = draw(pairs())
    said = [one, other, *draw(st.lists(payloads, max_size=3))]
    column = st.sampled_from(sorted({name for each in said for name in each} or {"given"}))
    memories = []
    for _ in range(draw(st.integers(1, 6))):
        revisions = [draw(st.sampled_from(said))]
        for _ in range(draw(st.integers(0, 2))):
            changed, source = draw(column), draw(st.sampled_from(said))
            before = {name: value for name, value in revisions[-1].items() if name != changed}
            revisions.append(before | ({changed: source[changed]} if changed in source else {}))
        memories.append(revisions)
    return one, memories


def told(found: Score) -> object:
    """All that an entry keeps of a score, in its order."""
    return found.value, found.snapshot, found.parts, list(found.levels.items())


@given(populations(), statistics)
def test_a_score_among_many_is_the_score_alone(asked: tuple[Payload, list[list[Payload]]], known: Statistics) -> None:
    mine, memories = asked
    shared = record(mine)
    for revisions in memories:
        found = best_score(shared, [record(each) for each in revisions], known)
        alone = [score(record(mine), record(each), known) for each in revisions]
        assert told(found) == told(max(alone, key=lambda each: each.value))


ODD: tuple[object, ...] = (
    1,
    1.0,
    True,
    "1",
    "1.0",
    "true",
    0,
    False,
    [1],
    [1.0],
    ["1"],
    [True],
    ["1", "2"],
    ["1 2"],
    ["[1]"],
    "['1', '2']",
    "",
    [],
)
"""Values that Python takes for equal, or that are written alike, and do not read alike."""
odd = st.sampled_from(ODD)


@given(st.sampled_from((*TEXT, *VALUES)), odd, st.lists(odd, min_size=6, max_size=12), cold)
def test_values_that_are_merely_written_alike_share_nothing(
    column: str, said: object, theirs: list[object], known: Statistics
) -> None:
    mine = {"title": "grand hotel", column: said}
    shared = record(mine)
    for each in theirs:
        payload = {"title": "grand hotel", column: each}
        assert told(best_score(shared, [record(payload)], known)) == told(score(record(mine), record(payload), known))


@given(pairs(), statistics)
def test_strays_are_looked_for_wherever_there_are_some(two: tuple[Payload, Payload], known: Statistics) -> None:
    mine, theirs = (record(each) for each in two)
    plain: dict[str, Any] = {}
    for column in mine.fields:
        if column in theirs.fields:
            one, other = (record({column: each[column]}) for each in two)
            (plain[column],) = _texts(one, other, known, {})
    if _has_strays(mine, theirs, {}, plain):
        assert _may_stray(mine, theirs)


def by_the_book(one: str, other: str) -> float:
    """How alike two words without digits are, by every rule in turn and nothing left out early."""
    short, long = sorted((one, other), key=len)
    if len(short) == 1:
        return INITIAL if long[0] == short else 0.0
    rest = iter(long)
    ends = short[0] == long[0] and short[-1] == long[-1] and len(long) >= len(short) + 2
    if ends and VOWELS.isdisjoint(short[1:]) and all(letter in rest for letter in short):
        return PREFIX
    if len(short) < 3:
        return 0.0
    if long.startswith(short):
        return PREFIX if len(long) - len(short) > 1 else max(PREFIX, 1 - 1 / len(long))
    found = 0.0
    if len(short) > 3:
        allowed = 1 if len(long) < 7 else 2 if len(long) < 12 else 3
        distance = edits(one, other, allowed)
        found = 1 - distance / len(long) if distance <= allowed else 0.0
    left, right = Counter(one), Counter(other)
    letters = 1 - max((left - right).total(), (right - left).total()) / len(long)
    return max(found, SCRAMBLED * letters) if found <= SCRAMBLED and letters >= SAME_LETTERS else found


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """Two different words, the second made from the first by a few changes, or any other."""
    one = draw(st.text("abcdeilnrst", min_size=1, max_size=14))
    letters = list(one)
    for _ in range(draw(st.integers(0, 5))):
        place = draw(st.integers(0, len(letters)))
        letters[place : place + draw(st.integers(0, 1))] = draw(st.text("abcdeilnrst", max_size=1))
    other = "".join(draw(st.permutations(letters)) if draw(st.integers(0, 4)) == 0 else letters)
    return one, other or "a"


@given(slips())
def test_likeness_is_what_the_rules_say_in_turn(two: tuple[str, str]) -> None:
    one, other = two
    if one != other and not {one, other} & {"no", "not", "nicht", "sans", "sin", "senza", "non"}:
        assert similarity(one, other) == by_the_book(one, other)


@given(st.lists(st.lists(words, max_size=5).map(tuple), max_size=4))
def test_codes_are_found_in_each_text_by_itself(texts: list[tuple[str, ...]]) -> None:
    found = [codes_of([text]) for text in texts]
    together = codes_of(texts)
    assert together.whole == frozenset().union(*(each.whole for each in found))
    assert together.joined == frozenset().union(*(each.joined for each in found))


WITHIN = """
schema: shop
classes:
  Customer:
    columns:
      name: {dtype: string}
    annotation: {searchable: {name: 3}}
  Delivery:
    columns:
      title: {dtype: string}
      number: {dtype: string}
      customer: {dtype: "ref[Customer]"}
    annotation:
      searchable: {title: 3}
      identity: [{columns: [number, customer], strength: strong}]
"""
DELIVERY = parse_schema(WITHIN, "within").by_name["Delivery"]
CUSTOMERS = ("018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002")
# A sharp s before an accent: written in its canonical form, the accent joins the s.
numbers = st.sampled_from(("7\u00df\u0301", "7ss", "7", "8"))
deliveries = st.fixed_dictionaries(
    {"title": words}, optional={"number": numbers, "customer": st.sampled_from(CUSTOMERS)}
)


@given(deliveries, st.lists(deliveries, min_size=1, max_size=6), statistics)
def test_what_counts_within_a_reference_is_the_same_among_many(
    mine: Payload, memories: list[Payload], known: Statistics
) -> None:
    assert DELIVERY.declared is not None
    one, *others = (Record.of(each, DELIVERY, DELIVERY.declared) for each in (mine, mine, *memories))
    for other in others:
        assert told(best_score(one, [other], known)) == told(score(one, other, known))
