"""The fields of an item as models really write them: read where what is meant is plain, and asked again where not."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from memreg.annotator.items import Read, Source, read
from memreg.annotator.mask import Mask
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.normalize import is_absent
from memreg.registry.parse import parse_schema

SCHEMA = """
schema: s
classes:
  Person:
    columns:
      name: {dtype: string, desc: Full name, required: true}
      email: {dtype: string, desc: E-mail address, normalize: [email]}
      phone: {dtype: string, desc: Phone number, normalize: [{phone: NO}]}
      born: {dtype: date}
      city: {dtype: string}
      mood: {dtype: enum, values: [good, unknown]}
      tags: {dtype: "list[string]"}
    annotation:
      searchable: {name: 3}
      identity:
        - {columns: [email], strength: strong}
        - {columns: [phone], strength: shared}
        - {columns: [name, born], strength: strong}
  Site:
    columns: {url: {dtype: string, normalize: [url]}}
    annotation: {identity: [{columns: [url], strength: strong}]}
  Parcel:
    columns: {code: {dtype: string}}
    annotation: {identity: [{columns: [code], strength: strong}]}
"""
SPEC = parse_schema(SCHEMA, "test")
VERSION = SchemaVersion(
    SPEC, 1, Status.ACTIVE, "f", {each.name: each.declared for each in SPEC.classes if each.declared is not None}, 1
)
AT = datetime(2026, 11, 16, 23, 30, tzinfo=ZoneInfo("Europe/Oslo"))
TEXT = "Ana Lopez moved to Oslo"


def read_one(text: str = TEXT, **item: Any) -> Read:
    given = {"class": "Person", "values": {"name": "Ana Lopez"}, "evidence": text, **item}
    return read(given, Source(text, (), AT, VERSION, Mask()))


def values_read(text: str = TEXT, **values: Any) -> dict[str, Any]:
    found = read_one(text, values={"name": "Ana Lopez", **values})
    assert found.problem is None and found.proposal is not None
    return {name: value for name, value in found.proposal.values.items() if name != "name" and not is_absent(value)}


@pytest.mark.parametrize("said", ["create", "update", "Insert", "UPSERT", " upsert ", "add", "set", "", None])
def test_an_operation_in_other_words(said: str | None) -> None:
    found = read_one(operation=said)
    assert found.proposal is not None and found.proposal.operation == "upsert"


@pytest.mark.parametrize("said", ["DELETE", "remove", "Delete "])
def test_a_delete_in_other_words(said: str) -> None:
    found = read_one("Forget Ana Lopez", operation=said)
    assert found.proposal is not None and found.proposal.operation == "delete"


@pytest.mark.parametrize("said", ["forget", "noop", "drop", 3, ["upsert"]])
def test_an_operation_that_may_mean_anything_is_asked_again(said: object) -> None:
    assert "operation" in (read_one(operation=said).problem or "")


@pytest.mark.parametrize(
    "values",
    [
        json.dumps({"name": "Ana Lopez"}),
        [{"name": "Ana Lopez"}],
        [{"column": "name", "value": "Ana Lopez"}],
        {"Person": {"name": "Ana Lopez"}},
        {"name": {"value": "Ana Lopez"}},
        {"Name": ["Ana Lopez"]},
    ],
)
def test_values_that_are_wrapped(values: object) -> None:
    found = read_one(values=values)
    assert found.proposal is not None and found.proposal.values == {"name": "Ana Lopez"}


@pytest.mark.parametrize("field", ["columns", "fields", "attributes", "data"])
def test_values_under_another_name(field: str) -> None:
    item = {"class": "Person", field: {"name": "Ana Lopez"}, "evidence": TEXT}
    assert read(item, Source(TEXT, (), AT, VERSION, Mask())).proposal is not None


@pytest.mark.parametrize("name", ["type", "Class", "className", "class_name"])
def test_the_class_under_another_name(name: str) -> None:
    item = {name: "Person", "Values": {"name": "Ana Lopez"}, "Evidence": TEXT}
    assert read(item, Source(TEXT, (), AT, VERSION, Mask())).proposal is not None


@pytest.mark.parametrize("nothing", ["null", "None", "N/A", "unknown", "not specified", " - ", None, ""])
def test_a_word_for_nothing_is_no_value(nothing: str | None) -> None:
    assert values_read(city=nothing, email=nothing, born=nothing, tags=[nothing]) == {}


def test_a_word_for_nothing_is_a_value_where_it_is_said_or_declared() -> None:
    assert values_read("Ana Lopez is of unknown abode", city="unknown") == {"city": "unknown"}
    assert values_read(mood="Unknown") == {"mood": "Unknown"}


def test_a_list_written_as_a_text_and_its_blanks() -> None:
    assert values_read(tags='["friend", ""]') == {"tags": ["friend"]}
    assert values_read(tags="friend") == {"tags": "friend"}


@pytest.mark.parametrize("forget", ["email, city", {"email": True, "city": "yes", "name": False}, ["E-mail", "City"]])
def test_what_is_to_be_forgotten_is_not_remembered(forget: object) -> None:
    found = read_one(values={"name": "Ana Lopez", "city": "Oslo", "mood": "good"}, forget=forget)
    assert found.proposal is not None and found.proposal.values == {"name": "Ana Lopez", "mood": "good"}
    assert "email, city of a Person" in found.refusals[0].reason


def test_a_column_to_be_forgotten_by_another_name() -> None:
    found = read_one("Forget Ana's number", values={"name": "Ana", "phone": "555"}, forget=["number"])
    assert found.proposal is None and "phone of a Person" in found.refusals[0].reason


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("call 22334455", {"phone": "+47 22 33 44 55"}),
        ("call 22 33 44 55", {"phone": "tel:22334455"}),
        ("call +47 22 33 44 55", {"phone": "004722334455"}),
        ("call 0047 22 33 44 55", {"phone": "+4722334455"}),
        ("call +44 (0)20 7946 0958", {"phone": "+442079460958"}),
        ("call ٢٢٣٣٤٤٥٥", {"phone": "22334455"}),
        ("write to <Ana@Lopez.IO>", {"email": "Ana Lopez <ana@lopez.io>"}),
        ("write to ana@lopez.io", {"email": "mailto:ana@lopez.io"}),
        ("write to ana@lopez.io", {"email": ["ANA@lopez.io"]}),
    ],
)
def test_a_key_that_is_said_in_another_form(text: str, values: dict[str, Any]) -> None:
    assert values_read(text, **values).keys() == values.keys()


def test_an_address_with_its_scheme() -> None:
    found = read_one("see example.com/a?b=1", **{"class": "Site", "values": {"url": "https://example.com/a?b=1"}})
    assert found.proposal is not None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("call 22334455", {"phone": "+46 22 33 44 55"}),
        ("call 22334455", {"phone": "+47 22 33 44 56"}),
        ("call 22334455", {"phone": 22334456}),
        ("write to ana@lopez.io", {"email": ["bo@berg.io"]}),
        ("write to ana@lopez.io", {"email": {"value": "bo@berg.io"}}),
        ("write to ana@lopez.io", {"email": "ana@lopez.io <bo@berg.io>"}),
    ],
)
def test_a_key_that_is_not_said_in_whatever_form(text: str, values: dict[str, Any]) -> None:
    assert "identifies the object" in (read_one(text, values={"name": "Ana", **values}).problem or "")


@pytest.mark.parametrize(
    "born", ["3 May 1990", "May 3rd, 1990", "1990/5/3", "1990-5-3", "3. Mai 1990", "3 de mayo de 1990", "1990年5月3日"]
)
def test_a_day_that_can_be_read_one_way_only(born: str) -> None:
    assert values_read(f"Ana Lopez, {born}", born=born) == {"born": "1990-05-03"}


@pytest.mark.parametrize("born", ["03.05.1990", "5/3/1990", "May 1990", "1990", "31 February 1990", "31.31.1990"])
def test_a_day_that_can_be_read_two_ways_is_asked_again(born: str) -> None:
    assert read_one(values={"name": "Ana", "born": born}).problem is not None


def test_what_is_before_a_colon_is_a_part_of_a_code() -> None:
    assert read_one("parcel shop:4711", **{"class": "Parcel", "values": {"code": "shop:4711"}}).proposal is not None
    assert read_one("parcel 4711", **{"class": "Parcel", "values": {"code": "shop:4711"}}).problem is not None
