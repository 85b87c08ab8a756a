"""The fingerprint: what it sees and what it does not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from memreg.registry.dump import dump_schema
from memreg.registry.fingerprint import (
    annotation_from,
    canonical,
    canonical_annotation,
    fingerprint,
    spec_from,
)
from memreg.registry.models import ClassAnnotation, IdentityKey
from memreg.registry.parse import parse_schema

BASE = """\
schema: s
classes:
  A:
    columns:
      name: {dtype: string, desc: Name}
      born: {dtype: date}
      kind: {dtype: enum, values: [x, y]}
    patterns: ["{name} is {kind}", "{name} was born on {born}"]
    annotation:
      searchable: {name: 3, kind: 2}
      compare: [born]
      identity: [{columns: [name, born]}]
  B:
    columns:
      name: {dtype: string}
"""
OTHER_ORDER = """\
# a comment
classes:
  B: {columns: {"name": {'dtype': string}}}
  A:
    annotation:
      identity: [{strength: strong, columns: [name, born]}]
      compare: [born]
      searchable: {kind: 2.0, name: 3}
    columns:
      kind: {values: [x, y], dtype: "enum"}
      born: {dtype: date}
      name: {desc: 'Name', dtype: string, required: false}
    patterns: ["{name} is {kind}", "{name} was born on {born}"]
schema: "s"
"""


def print_of(text: str) -> str:
    """The fingerprint of a YAML text."""
    return fingerprint(parse_schema(text, "test"))


def test_key_order_comments_and_quotes_do_not_matter() -> None:
    assert print_of(BASE) == print_of(OTHER_ORDER)


def test_name_compatibility_and_models_are_no_part_of_it() -> None:
    spec = parse_schema(BASE, "test")
    other = replace(spec, name="t", compatibility="none", models={"A": "m:A"})
    assert fingerprint(other) == fingerprint(spec)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("desc: Name", "desc: Full name"),
        ("dtype: date", "dtype: datetime"),
        ("[x, y]", "[x, y, z]"),
        ("{dtype: string}", "{dtype: string, pii: true}"),
        ("{dtype: string}", "{dtype: string, merge: keep}"),
        ("{dtype: string}", "{dtype: string, required: true}"),
        ("{dtype: string}", "{dtype: string, normalize: [trim]}"),
        ("{dtype: string}", "{dtype: string, normalize: [{phone: NO}]}"),
        ("{dtype: string}", "{dtype: string, examples: [a]}"),
        ("{name} is {kind}", "{name} was {kind}"),
        ("name: 3", "name: 2"),
        ("compare: [born]", "compare: []"),
        ("[name, born]}]", "[name, born], strength: shared}]"),
        ("  B:", "  C:"),
        ("  B:\n", "  B:\n    description: b\n"),
    ],
)
def test_content_matters(old: str, new: str) -> None:
    assert old in BASE
    assert print_of(BASE.replace(old, new)) != print_of(BASE)


def test_the_canonical_form_survives_json_with_reordered_keys() -> None:
    spec = parse_schema(BASE, "test")
    stored = json.loads(json.dumps(canonical(spec), sort_keys=True))
    assert spec_from(stored) == spec
    assert list(spec_from(stored).classes[0].by_name) == ["name", "born", "kind"]


def test_an_annotation_keeps_its_order_through_json() -> None:
    annotation = ClassAnnotation(
        {"z": 1.0, "a": 2.5}, ("y", "b"), (IdentityKey(("z", "a"), "shared", 0.5, "why"),), 0.7, "because", "llm"
    )
    stored = json.loads(json.dumps(canonical_annotation(annotation), sort_keys=True))
    assert annotation_from(stored) == annotation
    assert list(annotation_from(stored).searchable) == ["z", "a"]


def test_a_dumped_schema_reads_as_itself() -> None:
    spec = parse_schema(BASE, "test")
    assert parse_schema(dump_schema(spec), "dumped") == spec
