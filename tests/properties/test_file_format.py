"""What the parser takes fits the JSON Schema of schema files; lint fails on none of it and its fixes change no more."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from memreg.core.errors import SchemaInvalid
from memreg.operations.lint.rules import INVALID
from memreg.operations.lint.run import fixed_text, lint_text
from memreg.registry.dump import dump_schema, schema_data
from memreg.registry.file_format import schema_document
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import parse_schema
from tests.properties.test_registry_parse import PLACES, TREES, schemas

VALIDATOR = Draft202012Validator(schema_document())


@given(schemas())
@settings(max_examples=60, deadline=None)
def test_what_can_be_registered_fits(data: dict[str, Any]) -> None:
    spec = parse_schema(json.dumps(data), "generated")
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []
    assert [error.message for error in VALIDATOR.iter_errors(schema_data(spec))] == []


@given(TREES, st.sampled_from(PLACES))
@settings(max_examples=300, deadline=None)
def test_what_does_not_fit_cannot_be_registered(tree: Any, place: str) -> None:
    column: Any = tree if place == "a" else {"dtype": "text"}
    if place in ("examples", "from", "default", "on_delete"):
        column = {"dtype": "string", place: tree}
    body: dict[str, Any] = {"columns": tree if place == "columns" else {"a": column}}
    if place in ("patterns", "annotation", "aliases", "class"):
        body["from" if place == "class" else place] = tree
    data = {"schema": "s", "classes": tree if place == "classes" else {"A": tree if place == "A" else body}}
    try:
        parse_schema(json.dumps(data), "any")
    except SchemaInvalid:
        return
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []


@given(schemas(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_fix_changes_only_what_it_says(data: dict[str, Any], in_flow: bool) -> None:
    spec = parse_schema(json.dumps(data), "generated")
    text = json.dumps(data) if in_flow else dump_schema(spec)
    found = lint_text(text, "generated")
    assert not any(each.code == INVALID for each in found.findings)
    fixed, after = fixed_text(text, found)
    assert not any(each.edit for each in after.findings)
    assert len(after.findings) <= len(found.findings)
    assert plainer(parse_schema(fixed, "fixed")) == plainer(parse_schema(text, "before"))


def plainer(spec: SchemaSpec) -> SchemaSpec:
    """The schema without what a fix may change."""
    classes = (
        replace(each, columns=tuple(replace(column, pii=False, normalize=()) for column in each.columns))
        for each in spec.classes
    )
    return replace(spec, classes=tuple(classes))
