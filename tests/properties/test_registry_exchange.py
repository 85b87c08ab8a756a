"""Round trips: what an export carries, its import gives back; what it does not, the export has said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memreg.core.errors import ImportInvalid
from memreg.registry.exchange.ddl import DIALECTS, read_ddl
from memreg.registry.exchange.json_schema_in import read_json_schema
from memreg.registry.exchange.json_schema_out import json_schema
from memreg.registry.exchange.python_out import python_source
from memreg.registry.exchange.sql_losses import carried_by_sql
from memreg.registry.exchange.sql_out import sql_ddl
from memreg.registry.fingerprint import fingerprint
from memreg.registry.from_pydantic import schema_of
from memreg.registry.models import SchemaSpec
from tests.support.exchange import module_of, specs


@given(specs())
@settings(max_examples=60)
def test_a_json_schema_reads_as_the_schema_that_it_is_of(spec: SchemaSpec) -> None:
    imported = read_json_schema(json_schema(spec), "shop.json")
    assert imported.spec == spec
    assert imported.notes == ()


@given(specs())
@settings(max_examples=60)
def test_pydantic_source_registers_as_the_schema_that_it_is_of(spec: SchemaSpec) -> None:
    source = python_source(spec)
    with module_of(source) as module:
        again = schema_of(*module.CLASSES)
    assert replace(again, models={}) == spec
    assert fingerprint(again) == fingerprint(spec)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(specs())
@settings(max_examples=15)
def test_ddl_reads_as_the_schema_but_for_what_it_said_is_lost(dialect: str, spec: SchemaSpec) -> None:
    exported = sql_ddl(spec, dialect)
    imported = read_ddl(exported.text, "shop.sql", dialect)
    assert imported.spec == carried_by_sql(spec, dialect), exported.text
    assert imported.not_understood == ()
    if not exported.lost:
        assert imported.spec == spec


PIECES = (
    "CREATE TABLE |t| (|)|,|;|'|\"|`|[|]|--|/*|*/|\n|GO\n|$$| int| PRIMARY KEY| CHECK (| DEFAULT |x|ALTER TABLE t ADD |"
    "CONSTRAINT c |FOREIGN KEY (x) |REFERENCES t (x)|COMMENT ON COLUMN t.x IS |CREATE UNIQUE INDEX i ON t(|\\|"
    "DELIMITER //\n|/\n|EXEC sp_addextendedproperty |@name=N'a'|CREATE TYPE e AS ENUM |é|\x00|ENUM('a')|<|BEGIN"
).split("|")


@pytest.mark.parametrize("dialect", DIALECTS)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@settings(max_examples=60)
def test_any_text_is_imported_or_refused_with_a_reason(dialect: str, text: str) -> None:
    try:
        found: object = read_ddl(text, "any.sql", dialect).spec.classes
    except ImportInvalid as refused:
        found = refused.mistakes
    assert found
