"""Memories of older versions under the newest one: what each `from:` does, on which way, and what does not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from memreg.registry.lineage import Lineage, Place, Problem
from memreg.registry.models import SchemaSpec
from tests.support.evolution import lineage, of_columns, schema


def brought(before: list[str], after: list[str], payload: dict[str, Any]) -> dict[str, Any]:
    """A payload of `before` as a version with the columns `after` has it; everything has to fit."""
    done = lineage(of_columns(*before), of_columns(*after)).upcast("Thing", 1, payload, {})
    assert done.problems == ()
    return done.payload


NAME = "name: {dtype: string}"
TAGS = 'tags: {dtype: "list[string]"}'
NUMBER = "n: {dtype: integer}"
BIG = "big: {dtype: enum, values: [one, many], from: {column: n, map: {1: one}, otherwise: many}}"
DAY = "day: {dtype: date, from: {column: at, cast: date}}"
LETTER = "n: {dtype: enum, values: [a, b], from: {map: {true: a, false: b}}}"
MAPPED_TAGS = 'tags: {dtype: "list[string]", from: {map: {a: b, c: null}}}'


def part(column: str, rest: str = "") -> str:
    """A column that is a part of the name."""
    return f'p: {{dtype: string, from: {{column: name, split: " ", part: {column}{rest}}}}}'


@pytest.mark.parametrize(
    ("before", "after", "payload", "expected"),
    [
        (NAME, "name: {dtype: string}", {"name": "Ana"}, {"name": "Ana"}),
        (NAME, "title: {dtype: string, from: name}", {"name": "Ana"}, {"title": "Ana"}),
        (NAME, "other: {dtype: string}", {"name": "Ana"}, {}),
        (NAME, "name: {dtype: string, from: []}", {"name": "Ana"}, {}),
        (NAME, part("1"), {"name": "Ana B C"}, {"p": "Ana"}),
        (NAME, part("-1"), {"name": "Ana B C"}, {"p": "C"}),
        (NAME, part("2", ", rest: true"), {"name": "Ana  B C "}, {"p": "B C"}),
        (NAME, part("-2", ", rest: true"), {"name": "Ana B C"}, {"p": "B C"}),
        (NAME, part("2"), {"name": "Ana"}, {}),
        (NAME, TAGS.replace("}", ', from: {column: name, split: ","}}'), {"name": "a, b,,"}, {"tags": ["a", "b"]}),
        (TAGS, "tags: {dtype: string, from: {join: /}}", {"tags": ["a", "b"]}, {"tags": "a/b"}),
        ("n: {dtype: string}", NUMBER, {"n": "42"}, {"n": 42}),
        (NUMBER, "n: {dtype: string}", {"n": 42}, {"n": "42"}),
        (NUMBER, 'n: {dtype: "list[integer]"}', {"n": 42}, {"n": [42]}),
        ("n: {dtype: number}", "n: {dtype: integer, from: {cast: round}}", {"n": 2.5}, {"n": 3}),
        ("on: {dtype: boolean}", "on: {dtype: string, from: {cast: yes_no}}", {"on": False}, {"on": "no"}),
        ("at: {dtype: datetime}", DAY, {"at": "2026-01-31T10:00:00"}, {"day": "2026-01-31"}),
        (NUMBER, BIG, {"n": 1}, {"big": "one"}),
        (NUMBER, BIG, {"n": 2}, {"big": "many"}),
        ("n: {dtype: string}", "n: {dtype: integer, from: {otherwise: null}}", {"n": "many"}, {}),
        ("n: {dtype: boolean}", LETTER, {"n": True}, {"n": "a"}),
        (TAGS, MAPPED_TAGS, {"tags": ["a", "c", "d"]}, {"tags": ["b", "d"]}),
        (TAGS, MAPPED_TAGS, {"tags": ["c"]}, {}),
        (NAME, "name: {dtype: string, normalize: [casefold]}", {"name": "ANA"}, {"name": "ana"}),
        (NAME, "state: {dtype: string, default: new}", {"name": "Ana"}, {"state": "new"}),
        (NAME, 'tags: {dtype: "list[string]", default: [a, b]}', {"name": "Ana"}, {"tags": ["a", "b"]}),
        (NAME, "name: {dtype: string, default: nobody}", {}, {"name": "nobody"}),
        (NAME, "name: {dtype: string, default: nobody}", {"name": "Ana"}, {"name": "Ana"}),
        (NAME, "name: {dtype: string}", {"name": None, "unknown": 1}, {"name": None, "unknown": 1}),
        (NAME, "title: {dtype: string, from: name}", {"name": None, "unknown": 1}, {}),
    ],
)
def test_a_value_is_made_as_the_column_says(
    before: str, after: str, payload: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert brought([before], [after], payload) == expected


def test_several_columns_are_joined_or_the_first_is_taken() -> None:
    before = ["street: {dtype: string}", "city: {dtype: string}", "zip: {dtype: integer}"]
    joined = ['place: {dtype: text, from: {columns: [street, zip, city], join: ", "}}']
    assert brought(before, joined, {"street": "Elm 1", "city": "Oslo", "zip": 150}) == {"place": "Elm 1, 150, Oslo"}
    assert brought(before, joined, {"city": "Oslo"}) == {"place": "Oslo"}
    assert brought(before, joined, {}) == {}
    first = ["place: {dtype: string, from: {columns: [street, city], cast: first}}"]
    assert brought(before, first, {"city": "Oslo"}) == {"place": "Oslo"}
    listed = ['places: {dtype: "list[string]", from: {columns: [city, street]}}']
    assert brought(before, listed, {"street": "Elm 1", "city": "Oslo"}) == {"places": ["Oslo", "Elm 1"]}


def test_two_columns_can_come_from_one_and_change_places() -> None:
    before = ["a: {dtype: 'list[string]'}", "b: {dtype: 'list[string]'}"]
    swapped = ["a: {dtype: 'list[string]', from: b}", "b: {dtype: 'list[string]', from: a}"]
    assert brought(before, swapped, {"a": ["1"], "b": ["2"]}) == {"a": ["2"], "b": ["1"]}
    twice = ["a: {dtype: 'list[string]'}", "c: {dtype: 'list[string]', from: a}"]
    made = brought(before, twice, {"a": ["1"]})
    assert made == {"a": ["1"], "c": ["1"]}
    assert made["a"] is not made["c"]


def test_what_does_not_fit_is_left_out_and_named() -> None:
    versions = lineage(
        of_columns("n: {dtype: string}", "name: {dtype: string}", "secret: {dtype: string, pii: true}"),
        of_columns("n: {dtype: integer, default: 7}", "name: {dtype: string}", "code: {dtype: integer, from: secret}"),
    )
    done = versions.upcast("Thing", 1, {"n": "many", "name": "Ana", "secret": "hush"}, {})
    assert done.payload == {"name": "Ana"}
    assert done.problems == (
        Problem("n", "'many' is not a whole number"),
        Problem("code", "the value is not a whole number, as made of secret"),
    )
    assert versions.can_fail("Thing", 1)


def test_originals_follow_what_was_renamed_or_retyped() -> None:
    versions = lineage(
        of_columns("a: {dtype: string}", "n: {dtype: string}", "gone: {dtype: string}", "s: {dtype: string}"),
        of_columns(
            "b: {dtype: string, from: a}",
            "n: {dtype: integer}",
            "t: {dtype: string, from: {column: s, split: ' ', part: 1}}",
        ),
    )
    done = versions.upcast("Thing", 1, {"a": "x", "n": "1", "gone": "y", "s": "p q"}, dict.fromkeys("ans", "said"))
    assert done.originals == {"b": "said", "n": "said"}


PERSON = "Person:\n  columns:\n    name: {dtype: string}"
CONTACT = "Contact:\n  from: Person\n  columns:\n    full: {dtype: string, from: name}"
TITLED = "Contact:\n  from: Person\n  columns:\n    title: {dtype: string, from: full}"


def test_a_class_is_found_under_the_names_that_it_had() -> None:
    versions = lineage(schema(PERSON), schema(CONTACT), schema(TITLED))
    assert versions.places("Contact") == (Place("Contact", 2, 3), Place("Person", 1, 1))
    assert versions.class_now("Person", 1) == "Contact"
    assert versions.class_now("Person", 2) is None
    assert versions.upcast("Person", 1, {"name": "Ana"}, {}).payload == {"title": "Ana"}
    assert versions.upcast("Contact", 2, {"full": "Ana"}, {}).payload == {"title": "Ana"}
    assert versions.former_classes == {"Person": "Contact"}
    assert versions.former_columns("Contact") == {"name": "title", "full": "title"}


def test_a_class_that_is_gone_keeps_its_memories_and_takes_them_again_when_it_comes_back() -> None:
    other = "Other:\n  columns:\n    a: {dtype: string}"
    gone = lineage(schema(PERSON, other), schema(other))
    assert gone.upcast("Person", 1, {"name": "Ana"}, {}).class_name is None
    assert gone.upcast("Person", 1, {"name": "Ana"}, {}).payload == {"name": "Ana"}
    assert gone.places("Person") == ()
    again = lineage(schema(PERSON, other), schema(other), schema(PERSON.replace("string", "text"), other))
    assert again.upcast("Person", 1, {"name": "Ana"}, {}).class_name == "Person"
    assert again.places("Person") == (Place("Person", 1, 3),)


def test_a_new_class_of_a_former_name_has_memories_of_its_own() -> None:
    versions = lineage(schema(PERSON), schema(CONTACT), schema(CONTACT, PERSON))
    assert versions.places("Contact") == (Place("Contact", 2, 3), Place("Person", 1, 1))
    assert versions.places("Person") == (Place("Person", 3, 3),)
    assert versions.former_classes == {}


def test_a_from_that_the_base_has_done_is_left_as_done() -> None:
    kept = of_columns(
        "name: {dtype: string}",
        "first: {dtype: string, from: {column: name, split: ' ', part: 1}}",
        "note: {dtype: string}",
    )
    without = replace(kept.classes[0], columns=kept.classes[0].columns[:2])
    versions = lineage(of_columns(NAME), replace(kept, classes=(without,)), kept)
    assert versions.upcast("Thing", 2, {"name": "Ana B", "first": "Anna"}, {}).payload["first"] == "Anna"
    assert not versions.changes_payload("Thing", 2)
    assert versions.upcast("Thing", 1, {"name": "Ana B"}, {}).payload == {"name": "Ana B", "first": "Ana"}


def test_what_brings_a_version_back_reads_its_memories_as_they_are() -> None:
    swap = of_columns("a: {dtype: string, from: b}", "b: {dtype: string, from: a}")
    versions = lineage(of_columns("a: {dtype: string}", "b: {dtype: string}"), swap, swap, restores={3: 1})
    payload = {"a": "1", "b": "2"}
    assert versions.upcast("Thing", 1, payload, {}).payload == payload
    assert not versions.changes_payload("Thing", 1)
    assert versions.upcast("Thing", 2, payload, {}).payload == {"a": "2", "b": "1"}


def test_memories_beside_the_way_turn_back_to_it() -> None:
    """Version 2 was rejected after memories had been written under it; 3 is based on 1 as well."""
    rejected = of_columns("full: {dtype: string, from: name}", "age: {dtype: integer}")
    versions = lineage(of_columns(NAME), rejected, of_columns("title: {dtype: string, from: name}"), bases={3: 1})
    assert versions.upcast("Thing", 2, {"full": "Ana", "age": 4}, {}).payload == {"title": "Ana"}
    same = lineage(of_columns(NAME), rejected, rejected, bases={3: 1})
    assert same.upcast("Thing", 2, {"full": "Ana", "age": 4}, {}).payload == {"full": "Ana", "age": 4}
    assert not same.changes_payload("Thing", 2)


def test_a_version_without_a_known_base_is_read_by_names() -> None:
    versions = lineage(of_columns(NAME), of_columns(NAME), of_columns(NAME, "x: {dtype: string}"), bases={2: 0, 3: 2})
    assert versions.upcast("Thing", 1, {"name": "Ana"}, {}).payload == {"name": "Ana"}


def far() -> Lineage:
    """Four versions, of which the last brings back the first."""
    first = of_columns("a: {dtype: string}")
    second = of_columns("b: {dtype: string, from: a}")
    third = of_columns("c: {dtype: string, from: b}")
    return lineage(first, second, third, first, restores={4: 1})


def test_a_version_far_back_is_brought_back_step_by_step() -> None:
    versions = far()
    for number, column in enumerate("abc", start=1):
        assert versions.upcast("Thing", number, {column: "x"}, {}).payload == {"a": "x"}


@pytest.mark.parametrize(
    ("before", "after", "can_fail"),
    [
        ("n: {dtype: string}", "m: {dtype: string, from: n}", False),
        ("n: {dtype: string}", "n: {dtype: text}", False),
        ("n: {dtype: text}", "n: {dtype: string}", True),
        ("n: {dtype: integer}", "n: {dtype: number}", False),
        ("n: {dtype: number}", "n: {dtype: integer}", True),
        ("n: {dtype: string}", "n: {dtype: string, normalize: [trim]}", False),
        ("n: {dtype: string}", "n: {dtype: string, normalize: [email]}", True),
        ("n: {dtype: enum, values: [a]}", "n: {dtype: enum, values: [a, b]}", False),
        ("n: {dtype: enum, values: [a, b]}", "n: {dtype: enum, values: [a]}", True),
        ("n: {dtype: enum, values: [a, b]}", "n: {dtype: enum, values: [a], from: {map: {b: a}}}", False),
        ("n: {dtype: enum, values: [a, b]}", "n: {dtype: enum, values: [a], from: {otherwise: a}}", False),
        ("n: {dtype: boolean}", "n: {dtype: string}", True),
        ("n: {dtype: boolean}", "n: {dtype: string, from: {cast: text}}", False),
        ("n: {dtype: datetime}", "n: {dtype: date, from: {cast: date}}", False),
        ("n: {dtype: datetime}", "n: {dtype: date}", True),
        ("n: {dtype: integer}", 'n: {dtype: "list[integer]"}', False),
        ('n: {dtype: "list[integer]"}', "n: {dtype: integer}", True),
        ('n: {dtype: "list[integer]"}', "n: {dtype: integer, from: {cast: last}}", False),
    ],
)
def test_whether_a_value_may_not_fit_is_known_beforehand(before: str, after: str, can_fail: bool) -> None:
    versions = lineage(of_columns(before), of_columns(after))
    assert versions.can_fail("Thing", 1) is can_fail


def test_a_proposal_takes_the_words_of_the_newest_version_and_is_not_checked() -> None:
    older = schema(
        """
