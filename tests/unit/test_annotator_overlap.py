"""Classes that may take the same objects are found by their columns, keys and names; others are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.annotator.heuristic import annotate
from memreg.annotator.overlap import Overlap, overlaps
from memreg.registry.models import ClassSpec, SchemaSpec
from memreg.registry.parse import parse_schema, parse_schema_file

ASSISTANT = Path(__file__).parents[2] / "fixtures" / "schemas" / "assistant.yaml"
PERSON = (
    "Person: {columns: {full_name: {dtype: string}, email: {dtype: string}, phone: {dtype: string},"
    " age: {dtype: integer}}}"
)
CONTACT = (
    "Contact: {columns: {name: {dtype: string}, mail: {dtype: string}, tel: {dtype: string}, notes: {dtype: text}}}"
)
CLIENT = "Client: {columns: {client_name: {dtype: string}, client_email: {dtype: string}}}"


def found(classes: str) -> tuple[Overlap, ...]:
    """The overlaps of a schema of classes, a line each, annotated by rules."""
    spec = parse_schema("schema: s\nclasses:\n" + "".join(f"  {line}\n" for line in classes.splitlines()), "test")
    return overlaps(spec, annotate(spec).classes)


def test_a_contact_is_a_person() -> None:
    (one,) = found(f"{PERSON}\n{CONTACT}")
    assert (one.one, one.other) == ("Person", "Contact")
    assert one.reasons == (
        "3 of 3 columns are the same (full_name, email, phone)",
        "both are identified by email",
        "both are identified by phone",
        "both names stand for people",
    )
    assert "say in their descriptions what tells them apart, or make them one class" in one.sentence
    assert "\n" not in one.sentence


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("Persons: {columns: {name: {dtype: string}, age: {dtype: integer}}}", "the names are nearly the same"),
        ("PersonCard: {columns: {name: {dtype: string}, age: {dtype: integer}}}", "one name is a part of the other"),
        ("Firm: {columns: {name: {dtype: string}, email: {dtype: string}}}", "both are identified by email"),
        ("Cat: {columns: {name: {dtype: string}, phone: {dtype: string}, age: {dtype: integer}}}", "3 of 3 columns"),
    ],
)
def test_what_is_similar_is_flagged_with_its_reason(other: str, reason: str) -> None:
    (one,) = found(f"{PERSON}\n{other}")
    assert any(reason in each for each in one.reasons), one.reasons


@pytest.mark.parametrize(
    "other",
    [
        "Book: {columns: {title: {dtype: string}, isbn: {dtype: string}, pages: {dtype: integer}}}",
        "Firm: {columns: {name: {dtype: string}, vat: {dtype: string}, city: {dtype: string}}}",
        "Event: {columns: {id: {dtype: string}, notes: {dtype: text}, tags: {dtype: 'list[string]'}}}",
        "Cat: {columns: {name: {dtype: string}, age: {dtype: date}, email: {dtype: integer}}}",
        "Persona: {columns: {mood: {dtype: string}, voice: {dtype: string}}}",
    ],
)
def test_what_is_not_similar_is_left_alone(other: str) -> None:
    assert found(f"{PERSON}\n{other}") == ()


def test_columns_of_any_class_do_not_count_and_own_names_are_dropped() -> None:
    both = "A: {columns: {id: {dtype: string}, notes: {dtype: text}, tags: {dtype: 'list[string]'}}}"
    assert found(f"{both}\n{both.replace('A:', 'B:')}") == ()
    assert found(f"Job: {{columns: {{x: {{dtype: string}}}}}}\n{CLIENT}") == ()
    (one,) = found(f"{PERSON}\n{CLIENT}")
    assert "both are identified by email" in one.reasons


def test_the_example_schema_has_no_overlap() -> None:
    spec = parse_schema_file(ASSISTANT)
    assert overlaps(spec, annotate(spec).classes) == ()


def test_a_class_without_columns_or_annotation_is_no_trouble() -> None:
    spec = SchemaSpec("s", (ClassSpec("A", ()), ClassSpec("B", ())))
    assert overlaps(spec, {}) == ()
