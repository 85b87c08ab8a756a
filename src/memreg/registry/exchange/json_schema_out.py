"""A schema as JSON Schema (draft 2020-12): a definition for each class; what JSON Schema has no word for is kept under
`x-memreg`."""

from __future__ import annotations

import json
from typing import Any

from memreg.registry.dump import schema_data
from memreg.registry.exchange.long_text import is_long_text
from memreg.registry.models import ClassSpec, Column, Kind, SchemaSpec

EXTRA = "x-memreg"
DRAFT = "https://json-schema.org/draft/2020-12/schema"

_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.STRING: {"type": "string"},
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.DATETIME: {"type": "string", "format": "date-time"},
}
_FORMATS = {"email": "email", "url": "uri"}
_OWN_WORDS = ("pii", "normalize", "merge", "from", "on_delete")


def json_schema(spec: SchemaSpec) -> str:
    """The schema as JSON text; `read_json_schema` reads it to the same schema, its Pydantic classes apart."""
    return json.dumps(json_schema_data(spec), ensure_ascii=False, indent=2) + "\n"


def json_schema_data(spec: SchemaSpec) -> dict[str, Any]:
    """The schema as JSON Schema: an object is valid where it is one of a class. A reference holds the object that it
    refers to."""
    data = schema_data(spec)
    return {
        "$schema": DRAFT,
        EXTRA: {"schema": spec.name, "compatibility": spec.compatibility},
        "anyOf": [{"$ref": f"#/$defs/{each.name}"} for each in spec.classes],
        "$defs": {each.name: _class(each, data["classes"][each.name]) for each in spec.classes},
    }


def _class(spec: ClassSpec, data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object"}
    if spec.description:
        found["description"] = spec.description
    found["properties"] = {each.name: _column(each, data["columns"][each.name]) for each in spec.columns}
    if required := [each.name for each in spec.columns if each.required]:
        found["required"] = required
    found["additionalProperties"] = False
    if extra := {key: value for key, value in data.items() if key not in ("description", "columns")}:
        found[EXTRA] = extra
    return found


def _column(column: Column, data: dict[str, Any]) -> dict[str, Any]:
    found = _typed(column)
    extra = {key: data[key] for key in _OWN_WORDS if key in data}
    names = [each.name for each in column.normalize]
    if "format" not in found and column.dtype.kind is Kind.STRING and (form := _format(names)):
        holder = found["items"] if column.dtype.is_list else found
        holder["format"] = form
        if len(names) == 1:
            del extra["normalize"]
    if column.dtype.kind in (Kind.STRING, Kind.TEXT) and _read_as(column, names) is not column.dtype.kind:
        extra["dtype"] = str(column.dtype)
    if column.desc:
        found["description"] = column.desc
    for key, word in (("default", "default"), ("examples", "examples")):
        if key in data:
            found[word] = data[key]
    if extra:
        found[EXTRA] = extra
    return found


def _typed(column: Column) -> dict[str, Any]:
    if column.dtype.kind is Kind.REF:
        inner: dict[str, Any] = {"$ref": f"#/$defs/{column.dtype.target}"}
    elif column.dtype.kind is Kind.ENUM:
        inner = {"type": "string", "enum": list(column.values)}
    else:
        inner = dict(_TYPES[column.dtype.kind])
    return {"type": "array", "items": inner} if column.dtype.is_list else inner


def _format(normalizers: list[str]) -> str | None:
    return next((_FORMATS[name] for name in normalizers if name in _FORMATS), None)


def _read_as(column: Column, normalizers: list[str]) -> Kind:
    """What the column would be read as: JSON Schema has one type for names and long texts."""
    long = is_long_text(column.name) and not column.dtype.is_list and _format(normalizers) is None
    return Kind.TEXT if long else Kind.STRING
