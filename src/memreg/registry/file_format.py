"""The JSON Schema of schema files, for editors: made from the keys and words that the parser itself knows.

A key that the parser gets and this does not know (or the other way round) raises where the document is made, which a
test does. What no JSON Schema can say (that a column which is named exists) stays for the parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from memreg.registry.casts import CASTS
from memreg.registry.models import Merge, OnDelete
from memreg.registry.names import NAME, SCHEMA_NAME
from memreg.registry.normalizers import NORMALIZERS
from memreg.registry.parse import CLASS_KEYS, COMPATIBILITY, SCHEMA_KEYS
from memreg.registry.parse_annotation import HIGHEST_BOOST, KEY_KEYS
from memreg.registry.parse_annotation import KEYS as ANNOTATION_KEYS
from memreg.registry.parse_column import DTYPES
from memreg.registry.parse_column import KEYS as COLUMN_KEYS
from memreg.registry.parse_pattern import KEYS as PATTERN_KEYS
from memreg.registry.parse_pattern import LENGTH_LIMIT
from memreg.registry.parse_relations import ALIAS_LIMIT
from memreg.registry.parse_source import COLUMN_LIMIT, PART_LIMIT
from memreg.registry.parse_source import KEYS as SOURCE_KEYS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def schema_document() -> Schema:
    """The JSON Schema (draft 2020-12) that every schema file which can be registered fits."""
    schema = {
        "schema": _text("The schema's name.", pattern=_whole(SCHEMA_NAME)),
        "compatibility": {
            "enum": list(COMPATIBILITY),
            "default": "backward",
            "description": "What the next version must keep.",
        },
        "classes": {
            **_by_name({"$ref": "#/$defs/class"}),
            "minProperties": 1,
            "description": "The typed record kinds, by name.",
        },
    }
    return {
        "$schema": DIALECT,
        "title": "A memreg schema file",
        **_mapping(schema, SCHEMA_KEYS, required=("schema", "classes")),
        "$defs": {
            "name": {"type": "string", "pattern": _whole(NAME)},
            "class": _class(),
            "column": _column(),
            "from": _source(),
            "pattern": _pattern(),
            "annotation": _annotation(),
            "key": _key(),
            "value": {"type": ["string", "number", "boolean", "array"]},
            "one": {"type": ["string", "number", "boolean", "null"]},
        },
    }


def _class() -> Schema:
    keys = {
        "description": _text("What belongs to the class, in one sentence; a language model reads it."),
        "columns": {
            **_by_name({"$ref": "#/$defs/column"}),
            "minProperties": 1,
            "description": "The columns, by name.",
        },
        "patterns": {
            "type": "array",
            "items": {"$ref": "#/$defs/pattern"},
            "description": "Sentences with {column} places.",
        },
        "annotation": {"$ref": "#/$defs/annotation"},
        "from": {"$ref": "#/$defs/name", "description": "The class that this one was until now, under another name."},
        "aliases": {
            "type": "array",
            "items": {"$ref": "#/$defs/name"},
            "maxItems": ALIAS_LIMIT,
            "uniqueItems": True,
            "description": "Other names under which proposals may arrive.",
        },
    }
    return _mapping(keys, CLASS_KEYS, required=("columns",))


def _column() -> Schema:
    kinds = "|".join(DTYPES)
    reference = r"ref\[\s*[A-Za-z][A-Za-z0-9_]{0,62}\s*\]"
    keys = {
        "dtype": _text(
            "The type of a value, or list[...] of one; ref[Class] refers to a memory of another class.",
            pattern=rf"^(({kinds}|{reference})|list\[\s*({kinds}|{reference})\s*\])$",
            examples=[*DTYPES, "ref[Class]", "list[string]"],
        ),
        "desc": _text("What belongs in it, in a few words; a language model reads it."),
        "values": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 200},
            "minItems": 1,
            "uniqueItems": True,
            "description": "The allowed values of an enum.",
        },
        "required": {"type": "boolean", "default": False, "description": "A new memory must have it."},
        "pii": {"type": "boolean", "default": False, "description": "Personal: its values never appear in a log."},
        "normalize": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"enum": list(NORMALIZERS)},
                    # An editor that reads YAML 1.1 takes NO, the region of Norway, for false.
                    _mapping({"phone": {"type": ["string", "boolean"]}}, ("phone",), required=("phone",)),
                ]
            },
            "description": "Steps that bring a text into its usual form, in order.",
        },
        "merge": {
            "enum": [str(each) for each in Merge],
            "description": "What an UPDATE does where both sides have a value: replace, and union for lists.",
        },
        "examples": {"type": "array", "description": "A few values."},
        "from": {"$ref": "#/$defs/from"},
        "default": {"$ref": "#/$defs/value", "description": "Its value where a new memory has none."},
        "on_delete": {
            "enum": [str(each) for each in OnDelete],
            "default": str(OnDelete.KEEP),
            "description": "What becomes of a reference when the memory that it refers to is deleted.",
        },
    }
    return {
        **_mapping(keys, COLUMN_KEYS, required=("dtype",)),
        "allOf": [
            _where_dtype(r"enum", {"required": ["values"]}, {"properties": {"values": False}}),
            _where_dtype(
                r"ref\[.*\]",
                {"properties": {"default": False, "examples": False}},
                {"properties": {"on_delete": False}},
            ),
            _where_dtype(r"(string|text)", {}, {"properties": {"normalize": {"maxItems": 0}}}),
        ],
    }


def _source() -> Schema:
    keys: dict[str, Schema] = {
        "column": {"$ref": "#/$defs/name", "description": "The column that it is made of; without one, of its name."},
        "columns": {
            "type": "array",
            "items": {"$ref": "#/$defs/name"},
            "maxItems": COLUMN_LIMIT,
            "uniqueItems": True,
            "description": "Several columns, joined by `join`.",
        },
        "split": {"type": ["string", "number"], "description": "The text is split at this ..."},
        "part": {
            "type": "integer",
            "minimum": -PART_LIMIT,
            "maximum": PART_LIMIT,
            "not": {"const": 0},
            "description": "... and this part taken: 1 is the first, -1 the last.",
        },
        "rest": {"type": "boolean", "description": "With part: that part and all after it."},
        "join": {"type": ["string", "number"], "description": "What stands between values that are joined."},
        "map": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"$ref": "#/$defs/one"},
            "description": "Old values and what they become; others stay.",
        },
        "cast": {
            "enum": list(CASTS),
            "description": "A conversion that loses something: "
            + " ".join(f"{cast.name}: {cast.help}" for cast in CASTS.values()),
        },
        "otherwise": {
            "anyOf": [{"$ref": "#/$defs/value"}, {"type": "null"}],
            "description": "What takes the place of a value that does not fit; null leaves it out.",
        },
    }
    return {
        "description": "What the column is made of in memories of the version before: a column, or a mapping.",
        "anyOf": [
            {"$ref": "#/$defs/name"},
            {"type": "array", "maxItems": 0},
            {**_mapping(keys, SOURCE_KEYS), "minProperties": 1, "not": {"required": ["column", "columns"]}},
        ],
    }


def _pattern() -> Schema:
    text = _text("A sentence with {column} places.", maxLength=LENGTH_LIMIT, pattern=r"\{[A-Za-z][A-Za-z0-9_]*\}")
    keys = {"text": text, "operation": {"enum": ["upsert", "delete"], "default": "upsert"}}
    return {"anyOf": [text, _mapping(keys, PATTERN_KEYS, required=("text",))]}


def _annotation() -> Schema:
    keys = {
        "searchable": {
            **_by_name({"type": "number", "exclusiveMinimum": 0, "maximum": HIGHEST_BOOST}),
            "description": "Columns whose words find a memory, with their boosts.",
        },
        "compare": {
            "type": "array",
            "items": {"$ref": "#/$defs/name"},
            "uniqueItems": True,
            "description": "Numbers, booleans and dates that are a part of the score.",
        },
        "identity": {
            "type": "array",
            "items": {"$ref": "#/$defs/key"},
            "description": "The keys that identify an object, in order of trust.",
        },
    }
    described = "What is searched and what identifies, declared by hand; approval is still needed."
    return {**_mapping(keys, ANNOTATION_KEYS), "description": described}


def _key() -> Schema:
    keys: dict[str, Schema] = {
        "columns": {
            "type": "array",
            "items": {"$ref": "#/$defs/name"},
            "minItems": 1,
            "uniqueItems": True,
            "description": "The columns that are equal for the same object.",
        },
        "strength": {
            "enum": ["strong", "shared"],
            "default": "strong",
            "description": "strong: unique among live memories; shared: also needs an equal name.",
        },
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "rationale": {"type": "string"},
    }
    return _mapping(keys, KEY_KEYS, required=("columns",))


# Parts


def _mapping(described: Mapping[str, Schema], known: Sequence[str], required: Sequence[str] = ()) -> Schema:
    """A mapping with exactly the keys that the parser knows."""
    if set(described) != set(known):
        odd = ", ".join(sorted(set(described) ^ set(known)))
        raise ValueError(f"the parser and the JSON Schema of its files differ: {odd}")
    found: Schema = {
        "type": "object",
        "properties": {key: described[key] for key in known},
        "additionalProperties": False,
    }
    return found | ({"required": list(required)} if required else {})


def _by_name(each: Schema) -> Schema:
    return {"type": "object", "propertyNames": {"$ref": "#/$defs/name"}, "additionalProperties": each}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", **more, "description": description}


def _where_dtype(kind: str, then: Schema, otherwise: Schema) -> Schema:
    """What holds where the dtype is of a kind, or a list of it, and what holds elsewhere."""
    pattern = rf"^({kind}|list\[\s*{kind}\s*\])$"
    condition = {"properties": {"dtype": {"type": "string", "pattern": pattern}}, "required": ["dtype"]}
    return {"if": condition, "then": then, "else": otherwise}


def _whole(pattern: re.Pattern[str]) -> str:
    return f"^{pattern.pattern}$"
