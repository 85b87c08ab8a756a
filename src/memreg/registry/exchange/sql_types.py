"""Dtypes as column types of SQL dialects."""

from __future__ import annotations

from sqlglot import exp

from memreg.registry.models import Column, Kind

INTERNAL_NUMBER_AS_BOOLEAN = frozenset({"oracle"})
"""Dialects without a type for yes and no: a number that is 0 or 1."""

_TYPES: dict[str, dict[Kind, str]] = {
    "postgres": {
        Kind.STRING: "VARCHAR", Kind.TEXT: "TEXT", Kind.INTEGER: "BIGINT", Kind.NUMBER: "DOUBLE PRECISION",
        Kind.BOOLEAN: "BOOLEAN", Kind.DATE: "DATE", Kind.DATETIME: "TIMESTAMPTZ", Kind.REF: "UUID",
    },
    "mysql": {
        Kind.STRING: "VARCHAR(255)", Kind.TEXT: "LONGTEXT", Kind.INTEGER: "BIGINT", Kind.NUMBER: "DOUBLE",
        Kind.BOOLEAN: "TINYINT(1)", Kind.DATE: "DATE", Kind.DATETIME: "DATETIME", Kind.REF: "CHAR(36)",
    },
    "sqlite": {
        Kind.STRING: "VARCHAR", Kind.TEXT: "TEXT", Kind.INTEGER: "INTEGER", Kind.NUMBER: "REAL",
        Kind.BOOLEAN: "BOOLEAN", Kind.DATE: "DATE", Kind.DATETIME: "DATETIME", Kind.REF: "CHAR(36)",
    },
    "tsql": {
        Kind.STRING: "NVARCHAR(255)", Kind.TEXT: "NVARCHAR(MAX)", Kind.INTEGER: "BIGINT", Kind.NUMBER: "FLOAT",
        Kind.BOOLEAN: "BIT", Kind.DATE: "DATE", Kind.DATETIME: "DATETIMEOFFSET", Kind.REF: "UNIQUEIDENTIFIER",
    },
    "oracle": {
        Kind.STRING: "VARCHAR2(255)", Kind.TEXT: "CLOB", Kind.INTEGER: "NUMBER(19)", Kind.NUMBER: "NUMBER",
        Kind.BOOLEAN: "NUMBER(1)", Kind.DATE: "DATE", Kind.DATETIME: "TIMESTAMP WITH TIME ZONE",
        Kind.REF: "CHAR(36)",
    },
    "snowflake": {
        Kind.STRING: "VARCHAR", Kind.TEXT: "VARCHAR", Kind.INTEGER: "NUMBER(38, 0)", Kind.NUMBER: "FLOAT",
        Kind.BOOLEAN: "BOOLEAN", Kind.DATE: "DATE", Kind.DATETIME: "TIMESTAMP_TZ", Kind.REF: "CHAR(36)",
    },
    "bigquery": {
        Kind.STRING: "STRING", Kind.TEXT: "STRING", Kind.INTEGER: "INT64", Kind.NUMBER: "FLOAT64",
        Kind.BOOLEAN: "BOOL", Kind.DATE: "DATE", Kind.DATETIME: "TIMESTAMP", Kind.REF: "STRING(36)",
    },
    "duckdb": {
        Kind.STRING: "VARCHAR", Kind.TEXT: "VARCHAR", Kind.INTEGER: "BIGINT", Kind.NUMBER: "DOUBLE",
        Kind.BOOLEAN: "BOOLEAN", Kind.DATE: "DATE", Kind.DATETIME: "TIMESTAMPTZ", Kind.REF: "UUID",
    },
}  # fmt: skip

ARRAYS = frozenset({"postgres", "bigquery", "duckdb"})
_AS_JSON = {"mysql": "JSON", "sqlite": "TEXT", "tsql": "NVARCHAR(MAX)", "oracle": "CLOB", "snowflake": "ARRAY"}


def surrogate_type(dialect: str) -> exp.DataType:
    """The type of a table's own key."""
    return _built(_TYPES[dialect][Kind.REF], dialect)


def scalar_type(column: Column, dialect: str) -> exp.DataType:
    """The type of a single value."""
    if column.dtype.kind is Kind.ENUM and dialect == "mysql":
        return _listed("ENUM", column)
    kind = Kind.STRING if column.dtype.kind is Kind.ENUM else column.dtype.kind
    return _built(_TYPES[dialect][kind], dialect)


def list_type(column: Column, dialect: str) -> exp.DataType:
    """The type of a list of values: an array where the dialect has arrays."""
    if column.dtype.kind is Kind.ENUM and dialect == "mysql" and fits_set(column):
        return _listed("SET", column)
    if dialect not in ARRAYS:
        return _built(_AS_JSON[dialect], dialect)
    inner = scalar_type(column, dialect)
    return exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[inner], nested=True)


def fits_set(column: Column) -> bool:
    """Whether MySQL's SET can have the values: at most 64, without a comma."""
    return len(column.values) <= 64 and not any("," in value for value in column.values)


def _built(text: str, dialect: str) -> exp.DataType:
    if dialect == "sqlite":  # where a type is any words, and sqlglot writes only four of them
        return exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=text)
    return exp.DataType.build(text, dialect=dialect)


def _listed(kind: str, column: Column) -> exp.DataType:
    values: list[exp.Expression] = [exp.Literal.string(value) for value in column.values]
    return exp.DataType(this=exp.DataType.Type[kind], expressions=values)
