"""The keys of any record: bounded, the same for the same content, and never less than what was said."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from memreg.engine.candidates import MOST_KEYS, MOST_KEYS_OF_MEMORY, memory_keys, probes, record_keys, shape
from memreg.engine.record import Record
from tests.support.engines import person

SPEC, ANNOTATION = person()

words = st.text(min_size=1, max_size=12)
texts = st.lists(words, max_size=40).map(" ".join)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "city": texts,
        "tags": st.lists(texts, max_size=4),
        "born": st.dates().map(lambda day: day.isoformat()),
        "email": st.emails(),
    },
)


def record(payload: dict[str, object]) -> Record:
    """A payload as keys and scores see it."""
    return Record.of(payload, SPEC, ANNOTATION)


@given(payloads)
def test_keys_are_bounded_and_weigh_something(payload: dict[str, object]) -> None:
    keys = record_keys(record(payload))
    assert len(keys) <= MOST_KEYS
    assert all(0 < weight <= 1 for weight in keys.values())
    assert bool(keys) == bool(record(payload).fields)


@given(payloads, st.randoms(use_true_random=False))
def test_the_order_of_columns_does_not_matter(payload: dict[str, object], chance: random.Random) -> None:
    items = list(payload.items())
    chance.shuffle(items)
    assert record_keys(record(dict(items))) == record_keys(record(payload))


@given(payloads)
def test_an_identity_value_is_no_key(payload: dict[str, object]) -> None:
    without = {column: value for column, value in payload.items() if column != "email"}
    assert record_keys(record(payload)) == record_keys(record(without))


@given(st.lists(payloads, min_size=1, max_size=5))
def test_a_memory_is_found_by_all_that_its_current_revision_says(revisions: list[dict[str, object]]) -> None:
    records = [record(payload) for payload in revisions]
    kept = memory_keys(records, "s", "Person")
    assert len(kept) == len(set(kept)) <= MOST_KEYS_OF_MEMORY
    assert set(probes(records[0], "s", "Person")) <= set(kept)


@given(st.text(min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_a_shape_does_not_know_the_order_of_letters(word: str, chance: random.Random) -> None:
    letters = list(word)
    chance.shuffle(letters)
    assert shape("".join(letters)) == shape(word)
