"""Schema files that say what older memories mean: what is wrong in them is told with its place and what to write."""

from __future__ import annotations

import pytest

from memreg.core.errors import Mistake, SchemaInvalid
from memreg.registry.casts import CASTS
from memreg.registry.compatibility import can_read
from memreg.registry.parse import parse_schema
from memreg.registry.sources import check_sources
from tests.support.evolution import of_columns

BASE = """\
schema: s
classes:
  Person:
    columns:
      name:  {dtype: string}
      state: {dtype: enum, values: [new, old]}
      at:    {dtype: datetime}
      tags:  {dtype: "list[string]"}
      is_in: {dtype: boolean}
      size:  {dtype: number}
      boss:  {dtype: "ref[Person]"}
  Other:
    columns:
      name: {dtype: string}
"""
NEXT = """\
schema: s
classes:
  Contact:
    from: Person
    aliases: [Human, Individual]
    columns:
      first: {dtype: string, from: {column: name, split: " ", part: 1}}
      state: {dtype: enum, values: [open, closed], from: {map: {new: open}, otherwise: closed}, default: open}
      day:   {dtype: date, from: {column: at, cast: date}}
      full:  {dtype: text, from: {columns: [name, state], join: ", "}}
      name:  {dtype: string, from: []}
      firm:  {dtype: "ref[Company]", on_delete: refuse, required: true}
      tags:  {dtype: "list[string]", default: [a, b]}
      boss:  {dtype: "ref[Contact]"}
  Company:
    columns:
      name:   {dtype: string}
      owners: {dtype: "list[ref[Contact]]"}
"""


def mistakes_in(text: str) -> tuple[Mistake, ...]:
    """What is wrong in a file by itself, or else as the next version of BASE."""
    try:
        spec = parse_schema(text, "test")
    except SchemaInvalid as error:
        return error.mistakes
    return check_sources(spec, parse_schema(BASE, "base"))


def test_a_right_file_has_no_mistakes_whatever_it_is_based_on() -> None:
    spec = parse_schema(NEXT, "test")
    assert mistakes_in(NEXT) == ()
    assert check_sources(spec, spec) == ()
    assert check_sources(spec, None) == ()
    assert str(spec.by_name["Contact"].by_name["boss"].dtype) == "ref[Contact]"
    assert str(spec.by_name["Company"].by_name["owners"].dtype) == "list[ref[Contact]]"


