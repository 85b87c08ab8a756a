"""A class with all that a score looks at, its records, and calibrations that it could have learned, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from memreg.engine.calibration import Calibration, ColumnShares, place
from memreg.engine.level import LEVELS
from memreg.engine.record import Record, Role
from memreg.engine.statistics import Statistics
from memreg.engine.text import value_tokens
from memreg.registry.parse import parse_schema

SCHEMA = """
schema: everything
classes:
  Thing:
    columns:
      given: {dtype: string}
      surname: {dtype: string}
      title: {dtype: string}
      city: {dtype: string}
      notes: {dtype: text}
      aliases: {dtype: "list[string]"}
      email: {dtype: string}
      phone: {dtype: string}
      born: {dtype: date}
      price: {dtype: number}
    annotation:
      searchable: {given: 3, surname: 3, title: 3, city: 2, aliases: 2, notes: 1}
      compare: [born, price]
      identity: [{columns: [email], strength: strong}, {columns: [phone], strength: shared}]
"""
SPEC = parse_schema(SCHEMA, "scoring").by_name["Thing"]
assert SPEC.declared is not None
ANNOTATION = SPEC.declared
TEXT = ("given", "surname", "title", "city", "notes", "aliases")
ROLES = {
    "given": Role.NAME, "surname": Role.NAME, "title": Role.NAME, "city": Role.ATTRIBUTE, "notes": Role.TEXT,
    "aliases": Role.TEXT, "email": Role.STRONG, "phone": Role.SHARED, "born": Role.DATE, "price": Role.NUMBER,
    "*": Role.CODE,
}  # fmt: skip
NAMES = ("given", "surname", "title")
VALUES = {
    "email": ("a@x.io", "b@y.org", "abcdef@x.io", "abcdeg@x.io"),
    "phone": ("1", "2", "5551234", "5551235"),
    "born": ("1990-05-01", "1990-05-02", "1990-01-05", "1970-12-31"),
    "price": (10, 11, 90, 9.9),
}
WORDS = (
    "ana anna lopez lopes garcia oslo steak house steakhouse i ii iv v a b ab abc c x 12 13 b12 b13 abc1234 abc1234x "
    "abc12345 z9911 991122 with without doctor dr"
).split()
NEW = ["zebra", "z99", "al", "anb", "z", "abc123456", "z991155", "iii", "abc1", "234", "99", "d", "house2"]
"""Words that no text has yet; some read as codes, as parts of codes, and as slips of the others."""

words = st.sampled_from(WORDS)
texts = st.lists(words, min_size=1, max_size=4).map(" ".join)
searched = st.fixed_dictionaries({}, optional=dict.fromkeys(TEXT, texts))
valued = st.fixed_dictionaries({}, optional={name: st.sampled_from(found) for name, found in VALUES.items()})
payloads = st.builds(lambda one, two: one | two, searched, valued)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two payloads: often one of them is the other with words lost, added, in another order, or in another column."""
    one = draw(payloads)
    if draw(st.integers(0, 3)) == 0:
        return one, draw(payloads)
    other = dict(one)
    if "given" in other and "surname" in other and draw(st.booleans()):
        other["given"], other["surname"] = other["surname"], other["given"]
    for column in draw(st.lists(st.sampled_from(TEXT), max_size=3, unique=True)):
        if column not in other:
            other[column] = draw(texts)
            continue
        said = other[column].split()
        change = draw(st.sampled_from(("replace", "add", "drop", "turn", "leave out")))
        if change == "replace":
            said[draw(st.integers(0, len(said) - 1))] = draw(words)
        elif change == "add":
            said.append(draw(words))
        elif change == "drop":
            said = said[1:] or said
        elif change == "turn":
            said.reverse()
        other[column] = " ".join(said)
        if change == "leave out":
            del other[column]
    return one, other


@st.composite
def shares(draw: st.DrawFn) -> tuple[float, ...]:
    """How often each level occurs: any seven numbers above 0 whose sum is 1."""
    raw = draw(st.lists(st.floats(1e-4, 1.0), min_size=LEVELS, max_size=LEVELS))
    total = sum(raw)
    return tuple(each / total for each in raw)


columns_learned = st.builds(ColumnShares, shares(), shares(), shares())


@st.composite
def learned(draw: st.DrawFn) -> Calibration:
    """A calibration that is not the default: some columns learned, some not, any weights of the columns that name."""
    seen = draw(st.lists(st.sampled_from(sorted(ROLES)), max_size=6, unique=True))
    raw = draw(st.none() | st.lists(st.floats(0.0, 1.0), min_size=len(NAMES), max_size=len(NAMES)))
    telling = {} if raw is None or sum(raw) == 0 else {n: w / sum(raw) for n, w in zip(NAMES, raw, strict=True)}
    return Calibration(
        {place(column, ROLES[column]): draw(columns_learned) for column in seen},
        telling,
        repeats=draw(st.floats(0.001, 0.95)),
        siblings=draw(st.floats(0.001, 0.995)),
        shift=draw(st.sampled_from((0.0, 0.0, -2.0, 2.0))),
    )


calibrations = st.just(Calibration()) | learned()


def statistics_with(calibration: st.SearchStrategy[Calibration]) -> st.SearchStrategy[Statistics]:
    """Statistics of a class of any size, in which any word is as common as it may be."""
    return st.builds(
        lambda documents, held, found: Statistics(
            1, documents, {word: min(n, documents) for word, n in held.items()}, documents, found
        ),
        st.sampled_from((0, 3, 50, 10_000)),
        st.dictionaries(st.sampled_from([*WORDS, *NEW]), st.integers(2, 10_000)),
        calibration,
    )


cold = statistics_with(st.just(Calibration()))
statistics = statistics_with(calibrations)


def record(payload: dict[str, Any]) -> Record:
    """A payload as the score sees it."""
    return Record.of(payload, SPEC, ANNOTATION)


def all_words(*all_of: dict[str, Any]) -> set[str]:
    """Every word of the searchable columns."""
    return {token for said in all_of for column in TEXT if column in said for token in value_tokens(said[column])}
