"""Values of memories as SQL of a real type: what does not cast is null, and never makes a query fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from psycopg.sql import SQL, Composable, Literal

from memreg.registry.models import Column, Kind

HAS_INPUT_CHECK = 160_000
"""The server_version_num from which Postgres can say whether a text casts, without casting it."""

_TYPES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.STRING: "text",
        Kind.TEXT: "text",
        Kind.ENUM: "text",
        Kind.INTEGER: "bigint",
        Kind.NUMBER: "double precision",
        Kind.BOOLEAN: "boolean",
        Kind.DATE: "date",
        # One column may hold times with a zone, which are kept in UTC, and times without: those are read as UTC.
        Kind.DATETIME: "timestamp with time zone",
        Kind.REF: "uuid",
    }
)
# Only ASCII: \d and \s also match digits and spaces that a cast refuses.
_NUMBER = "^ *[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})? *$"
_WHOLE = "^ *[+-]?[0-9]{1,40} *$"
_DAY = "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_DATE = f"^ *{_DAY}([Tt ]00:00(:00([.]0{{1,9}})?)?)? *$"
_ZONE = "([Zz]|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
_DATETIME = f"^ *{_DAY}[Tt ]{_CLOCK}{_ZONE}? *$"
_ZONED = f"{_ZONE} *$"
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_YES = ("true", "yes", "y", "on", "1")
_NO = ("false", "no", "n", "off", "0")


@dataclass(frozen=True, slots=True)
class Value:
    """What a memory has in a column: SQL of type text, or text[] of a list. `column`: as which it was written."""

    sql: Composable
    is_list: bool
    column: Column | None = None


def sql_type(column: Column) -> str:
    """The type of a view's column, as Postgres spells it."""
    return _TYPES[column.dtype.kind] + ("[]" if column.dtype.is_list else "")


def stored(column: Column) -> Value:
    """The value of a column as a memory's payload has it."""
    name = Literal(column.name)
    if not column.dtype.is_list:
        return Value(SQL("(m.payload ->> {})").format(name), False, column)
    listed = SQL(
        "(case jsonb_typeof(m.payload -> {0}) when 'array' then array(select e from"
        " jsonb_array_elements_text(m.payload -> {0}) with ordinality as t (e, n) where e is not null order by n) end)"
    )
    return Value(listed.format(name), True, column)


def typed(value: Value, column: Column, server: int) -> Composable:
    """The value as SQL of the column's type; null where it does not fit. `server`: the server_version_num."""
    as_written = value.column is not None and _same_values(value.column, column)
    if not column.dtype.is_list:
        text = value.sql
        if value.is_list:  # as the validator reads a list of one
            text = SQL("(case when cardinality({0}) = 1 then ({0})[1] end)").format(value.sql)
        return one(text, column, server, value.column)
    texts = value.sql
    if not value.is_list:
        texts = SQL("(case when {0} is not null then array[{0}] end)").format(value.sql)
    is_boolean = value.column is not None and value.column.dtype.kind is Kind.BOOLEAN
    if sql_type(column) == "text[]" and (as_written or column.dtype.kind is not Kind.ENUM) and not is_boolean:
        return texts
    item = SQL("{}::{}").format(one(SQL("e"), column, server, value.column), SQL(_TYPES[column.dtype.kind]))
    return SQL(
        "(select case when count(*) = count(v) then array_agg(v order by n) end"
        " from (select n, {} as v from unnest({}) with ordinality as t (e, n)) as items)"
    ).format(item, texts)