FIRST = 'from: {column: name, split: " ", part: 1}'
DAY = "from: {column: at, cast: date}"
FULL = 'from: {columns: [name, state], join: ", "}'
OF_STATE = "from: {map: {new: open}, otherwise: closed}, default: open"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        # What the base does not have
        (FIRST, "from: nam", 7, "Person has no column 'nam' in the version before; did you mean name?"),
        (FIRST, "from: xyz", 7, "its columns are name, state, at"),
        ("tags:  {", "tags:  {from: label, ", 13, "it has tags already: remove from"),
        ("from: Person", "from: Persn", 4, "the version before has no class 'Persn'; did you mean Person?"),
        ("from: Person\n", "from: Other\n", 9, "Other has no column 'at'"),
        ("    from: Person\n", "", 6, "has no class Contact whose name it could be"),
        ("  Company:\n", "  Company:\n    from: Person\n", 16, "Contact takes over the memories of Person already"),
        ("{new: open}", "{nw: open}", 8, "speaks of 'nw', which no state can be, as it is enum; did you mean new?"),
        # What can never fit
        (DAY, "from: is_in", 9, "no boolean can become a date: remove from, or change the dtype"),
        (DAY, "from: {column: is_in, cast: date}", 9, "the cast date is for date, datetime, and is_in is boolean"),
        (DAY, "from: {column: at, cast: first}", 9, "the cast first is for lists, and at is datetime: remove it"),
        ("dtype: date, " + DAY, "dtype: integer, from: at", 9, "write cast: year if this is meant"),
        ("full:  {dtype: text, " + FULL, "full:  {dtype: text, from: is_in", 10, "write cast: text if this is meant"),
        (FIRST, 'from: {column: tags, split: " ", part: 1}', 7, "only one text can be split: remove split"),
        (FIRST, "from: boss", 7, "no ref can become a string"),
        (FIRST, "from: {columns: [boss, name], join: x}", 7, "boss is a reference"),
        # What a file cannot say
        ("cast: date", "cast: dat", 9, "must be one of round, floor"),
        ("cast: date", "cost: date", 9, "unknown key 'cost'; did you mean cast?"),
        ("part: 1", "part: 0", 7, "must be 1 for the first part, -1 for the last"),
        ("part: 1", "part: one", 7, "not 'one'"),
        (", part: 1", "", 7, "gives several parts, and this is string: say which with part: 1"),
        (', split: " "', "", 7, 'there is no split to take a part of: write split: " "'),
        (', split: " ", part: 1', ", rest: true", 7, "says from which part on"),
        ('split: " "', 'split: ""', 7, 'is empty: write what stands between the parts, as " "'),
        (FIRST, "from: {columns: [name, state]}", 7, 'are several, and this is string: write join: " " or cast: first'),
        (FIRST, "from: {columns: [name, name], join: x}", 7, "'name' is there twice"),
        (FIRST, 'from: {columns: [name, state], split: " ", part: 1}', 7, "is for one column"),
        (FIRST, "from: {column: name, columns: [name]}", 7, "column is there as well: keep one of them"),
        (FIRST, "from: [name, state]", 7, "must be a name or a mapping"),
        (FIRST, "from: {}", 7, "says nothing"),
        (FIRST, "from: first", 7, "a column comes from its own name anyway"),
        (FIRST, "from: {column: first}", 7, "a column comes from its own name anyway"),
        (FIRST, "from: {columns: [], cast: first}", 7, "an empty list makes this a new column: remove the other keys"),
        (FIRST, "from: a b", 7, "must be named by a letter"),
        ("{new: open}", "{new: opn}", 8, "'opn' is not one of open, closed; did you mean open?"),
        ("{new: open}", "{new: [open]}", 8, "'new' must become one value, not a list"),
        ("{new: open}", "{}", 8, "must be a mapping of old values to new ones"),
        ("{new: open}", "{new: open, new: closed}", 8, "'new' is there twice"),
        ("otherwise: closed", "otherwise: shut", 8, "'shut' is not one of open, closed"),
        ("otherwise: closed", "otherwise: {a: b}", 8, "must be one enum, not a mapping"),
        ("default: open", "default: opn", 8, "did you mean open?"),
        ("default: open", "default: null", 8, "a default is a value: without one, remove it"),
        ("default: [a, b]", "default: []", 13, "must be one list[string], not nothing"),
        ("on_delete: refuse", "default: x", 12, "a reference has no default"),
        ("on_delete: refuse", "examples: [x]", 12, "a reference has no examples"),
        ("on_delete: refuse", "on_delete: forget", 12, "must be one of keep, clear, refuse, cascade"),
        ("on_delete: refuse", "on_delete: clear", 12, "a required reference cannot be cleared"),
        ("default: [a, b]", "on_delete: keep", 13, "on_delete belongs to references, and this is list[string]"),
        ("ref[Company]", "ref[Compny]", 12, "there is no class 'Compny' to refer to; did you mean Company?"),
        ("ref[Company]", "ref[company]", 12, "did you mean Company?"),
        ("ref[Company]", "ref[]", 12, "the class of a reference"),
        ("ref[Company]", "ref", 12, "did you mean ref[Class]?"),
        (
            '{dtype: "list[ref[Contact]]"}', '{dtype: "list[ref[Contact]]", required: true}', 18,
            "go in a circle, so that none could be the first: Contact.firm → Company.owners → Contact",
        ),
        ('{dtype: "ref[Contact]"}', '{dtype: "ref[Contact]", required: true}', 14, "Contact.boss → Contact;"),
        ("[Human, Individual]", "[company]", 5, "'company' means Company already"),
        ("[Human, Individual]", "[contact]", 5, "'contact' is the class's own name"),
        ("[Human, Individual]", "[Human, Human]", 5, "'Human' is there twice"),
        ("[Human, Individual]", "[a b]", 5, "'a b' must be a letter"),
        ("[Human, Individual]", "Human", 5, "must be a list"),
        ("from: Person\n", "from: Contact\n", 4, "a class comes from its own name anyway"),
        ("from: Person\n", "from: [Person]\n", 4, "must be text, not a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in NEXT
    found = mistakes_in(NEXT.replace(old, new, 1))
    assert any(mistake.line == line and words in mistake.text for mistake in found), found


def test_two_classes_cannot_become_one() -> None:
    both = BASE.replace("  Other:\n", "  Other:\n    from: Person\n")
    assert "Person is a class of this version too" in mistakes_in(both)[0].text
    one = "schema: s\nclasses:\n  Other:\n    from: Person\n    columns:\n      name: {dtype: string}\n"
    assert "has a class Other already, and two classes cannot become one" in mistakes_in(one)[0].text


def test_a_key_needs_a_column_without_a_default() -> None:
    text = "schema: s\nclasses:\n  A:\n    columns:\n      a: {dtype: string, default: x}\n      b: {dtype: string}\n"
    text += "    annotation: {identity: [{columns: [%s]}]}\n"
    assert "would all have its default, and be one" in mistakes_in(text % "a")[0].text
    assert mistakes_in(text % "a, b") == ()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("round", 2.5, 3),
        ("round", -2.5, -3),
        ("round", 2, 2),
        ("floor", -2.1, -3),
        ("ceil", 2.1, 3),
        ("truncate", -2.9, -2),
        ("date", "2026-01-31T10:00:00+00:00", "2026-01-31"),
        ("midnight", "2026-01-31", "2026-01-31T00:00:00"),
        ("year", "2026-01-31", 2026),
        ("seconds", 0, "1970-01-01T00:00:00+00:00"),
        ("milliseconds", 1500, "1970-01-01T00:00:01.500000+00:00"),
        ("first", ["a", "b"], "a"),
        ("first", "a", "a"),
        ("last", ["a", "b"], "b"),
        ("count", ["a", "b"], 2),
        ("digits", "+47 12-3", "47123"),
        ("digits", ["a1", "b2"], ["1", "2"]),
        ("number", "12.5 kg", 12.5),
        ("number", "about 12", 12),
        ("text", True, "true"),
        ("text", 1.5, "1.5"),
        ("yes_no", False, "no"),
        ("positive", 0, False),
        ("positive", 0.1, True),
        ("shorten", "x" * 20_000, "x" * 10_000),
    ],
)
def test_what_each_cast_does(name: str, value: object, expected: object) -> None:
    assert CASTS[name](value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("number", "1,234"), ("number", "1 to 2"), ("number", "none"), ("seconds", 1e300), ("yes_no", 1), ("round", "x")],
)
def test_what_a_cast_does_not_take_is_refused(name: str, value: object) -> None:
    from memreg.registry.normalize import ValueRefused

    with pytest.raises(ValueRefused):
        CASTS[name](value)


def test_every_cast_says_what_it_does() -> None:
    assert all(cast.help.endswith(".") for cast in CASTS.values())


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        (
            ["name: {dtype: string}"],
            ["full: {dtype: string}"],
            "if it is full under another name, write from: name there",
        ),
        (["name: {dtype: string}"], ["full: {dtype: integer}"], ""),
        (["name: {dtype: string}"], ["a: {dtype: string}", "names: {dtype: string}"], "if it is names under another"),
        (["name: {dtype: string}"], ["a: {dtype: string}", "b: {dtype: string}"], ""),
        (["name: {dtype: string}", "b: {dtype: string}"], ["full: {dtype: string, from: b}"], ""),
    ],
)
def test_a_forgotten_from_is_pointed_out(before: list[str], after: list[str], hint: str) -> None:
    reasons = can_read(of_columns(*after), of_columns(*before))
    (removed,) = [each for each in reasons if each.where == "Thing.name" and each.kind == "removed"]
    assert hint in removed.text
    assert ("under another name" in removed.text) == bool(hint)
