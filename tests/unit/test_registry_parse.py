"""Schema files: what is read, and that every mistake is told at once with its place and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.core.errors import Mistake, SchemaInvalid
from memreg.registry.models import ClassAnnotation, Column, Dtype, IdentityKey, Kind, Merge, Normalizer, Pattern
from memreg.registry.parse import COMPATIBILITY, parse_schema, parse_schema_file
from memreg.registry.yaml_tree import BYTE_LIMIT

FIXTURES = Path(__file__).parents[2] / "fixtures" / "schemas"

# The example of the design, word for word.
EXAMPLE = """\
schema: assistant              # ^[a-z][a-z0-9_]{0,62}$; unknown keys anywhere are errors
compatibility: backward        # none|backward|forward|full, and *_transitive
classes:
  Person:                      # ^[A-Za-z][A-Za-z0-9_]{0,62}$
    description: Somebody the user knows
    columns:                   # dtype: string text integer number boolean date datetime enum list[...]
      name:  {dtype: string, desc: Full name, required: true, normalize: [trim, collapse]}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      born:  {dtype: date, desc: Day of birth}
      tags:  {dtype: "list[string]", desc: Labels, merge: union, examples: [[friend]]}
    patterns: ["{name} was born on {born}", {text: "forget {email}", operation: delete}]
    annotation:                # optional, source "declared"; approval is still needed
      searchable: {name: 3, tags: 2}                       # column: boost, 0 < b <= 10
      compare: [born]
      identity: [{columns: [email], strength: strong}, {columns: [name, born], strength: strong}]
"""


def mistakes_in(text: str | bytes) -> tuple[Mistake, ...]:
    """What is wrong in a schema."""
    with pytest.raises(SchemaInvalid) as caught:
        parse_schema(text, "test.yaml")
    return caught.value.mistakes


def with_columns(columns: str) -> str:
    """A schema of one class with columns given in braces."""
    return f"schema: s\nclasses: {{A: {{columns: {{{columns}}}}}}}\n"


def test_the_example_of_the_design() -> None:
    spec = parse_schema(EXAMPLE, "assistant.yaml")
    assert (spec.name, spec.compatibility) == ("assistant", "backward")
    person = spec.by_name["Person"]
    assert person.description == "Somebody the user knows"
    assert person.columns == (
        Column(
            "name",
            Dtype(Kind.STRING),
            "Full name",
            required=True,
            normalize=(Normalizer("trim"), Normalizer("collapse")),
        ),
        Column("email", Dtype(Kind.STRING), "E-mail", pii=True, normalize=(Normalizer("email"),)),
        Column("born", Dtype(Kind.DATE), "Day of birth"),
        Column("tags", Dtype(Kind.STRING, is_list=True), "Labels", merge=Merge.UNION, examples=(("friend",),)),
    )
    assert person.patterns == (Pattern("{name} was born on {born}"), Pattern("forget {email}", "delete"))
    assert person.declared == ClassAnnotation(
        {"name": 3.0, "tags": 2.0},
        ("born",),
        (IdentityKey(("email",)), IdentityKey(("name", "born"))),
        source="declared",
    )


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_schema_of_the_fixtures_is_right(path: Path) -> None:
    assert parse_schema_file(path).name == path.stem


def test_all_mistakes_are_told_at_once_each_with_its_place() -> None:
    text = """\
schema: Bad Name
clases: {}
classes:
  Person:
    columns:
      name: {dtype: strng}
      born: {dtype: date, desc: 5}
    patterns: ["{nmae} is here"]
    annotation: {searchable: {name: 11}}
