"""What differs between two versions, line by line; nothing between a version and itself."""

from __future__ import annotations

import pytest

from bench.compatibility_cases import Case, read_cases
from memreg.core.errors import ArgumentInvalid, FileChanged
from memreg.registry.comparison import check_mark, compare, mark
from memreg.registry.diff import diff
from memreg.registry.fingerprint import fingerprint
from memreg.registry.models import ClassAnnotation, IdentityKey, SchemaSpec
from memreg.registry.parse import parse_schema
from memreg.registry.reading import Side

OLD = parse_schema(
    """\
schema: s
classes:
  Person:
    columns:
      name: {dtype: string, required: true}
      age: {dtype: number, desc: Years}
      state: {dtype: enum, values: [new, open, lost]}
      gone: {dtype: text}
    patterns: ["{name} is here"]
    annotation: {searchable: {name: 3}, identity: [{columns: [name]}]}
  Place: {columns: {city: {dtype: string}}}
""",
    "old",
)
NEW = parse_schema(
    """\
schema: s
compatibility: full
classes:
  Person:
    description: Somebody
    columns:
      full_name: {dtype: string, required: true, pii: true, from: name, normalize: [trim, {phone: NO}]}
      age: {dtype: integer, desc: Age, from: {cast: round}, default: 1}
      state: {dtype: enum, values: [open, done, new]}
      came: {dtype: date}
    patterns: ["{full_name} is here", {text: "{full_name} left", operation: delete}]
    annotation:
      searchable: {full_name: 2, state: 1}
      identity: [{columns: [full_name], strength: shared}, {columns: [full_name, came]}]
  Tool: {columns: {city: {dtype: string}}}
""",
    "new",
)


def lines(*sides: Side) -> list[tuple[object, ...]]:
    """The differences as plain tuples."""
    return [(each.kind, each.where, each.what, each.before, each.after) for each in diff(*sides)]


def test_every_difference_is_told() -> None:
    assert lines(Side(OLD), Side(NEW)) == [
        ("changed", "", "compatibility", "backward", "full"),
        ("changed", "Person", "description", "", "Somebody"),
        ("renamed", "Person.full_name", "column", "name", "full_name"),
        ("changed", "Person.full_name", "pii", None, True),
        ("changed", "Person.full_name", "normalize", None, ["trim", "phone NO"]),
        ("changed", "Person.age", "from", ["age"], {"columns": ["age"], "cast": "round"}),
        ("changed", "Person.age", "dtype", "number", "integer"),
        ("changed", "Person.age", "desc", "Years", "Age"),
        ("changed", "Person.age", "default", None, 1),
        ("added", "Person.state", "value", None, "done"),
        ("removed", "Person.state", "value", "lost", None),
        ("added", "Person.came", "column", None, {"dtype": "date"}),
        ("removed", "Person.gone", "column", {"dtype": "text"}, None),
        ("added", "Person", "pattern", None, "{full_name} is here"),
        ("added", "Person", "pattern", None, "delete: {full_name} left"),
        ("removed", "Person", "pattern", "{name} is here", None),
        ("changed", "Person.full_name", "searchable", 3.0, 2.0),
        ("changed", "Person.state", "searchable", None, 1.0),
        ("changed", "Person", "identity", "full_name (strong)", "full_name (shared)"),
        ("added", "Person", "identity", None, "full_name+came (strong)"),
        ("added", "Tool", "class", None, ["city"]),
        ("removed", "Place", "class", ["city"], None),
    ]


def test_a_class_without_an_annotation_yet_is_not_compared_in_that() -> None:
    silent = parse_schema("schema: s\nclasses: {P: {columns: {a: {dtype: string}}}}\n", "test")
    known = Side(silent, annotations={"P": ClassAnnotation({"a": 1.0}, (), (IdentityKey(("a",)),))})
    assert lines(known, Side(silent)) == []
    other = Side(silent, annotations={"P": ClassAnnotation({"a": 1.0}, ("a",), ())})
    assert [line[1:3] for line in lines(known, other)] == [("P.a", "compare"), ("P", "identity")]


CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_where_something_is_told_of_compatibility_there_is_a_difference(case: Case) -> None:
    found = diff(case.before, case.after)
    assert found
    places = {each.where for each in found}
    names = {name for each in found for name in (each.class_name, each.before, each.after) if isinstance(name, str)}
    for reason in (*case.found()[0], *case.found()[1]):
        name = reason.where.partition(".")[2] or reason.where
        assert reason.where in places or reason.where.partition(".")[0] in places or name in names
    assert diff(case.before, case.before) == diff(case.after, case.after) == ()


