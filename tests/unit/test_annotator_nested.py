"""References in the items of a model's answer: how they are told of, read, and held against the message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from memreg.annotator.extract_prompt import instructions
from memreg.annotator.items import Read, Source, read
from memreg.annotator.mask import Mask
from memreg.annotator.prompt import annotate_user
from memreg.annotator.response import response_model
from tests.support.engines import people_spec
from tests.support.offices import offices_spec, offices_version

TEXT = "Ana Lopez works at Acme, VAT NO123456789. She reports to Bob Berg, bob@berg.io."
ANA: dict[str, Any] = {"class": "Person", "evidence": "Ana Lopez works at Acme"}


def read_one(text: str = TEXT, operation: str = "upsert", **values: Any) -> Read:
    item = ANA | {"values": {"name": "Ana Lopez"} | values, "operation": operation}
    source = Source(text, (), datetime(2026, 11, 16, tzinfo=UTC), offices_version(), Mask())
    return read(item, source)


def proposed(**values: Any) -> dict[str, Any]:
    found = read_one(**values)
    assert found.problem is None, found.problem
    assert found.proposal is not None
    return {name: value for name, value in found.proposal.values.items() if name != "name"}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("Acme", "Acme"),
        (["Acme"], "Acme"),
        ({"name": "Acme", "vat": "NO123456789"}, {"name": "Acme", "vat": "NO123456789"}),
        ({"Name": "Acme"}, {"name": "Acme"}),
        ({"class": "Company", "values": {"name": "Acme"}}, {"name": "Acme"}),
        ('{"name": "Acme"}', {"name": "Acme"}),
        ({"name": "Acme", "vat": "unknown"}, {"name": "Acme"}),
    ],
)
def test_a_reference_as_models_write_it(given: object, taken: object) -> None:
    assert proposed(employer=given) == {"employer": taken}


def test_a_list_of_references() -> None:
    friends = ["Bob Berg", {"name": "Acme"}, None, "unknown"]
    assert proposed(friends=friends) == {"friends": ["Bob Berg", {"name": "Acme"}]}


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"employer": {"name": "Acme", "vat": "NO999999999"}}, "employer.vat"),
        ({"manager": {"name": "Bob Berg", "email": "bob@example.org"}}, "manager.email"),
        ({"manager": "bob@example.org"}, "manager"),
        ({"manager": {"name": "Bob Berg", "manager": {"email": "eve@ek.io"}}}, "manager.manager.email"),
    ],
)
def test_what_identifies_a_reference_is_in_the_message(values: dict[str, Any], column: str) -> None:
    found = read_one(**values)
    assert found.proposal is None
    assert f"its {column} identifies the object, and is not in the message" in (found.problem or "")


def test_an_id_is_asked_for_again() -> None:
    found = read_one(employer="01a1fc50-9884-7b48-a61e-81ea0c60bd6f")
    assert found.problem is not None
    assert found.proposal is None


def test_a_bad_object_is_asked_for_again_and_proposed_as_it_is() -> None:
    found = read_one(manager={"name": "Bob Berg", "email": "Bob Berg"})
    assert "in its manager, Person.email" in (found.problem or "")
    assert found.proposal is not None


def test_a_delete_needs_its_references_said() -> None:
    text = "Forget purchase 7 of Acme."
    item = {
        "class": "Purchase",
        "operation": "delete",
        "evidence": "Forget purchase 7 of Acme",
        "values": {"customer": "Acme", "number": "7"},
    }
    source = Source(text, (), None, offices_version(), Mask())
    assert read(item, source).proposal is not None
    guessed = read(item | {"values": {"customer": {"name": "Bolt"}, "number": "7"}}, source)
    assert "customer identifies the object" in (guessed.problem or "")


def test_the_prompt_tells_of_references_where_there_are_some() -> None:
    told = instructions(offices_spec().classes)
    assert " employer →Company: Where they work" in told
    assert " friends →Person[]" in told
    assert "→ another object, of that class: its name, or an object of its columns" in told
    assert "→" not in instructions(people_spec().classes)
    assert "ref[Company]" in annotate_user(offices_spec())
    assert "A column of ref[Class]" not in annotate_user(people_spec())


def test_the_shape_of_an_answer_lets_objects_through() -> None:
    shape = response_model(offices_spec().classes, typed=True)
    item = {**ANA, "values": {"name": "Ana Lopez", "employer": {"name": "Acme"}, "friends": ["Bob", {"name": "Cid"}]}}
    assert '"object"' in str(shape.model_json_schema()).replace("'", '"')
    shape.model_validate({"items": [item]})
