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


# What versions before `from:`, defaults, aliases and references were registered with: these must never change.
WITHOUT_THE_NEW = """\
schema: s
classes:
  Purchase:
    description: What somebody bought
    columns:
      number: {dtype: string, required: true, normalize: [trim, {phone: "NO"}]}
      lines:  {dtype: "list[string]", merge: append, examples: [[a, b]]}
      state:  {dtype: enum, values: [open, closed], pii: true}
      total:  {dtype: number, desc: In euros, merge: max, examples: [1.5]}
    patterns: [{text: "forget {number}", operation: delete}]
    annotation:
      searchable: {number: 2.5}
      identity: [{columns: [number], strength: strong, confidence: 0.5, rationale: r}]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE, "e78b6705e32a4330df8f1df4e8716245222772a8e562a19ed53be1130bd12fe4"),
        (WITHOUT_THE_NEW, "d026b8282ae9ef4a0b26a593ec3f22846350c2166ad6162f4341486eb812405d"),
    ],
)
def test_content_of_earlier_releases_keeps_its_fingerprint(text: str, expected: str) -> None:
    assert print_of(text) == expected


EVOLVED = """\
schema: s
classes:
  A:
    from: Old
    aliases: [C, D]
    columns:
      name: {dtype: string, from: {column: full, split: " ", part: 2, rest: true}}
      born: {dtype: date, from: {column: at, cast: date, otherwise: null}}
      kind: {dtype: enum, values: [x, y], default: x, from: {map: {a: x, b: y}, otherwise: y}}
      tags: {dtype: "list[string]", default: [p, q]}
      owner: {dtype: "ref[B]", on_delete: refuse}
  B:
    columns:
      name: {dtype: string, from: {columns: [one, two], join: ", "}}
      fresh: {dtype: string, from: []}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    from: Old\n", ""),
        ("from: Old", "from: Older"),
        ("aliases: [C, D]", "aliases: [C]"),
        ("part: 2", "part: 3"),
        (", rest: true", ""),
        ('split: " "', 'split: "-"'),
        ("cast: date,", ""),
        ("otherwise: null", "otherwise: 2026-01-01"),
        (", otherwise: null", ""),
        ("default: x, ", ""),
        ("map: {a: x", "map: {c: x"),
        ("default: [p, q]", "default: [q, p]"),
        ("ref[B]", "ref[A]"),
        (", on_delete: refuse", ""),
        ("[one, two]", "[two, one]"),
        (", from: []", ""),
    ],
)
def test_what_is_said_of_evolution_matters(old: str, new: str) -> None:
    assert old in EVOLVED
    assert print_of(EVOLVED.replace(old, new)) != print_of(EVOLVED)


def test_the_order_of_aliases_and_maps_does_not_matter() -> None:
    other = EVOLVED.replace("[C, D]", "[D, C]").replace("{a: x, b: y}", "{b: y, a: x}")
    assert print_of(other) == print_of(EVOLVED)


def test_what_is_said_of_evolution_survives_storing_and_dumping() -> None:
    spec = parse_schema(EVOLVED, "test")
    assert spec_from(json.loads(json.dumps(canonical(spec), sort_keys=True))) == spec
    assert parse_schema(dump_schema(spec), "dumped") == spec
