"""What a `from:` makes of the values of columns, as SQL; None where SQL cannot say it in a few words."""

from __future__ import annotations

from dataclasses import replace

from psycopg.sql import SQL, Composable, Literal

from memreg.registry.casts import CASTS
from memreg.registry.models import REFUSE, Column, Dtype, Kind, Source
from memreg.registry.normalize import ValueRefused, normalize
from memreg.registry.views.values import Value, sql_type, typed


def made(source: Source, values: list[Value], column: Column) -> Value | None:
    """What a `from:` makes of the values of its columns: they are split, joined, mapped and cast, in this order."""
    value: Value | None = values[0]
    if len(source.columns) > 1:
        value = _together(values)
    if value is not None and source.split is not None:
        value = _split(source, source.split, value)
    if value is not None and source.join is not None and value.is_list:
        value = Value(SQL("array_to_string({}, {})").format(value.sql, source.join), False)
    if value is not None and source.map:
        value = _mapped(source, value, column)
    if value is not None and source.cast:
        kind = Kind.STRING if value.column is None else value.column.dtype.kind
        value = _cast(source.cast, value) if kind in CASTS[source.cast].takes else None
    return value


def settled(source: Source, column: Column, value: Value, server: int) -> Value:
    """The value as the column would store it, or what takes its place where it does not fit."""
    is_list, kind = column.dtype.is_list, column.dtype.kind
    instead = None if source.otherwise is REFUSE or source.otherwise is None else constant(source.otherwise, column)
    is_boolean = value.column is not None and value.column.dtype.kind is Kind.BOOLEAN
    if instead is None and value.is_list == is_list and kind in (Kind.STRING, Kind.TEXT) and not is_boolean:
        return Value(value.sql, is_list, column)
    given = Value(SQL("t"), value.is_list, value.column)
    if is_list:
        fits: Composable = SQL("array(select {} from unnest(v) with ordinality as w (e, n) order by n)").format(
            _written(kind, SQL("e"))
        )
    elif kind is Kind.DATETIME and not value.is_list:
        fits = SQL("t")  # whether it has a zone is not seen in what it is cast to
    else:
        fits = _written(kind, SQL("v"))
    # Without `offset 0` the planner would write the value out wherever it is used, and that in each step of several.
    return Value(
        SQL(
            "(select case when v is not null then {} when t is not null then {} end from"
            " (select t, {}::{} as v from (select {} as t offset 0) as given offset 0) as cast_)"
        ).format(
            fits,
            SQL("null") if instead is None else instead.sql,
            typed(given, column, server),
            SQL(sql_type(column)),
            value.sql,
        ),
        is_list,
        column,
    )


def _written(kind: Kind, value: Composable) -> Composable:
    """A value of a type as the text that a payload has for it."""
    match kind:
        case Kind.DATE:
            return SQL("to_char({}, 'YYYY-MM-DD')").format(value)
        case Kind.DATETIME:
            return SQL("to_char({} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00')").format(value)
        case Kind.NUMBER:  # 7 is stored as 7.0
            whole = SQL("trunc({0}::numeric)::text || '.0'").format(value)
            return SQL("(case when {0} = trunc({0}) and abs({0}) < 1e15 then {1} else {0}::text end)").format(
                value, whole
            )
    return SQL("{}::text").format(value)


def _together(values: list[Value]) -> Value:
    """The values of several columns as one list."""
    lists = [value.sql if value.is_list else SQL("array[{}]").format(value.sql) for value in values]
    return Value(SQL("nullif(array_remove({}, null), '{{}}')").format(SQL(" || ").join(lists)), True)


def _split(source: Source, split: str, value: Value) -> Value:
    """The parts of a text, or of each item of a list: trimmed, without empty ones."""
    texts = value.sql if value.is_list else SQL("array[{}]").format(value.sql)
    parts = SQL(
        "nullif(array(select btrim(p, {blank}) from unnest({texts}) with ordinality as a (t, i),"
        " unnest(string_to_array(t, {split})) with ordinality as b (p, j)"
        " where btrim(p, {blank}) <> '' order by i, j), '{{}}')"
    ).format(blank=_BLANK, texts=texts, split=split)
    if source.part is None:
        return Value(parts, True)
    place = SQL("{}").format(source.part)
    if source.part < 0:
        place = SQL("cardinality({}) + {}").format(parts, source.part + 1)
    if not source.rest:
        return Value(SQL("({})[{}]").format(parts, place), False)
    return Value(
        SQL("(case when {0} between 1 and cardinality({1}) then array_to_string(({1})[{0}:], {2}) end)").format(
            place, parts, split
        ),
        False,
    )


