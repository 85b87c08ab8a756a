"""Column types of SQL dialects to dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from memreg.registry.models import Dtype, Kind, Normalizer

MAKES = frozenset({"SERIAL", "SMALLSERIAL", "BIGSERIAL"})
LONG_LENGTH = 1000
"""A string that may be as long is taken for a long text."""

_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "INT128", "INT256", "UTINYINT", "USMALLINT", "UMEDIUMINT",
     "UINT", "UBIGINT", "UINT128", "UINT256", "YEAR", "SERIAL", "SMALLSERIAL", "BIGSERIAL"}
)  # fmt: skip
_NUMBERS = frozenset({"FLOAT", "DOUBLE", "UDOUBLE", "MONEY", "SMALLMONEY", "BIGDECIMAL", "DECFLOAT"})
_DECIMALS = frozenset({"DECIMAL", "UDECIMAL", "DECIMAL32", "DECIMAL64", "DECIMAL128", "DECIMAL256"})
_STRINGS = frozenset({"CHAR", "NCHAR", "VARCHAR", "NVARCHAR", "BPCHAR", "NAME", "TINYTEXT", "FIXEDSTRING"})
_LONG = frozenset({"MEDIUMTEXT", "LONGTEXT"})
_MOMENTS = frozenset(
    {"TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPLTZ", "TIMESTAMPNTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
     "DATETIME", "DATETIME2", "DATETIME64", "SMALLDATETIME"}
)  # fmt: skip
_BINARY = frozenset(
    {"BINARY", "VARBINARY", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "IMAGE", "ROWVERSION", "BIT_VARYING"}
)
_PLACES = frozenset({"GEOGRAPHY", "GEOGRAPHYPOINT", "GEOMETRY", "POINT", "RING", "LINESTRING", "MULTILINESTRING",
                     "POLYGON", "MULTIPOLYGON"})  # fmt: skip
_STRUCTURED = frozenset({"JSON", "JSONB", "VARIANT", "OBJECT", "SUPER", "XML", "HSTORE", "MAP", "UNION", "STRUCT",
                         "NESTED", "NULL"})  # fmt: skip
_SHORT = frozenset({"UUID", "INET", "CIDR", "IPADDRESS", "IPPREFIX", "IPV4", "IPV6", "MACADDR", "MACADDR8"})
_ONLY_TEXT = frozenset({"postgres", "sqlite", "duckdb", "snowflake", "bigquery"})
"""Dialects whose authors write TEXT (or STRING) for names as well as for long texts."""

_USER_TYPES: Mapping[str, tuple[str, str]] = {
    "CITEXT": ("string", ""),
    "HSTORE": ("text", "its structure is kept as text"),
    "XMLTYPE": ("text", "its structure is kept as text"),
    "SYSNAME": ("string", ""),
    "LTREE": ("string", "it is kept as text"),
    "RAW": ("", "bytes are no value of a memory"),
    "LONG": ("text", ""),
    "BFILE": ("", "a file is no value of a memory"),
    "ROWID": ("", "the place of a row is no value of a memory"),
    "UROWID": ("", "the place of a row is no value of a memory"),
    "SDO_GEOMETRY": ("", "places and shapes are no value of a memory"),
    **dict.fromkeys(
        ("POINT", "POLYGON", "LINESTRING", "GEOMETRYCOLLECTION", "MULTIPOINT", "MULTIPOLYGON", "MULTILINESTRING"),
        ("", "places and shapes are no value of a memory"),
    ),
    "GEOMETRY": ("", "places and shapes are no value of a memory"),
    "GEOGRAPHY": ("", "places and shapes are no value of a memory"),
    "HIERARCHYID": ("string", "it is kept as text"),
    "SQL_VARIANT": ("string", "it is kept as text"),
    "TSVECTOR": ("", "memreg makes its own index of words"),
    "BYTEA": ("", "bytes are no value of a memory"),
    "MACADDR": ("string", "it is kept as text"),
    "BOOL": ("boolean", ""),
    "BINARY_FLOAT": ("number", ""),
    "BINARY_DOUBLE": ("number", ""),
    "PLS_INTEGER": ("integer", ""),
    "BIT VARYING": ("string", "it is kept as text"),
}


KNOWN_BY_NAME = frozenset(_USER_TYPES)
"""Types that are known by their name where a parser does not know them."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A type that the file itself makes: an enum's values, or another type with a condition on VALUE."""

    values: tuple[str, ...] = ()
    base: FoundType | None = None


@dataclass(frozen=True, slots=True)
class FoundType:
    """What a type comes to. `lost`: why nothing, or not all of it, is carried over; `fields`: of a structure."""

    dtype: Dtype | None
    wide: bool = False
    values: tuple[str, ...] = ()
    normalize: tuple[Normalizer, ...] = ()
    made: str = ""
    lost: str = ""
    known: bool = True
    fields: tuple[exp.ColumnDef, ...] = field(default=(), compare=False)


def type_of(kind: exp.Expression, dialect: str, domains: Mapping[str, Domain]) -> FoundType:
    """What a column of a type is, in a dialect, with the types that the file makes."""
    if not isinstance(kind, exp.DataType):
        return _plain(Kind.STRING, lost="it is kept as text")
    name = kind.this.name if isinstance(kind.this, exp.DataType.Type) else str(kind.this)
    if name == "USERDEFINED":
        return _user_type(kind, domains)
    if name in ("ENUM", "ENUM8", "ENUM16"):
        return _plain(Kind.ENUM, values=_texts(kind))
    if name == "SET":
        return FoundType(Dtype(Kind.ENUM, is_list=True), values=_texts(kind))
    if name in ("ARRAY", "LIST"):
        return _list(kind, dialect, domains)
    if name in ("STRUCT", "NESTED", "OBJECT") and (fields := _fields(kind)):
        return FoundType(None, fields=fields)
    return _simple(kind, name, dialect)


