"""What a proposal says of another memory, and what of references is in payloads."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from memreg.engine.references import as_held, called, followed, ids_in, named, read_references, reference_rows, without
from memreg.engine.validate import validate
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Dtype, IdentityKey, Kind, Normalizer
from memreg.registry.normalize import ValueRefused, normalize
from tests.support.offices import offices_version, person

ONE = Column("employer", Dtype(Kind.REF, target="Company"))
MANY = Column("friends", Dtype(Kind.REF, is_list=True, target="Person"))
ID, OTHER, THIRD = (str(UUID(int=number << 64 | 0xABCDEF)) for number in (1, 2, 3))


def texts(column: Column, given: object, *, ids: bool = False) -> list[object]:
    return [each.text or each.memory_id or each.values for each in read_references(column, given, ids=ids)]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("Acme", ["Acme"]),
        (" Acme ", ["Acme"]),
        (["Acme"], ["Acme"]),
        (42, ["42"]),
        ({"name": "Acme"}, [{"name": "Acme"}]),
        ({}, []),
        ({"name": " "}, []),
        ("", []),
        ([None, "Acme", ""], ["Acme"]),
        (ID, [UUID(ID)]),
        (ID.upper(), [UUID(ID)]),
        (UUID(ID), [UUID(ID)]),
    ],
)
def test_one(given: object, read: list[object]) -> None:
    assert texts(ONE, given, ids=True) == read


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (True, "is no Company"),
        (1.5, "is no Company"),
        (["Acme", "Bolt"], "refers to one Company"),
        ("x" * 10_001, "characters"),
        ([[ID]], "is no Company"),
    ],
)
def test_what_is_none(given: object, reason: str) -> None:
    with pytest.raises(ValueRefused, match=reason):
        read_references(ONE, given, ids=True)


@pytest.mark.parametrize("given", [ID, UUID(ID), [ID], f" {ID} "])
def test_an_id_needs_the_right_to_name_one(given: object) -> None:
    with pytest.raises(ValueRefused, match="only a caller who gives proposals"):
        read_references(ONE, given, ids=False)


def test_a_list_keeps_its_order_and_its_limit() -> None:
    assert texts(MANY, ["Bob", {"name": "Cid"}, "Bob"]) == ["Bob", {"name": "Cid"}, "Bob"]
    with pytest.raises(ValueRefused, match="1,001 items"):
        read_references(MANY, ["Bob"] * 1_001, ids=False)


def test_the_value_of_a_personal_column_is_in_no_reason() -> None:
    hidden = Column("employer", Dtype(Kind.REF, target="Company"), pii=True)
    with pytest.raises(ValueRefused) as refused:
        read_references(hidden, 1.5, ids=True)
    assert "1.5" not in str(refused.value)


def test_a_proposal_is_checked_with_its_references() -> None:
    checked = validate(person(employer="Acme", friends=["Bob", "Cid"]), offices_version())
    assert (checked.refusal, checked.values) == (None, {})
    assert [(each.column, each.target, each.text) for each in checked.references] == [
        ("employer", "Company", "Acme"),
        ("friends", "Person", "Bob"),
        ("friends", "Person", "Cid"),
    ]


def test_a_bad_reference_is_left_out_like_any_other_value() -> None:
    checked = validate(person(name="Ana", employer=True), offices_version())
    assert checked.values == {"name": "Ana"}
    assert "Person.employer = True: True is no Company" in checked.notes[0]


# What a text stands for

VAT = Column("vat", Dtype(Kind.STRING), examples=("NO123456789",))
EMAIL = Column("email", Dtype(Kind.STRING), normalize=(Normalizer("email"),))
NUMBER = Column("number", Dtype(Kind.INTEGER))
NAME, NICK = Column("name", Dtype(Kind.STRING)), Column("nick", Dtype(Kind.STRING))


def stands_for(text: str, *columns: Column, **annotated: Any) -> dict[str, Any] | None:
    keys = tuple(IdentityKey((name,)) for name in annotated.get("keys", ()))
    return named(text, ClassSpec("C", columns), ClassAnnotation(annotated.get("searchable", {}), identity=keys))


@pytest.mark.parametrize(
    ("text", "found"),
    [("Acme", "name"), ("NO987654321", "vat"), ("no 1", "name"), ("ana@lopez.io", "email"), ("42", "number")],
)
def test_a_text_is_a_key_where_it_looks_like_one_else_the_name(text: str, found: str) -> None:
    given = stands_for(text, NAME, VAT, EMAIL, NUMBER, keys=("vat", "email", "number"), searchable={"name": 3})
    assert given == {found: text}


def test_the_name_is_the_searchable_column_of_the_highest_boost() -> None:
    assert stands_for("Ana", NICK, NAME, searchable={"nick": 1, "name": 3}) == {"name": "Ana"}
    assert stands_for("Ana", NICK, NAME, searchable={"nick": 3, "name": 3}, keys=("nick",)) == {"name": "Ana"}
    assert stands_for("Ana", NAME, searchable={"name": 3}, keys=("name",)) == {"name": "Ana"}


def test_without_a_name_it_is_the_key_or_nothing() -> None:
    assert stands_for("whatever", VAT, keys=("vat",)) == {"vat": "whatever"}
    assert stands_for("whatever", NUMBER, keys=("number",)) is None
    assert stands_for("whatever", NAME) is None


def test_what_an_object_is_called() -> None:
    spec, annotation = ClassSpec("C", (NAME, VAT)), ClassAnnotation({"name": 3}, identity=(IdentityKey(("vat",)),))
    assert called({"name": "Acme", "vat": "NO1"}, spec, annotation) == "Acme"
    assert called({"vat": "NO1"}, spec, annotation) == "NO1"
    assert called({}, spec, annotation) is None


# In payloads


def test_a_stored_reference_is_an_id() -> None:
    assert normalize(ONE, ID.upper()).value == ID
    assert normalize(MANY, [ID, ID, UUID(OTHER)]).value == [ID, OTHER]
    with pytest.raises(ValueRefused, match="is not the id of a memory"):
        normalize(ONE, "Acme")


def test_the_rows_of_a_memory() -> None:
    spec = ClassSpec("Person", (NAME, ONE, MANY))
    memory = uuid4()
    payload = {"name": "Ana", "employer": ID, "friends": [OTHER, THIRD, OTHER]}
    assert list(reference_rows(memory, payload, spec)) == [
        {"target_id": ID, "memory_id": str(memory), "column": "employer"},
        {"target_id": OTHER, "memory_id": str(memory), "column": "friends"},
        {"target_id": THIRD, "memory_id": str(memory), "column": "friends"},
    ]
    assert ids_in({"employer": "Acme"}, ONE) == [], "what another version had as text is no reference"


def test_references_are_taken_out() -> None:
    assert without({"name": "Ana", "employer": ID}, ONE, [ID]) == {"name": "Ana"}
    assert without({"friends": [ID, OTHER]}, MANY, [ID]) == {"friends": [OTHER]}
    assert without({"friends": [ID]}, MANY, [ID]) == {}


def test_what_is_said_of_a_keeper_is_what_was_said_of_the_merged() -> None:
    keepers = {OTHER: ID}
    assert as_held({"employer": ID}, {"employer": OTHER}, ["employer"], keepers) == {"employer": OTHER}
    assert as_held({"employer": THIRD}, {"employer": OTHER}, ["employer"], keepers) == {"employer": THIRD}
    assert as_held({"friends": [ID, THIRD]}, {"friends": [OTHER]}, ["friends"], keepers) == {"friends": [OTHER, THIRD]}
    assert as_held({"employer": ID}, {}, ["employer"], keepers) == {"employer": ID}


def test_a_payload_is_read_as_of_the_keepers() -> None:
    payload = {"name": "Ana", "employer": OTHER, "friends": [OTHER, ID]}
    assert followed(payload, (ONE, MANY), {OTHER: ID}) == {"name": "Ana", "employer": ID, "friends": [ID]}