def one(text: Composable, column: Column, server: int, written: Column | None) -> Composable:
    """A text as SQL of the type of a single value of the column; null where it does not fit. `written`: as which column
    it was stored."""
    kind = column.dtype.kind
    if written is not None and written.dtype.kind is Kind.BOOLEAN and kind is not Kind.BOOLEAN:
        return SQL("null")  # true is no word
    if kind is Kind.ENUM and not (written is not None and _same_values(written, column)):
        return _enum(text, column)
    if kind is Kind.INTEGER and written is not None and written.dtype.kind in (Kind.INTEGER, Kind.NUMBER):
        return _integer(text, server, _NUMBER)  # 3.0 and 3e2 are whole numbers, where they are numbers
    if kind not in _CASTS:
        return text
    return _CASTS[kind](text, server)


def _same_values(written: Column, column: Column) -> bool:
    return written.dtype.kind is column.dtype.kind and set(written.values) <= set(column.values)


def _enum(text: Composable, column: Column) -> Composable:
    arms = [SQL("when {} then {}").format(Literal(each.casefold()), Literal(each)) for each in column.values]
    return SQL("(case lower(btrim({})) {} end)").format(text, SQL(" ").join(arms))


def _integer(text: Composable, server: int, form: str = _WHOLE) -> Composable:  # noqa: ARG001
    number = SQL("({})::numeric").format(text)
    return SQL(
        "(case when {0} ~ {1} then case when {2} = trunc({2})"
        " and {2} between -9223372036854775808 and 9223372036854775807 then ({2})::bigint end end)"
    ).format(text, Literal(form), number)


def _number(text: Composable, server: int) -> Composable:
    if server >= HAS_INPUT_CHECK:
        fits: Composable = SQL("pg_input_is_valid({}, 'double precision')").format(text)
    else:
        fits = SQL("(({0})::numeric = 0 or abs(({0})::numeric) between 1e-307 and 1.7976931348623157e308)").format(text)
    return SQL("(case when {0} ~ {1} then case when {2} then ({0})::double precision end end)").format(
        text, Literal(_NUMBER), fits
    )


def _boolean(text: Composable, server: int) -> Composable:  # noqa: ARG001
    return SQL(
        "(case when lower(btrim({0})) in ({1}) then true when lower(btrim({0})) in ({2}) then false end)"
    ).format(text, _listed(_YES), _listed(_NO))


def _date(text: Composable, server: int) -> Composable:
    day = SQL("left(btrim({}), 10)").format(text)
    return SQL("(case when {0} ~ {1} then case when {2} then {3}::date end end)").format(
        text, Literal(_DATE), _is_day(day, server), day
    )


def _datetime(text: Composable, server: int) -> Composable:
    day = SQL("left(btrim({}), 10)").format(text)
    zoned = SQL("(case when {0} ~ {1} then {0} else btrim({0}) || 'Z' end)").format(text, Literal(_ZONED))
    # 9999-12-31T23:59:59-14:00 is a day later in UTC, which Postgres can hold; nothing that matches overflows.
    return SQL("(case when {0} ~ {1} then case when {2} then {3}::timestamptz end end)").format(
        text, Literal(_DATETIME), _is_day(day, server), zoned
    )


def _is_day(day: Composable, server: int) -> Composable:
    """Whether a text in the form of a date is one: its month has that day."""
    if server >= HAS_INPUT_CHECK:
        return SQL("pg_input_is_valid({}, 'date')").format(day)
    return SQL(
        "right({0}, 2)::int <= extract(day from (left({0}, 8) || '01')::date + interval '1 month' - interval '1 day')"
    ).format(day)


def _uuid(text: Composable, server: int) -> Composable:  # noqa: ARG001
    return SQL("(case when {0} ~ {1} then ({0})::uuid end)").format(text, Literal(_UUID))


def _listed(words: tuple[str, ...]) -> Composable:
    return SQL(", ").join([Literal(word) for word in words])


_CASTS: Mapping[Kind, Callable[[Composable, int], Composable]] = MappingProxyType(
    {
        Kind.INTEGER: _integer,
        Kind.NUMBER: _number,
        Kind.BOOLEAN: _boolean,
        Kind.DATE: _date,
        Kind.DATETIME: _datetime,
        Kind.REF: _uuid,
    }
)
