"""The keys that a memory is found by: what meets, what does not, and where they end."""

from __future__ import annotations

from uuid import UUID

import pytest

from memreg.engine.candidates import (
    FAMILIES,
    MOST_KEYS,
    MOST_KEYS_OF_MEMORY,
    POSTINGS,
    memory_keys,
    numbers,
    probes,
    record_keys,
    shape,
    stem,
    summed_worth,
)
from memreg.engine.record import Record
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Dtype, Kind


def record(fields: dict[str, str], boosts: dict[str, float] | None = None, **compared: str) -> Record:
    """A record of searchable text by column, all of one boost where none are given, and compared values."""
    columns = tuple(Column(name, Dtype(Kind.STRING)) for name in (*fields, *compared))
    annotation = ClassAnnotation(searchable=boosts or dict.fromkeys(fields, 1.0), compare=tuple(compared))
    return Record.of(fields | compared, ClassSpec("Thing", columns), annotation)


def shared(one: Record, other: Record, kinds: str) -> set[str]:
    """The keys of some kinds that two records have in common."""
    return {key for key in record_keys(one).keys() & record_keys(other).keys() if key[0] in kinds}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("george", "geogre"),
        ("george", "gorge"),
        ("ferrar", "ferar"),
        ("lopez", "lopze"),
        ("catherine", "cathrine"),
        ("stephen", "stepehn"),
        ("isabell", "iesabll"),
        ("lopez", "lopes"),
        ("karl", "carl"),
        ("victor", "viktor"),
        ("ana", "anna"),
    ],
)
def test_most_slips_leave_the_shape(one: str, other: str) -> None:
    assert shape(one) == shape(other)


@pytest.mark.parametrize(("word", "expected"), [("aua", "au"), ("anna", "an"), ("東京", "京東"), ("smith", "mst")])
def test_a_word_of_few_consonants_is_shaped_by_its_letters(word: str, expected: str) -> None:
    assert shape(word) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("srsa212bk", "srsa212"),
        ("abs60bk", "abs60"),
        ("kp36ip", "kp36"),
        ("h2o", "h2o"),
        ("7737a001", "7737a001"),
        ("1080p", "1080p"),
    ],
)
def test_a_code_loses_the_letters_at_its_end_where_enough_is_left(code: str, expected: str) -> None:
    assert stem(code) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Canon KP-36IP kit", "canon kp36ip"),
        ("Earbuds MDR EX32LP/BLK", "Headphones MDREX32LPBLK"),
        ("GPS 010-00715-20", "GPS 0100071520"),
        ("VF2012-B1", "Sanus VF2012"),
        ("Speakers SRSA212/BLK", "SRS-A212BK"),
    ],
)
def test_codes_meet_with_and_without_separators(one: str, other: str) -> None:
    assert shared(record({"name": one}), record({"name": other}), "c")


def test_words_without_a_digit_make_no_code() -> None:
    assert not [key for key in record_keys(record({"name": "ana maria lopez"})) if key[0] == "c"]


def test_names_swapped_between_columns_meet_under_every_key() -> None:
    one = record({"given": "Harry", "family": "Bond"}, born="1979-12-08")
    other = record({"given": "Bond", "family": "Harry"}, born="1979-12-08")
    assert record_keys(one) == record_keys(other)


@pytest.mark.parametrize("other", ["1951-24-02", "1951-02-20", "1915-02-24", "1951-07-24", "19510224"])
def test_a_date_with_one_part_wrong_or_day_and_month_swapped_leaves_a_pair(other: str) -> None:
    mine, theirs = (record({"name": "Ana"}, born=born) for born in ("1951-02-24", other))
    assert shared(mine, theirs, "vd")


def test_equal_values_and_numbers_are_keys_and_truth_values_are_not() -> None:
    made = record({"name": "Ana"}, price="9.99", sold="true", year="2003")
    assert {"v999", "v2003"} <= record_keys(made).keys()
    assert not [key for key in record_keys(made) if "true" in key]


def test_without_searchable_text_there_is_no_key() -> None:
    assert record_keys(record({"name": "?!"}, born="1951-02-24")) == {}


def test_common_names_are_told_apart_by_pairs_of_other_words() -> None:
    made = record({"name": "John Smith", "city": "Oslo", "street": "Fjordgata"}, {"name": 3, "city": 2, "street": 1})
    pairs = [("jn", "mst"), ("ls", "mst"), ("dfgjrt", "mst"), ("jn", "ls")]
    assert {f"p{one} {other}" for one, other in pairs} <= record_keys(made).keys()


def test_a_long_text_has_no_more_keys_than_a_short_one_may() -> None:
    stuffed = record({"note": " ".join(f"word{n} ab{n}c" for n in range(5_000))}, born="1951-02-24", at="2020-01-01")
    assert len(record_keys(stuffed)) == MOST_KEYS
    other = record({"note": " ".join(f"word{n} ab{n}c" for n in reversed(range(5_000)))})
    assert len(shared(stuffed, other, "tc")) < MOST_KEYS


def test_which_words_of_a_long_text_count_does_not_hang_on_their_order() -> None:
    words = [f"{chr(97 + n % 26) * (n // 26 + 2)}" for n in range(100)]
    one, other = record({"note": " ".join(words)}), record({"note": " ".join(reversed(words))})
    assert record_keys(one).keys() == record_keys(other).keys()


def test_numbers_know_schema_and_class_and_are_the_same_everywhere() -> None:
    assert numbers("people", "Person", ["tana"]) == [-2285326825948221852]
    assert len({tuple(numbers(s, c, ["tana"])) for s, c in [("a", "b"), ("ab", ""), ("a", "c"), ("b", "b")]}) == 4
    assert all(-(2**63) <= n < 2**63 for n in numbers("s", "c", [str(n) for n in range(1_000)]))


def test_a_memory_is_kept_under_what_it_says_and_what_it_said() -> None:
    now, before = record({"name": "Ana Garcia"}), record({"name": "Ana Lopez"})
    kept = memory_keys([now, before], "s", "C")
    assert set(kept) == {*probes(now, "s", "C"), *probes(before, "s", "C")}
    assert kept[: len(probes(now, "s", "C"))] == tuple(probes(now, "s", "C"))
    many = [record({"note": " ".join(f"{letter}{n}xyz" for n in range(60))}) for letter in "abcde"]
    assert len(memory_keys(many, "s", "C")) == MOST_KEYS_OF_MEMORY


def test_a_key_of_many_says_less() -> None:
    many = [UUID(int=n) for n in range(POSTINGS * 4)]
    found = summed_worth({1: many[:1], 2: many[1:5], 3: many, 4: []}, {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0})
    assert found[many[0]] > found[many[1]] > found[many[5]] > 0
    assert found[many[5]] == pytest.approx(POSTINGS**-0.5)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_each_family_of_keys_says_what_it_is(family: object) -> None:
    assert len((family.__doc__ or "").split()) > 5
