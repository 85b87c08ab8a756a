"""The way back: what is turned round, and what is said not to come back."""

from __future__ import annotations

import pytest

from memreg.registry.dump import source_data
from memreg.registry.inverse import inverse
from tests.support.evolution import lineage, of_columns, schema

NAME = "name: {dtype: string}"


@pytest.mark.parametrize(
    ("before", "after", "back", "lost"),
    [
        ([NAME], [NAME], {}, []),
        ([NAME], ["title: {dtype: string, from: name}"], {"name": "title"}, []),
        (
            [NAME],
            [
                'first: {dtype: string, from: {column: name, split: " ", part: 1}}',
                'last: {dtype: string, from: {column: name, split: " ", part: 2, rest: true}}',
            ],
            {"name": {"columns": ["first", "last"], "join": " "}},
            ["spaces about"],
        ),
        (
            [NAME],
            ['first: {dtype: string, from: {column: name, split: " ", part: 1}}'],
            {"name": {"column": "first", "join": " "}},
            ["other parts of the text do not come back"],
        ),
        (
            [NAME],
            [NAME, 'first: {dtype: string, from: {column: name, split: " ", part: 1}}'],
            {},
            [],
        ),
        (
            ["street: {dtype: string}", "city: {dtype: string}"],
            ['place: {dtype: string, from: {columns: [street, city], join: ", "}}'],
            {
                "street": {"column": "place", "split": ", ", "part": 1},
                "city": {"column": "place", "split": ", ", "part": 2, "rest": True},
            },
            ["street is part 1 of place", "city is part 2 of place"],
        ),
        (
            ["s: {dtype: enum, values: [a, b]}"],
            ["s: {dtype: enum, values: [x, y], from: {map: {a: x, b: y}}}"],
            {"s": {"map": {"x": "a", "y": "b"}}},
            [],
        ),
        (
            ["s: {dtype: enum, values: [a, b, c]}"],
            ["s: {dtype: enum, values: [x, c], from: {map: {a: x, b: x}}}"],
            {"s": {"map": {"x": "a"}}},
            ["'b' became 'x', and comes back as 'a'"],
        ),
        (
            ["s: {dtype: enum, values: [a, b]}"],
            ["s: {dtype: enum, values: [b], from: {map: {a: b}}}"],
            {},
            ["'a' became 'b', and comes back as 'b'"],
        ),
        (
            ["s: {dtype: enum, values: [a, b]}"],
            ["s: {dtype: enum, values: [a], from: {otherwise: a}}"],
            {},
            ["because it did not fit"],
        ),
        (["n: {dtype: integer}"], ["n: {dtype: number}"], {}, ["is integer again"]),
        (["n: {dtype: string}"], ["n: {dtype: integer}"], {}, []),
        (["n: {dtype: enum, values: [a]}"], ["n: {dtype: enum, values: [a, b]}"], {}, ["is enum of a again"]),
        (["n: {dtype: enum, values: [a, b]}"], ["n: {dtype: enum, values: [a]}"], {}, []),
        (["n: {dtype: number}"], ["n: {dtype: integer, from: {cast: round}}"], {}, ["what the cast round took away"]),
        (
            ["at: {dtype: datetime}"],
            ["day: {dtype: date, from: {column: at, cast: date}}"],
            {"at": {"column": "day", "cast": "midnight"}},
            ["what the cast date took away"],
        ),
        (["a: {dtype: string}", NAME], [NAME], {}, ["has no column in Thing that it can be made of: it stays empty"]),
        ([NAME], [NAME, "b: {dtype: string}"], {}, ["Thing.b is not in Thing and is left out"]),
        (
            ["a: {dtype: string}", "b: {dtype: string}"],
            ["a: {dtype: string, from: b}", "b: {dtype: string, from: a}"],
            {"a": "b", "b": "a"},
            [],
        ),
        (
            [NAME, "x: {dtype: string}"],
            ["name: {dtype: string, from: []}", "x: {dtype: string}"],
            {"name": []},
            ["which means something else", "Thing.name is not in Thing and is left out"],
        ),
    ],
)
def test_the_way_back(before: list[str], after: list[str], back: dict[str, object], lost: list[str]) -> None:
    spec, sentences = inverse(of_columns(*before), of_columns(*after))
    columns = spec.by_name["Thing"].columns
    found = {each.name: source_data(each.source, each.name) for each in columns if each.source is not None}
    assert found == back
    assert len(sentences) == len(lost)
    assert all(words in sentence for words, sentence in zip(lost, sentences, strict=True))


def test_classes_go_back_to_their_names_and_new_ones_stay() -> None:
    old = schema("Person:\n  columns:\n    name: {dtype: string}", "Gone:\n  columns:\n    a: {dtype: string}")
    new = schema(
        "Contact:\n  from: Person\n  columns:\n    name: {dtype: string}",
        "Fresh:\n  columns:\n    a: {dtype: string}",
    )
    spec, lost = inverse(old, new)
    assert [(each.name, each.source) for each in spec.classes] == [("Person", "Contact"), ("Gone", None)]
    assert lost == ("Fresh is a class only of the newer version: its memories stay readable",)


def test_the_way_back_of_a_way_back_is_the_way_there() -> None:
    """A swap is taken back by the same swap: the words of the file are the same, and yet it is to be done again."""
    plain = of_columns("a: {dtype: string}", "b: {dtype: string}")
    swap = of_columns("a: {dtype: string, from: b}", "b: {dtype: string, from: a}")
    again, _ = inverse(swap, inverse(plain, swap)[0], literal=True)
    versions = lineage(plain, swap, inverse(plain, swap)[0], again, restores={3: 1, 4: 2})
    for number, payload in ((1, {"a": "1", "b": "2"}), (2, {"a": "2", "b": "1"}), (3, {"a": "1", "b": "2"})):
        assert versions.upcast("Thing", number, payload, {}).payload == {"a": "2", "b": "1"}