def test_a_comparison_says_what_each_can_read_of_the_other() -> None:
    found = compare(Side(OLD, "s@1"), Side(NEW, "new.yaml"))
    assert (found.before, found.after, found.mode) == ("s@1", "new.yaml", "full")
    assert not found.is_backward and not found.is_forward
    same = compare(Side(NEW, "s@2"), Side(NEW, "new.yaml"))
    assert same.is_backward and same.is_forward and same.changes == ()


def test_far_versions_are_compared_through_those_between() -> None:
    def schema(columns: str, name: str = "P") -> SchemaSpec:
        return parse_schema(f"schema: s\nclasses: {{{name}: {{columns: {{{columns}}}}}}}\n", "test")

    first = schema("name: {dtype: string, required: true}, age: {dtype: number}, old: {dtype: date}")
    second = schema("title: {dtype: string, required: true, from: name}, age: {dtype: number}")
    third = parse_schema(
        "schema: s\nclasses:\n  Q:\n    from: P\n    columns: {label: {dtype: string, required: true, from: title}, "
        "years: {dtype: integer, from: {column: age, cast: round}}}\n",
        "test",
    )
    fourth = schema("label: {dtype: string, required: true}, years: {dtype: integer}, x: {dtype: date}", "Q")
    found = compare(Side(first, "s@1"), Side(fourth, "s@4"), [second, third])
    assert [(each.kind, each.where, each.what, each.before) for each in found.changes] == [
        ("renamed", "Q", "class", "P"),
        ("renamed", "Q.label", "column", "name"),
        ("added", "Q.years", "column", None),
        ("added", "Q.x", "column", None),
        ("removed", "Q.old", "column", {"dtype": "date"}),
        ("removed", "Q.age", "column", {"dtype": "number"}),
    ]
    assert found.is_backward
    assert {(each.where, each.kind) for each in found.backward} == {("Q.x", "added")}
    assert not compare(Side(first), Side(fourth)).is_backward


def test_a_file_is_known_again_by_its_fingerprint_and_its_mode() -> None:
    digits = fingerprint(NEW)
    assert mark(NEW) == f"{digits[:16]}.full"
    for right in (mark(NEW), digits, digits[:8], f" {digits[:12].upper()} "):
        check_mark(NEW, right, "new.yaml")
    for other in (mark(OLD), fingerprint(OLD), f"{digits[:16]}.none"):
        with pytest.raises(FileChanged, match=r"new\.yaml is not what was looked at: its fingerprint is"):
            check_mark(NEW, other, "new.yaml")
    for bad in ("", digits[:7], "x" * 16, digits + "0", "--force"):
        with pytest.raises(ArgumentInvalid, match="8 to 64 hexadecimal digits"):
            check_mark(NEW, bad, "new.yaml")


def test_what_only_the_file_says_is_a_difference_too() -> None:
    def schema(columns: str, more: str = "") -> SchemaSpec:
        return parse_schema(f"schema: s\nclasses:\n  P:\n    columns: {{{columns}}}\n{more}", "test")

    done, left_out = schema("b: {dtype: string, from: a}"), schema("b: {dtype: string}")
    assert [(each.where, each.what) for each in diff(done, left_out)] == [("P.b", "from")]
    declared = schema("b: {dtype: string}", "    annotation: {identity: [{columns: [b], confidence: 0.5}]}\n")
    surer = schema("b: {dtype: string}", "    annotation: {identity: [{columns: [b], confidence: 0.9}]}\n")
    assert [(each.before, each.after) for each in diff(left_out, declared)] == [("proposed", "declared")]
    assert [(each.what, each.after) for each in diff(declared, surer)] == [("confidence of the key b", 0.9)]


def test_in_which_order_a_map_is_written_says_nothing() -> None:
    text = "schema: s\nclasses: {P: {columns: {a: {dtype: enum, values: [x, y], from: {map: {p: x, q: y}}}}}}\n"
    one, other = parse_schema(text, "test"), parse_schema(text.replace("{p: x, q: y}", "{q: y, p: x}"), "test")
    assert diff(one, other) == ()
    assert fingerprint(one) == fingerprint(other)