def _simple(kind: exp.DataType, name: str, dialect: str) -> FoundType:
    length = _number(kind, 0)
    if name == "BIT" and dialect == "duckdb":
        return _plain(Kind.STRING, lost="bits are kept as text")
    if name == "BOOLEAN" or (name == "BIT" and (dialect == "tsql" or length in (None, 1))):
        return _plain(Kind.BOOLEAN)
    if name == "TINYINT" and length == 1 and dialect == "mysql":
        return _plain(Kind.BOOLEAN)
    if name in _INTEGERS:
        return _plain(Kind.INTEGER, made=name.lower() if name in MAKES else "")
    if name in _DECIMALS:
        scale = _number(kind, 1)
        whole = scale == 0 or (scale is None and (length is not None or dialect == "snowflake"))
        return _plain(Kind.INTEGER if whole else Kind.NUMBER)
    if name in _NUMBERS:
        return _plain(Kind.NUMBER)
    if name in _STRINGS:
        return _string(kind, length, dialect)
    if name == "TEXT":
        if length is not None and dialect != "mysql":
            return _string(kind, length, dialect)
        return _plain(Kind.STRING, wide=True) if dialect in _ONLY_TEXT else _plain(Kind.TEXT)
    if name in _LONG:
        return _plain(Kind.TEXT)
    if name in ("DATE", "DATE32"):
        return _plain(Kind.DATE)
    if name in _MOMENTS:
        return _plain(Kind.DATETIME)
    return _other(name)


def _other(name: str) -> FoundType:
    if name in ("TIME", "TIMETZ", "TIME_NS"):
        return _plain(Kind.STRING, lost="a time of day without a day is kept as text")
    if name.startswith("INTERVAL"):
        return _plain(Kind.STRING, lost="a length of time is kept as text")
    if name in _STRUCTURED:
        return _plain(Kind.TEXT, lost="its structure is kept as text")
    if name in _SHORT:
        return _plain(Kind.STRING)
    if name in _BINARY:
        return FoundType(None, lost="bytes are no value of a memory")
    if name in _PLACES:
        return FoundType(None, lost="places and shapes are no value of a memory")
    if name in ("TSVECTOR", "TSQUERY"):
        return FoundType(None, lost="memreg makes its own index of words")
    if name == "VECTOR":
        return FoundType(None, lost="vectors are no value of a memory")
    if name in ("HLLSKETCH", "AGGREGATEFUNCTION", "SIMPLEAGGREGATEFUNCTION"):
        return FoundType(None, lost="a sketch is no value of a memory")
    if "RANGE" in name:
        return _plain(Kind.STRING, lost="a range is kept as text")
    return _plain(Kind.STRING, lost="it is kept as text")


def _string(kind: exp.DataType, length: int | None, dialect: str) -> FoundType:
    first = kind.expressions[0] if kind.expressions else None
    if first is not None and first.name.upper() == "MAX":
        return _plain(Kind.TEXT)
    if length is None or length >= 10_000_000:  # Snowflake writes the largest length for none
        return _plain(Kind.STRING, wide=dialect in ("duckdb", "snowflake"))
    return _plain(Kind.TEXT if length >= LONG_LENGTH else Kind.STRING, wide=length >= LONG_LENGTH)


def _user_type(kind: exp.DataType, domains: Mapping[str, Domain]) -> FoundType:
    given = kind.args.get("kind")
    name = given.sql() if isinstance(given, exp.Expression) else str(given or "")
    last = name.replace('"', "").replace("`", "").replace("[", "").replace("]", "").split(".")[-1]
    if (domain := domains.get(last.casefold())) is not None:
        return domain.base or _plain(Kind.ENUM, values=domain.values)
    if last.upper() in _USER_TYPES:
        word, lost = _USER_TYPES[last.upper()]
        normalize = (Normalizer("casefold"),) if last.upper() == "CITEXT" else ()
        return FoundType(Dtype(Kind(word)) if word else None, normalize=normalize, lost=lost)
    return _plain(Kind.STRING, lost=f"the type {last} is not made in this file; it is kept as text", known=False)


def _list(kind: exp.DataType, dialect: str, domains: Mapping[str, Domain]) -> FoundType:
    inner = kind.expressions[0] if kind.expressions else None
    if not isinstance(inner, exp.DataType):
        return FoundType(Dtype(Kind.STRING, is_list=True), lost="what its items are is not said; they are kept as text")
    found = type_of(inner, dialect, domains)
    if found.fields:
        return FoundType(Dtype(Kind.REF, is_list=True), fields=found.fields)
    if found.dtype is None:
        return found
    if found.dtype.is_list:
        return _plain(Kind.TEXT, lost="a list of lists is kept as text")
    dtype = Dtype(found.dtype.kind, is_list=True)
    return FoundType(dtype, found.wide, found.values, found.normalize, lost=found.lost)


def _fields(kind: exp.DataType) -> tuple[exp.ColumnDef, ...]:
    found = tuple(each for each in kind.expressions if isinstance(each, exp.ColumnDef))
    return found if len(found) == len(kind.expressions) else ()


def _plain(kind: Kind, **more: object) -> FoundType:
    return FoundType(Dtype(kind), **more)  # type: ignore[arg-type]


def _texts(kind: exp.DataType) -> tuple[str, ...]:
    return tuple(each.name for each in kind.expressions)


def _number(kind: exp.DataType, position: int) -> int | None:
    if len(kind.expressions) <= position:
        return None
    text = kind.expressions[position].name
    return int(text) if text.lstrip("-").isdigit() else None
