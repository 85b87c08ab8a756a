"""The annotation file: out, edited, and back; and what it refuses, naming the line."""

from __future__ import annotations

import pytest

from memreg.core.errors import AnnotationInvalid
from memreg.registry.annotation_file import dump_annotation, parse_annotation
from memreg.registry.fingerprint import fingerprint
from memreg.registry.models import ClassAnnotation, IdentityKey, SchemaVersion, Status
from memreg.registry.parse import parse_schema

SPEC = parse_schema(
    """\
schema: s
classes:
  Person: {columns: {name: {dtype: string}, email: {dtype: string}, born: {dtype: date}}}
  Note: {columns: {title: {dtype: string}}}
""",
    "test",
)
VERSION = SchemaVersion(
    SPEC,
    2,
    Status.PENDING,
    fingerprint(SPEC),
    {
        "Person": ClassAnnotation(
            {"name": 3.0, "email": 0.5},
            ("born",),
            (IdentityKey(("email",), "strong", 0.9, "an address: unique"), IdentityKey(("name", "born"), "shared")),
            0.8,
            "names first\nthen the rest",
            "llm",
        ),
        "Note": ClassAnnotation({"title": 3.0}, confidence=0.5, source="heuristic"),
    },
    1,
)
TEXT = dump_annotation(VERSION)


def test_the_file_reads_as_the_proposal() -> None:
    assert parse_annotation(TEXT, "file", VERSION) == VERSION.annotations


def test_the_file_tells_what_a_person_needs() -> None:
    assert "schema: s\nversion: 2\n" in TEXT
    assert "  # llm, confidence 0.8: names first then the rest\n  Person:\n" in TEXT
    assert "rationale: 'an address: unique'" in TEXT


def test_only_an_edited_class_is_the_persons() -> None:
    edited = parse_annotation(TEXT.replace("name: 3", "name: 4"), "file", VERSION)
    assert edited["Note"] == VERSION.annotations["Note"]
    assert edited["Person"].source == "person"
    assert (edited["Person"].confidence, edited["Person"].searchable["name"]) == (1.0, 4.0)
    assert edited["Person"].identity == VERSION.annotations["Person"].identity


def test_a_class_left_out_is_not_in_the_result() -> None:
    text = TEXT[: TEXT.index("  # heuristic")]
    assert set(parse_annotation(text, "file", VERSION)) == {"Person"}


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (VERSION.fingerprint, "0" * 64, 5, "is not that of s@2"),
        ("version: 2", "version: 1", 4, "'1' is not that of s@2 (2): write the file anew with `memreg annotations s@2"),
        ("schema: s", "schema: t", 3, "'t' is not that of s@2"),
        ("schema: s\n", "", 3, "schema is missing"),
        ("name: 3", "nam: 3", 10, "unknown column 'nam'; did you mean name? The columns are name, email, born"),
        ("name: 3", "name: 30", 10, "must be a boost above 0 and at most 10, not 30"),
        ("name: 3", "born: 3", 10, "born is date, and only text is searched"),
        ("  Note:", "  Nota:", 25, "unknown class 'Nota'; did you mean Note? The classes are Person, Note"),
        ("    compare:", "    comparing:", 12, "unknown key 'comparing'; did you mean compare?"),
    ],
)
def test_a_mistake_names_its_line(old: str, new: str, line: int, says: str) -> None:
    assert old in TEXT
    with pytest.raises(AnnotationInvalid) as caught:
        parse_annotation(TEXT.replace(old, new, 1), "edited.yaml", VERSION)
    assert says in caught.value.mistakes[0].text
    assert caught.value.mistakes[0].line == line
    assert str(caught.value).startswith("The annotation edited.yaml has ")


def test_broken_yaml_is_an_annotation_error() -> None:
    with pytest.raises(AnnotationInvalid, match="broken YAML"):
        parse_annotation("a: [", "file", VERSION)