Person:
  aliases: [Human]
  columns:
    name:  {dtype: string}
    state: {dtype: enum, values: [new, old]}
    age:   {dtype: string}
    at:    {dtype: datetime}
    gone:  {dtype: string}
"""
    )
    newer = schema(
        """
Contact:
  from: Person
  columns:
    first: {dtype: string, from: {column: name, split: " ", part: 1}}
    state: {dtype: enum, values: [open, closed], from: {map: {new: open}, otherwise: closed}}
    years: {dtype: integer, from: age}
    day:   {dtype: date, from: {column: at, cast: date}}
"""
    )
    versions = lineage(older, newer)
    said = {"name": "Ana B", "state": "NEW", "age": "four", "at": "2026-01-31 10:00", "gone": "x", "odd": 1}
    expected = {"first": "Ana", "state": "open", "years": "four", "day": "2026-01-31", "gone": "x", "odd": 1}
    assert versions.translate("Human", 1, said) == ("Contact", expected)
    assert versions.translate("Nothing", 1, said) == ("Nothing", said)
    assert versions.translate("Contact", 2, said) == ("Contact", said)


def test_what_a_proposal_says_of_another_object_is_left_to_the_validator() -> None:
    ref = '{dtype: "list[ref[Thing]]"}'
    versions = lineage(
        of_columns(f"all: {ref}"), of_columns('one: {dtype: "ref[Thing]", from: {column: all, cast: first}}')
    )
    said = [{"name": "Ana"}, {"name": "Eva"}]
    assert versions.translate("Thing", 1, {"all": said}) == ("Thing", {"one": said})
    one = "01a1fc4b-d43c-7014-8b8b-1ddda5642c73"
    assert versions.upcast("Thing", 1, {"all": [one]}, {}).payload == {"one": one}


def test_a_long_line_of_versions_is_read_from_each_and_compiled_once() -> None:
    specs: list[SchemaSpec] = [of_columns("c0: {dtype: string}")]
    specs += [of_columns(f"c{number}: {{dtype: string, from: c{number - 1}}}") for number in range(1, 200)]
    versions = lineage(*specs)
    assert versions.places("Thing") == (Place("Thing", 1, 200),)
    assert len(versions.former_columns("Thing")) == 199
    for number in (1, 2, 100, 199, 200):
        assert versions.upcast("Thing", number, {f"c{number - 1}": "x"}, {}).payload == {"c199": "x"}
    steps = {id(each) for number in range(1, 200) for each in versions.steps("Thing", number)}
    assert len(steps) == 199


def test_what_was_personal_once_is_shown_in_no_later_reason() -> None:
    versions = lineage(
        of_columns("a: {dtype: string, pii: true}"),
        of_columns("b: {dtype: string, from: a}"),
        of_columns("b: {dtype: integer, from: []}", "c: {dtype: integer, from: b}"),
    )
    assert versions.upcast("Thing", 2, {"b": "plain"}, {}).problems[0].reason.startswith("'plain' is not")
    assert versions.upcast("Thing", 1, {"a": "hush"}, {}).problems[0].reason.startswith("the value is not")
