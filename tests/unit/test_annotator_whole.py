"""Whether words that ask to forget mean a whole object or one of its columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.annotator.whole import names_a_column
from memreg.registry.models import ClassSpec, Column, Dtype, Kind
from memreg.registry.parse import parse_schema

ASSISTANT = parse_schema(
    (Path(__file__).parents[2] / "fixtures" / "schemas" / "assistant.yaml").read_text("utf-8"), "assistant.yaml"
)
PHONE = ClassSpec("Phone", (Column("number", Dtype(Kind.STRING)),), "A telephone number of the user")
CONTACT = ClassSpec(
    "Contact", (Column("name", Dtype(Kind.STRING)), Column("number", Dtype(Kind.STRING), "Phone number"))
)


@pytest.mark.parametrize(
    ("words", "class_name", "column"),
    [
        ("Forget my old number", "Person", "phone"),
        ("forget Ana's phone numbers", "Person", "phone"),
        ("delete her e-mail", "Person", "email"),
        ("forget Ana's address", "Person", "email"),
        ("drop the rating", "Place", "rating"),
        ("forget where it is: address", "Place", "address"),
        ("remove the due date", "Task", "due"),
    ],
)
def test_words_that_name_a_column(words: str, class_name: str, column: str) -> None:
    found = names_a_column(words, ASSISTANT.by_name[class_name])
    assert found is not None and found.name == column


@pytest.mark.parametrize(
    ("words", "class_name"),
    [
        ("Forget everything about Priya Raman.", "Person"),
        ("Forget the person with priya@raman.example", "Person"),
        ("forget the person with that number", "Person"),
        ("Cancel the booking BK-4471", "Appointment"),
        ("Drop the task call the landlord", "Task"),
        ("Forget my preference about coffee", "Preference"),
        ("Забудь про Анну", "Person"),
    ],
)
def test_words_that_mean_the_object(words: str, class_name: str) -> None:
    assert names_a_column(words, ASSISTANT.by_name[class_name]) is None


def test_a_word_of_the_class_is_no_column() -> None:
    assert names_a_column("forget my old number", PHONE) is None


def test_a_class_that_is_part_of_the_name_of_a_column() -> None:
    assert names_a_column("forget her contact number", CONTACT) is not None
    assert names_a_column("forget the contact with the number 5", CONTACT) is None


ANA = {"name": "Ana Lopez", "born": "1980-01-01", "email": "ana@lopez.io", "phone": "555-0100"}
PERSON = parse_schema(
    """
schema: s
classes:
  Person:
    columns:
      name: {dtype: string, desc: Full name}
      email: {dtype: string, desc: E-mail address}
      phone: {dtype: string, desc: Phone number}
      born: {dtype: date, desc: Day of birth}
      city: {dtype: string}
""",
    "test",
).by_name["Person"]


@pytest.mark.parametrize(
    "words",
    [
        "Forget Ana Lopez, born on 1 January 1980",
        "forget Ana Lopez born 1980-01-01",
        "Forget Ana Lopez (e-mail ana@lopez.io)",
        "Forget Ana Lopez with the number 555-0100",
        "Forget Ana Lopez, phone: 555 0100.",
    ],
)
def test_a_column_that_only_tells_which_object_is_meant(words: str) -> None:
    assert names_a_column(words, PERSON, ANA) is None


@pytest.mark.parametrize(
    ("words", "column"),
    [
        ("Forget my old number 555-0100", "phone"),
        ("Forget Ana Lopez's number 555-0100", "phone"),
        ("Regarding Ana Lopez, forget her number 555-0100", "phone"),
        ("Forget the phone of Ana Lopez, 555-0100", "phone"),
        ("Forget when Ana Lopez was born", "born"),
        ("Ana Lopez: forget the e-mail ana@lopez.io", "email"),
        ("Forget Ana Lopez, I mean only phone 555-0100", "phone"),
        ("Forget Ana Lopez, born in May", "born"),
    ],
)
def test_a_column_of_a_named_object(words: str, column: str) -> None:
    found = names_a_column(words, PERSON, ANA)
    assert found is not None and found.name == column


def test_the_words_of_a_value_name_no_column() -> None:
    hotel = {"name": "City Born Museum", "email": "phone@example.com"}
    assert names_a_column("Forget the City Born Museum, phone@example.com", PERSON, hotel) is None
    assert names_a_column("Forget the city of the City Born Museum", PERSON, hotel) is not None


def test_a_column_named_over_and_over_is_no_way_to_tell_which() -> None:
    assert names_a_column("Forget Ana Lopez, " + "phone " * 2_000 + "555-0100", PERSON, ANA) is not None