def _mapped(source: Source, value: Value, column: Column) -> Value:
    is_boolean = value.column is not None and value.column.dtype.kind is Kind.BOOLEAN
    # What is not in the table stays a number, and 7.0 is a whole one.
    is_number = value.column is not None and value.column.dtype.kind in (Kind.INTEGER, Kind.NUMBER)
    written = value.column if is_number else None
    keeps = column.dtype.kind is Kind.BOOLEAN or not is_boolean
    if value.is_list:
        item = _mapping(source, SQL("e"), value.column, keeps=keeps)
        return Value(
            SQL(
                "nullif(array(select v from (select n, {} as v from unnest({}) with ordinality as t (e, n)) as items"
                " where v is not null order by n), '{{}}')"
            ).format(item, value.sql),
            True,
            written,
        )
    return Value(_mapping(source, value.sql, value.column, keeps=keeps), False, written)


def _mapping(source: Source, text: Composable, written: Column | None, *, keeps: bool) -> Composable:
    """The text that a text becomes; `keeps`: one that is not in the table stays as it is."""
    table = {word: new for old, new in source.map for word in _as_stored(written, old)}
    arms = [
        SQL("when {} then {}").format(word, SQL("null") if new is None else Literal(_text(new)))
        for word, new in table.items()
    ]
    rest = text if keeps else SQL("null")
    return SQL("(case {} {} else {} end)").format(text, SQL(" ").join(arms), rest)


def _as_stored(column: Column | None, value: str) -> tuple[str, ...]:
    """An old value of a map as the texts that it may be stored as."""
    if column is None:
        return (value,)
    try:
        found = normalize(replace(column, dtype=Dtype(column.dtype.kind)), value).value
    except ValueRefused:
        return (value,)
    whole = isinstance(found, float) and found.is_integer() and abs(found) < 1e15
    return (_text(found), str(int(found))) if whole and isinstance(found, float) else (_text(found),)


def _cast(name: str, value: Value) -> Value | None:
    """The named conversion, where SQL says it in a few words."""
    if value.is_list:
        match name:
            case "first":
                return Value(SQL("({})[1]").format(value.sql), False, value.column)
            case "last":
                return Value(SQL("({0})[cardinality({0})]").format(value.sql), False, value.column)
            case "count":
                return Value(SQL("cardinality({})::text").format(value.sql), False)
        return None
    if name in ("first", "last"):
        return value
    if name == "text":
        return Value(value.sql, False)
    if name in _SAID:
        return Value(SQL(_SAID[name]).format(value.sql), False)
    return None


_BLANK = " \t\n\r\f\v"
_NUMERIC = "(case when {0} ~ '^-?[0-9]+(\\.[0-9]*)?([eE][+-]?[0-9]{{1,3}})?$' then ({0})::numeric end)"
_SAID = {
    "date": "left({0}, 10)",
    "midnight": "(left({0}, 10) || 'T00:00:00')",
    "year": "left({0}, 4)::text",
    "yes_no": "(case {0} when 'true' then 'yes' when 'false' then 'no' end)",
    "shorten": "left({0}, 10000)",
    "round": f"round{_NUMERIC}::text",
    "floor": f"floor{_NUMERIC}::text",
    "ceil": f"ceil{_NUMERIC}::text",
    "truncate": f"trunc{_NUMERIC}::text",
    "positive": f"({_NUMERIC} > 0)::text",
}


def constant(value: object, column: Column) -> Value:
    """A value of a schema file as the text, or the texts, that it is stored as."""
    if isinstance(value, list | tuple):
        return Value(SQL("{}::text[]").format([_text(each) for each in value]), True, column)
    if column.dtype.is_list:
        return Value(SQL("{}::text[]").format([_text(value)]), True, column)
    return Value(SQL("{}::text").format(_text(value)), False, column)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
