"""The JSON Schema of schema files: it takes what the parser takes, and what it refuses the parser refuses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from memreg.core.errors import SchemaInvalid
from memreg.registry import file_format
from memreg.registry.casts import CASTS
from memreg.registry.dump import schema_data
from memreg.registry.models import Kind, OnDelete
from memreg.registry.parse import parse_schema
from memreg.registry.yaml_tree import load_tree, plain

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "fixtures").rglob("schemas/*.yaml")), ROOT / "examples" / "assistant.yaml"]
VALIDATOR = Draft202012Validator(file_format.schema_document())

EVERYTHING = """
schema: shop
compatibility: full_transitive
classes:
  Company:
    columns:
      name: {dtype: string, normalize: [trim, {phone: NO}]}
  Client:
    description: Who buys
    from: Customer
    aliases: [Buyer, Kunde]
    columns:
      name: {dtype: string, desc: Name, required: true, pii: true, normalize: [trim], merge: keep, examples: [Ana]}
      given: {dtype: string, from: first}
      last: {dtype: string, from: {column: full, split: " ", part: 2, rest: true}}
      address: {dtype: string, from: {columns: [street, city], join: ", "}}
      state:
        dtype: enum
        values: [open, closed]
        from: {map: {new: open, "1": closed}, otherwise: closed}
        default: open
      age: {dtype: integer, from: {column: years, cast: round, otherwise: null}}
      tags: {dtype: "list[string]", merge: union, examples: [[a, b]], default: [a]}
      new: {dtype: number, from: []}
      company: {dtype: "ref[Company]", on_delete: clear}
      friends: {dtype: "list[ref[Client]]"}
    patterns: ["{name} is at {address}", {text: "forget {name}", operation: delete}]
    annotation:
      searchable: {name: 3, last: 0.5}
      compare: [age]
      identity: [{columns: [name, address], strength: strong, confidence: 0.5, rationale: why}]
"""
BAD = [
    "schema: Shop\nclasses: {A: {columns: {a: {dtype: string}}}}",
    "schema: shop",
    "schema: shop\nclasses: {}",
    "schema: shop\nclasses: [A]",
    "schema: shop\nextra: 1\nclasses: {A: {columns: {a: {dtype: string}}}}",
    "schema: shop\ncompatibility: sideways\nclasses: {A: {columns: {a: {dtype: string}}}}",
    "schema: shop\nclasses: {1A: {columns: {a: {dtype: string}}}}",
    "schema: shop\nclasses: {A: {columns: {}}}",
    "schema: shop\nclasses: {A: {description: 5, columns: {a: {dtype: string}}}}",
    "schema: shop\nclasses: {A: {columns: {a: string}}}",
    "schema: shop\nclasses: {A: {columns: {a-b: {dtype: string}}}}",
    "schema: shop\nclasses: {A: {from: 1x, columns: {a: {dtype: string}}}}",
    "schema: shop\nclasses: {A: {aliases: B, columns: {a: {dtype: string}}}}",
    "schema: shop\nclasses: {A: {aliases: [B, B], columns: {a: {dtype: string}}}}",
]
BAD_COLUMNS = [
    "{}",
    "{desc: x}",
    "{dtype: varchar}",
    "{dtype: list}",
    '{dtype: "list[list[string]]"}',
    "{dtype: ref}",
    "{dtype: [string]}",
    "{dtype: string, requird: true}",
    "{dtype: string, required: 'yes'}",
    "{dtype: enum}",
    "{dtype: enum, values: []}",
    "{dtype: enum, values: [1]}",
    "{dtype: string, values: [a]}",
    "{dtype: integer, normalize: [trim]}",
    "{dtype: string, normalize: trim}",
    "{dtype: string, normalize: [lower]}",
    "{dtype: string, normalize: [{trim: x}]}",
    "{dtype: string, merge: newest}",
    "{dtype: string, examples: a}",
    "{dtype: string, from: {}}",
    "{dtype: string, from: [b]}",
    "{dtype: string, from: {colum: b}}",
    "{dtype: string, from: {column: b, columns: [c]}}",
    "{dtype: string, from: {column: b, split: ' ', part: 0}}",
    "{dtype: string, from: {column: b, cast: magic}}",
    "{dtype: string, from: {column: b, map: {}}}",
    "{dtype: string, from: {column: b, map: {x: [1]}}}",
    "{dtype: string, default: null}",
    "{dtype: string, default: {a: 1}}",
    "{dtype: string, on_delete: keep}",
    "{dtype: 'ref[A]', on_delete: forget}",
    "{dtype: 'ref[A]', default: x}",
    "{dtype: 'ref[A]', examples: [x]}",
]  # fmt: skip
BAD_PARTS = [
    'patterns: "{a}"',
    "patterns: [no place]",
    'patterns: [{text: "is {a}", op: delete}]',
    'patterns: [{text: "is {a}", operation: update}]',
    "annotation: {searchable: {a: 0}}",
    "annotation: {searchable: {a: 11}}",
    "annotation: {searchable: [a]}",
    "annotation: {compared: [a]}",
    "annotation: {identity: [a]}",
    "annotation: {identity: [{columns: []}]}",
    "annotation: {identity: [{columns: [a, a]}]}",
    "annotation: {identity: [{columns: [a], strength: weak}]}",
    "annotation: {identity: [{columns: [a], confidence: 2}]}",
]


def problems(text: str) -> list[str]:
    data: Any = plain(load_tree(text)[0])
    return [error.message for error in VALIDATOR.iter_errors(data)]


def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(file_format.schema_document())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}/{path.stem}")
def test_every_schema_of_the_fixtures_fits(path: Path) -> None:
    assert problems(path.read_text("utf-8")) == []


def test_there_are_fixtures() -> None:
    assert len(FILES) > 10


def test_every_key_fits() -> None:
    spec = parse_schema(EVERYTHING, "test")
    assert problems(EVERYTHING) == []
    assert list(VALIDATOR.iter_errors(schema_data(spec))) == []


@pytest.mark.parametrize(
    "text",
    [
        *BAD,
        *(f"schema: s\nclasses:\n  A:\n    columns:\n      a: {column}\n" for column in BAD_COLUMNS),
        *(f"schema: s\nclasses:\n  A:\n    columns:\n      a: {{dtype: string}}\n    {part}\n" for part in BAD_PARTS),
    ],
)
def test_what_is_wrong_is_refused_as_the_parser_refuses_it(text: str) -> None:
    with pytest.raises(SchemaInvalid):
        parse_schema(text, "test")
    assert problems(text)


def test_it_knows_every_word_of_the_parser() -> None:
    text = str(file_format.schema_document())
    words = [*(str(kind) for kind in Kind), *(str(each) for each in OnDelete), *CASTS]
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    "name", ["SCHEMA_KEYS", "CLASS_KEYS", "COLUMN_KEYS", "SOURCE_KEYS", "ANNOTATION_KEYS", "KEY_KEYS"]
)
def test_a_key_that_only_the_parser_knows_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    known: Sequence[str] = getattr(file_format, name)
    monkeypatch.setattr(file_format, name, (*known, "brand_new"))
    with pytest.raises(ValueError, match="brand_new"):
        file_format.schema_document()
