"""JSON Schema as others write it, and what each piece comes to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memreg.core.errors import ImportInvalid
from memreg.registry.exchange.draft import Imported
from memreg.registry.exchange.json_schema_in import read_json_schema
from memreg.registry.exchange.json_schema_out import json_schema
from memreg.registry.models import Column, Normalizer

STRING = {"type": "string"}


def read(properties: dict[str, Any], **more: Any) -> Imported:
    return read_json_schema(
        json.dumps({"title": "Thing", "type": "object", "properties": properties, **more}), "t.json"
    )


def column_of(given: Any, **more: Any) -> Column:
    return read({"c": given}, **more).spec.by_name["Thing"].by_name["c"]


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (STRING, "string"),
        ({"type": "string", "maxLength": 5000}, "text"),
        ({"type": "integer"}, "integer"),
        ({"type": ["integer", "number"]}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"enum": ["a", "b"]}, "enum"),
        ({"const": "a"}, "enum"),
        ({"enum": [True, False]}, "boolean"),
        ({"type": "array", "items": STRING}, "list[string]"),
        ({"type": "array", "items": {"enum": ["a"]}}, "list[enum]"),
        ({"anyOf": [{"type": "null"}, {"type": "number"}]}, "number"),
        ({"allOf": [STRING], "title": "x"}, "string"),
        ({"type": "object", "properties": {"x": STRING}}, "ref[Thing_c]"),
        ({"type": "object", "title": "Part", "properties": {"x": STRING}}, "ref[Part]"),
        ({"type": "array", "items": {"type": "object", "properties": {"x": STRING}}}, "list[ref[Thing_c]]"),
        ({"$ref": "#/$defs/Other"}, "ref[Other]"),
        ({"$ref": "#/$defs/Code"}, "enum"),
        ({"$ref": "#"}, "ref[Thing]"),
    ],
)
def test_types(given: Any, dtype: str) -> None:
    others = {"Other": {"type": "object", "properties": {"x": STRING}}, "Code": {"type": "string", "enum": ["x"]}}
    assert str(column_of(given, **{"$defs": others}).dtype) == dtype


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "it may be anything"),
        ({"type": "object"}, "an object without named properties"),
        ({"type": "null"}, "it is always null"),
        ({"oneOf": [STRING, {"type": "integer"}]}, "it may be one of 2 kinds of value"),
        ({"$ref": "https://example.org/other.json"}, "is in another document"),
        ({"$ref": "#/$defs/nowhere"}, "names no part of this document"),
        ({"$ref": "#/properties/c"}, "it refers to itself"),
        ({"type": "array", "items": {"type": "array", "items": STRING}}, "a list of lists"),
    ],
)
def test_what_has_no_dtype_is_left_out_with_its_place(given: Any, told: str) -> None:
    imported = read({"c": given, "d": STRING})
    assert list(imported.spec.by_name["Thing"].by_name) == ["d"]
    (note,) = imported.notes
    assert told in note.text
    assert note.text.startswith("Thing.c")
    assert (note.line, note.column > 1) == (1, True)


def test_conditions_are_left_out_and_told() -> None:
    imported = read(
        {"c": {"type": "string", "pattern": "^a", "minLength": 2}, "d": {"type": "string", "format": "ipv4"}}
    )
    assert [note.text for note in imported.notes] == [
        "Thing.c: pattern, minLength are left out: a column has a type and no other conditions",
        "Thing.d is a string: that it is of the format ipv4 is not looked at",
    ]


def test_what_is_said_of_a_property_is_kept() -> None:
    column = column_of(
        {
            "type": "string",
            "format": "email",
            "description": "Where to write",
            "default": "A@b.no",
            "examples": ["c@d.no"],
        },
        required=["c"],
    )
    assert (column.desc, column.default, column.examples) == ("Where to write", "a@b.no", ("c@d.no",))
    assert (column.required, column.normalize) == (True, (Normalizer("email"),))


@pytest.mark.parametrize(
    "given", [{"type": ["string", "null"]}, {"enum": ["a", None]}, {"anyOf": [STRING, {"type": "null"}]}]
)
def test_what_may_be_null_is_not_required(given: Any) -> None:
    assert not column_of(given, required=["c"]).required


def test_parts_of_an_object_are_one_class() -> None:
    imported = read(
        {"own": STRING},
        allOf=[{"$ref": "#/$defs/Named"}, {"properties": {"extra": {"type": "integer"}}, "required": ["extra"]}],
        **{"$defs": {"Named": {"type": "object", "properties": {"name": STRING}, "required": ["name"]}}},
    )
    assert list(imported.spec.by_name) == ["Thing", "Named"]
    columns = {column.name: column.required for column in imported.spec.by_name["Thing"].columns}
    assert columns == {"own": False, "name": True, "extra": True}


def test_two_objects_of_one_name_are_two_classes() -> None:
    inner = {"type": "object", "title": "Part"}
    imported = read({"a": inner | {"properties": {"x": STRING}}, "b": inner | {"properties": {"y": STRING}}})
    assert list(imported.spec.by_name) == ["Thing", "Part", "Part_2"]
    assert str(imported.spec.by_name["Thing"].by_name["b"].dtype) == "ref[Part_2]"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{schema: a, classes: {B: {columns: {c: {dtype: string}}}}}",
            "it is a schema file already: memreg register it",
        ),
        ("[1]", "a JSON Schema is an object"),
        ('{"type": "object"}', "no class is defined in it"),
        ('{"a": ', "broken"),
        ("", "the file is empty"),
        ('{"properties": {"c": {"type": "string", "x-memreg": {"dtype": "strung"}}}}', "unknown dtype 'strung'"),
    ],
)
def test_what_is_no_json_schema_is_refused(text: str, told: str) -> None:
    with pytest.raises(ImportInvalid, match=told):
        read_json_schema(text, "t.json")


def test_an_export_is_a_json_schema_by_which_an_object_is_valid() -> None:
    imported = read({"name": STRING, "friends": {"type": "array", "items": {"$ref": "#"}}}, required=["name"])
    data = json.loads(json_schema(imported.spec))
    assert data["$defs"]["Thing"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "friends": {"type": "array", "items": {"$ref": "#/$defs/Thing"}},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    assert data["anyOf"] == [{"$ref": "#/$defs/Thing"}]


def test_what_any_part_requires_is_required() -> None:
    imported = read({"a": STRING}, allOf=[{"properties": {"b": STRING}}, {"required": ["a", "b", "c"]}])
    assert [(each.name, each.required) for each in imported.spec.classes[0].columns] == [("a", True), ("b", True)]
    assert [note.text for note in imported.notes] == ["Thing.c is left out: required, and described nowhere"]


def test_parts_that_are_made_of_each_other_are_read_once() -> None:
    other = {"properties": {"b": STRING}, "allOf": [{"$ref": "#"}]}
    imported = read({"a": STRING}, allOf=[{"$ref": "#/$defs/Other"}, {"$ref": "#"}], **{"$defs": {"Other": other}})
    assert [[each.name for each in spec.columns] for spec in imported.spec.classes] == [["a", "b"], ["b", "a"]]