"""
    found = mistakes_in(text)
    assert [(mistake.line, mistake.column) for mistake in found] == [(1, 9), (2, 1), (6, 21), (7, 33), (8, 16), (9, 37)]
    message = str(SchemaInvalid("bad.yaml", found))
    assert message.startswith("The schema bad.yaml has 6 mistakes: line 1, column 9: schema:")


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ("a: {dtype: strng}", "unknown dtype 'strng'; did you mean string? Write one of string, text,"),
        ("a: {dtype: int}", "did you mean integer?"),
        ("a: {dtype: xyzzy}", "unknown dtype 'xyzzy': write one of string"),
        ("a: {dtype: [string]}", 'for a list write "list[string]", with quotes'),
        ('a: {dtype: "list[list[string]]"}', "unknown dtype"),
        ("a: {dtype: string, requird: true}", "unknown key 'requird'; did you mean required?"),
        ("a: {dtype: string, required: yes}", "must be true or false, not 'yes'"),
        ("a: string", "write {dtype: string}"),
        ("a: {desc: x}", "dtype is missing"),
        ("a: ", "must be a mapping with the keys dtype"),
        ("a: {dtype: enum}", "an enum needs its values: write values: [first, second]"),
        ("a: {dtype: enum, values: []}", "an enum needs at least one value"),
        ("a: {dtype: enum, values: [x, X]}", "are one value when case is ignored"),
        ("a: {dtype: enum, values: [1]}", "put quotes around '1'"),
        ("a: {dtype: enum, values: x}", "must be a list, not 'x'"),
        ("a: {dtype: string, values: [x]}", "values belong to dtype enum"),
        ("a: {dtype: string, merge: union}", "union is for lists"),
        ("a: {dtype: string, merge: append}", "append is for lists and text"),
        ("a: {dtype: string, merge: max}", "max is for single numbers, dates and datetimes"),
        ("a: {dtype: string, merge: replase}", "did you mean replace?"),
        ("a: {dtype: date, normalize: [trim]}", "trim is for strings and text"),
        ("a: {dtype: text, normalize: [email]}", "email is for strings, and this is text"),
        ("a: {dtype: string, normalize: [emial]}", "did you mean email?"),
        ("a: {dtype: string, normalize: [trim, trim]}", "trim is there twice"),
        ("a: {dtype: string, normalize: trim}", "must be a list, not 'trim': write normalize: [trim]"),
        ("a: {dtype: string, normalize: [{phone: XX}]}", "'XX' is no region"),
        ("a: {dtype: string, normalize: [{trim: NO}]}", "trim takes nothing"),
        ("a: {dtype: date, examples: [2026-02-30]}", "'2026-02-30' is not a date (day is out of range for month)"),
        ("a: {dtype: integer, examples: [1, two]}", "not an integer: 'two' is not a whole number"),
        ("a: {dtype: string}, A: {dtype: string}", "'a' and 'A' are one name when case is ignored"),
        ("a: {dtype: string}, a: {dtype: string}", "the column 'a' is there twice (first in line 2): keep one"),
        ("a: {dtype: string, dtype: text}", "dtype is written twice"),
        ("a b: {dtype: string}", "the column 'a b' must be named by a letter"),
        ("1a: {dtype: string}", "must be named by a letter"),
        ("a" * 64 + ": {dtype: string}", "must be named by a letter, then at most 62"),
        ("", "the class has no columns"),
    ],
)
def test_a_mistake_in_a_column(columns: str, text: str) -> None:
    (mistake,) = mistakes_in(with_columns(columns))
    assert text in mistake.text
    assert mistake.line == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Order", "'Order' is a reserved word of SQL: choose another name, as OrderRecord"),
        ("user", "'user' is a reserved word of SQL"),
        ("lambda", "'lambda' is a reserved word of Python"),
        ('"Robert\'); drop table"', "must be named by a letter"),
        ('"' + "x" * 300 + '"', "must be named by a letter"),
    ],
)
def test_a_class_name_that_cannot_be(name: str, text: str) -> None:
    (mistake,) = mistakes_in(f"schema: s\nclasses: {{{name}: {{columns: {{a: {{dtype: string}}}}}}}}\n")
    assert text in mistake.text


def test_two_classes_of_one_name_after_normalisation() -> None:
    columns = "{columns: {a: {dtype: string}}}"
    (mistake,) = mistakes_in(f"schema: s\nclasses: {{Person: {columns}, PERSON: {columns}}}\n")
    assert "the classes 'Person' and 'PERSON' are one name" in mistake.text


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ('"{naem} lives"', "{naem} is no column; did you mean name? Places can be {name}, {age}"),
        ('"{name"', "has a brace too many or too few"),
        ('"nothing"', "has no place for a value: write one, as {name}"),
        ('"{name}"', "has no words around its places"),
        ('"is {name}{age}"', "two places with nothing between them"),
        ('"is {name} or {name}"', "has a place twice"),
        ('"is {age:d}"', "write only {age}"),
        ('"is {}"', "{} is no column"),
        ('{text: "is {name}", operation: remove}', "must be one of upsert, delete"),
        ("{operation: delete}", "text is missing"),
        ("5", "must be text"),
        ('"is {name}", "is {name}"', "is there twice"),
    ],
)
def test_a_mistake_in_a_pattern(pattern: str, text: str) -> None:
    columns = "{name: {dtype: string}, age: {dtype: integer}}"
    (mistake,) = mistakes_in(f"schema: s\nclasses: {{A: {{columns: {columns}, patterns: [{pattern}]}}}}\n")
    assert text in mistake.text


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("searchable: {nme: 1}", "unknown column 'nme'; did you mean name? The columns are name, age, tags, note"),
        ("searchable: {age: 1}", "age is integer, and only text is searched: put it under compare"),
        ("searchable: {name: 0}", "must be a boost above 0 and at most 10, not 0"),
        ("searchable: {name: 10.5}", "must be a boost above 0 and at most 10, not 10.5"),
        ("searchable: {name: .nan}", "must be a boost above 0"),
        ("searchable: [name]", "must be a mapping of column names"),
        ("compare: [name]", "put it under searchable"),
        ("compare: [age, age]", "age is there twice"),
        ("compare: age", "must be a list"),
        ("identity: [{columns: [email]}]", "unknown column 'email'"),
        ("identity: [{columns: []}]", "a key needs at least one column"),
        ("identity: [{colums: [name]}]", "unknown key 'colums'; did you mean columns?"),
        ("identity: [{columns: [tags]}]", "tags is list[string], and a key needs one short value"),
        ("identity: [{columns: [note]}]", "note is text, and a key needs one short value"),
        ("identity: [{columns: [name], strength: weak}]", "must be one of strong, shared"),
        ("identity: [{columns: [name], confidence: 2}]", "must be a number between 0 and 1"),
        ("identity: [{columns: [name]}, {columns: [name]}]", "the key name is there twice"),
        ("identity: [{columns: [name], strength: shared}]", "a shared key also needs an equal name"),
        ("identity: [{columns: [ok]}]", "unknown column 'ok'"),
        ("serchable: {}", "did you mean searchable?"),
    ],
)
def test_a_mistake_in_a_declared_annotation(annotation: str, text: str) -> None:
    columns = '{name: {dtype: string}, age: {dtype: integer}, tags: {dtype: "list[string]"}, note: {dtype: text}}'
    (mistake,) = mistakes_in(f"schema: s\nclasses: {{A: {{columns: {columns}, annotation: {{{annotation}}}}}}}\n")
    assert text in mistake.text


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("a: [1", (1, 6), "broken YAML: expected ',' or ']'"),
        ("schema: s\nclasses: {A: {columns: {a: {dtype: list[string]}}}}", (2, 40), "put quotes around a list type"),
        ("a:\n\t- b", (2, 1), "indent with spaces, not tabs"),
        ("schema: a\n---\nschema: b", (2, 1), "a second document begins here"),
        ("a: *b", (1, 4), "undefined alias"),
        ("", (1, 1), "the file is empty"),
        ("# nothing but a comment", (1, 1), "the file is empty"),
        ("- a", (1, 1), "must be a mapping with the keys schema, compatibility, classes, not a list"),
        (b"a: \xff", (1, 4), "not UTF-8 here: save the file as UTF-8"),
        ("a: b\nc: \0", (2, 4), "a NUL character is not allowed"),
        ("a: \ud800", (1, 4), "half of a surrogate pair"),
        ("a: \x07", (1, 4), "the character U+0007 is not allowed"),
        ("a: &a [*a]", (1, 4), "nested deeper than the 20 levels"),
        ("[" * 10_000, (0, 0), "nested deeper than the 20 levels"),
        ("x" * (BYTE_LIMIT + 1), (0, 0), "1,000,001 bytes, more than the 1 MB a file may have"),
        (b"\xff" * 10_000_000, (0, 0), "10,000,000 bytes, more than the 1 MB a file may have"),
    ],
)
def test_a_text_that_is_no_schema_at_all(text: str | bytes, place: tuple[int, int], says: str) -> None:
    (mistake,) = mistakes_in(text)
    assert says in mistake.text
    assert (mistake.line, mistake.column) == place


def test_an_alias_bomb_is_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (mistake,) = mistakes_in("\n".join(lines))
    assert "more than 200,000 values" in mistake.text


@pytest.mark.parametrize(
    ("value", "says"),
    [("!!python/object:os.system x", "the tag !!python/object:os.system is not allowed"), ("!x y", "the tag !x")],
)
def test_tags_make_no_objects(value: str, says: str) -> None:
    (mistake,) = mistakes_in(with_columns(f"a: {{dtype: string, desc: {value}}}"))
    assert says in mistake.text


def test_merge_keys_and_complex_keys_are_refused() -> None:
    found = mistakes_in("schema: s\n<<: {x: y}\n? [a]\n: b\nclasses: {A: {columns: {a: {dtype: string}}}}\n")
    assert ["merge keys" in found[0].text, "a key must be a plain word" in found[1].text] == [True, True]


def test_escaped_nul_in_a_text_is_refused() -> None:
    (mistake,) = mistakes_in(with_columns('a: {dtype: string, desc: "x\\0y"}'))
    assert "cannot be stored" in mistake.text


def test_words_of_yaml_1_1_stay_words() -> None:
    spec = parse_schema(
        with_columns("no: {dtype: enum, values: [yes, no, on]}, p: {dtype: string, normalize: [{phone: NO}]}"), "x"
    )
    assert spec.classes[0].columns[0].values == ("yes", "no", "on")
    assert spec.classes[0].columns[1].normalize == (Normalizer("phone", "NO"),)


def test_many_mistakes_are_counted_not_all_told() -> None:
    found = mistakes_in(with_columns(", ".join(f"c{n}: {{dtype: nope}}" for n in range(150))))
    assert len(found) == 101
    assert found[-1].text == "and 50 more mistakes"


def test_every_compatibility_mode_is_known() -> None:
    for mode in COMPATIBILITY:
        assert parse_schema(f"compatibility: {mode}\n" + with_columns("a: {dtype: string}"), "x").compatibility == mode
    (mistake,) = mistakes_in("compatibility: backwards\n" + with_columns("a: {dtype: string}"))
    assert "did you mean backward?" in mistake.text


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SchemaInvalid, match="it cannot be read: No such file or directory"):
        parse_schema_file(tmp_path / "none.yaml")
    with pytest.raises(SchemaInvalid, match="it cannot be read: Is a directory"):
        parse_schema_file(tmp_path)


def test_an_anchor_may_be_given_anew() -> None:
    text = "schema: s\nclasses:\n  A: {columns: {a: &x {dtype: string}, b: &x {dtype: date}, c: *x}}\n"
    assert [str(column.dtype) for column in parse_schema(text, "s").classes[0].columns] == ["string", "date", "date"]
