"""The small `.schema.json` beside a stream as a subject: every field is text, and nothing is refused for its value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from memreg.annotator.keys import find_key, place_of
from memreg.annotator.normal_forms import normal_form
from memreg.core.errors import Mistake, SchemaInvalid
from memreg.evaluation.subject import Subject
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Dtype, IdentityKey, Kind, SchemaSpec
from memreg.registry.names import SCHEMA_NAME

KINDS = ("name", "enum", "text", "date", "number", "identity")
KEYS = ("dataset", "class", "domain", "dirty_sources", "identity", "fields")
FIELD_KEYS = ("kind", "boost", "searchable")
COMPARED = frozenset({"date", "number"})
ENUM_BOOST = 2.0
DEFAULT_BOOST = {"name": 3.0, "text": 1.0, "identity": 1.0}
HIGHEST_BOOST = 10.0
LONGEST_NAME = 63


def read_stream_schema(text: str | bytes, source: str) -> Subject:
    """The subject that the JSON of a `.schema.json` describes; `source` names it in errors.

    {"class": ..., "fields": {field: {"kind", "boost", "searchable"}}, "identity": [field or [field, ...]],
    "dirty_sources": [...]}. A name is searchable text with its boost (3 without one), a text free text with its boost
    (1), an enum open text with boost 2; dates and numbers are compared. Each entry of identity is a key, of the
    strength that the heuristic annotator gives to its name, else strong.
    Raises SchemaInvalid with every mistake.
    """
    data = _loaded(text, source)
    mistakes = [Mistake(reason) for reason in _mistakes(data)]
    if mistakes:
        raise SchemaInvalid(source, tuple(mistakes))
    fields: Mapping[str, Mapping[str, Any]] = data["fields"]
    columns = tuple(
        Column(name, Dtype(Kind.TEXT if field["kind"] == "text" else Kind.STRING)) for name, field in fields.items()
    )
    bare = ClassSpec(data["class"], columns)
    searchable = {name: boost for name, field in fields.items() if (boost := _boost(field)) > 0}
    annotation = ClassAnnotation(
        searchable=searchable,
        compare=tuple(name for name, field in fields.items() if field["kind"] in COMPARED),
        identity=tuple(_key(bare, _names(entry)) for entry in data.get("identity") or ()),
    )
    spec = ClassSpec(data["class"], columns, declared=annotation)
    return Subject(
        SchemaSpec(_schema_name(str(data.get("dataset") or data["class"])), (spec,)),
        spec.name,
        is_open=True,
        normal_forms={
            key.name: normal_form(place_of(bare, bare.by_name[key.name], ()))
            for key in annotation.identity
            if len(key.columns) == 1  # the columns of a longer key are mostly searched or compared as they are
        },
        dirty_sources=frozenset(str(each) for each in data.get("dirty_sources") or ()),
    )


def _loaded(text: str | bytes, source: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        line, column = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else (0, 0)
        told = error.msg if isinstance(error, json.JSONDecodeError) else "it is not text in UTF-8 of usual depth"
        raise SchemaInvalid(source, (Mistake(f"it is not JSON: {told}", line, column),)) from error
    if not isinstance(data, Mapping):
        raise SchemaInvalid(source, (Mistake('it must be an object: {"class": ..., "fields": {...}}'),))
    return data


def _mistakes(data: Mapping[str, Any]) -> Iterator[str]:
    for key in data:
        if key not in KEYS:
            yield f"unknown key {key!r}; it has {', '.join(KEYS)}"
    name = data.get("class")
    if not isinstance(name, str) or not name.strip():
        yield "class is missing: write what a record is"
    elif len(name) > LONGEST_NAME or not name.isprintable():
        yield f"class is {name[:LONGEST_NAME]!r}: write at most {LONGEST_NAME} characters in one line"
    fields = data.get("fields")
    if not isinstance(fields, Mapping) or not fields:
        yield 'fields is missing: write {"name": {"kind": "name", "boost": 3, "searchable": true}}'
        return
    for field_name, field in fields.items():
        yield from _field_mistakes(field_name, field)
    for entry in _list(data, "identity"):
        for column in _names(entry):
            if column not in fields:
                yield f"identity names {column!r}, which is no field; the fields are {', '.join(fields)}"
    for key in ("identity", "dirty_sources"):
        if not isinstance(data.get(key) or [], list):
            yield f"{key} must be a list"


def _field_mistakes(name: str, field: object) -> Iterator[str]:
    if not isinstance(field, Mapping):
        yield f"the field {name!r} must be an object with kind, boost and searchable"
        return
    for key in field:
        if key not in FIELD_KEYS:
            yield f"the field {name!r} has the unknown key {key!r}; it has {', '.join(FIELD_KEYS)}"
    if field.get("kind") not in KINDS:
        yield f"the kind of {name!r} is {field.get('kind')!r}; write one of {', '.join(KINDS)}"
    boost = field.get("boost", 1)
    if isinstance(boost, bool) or not isinstance(boost, int | float) or not math.isfinite(boost):
        yield f"the boost of {name!r} is {boost!r}; write a number from 0 to {HIGHEST_BOOST:g}"
    elif not 0 <= boost <= HIGHEST_BOOST:
        yield f"the boost of {name!r} is {boost:g}; write a number from 0 to {HIGHEST_BOOST:g}"
    if not isinstance(field.get("searchable", True), bool):
        yield f"searchable of {name!r} must be true or false"


def _boost(field: Mapping[str, Any]) -> float:
    """The boost of a searchable field, 0 for one that is not."""
    kind = field["kind"]
    if kind in COMPARED or not field.get("searchable", kind != "identity"):
        return 0.0
    return ENUM_BOOST if kind == "enum" else float(field.get("boost", DEFAULT_BOOST[kind]))


def _key(spec: ClassSpec, columns: tuple[str, ...]) -> IdentityKey:
    if len(columns) == 1 and (found := find_key(place_of(spec, _as_string(spec.by_name[columns[0]]), ()))) is not None:
        return found
    return IdentityKey(columns, rationale="the stream's schema names it, and nothing in its name makes it shared")


def _as_string(column: Column) -> Column:
    return Column(column.name, Dtype(Kind.STRING))


def _names(entry: object) -> tuple[str, ...]:
    return tuple(str(each) for each in entry) if isinstance(entry, list) else (str(entry),)


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _schema_name(dataset: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", dataset.lower()).strip("_")[:63]
    return name if SCHEMA_NAME.fullmatch(name) else "stream"
