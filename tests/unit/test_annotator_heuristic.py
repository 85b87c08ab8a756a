"""The heuristic annotator: the rules of the field, word boundaries, references, and an honest confidence."""

from __future__ import annotations

import pytest

from memreg.annotator.check import check
from memreg.annotator.heuristic import annotate, annotate_class
from memreg.registry.models import (
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    IdentityKey,
    Kind,
    Normalizer,
    SchemaSpec,
)


def column(
    text: str,
    desc: str = "",
    examples: tuple[object, ...] = (),
    normalize: tuple[str, ...] = (),
) -> Column:
    name, _, dtype = text.partition(":")
    is_list = dtype.startswith("list[")
    kind = Kind((dtype[5:-1] if is_list else dtype) or "string")
    return Column(
        name,
        Dtype(kind, is_list),
        desc,
        examples=examples,
        normalize=tuple(map(Normalizer, normalize)),
    )


def spec(name: str, columns: str) -> ClassSpec:
    return ClassSpec(name, tuple(column(each) for each in columns.split()))


def keys(annotation: ClassAnnotation) -> list[tuple[str, str]]:
    return [(key.name, key.strength) for key in annotation.identity]


PERSON = spec(
    "Person",
    "name email phone born:date city notes:text tags:list[string] mood:enum age:integer vip:boolean",
)


def test_a_person() -> None:
    found = annotate_class(PERSON)
    assert found.searchable == {"name": 3, "city": 2, "notes": 1, "tags": 2, "mood": 2}
    assert found.compare == ("born", "age", "vip")
    assert keys(found) == [("email", "strong"), ("phone", "shared")]
    assert found.source == "heuristic"
    assert found.confidence == 0.8
    assert "email (strong)" in found.rationale


@pytest.mark.parametrize(
    ("class_name", "name", "strength"),
    [
        ("Person", "email", "strong"),
        ("Person", "eMail", "strong"),
        ("Person", "email_address", "strong"),
        ("Person", "WorkEmail", "strong"),
        ("Person", "passportNo", "strong"),
        ("Person", "ssn", "strong"),
        ("Person", "mobile_number", "shared"),
        ("Person", "phone2", "shared"),
        ("Person", "user_id", "strong"),
        ("Person", "handle", "strong"),
        ("Book", "ISBN13", "strong"),
        ("Book", "url", "strong"),
        ("Product", "sku", "strong"),
        ("Product", "model_number", "shared"),
        ("Product", "modelNumber", "shared"),
        ("Car", "registrationNumber", "strong"),
        ("Car", "licence_plate", "strong"),
        ("Order", "order_id", "strong"),
        ("Order", "orderNumber", "strong"),
        ("Thing", "uuid", "strong"),
        ("Appointment", "booking_reference", "strong"),
        ("Thing", "id", "strong"),
    ],
)
def test_names_that_identify(class_name: str, name: str, strength: str) -> None:
    found = annotate_class(spec(class_name, f"title {name}"))
    assert keys(found) == [(name, strength)]
    assert name not in found.searchable


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("Person", "name"),
        ("Person", "manager_email"),
        ("Person", "parent_id"),
        ("Person", "group_id"),
        ("Person", "passport_country"),
        ("Person", "avatar_url"),
        ("Person", "emails:list[string]"),
        ("Person", "email:text"),
        ("Person", "email:enum"),
        ("Car", "registration_status"),
        ("Car", "registration_date:date"),
        ("Car", "owner_email"),
        ("Car", "model"),
        ("Order", "customer_id"),
        ("Order", "customer_email"),
        ("Order", "zip_code"),
        ("Order", "house_number"),
        ("Order", "idea"),
        ("Order", "video"),
    ],
)
def test_names_that_do_not_identify(class_name: str, name: str) -> None:
    assert keys(annotate_class(spec(class_name, f"title {name}"))) == []


def test_an_id_of_another_class_of_the_schema_is_no_key() -> None:
    book, loan = spec("Book", "title isbn"), spec("Loan", "title book_isbn loan_id")
    found = annotate(SchemaSpec("library", (book, loan))).classes["Loan"]
    assert keys(found) == [("loan_id", "strong")]
    assert "book_isbn" not in found.searchable


def test_a_guess_says_so() -> None:
    (key,) = annotate_class(spec("Thing", "title code")).identity
    assert key.confidence <= 0.5
    assert "guess" in key.rationale
    told = ClassSpec("Thing", (column("title"), column("code", desc="Unique code of a thing")))
    assert annotate_class(told).identity[0].confidence > key.confidence


def test_class_confidence_is_that_of_the_least_sure_key() -> None:
    assert annotate_class(spec("Thing", "title sku code")).confidence == 0.4
    assert annotate_class(spec("Thing", "title")).confidence == 0.6
    assert annotate_class(spec("Thing", "size:number")).confidence == 0.3


def test_formats_of_normalizers_examples_and_descriptions() -> None:
    normalised = ClassSpec("A", (column("title"), column("reach", normalize=("email",))))
    assert keys(annotate_class(normalised)) == [("reach", "strong")]
    shown = ClassSpec("A", (column("title"), column("reach", examples=("ana@lopez.io", "b@c.de"))))
    assert keys(annotate_class(shown)) == [("reach", "strong")]
    told = ClassSpec("A", (column("title"), column("reach", desc="Phone number")))
    assert keys(annotate_class(told)) == [("reach", "shared")]
    prose = ClassSpec(
        "A",
        (
            column("title"),
            column("reach", desc="Notes about what was said in phone calls or e-mail"),
        ),
    )
    assert keys(annotate_class(prose)) == []
    foreign = ClassSpec("A", (column("title"), column("email", desc="E-mail of the owner")))
    assert keys(annotate_class(foreign)) == []


def test_a_shared_key_without_a_name_beside_it_is_left_out() -> None:
    assert keys(annotate_class(spec("P", "phone"))) == []


def test_a_pii_column_may_identify() -> None:
    secret = ClassSpec("Person", (column("name"), Column("email", Dtype(Kind.STRING), pii=True)))
    assert keys(annotate_class(secret)) == [("email", "strong")]


def test_strong_keys_come_first() -> None:
    assert keys(annotate_class(spec("Person", "name phone code email"))) == [
        ("email", "strong"),
        ("code", "strong"),
        ("phone", "shared"),
    ]


def test_nothing_is_both_searched_and_compared_and_the_result_is_the_same_every_time() -> None:
    found = annotate_class(PERSON)
    assert not set(found.searchable) & set(found.compare)
    assert annotate_class(PERSON) == found
    assert check(PERSON, found) == []


def test_a_class_of_numbers_only() -> None:
    found = annotate_class(spec("Reading", "value:number at:datetime series:list[number]"))
    assert (dict(found.searchable), found.compare, found.identity) == (
        {},
        ("value", "at"),
        (),
    )


def test_the_annotation_is_values() -> None:
    assert isinstance(annotate_class(PERSON).identity[0], IdentityKey)
