"""What of a schema SQL DDL does not say, in sentences; and the schema without it, as an import of the DDL has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from memreg.registry.exchange.long_text import is_long_text
from memreg.registry.exchange.sql_types import ARRAYS, fits_set
from memreg.registry.models import (
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    Kind,
    Merge,
    OnDelete,
    SchemaSpec,
)

_ONE_TEXT = frozenset({"snowflake", "bigquery", "duckdb"})
"""Dialects with one type for short and long texts: a column's name tells which it is."""


def losses(spec: SchemaSpec, dialect: str) -> tuple[str, ...]:
    """A sentence for each thing that DDL of the dialect does not say."""
    return tuple(
        sentence for each in spec.classes for sentence in _class_losses(each, dialect, _later(spec, each, dialect))
    )


def carried_by_sql(spec: SchemaSpec, dialect: str) -> SchemaSpec:
    """The schema that is left when everything that `losses` names is taken away."""
    classes = tuple(_carried_class(each, dialect, _later(spec, each, dialect)) for each in spec.classes)
    return replace(spec, classes=classes, models={})


def _later(spec: SchemaSpec, each: ClassSpec, dialect: str) -> frozenset[str]:
    """The classes whose tables cannot be referred to, as they are made later."""
    if dialect != "duckdb":
        return frozenset()
    return frozenset(other.name for other in spec.classes[spec.classes.index(each) + 1 :])


def _class_losses(spec: ClassSpec, dialect: str, later: frozenset[str]) -> Iterator[str]:
    if spec.patterns:
        yield f"{spec.name}: its patterns are not in the DDL"
    if spec.source is not None or spec.aliases:
        yield f"{spec.name}: what it was called before and its other names are not in the DDL"
    if spec.declared is not None:
        if spec.declared.searchable or spec.declared.compare:
            yield f"{spec.name}: what is searched and compared is not in the DDL"
        for key in spec.declared.identity:
            if key.strength != "strong" or dialect == "bigquery":
                why = "two objects may share it" if key.strength != "strong" else "BigQuery has no UNIQUE"
                yield f"{spec.name}: the key ({', '.join(key.columns)}) is not in the DDL: {why}"
            elif key.confidence != 1.0 or key.rationale:
                yield f"{spec.name}: why ({', '.join(key.columns)}) is a key, and how sure that is, are not in the DDL"
    if dialect == "sqlite" and spec.description != _comment(spec.description):
        yield f"{spec.name}: its description does not fit a comment and is not whole in the DDL"
    for column in spec.columns:
        for what in _column_losses(column, dialect, later):
            yield f"{spec.name}.{column.name}: {what}"


def _column_losses(column: Column, dialect: str, later: frozenset[str]) -> Iterator[str]:
    said = _carried_column(column, dialect, later)
    if column.pii:
        yield "that it is pii is not in the DDL"
    if column.normalize:
        yield "how it is normalised is not in the DDL"
    if column.merge is not said.merge:
        yield "how it is merged is not in the DDL"
    if column.examples:
        yield "its examples are not in the DDL"
    if column.source is not None:
        yield "what it was made of is not in the DDL"
    if column.default is not None and said.default is None:
        yield "its default is not in the DDL"
    if column.on_delete is not said.on_delete:
        yield f"on_delete {column.on_delete} is not in the DDL"
    if column.desc != said.desc:
        yield "the line breaks and signs of its description are not in the DDL"
    if column.dtype != said.dtype:
        yield f"it is {said.dtype} in the DDL, not {column.dtype}"


def _carried_class(spec: ClassSpec, dialect: str, later: frozenset[str]) -> ClassSpec:
    keys = tuple(
        replace(key, confidence=1.0, rationale="")
        for key in (spec.declared.identity if spec.declared else ())
        if key.strength == "strong" and dialect != "bigquery"
    )
    keyed = {column for key in keys for column in key.columns}
    return ClassSpec(
        name=spec.name,
        columns=tuple(_carried_column(each, dialect, later, in_key=each.name in keyed) for each in spec.columns),
        description=_comment(spec.description) if dialect == "sqlite" else spec.description,
        declared=ClassAnnotation(identity=keys) if keys else None,
    )


def _carried_column(column: Column, dialect: str, later: frozenset[str], *, in_key: bool = False) -> Column:
    dtype = _carried_dtype(column, dialect, in_key)
    if dtype.target in later:
        dtype = Dtype(Kind.STRING)
    default = column.default
    if column.dtype.is_list or dtype.kind is Kind.REF or (dtype.kind is Kind.TEXT and dialect == "mysql"):
        default = None
    on_delete = column.on_delete if dtype.kind is Kind.REF else OnDelete.KEEP
    if dialect in ("bigquery", "duckdb") or (dialect == "oracle" and on_delete is OnDelete.REFUSE):
        on_delete = OnDelete.KEEP
    return Column(
        name=column.name,
        dtype=dtype,
        desc=_comment(column.desc) if dialect == "sqlite" else column.desc,
        values=column.values if dtype.kind is Kind.ENUM else (),
        required=column.required,
        merge=Merge.UNION if dtype.is_list else Merge.REPLACE,
        default=default,
        on_delete=on_delete,
    )


def _carried_dtype(column: Column, dialect: str, in_key: bool) -> Dtype:
    kind, is_list = column.dtype.kind, column.dtype.is_list
    if is_list:
        if kind is Kind.ENUM and dialect == "mysql" and fits_set(column):
            return column.dtype
        if dialect == "snowflake":
            return Dtype(Kind.STRING, is_list=True)
        if dialect not in ARRAYS:
            return Dtype(Kind.TEXT)
        if kind in (Kind.ENUM, Kind.REF) or (kind is Kind.TEXT and dialect in _ONE_TEXT):
            return Dtype(Kind.STRING, is_list=True)
        return column.dtype
    if kind is Kind.ENUM and dialect == "bigquery":
        kind = Kind.STRING
    if kind in (Kind.STRING, Kind.TEXT) and dialect in _ONE_TEXT and not in_key:
        return _one_text(column.name)
    return Dtype(kind, target=column.dtype.target)


def _one_text(name: str) -> Dtype:
    return Dtype(Kind.TEXT if is_long_text(name) else Kind.STRING)


def _comment(text: str) -> str:
    """A text as a comment of one line keeps it."""
    from memreg.registry.exchange.plain_comment import plain_comment

    return plain_comment(" ".join(text.split()))
