"""Laws of compatibility over generated schemas, and that what is called wider really is."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.compatibility_laws import Laws
from bench.schemas_that_change import changed, schema
from memreg.registry.comparison import compare
from memreg.registry.compatibility import can_read
from memreg.registry.conversions import WIDENS, narrows
from memreg.registry.diff import diff
from memreg.registry.fingerprint import fingerprint
from memreg.registry.models import Column, Dtype, Kind
from memreg.registry.normalize import ValueRefused, normalize
from memreg.registry.reading import Side
from tests.properties.test_registry_parse import parsed, schemas, shuffled

CHANCES = st.integers(0, 2**32).map(random.Random)
KINDS = [kind for kind in Kind if kind is not Kind.REF]
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30),
    Kind.TEXT: st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30) | st.just("x" * 20_000),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.just(0.5),
    Kind.BOOLEAN: st.booleans(),
    Kind.DATE: st.dates().map(str),
    Kind.DATETIME: st.datetimes().map(lambda moment: moment.isoformat()),
    Kind.ENUM: st.sampled_from(["new", "done"]),
}


def column(dtype: Dtype) -> Column:
    """A column of a type; an enum knows other values than those that are written."""
    return Column("c", dtype, values=("new", "open") if dtype.kind is Kind.ENUM else ())


def is_read(reader: Dtype, value: object) -> bool:
    try:
        normalize(column(reader), value)
    except ValueRefused:
        return False
    return True


@given(CHANCES)
def test_the_laws_hold(chance: random.Random) -> None:
    laws = Laws()
    laws.attempt(chance)
    assert {law: broken for law, broken in laws.broken.items() if broken} == {}


@settings(max_examples=25)
@given(schemas(), CHANCES)
def test_a_schema_from_a_file_reads_itself_in_whatever_order_it_is_written(
    data: dict[str, Any], chance: random.Random
) -> None:
    spec, other = parsed(data), parsed(shuffled(data, chance))
    assert can_read(spec, spec) == can_read(spec, spec, "writer") == ()
    assert diff(spec, spec) == diff(spec, other) == ()
    assert fingerprint(spec) == fingerprint(other)


@given(CHANCES)
def test_what_is_told_of_a_change_is_a_difference_and_the_other_way_round_too(chance: random.Random) -> None:
    old = schema(chance)
    new = changed(chance, old)
    found = compare(Side(old), Side(new))
    assert bool(found.backward or found.forward) <= bool(found.changes)
    assert bool(diff(new, old)) == bool(found.changes) == (fingerprint(new) != fingerprint(old))


@settings(max_examples=300)
@given(st.sampled_from(KINDS), st.sampled_from(KINDS), st.booleans(), st.booleans(), st.data())
def test_every_value_of_a_type_is_read_as_a_wider_one(
    writer: Kind, reader: Kind, is_list: bool, becomes_list: bool, data: st.DataObject
) -> None:
    written, read = Dtype(writer, is_list), Dtype(reader, becomes_list)
    if narrows(read, written) or (writer is reader is Kind.ENUM):
        return
    value = data.draw(VALUES[writer])
    try:
        stored = normalize(column(written), value).value
    except ValueRefused:
        return  # no value of the writer's column
    assert is_read(read, [stored, stored] if is_list and not isinstance(stored, list) else stored)


@pytest.mark.parametrize("writer", KINDS)
@pytest.mark.parametrize("reader", KINDS)
def test_what_narrows_refuses_some_value(writer: Kind, reader: Kind) -> None:
    if writer is reader or reader in WIDENS[writer]:
        return
    examples = {
        Kind.STRING: "a word",
        Kind.TEXT: "x" * 20_000,
        Kind.INTEGER: 77,
        Kind.NUMBER: 0.5,
        Kind.BOOLEAN: True,
        Kind.DATE: "2026-01-31",
        Kind.DATETIME: "2026-01-31T10:00:00",
        Kind.ENUM: "done",
    }
    assert not is_read(Dtype(reader), examples[writer])
