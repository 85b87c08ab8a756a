"""What the columns of a class are in memories of earlier versions, as SQL: renames, maps, splits and joins.

Until a backfill has rewritten a memory, its row has the form of an earlier version. Not all that a `from:` can say is
said in SQL: such a column is null in those rows until then, and normalizers are not applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from psycopg.sql import SQL, Composable, Literal

from memreg.registry.models import REFUSE, ClassSpec, Column, Kind, SchemaSpec, SchemaVersion, Source
from memreg.registry.upcast import Step
from memreg.registry.views.values import Value, stored, typed

Values = dict[str, Value | None]


@dataclass(frozen=True)
class Reading:
    """How memories of a class that are stored under a name by the versions from `first` to `last` are read.

    `last` None: also by any later one. `columns`: the SQL of each column of the class as it is now.
    """

    class_name: str
    first: int
    last: int | None
    columns: Mapping[str, Composable]


def readings(version: SchemaVersion, class_name: str, server: int) -> list[Reading]:
    """How the memories of a class are read, by the name and the version of their row, the newest first."""
    spec = version.spec.by_name[class_name]
    found: list[Reading] = []
    for number, earlier in sorted(specs(version).items(), reverse=True):
        for name in earlier.by_name:
            if class_now(version, name, number) != class_name:
                continue
            columns = _columns(spec, earlier.by_name[name], _steps(version, name, number), server)
            last = number if number < version.version else None
            before = next((each for each in found if each.class_name == name and each.first == number + 1), None)
            if before is not None and _text_of(before.columns) == _text_of(columns):
                found[found.index(before)] = replace(before, first=number)
            else:
                found.append(Reading(name, number, last, columns))
    return found


def is_alone(version: SchemaVersion, class_name: str, name: str) -> bool:
    """Whether no other class was ever stored under a name of a class."""
    return all(
        class_now(version, name, number) == class_name
        for number, spec in specs(version).items()
        if name in spec.by_name
    )


def specs(version: SchemaVersion) -> dict[int, SchemaSpec]:
    """The version and those before, by number."""
    earlier = version.lineage.earlier if version.lineage is not None else ()
    found = {each.version: each.spec for each in earlier if each.version < version.version}
    return found | {version.version: version.spec}


def class_now(version: SchemaVersion, class_name: str, number: int) -> str | None:
    """What a class stored under a version is called now; None where it is gone."""
    if version.lineage is None or number >= version.version:
        return class_name if class_name in version.spec.by_name else None
    return version.lineage.class_now(class_name, number)


def columns_now(version: SchemaVersion, class_name: str, number: int) -> dict[str, str]:
    """The columns of a class of an earlier version that are there just as they were, by name, with their name now."""
    spec = specs(version).get(number)
    if spec is None or class_name not in spec.by_name:
        return {}
    found = {column.name: column.name for column in spec.by_name[class_name].columns}
    for step in _steps(version, class_name, number):
        found = {old: step.moves[name] for old, name in found.items() if name in step.moves}
    return found


def _steps(version: SchemaVersion, class_name: str, number: int) -> tuple[Step, ...]:
    if version.lineage is None or number >= version.version:
        return ()
    return version.lineage.steps(class_name, number)


def _text_of(columns: Mapping[str, Composable]) -> dict[str, str]:
    return {name: sql.as_string(None) for name, sql in columns.items()}


def _columns(spec: ClassSpec, row: ClassSpec, steps: Iterable[Step], server: int) -> dict[str, Composable]:
    """The columns of the class out of a row that has the form of an earlier one."""
    values: Values = {column.name: stored(column) for column in row.columns}
    for step in steps:
        values = _after(step, values, server)
    found: dict[str, Composable] = {}
    for column in spec.columns:
        value = values.get(column.name)
        found[column.name] = SQL("null") if value is None else typed(value, column, server)
    return found


def _after(step: Step, values: Values, server: int) -> Values:
    """The values after one step; None for what SQL cannot say."""
    made: Values = {new: values[old] for old, new in step.moves.items() if old in values}
    unsaid = {name for name, value in made.items() if value is None}
    refusable: dict[str, Composable] = {}
    for making in step.makings:
        name = making.column.name
        parts = [values[each] for each in making.source.columns if each in values]
        said = [part for part in parts if part is not None]
        if not parts:
            continue
        value = _made(making.source, said) if len(said) == len(parts) else None
        made[name] = None if value is None else _settled(making.source, making.column, value, server)
        if value is not None and making.source.otherwise is REFUSE:
            refusable[name] = value.sql
        unsaid.update([name] if value is None else [])
    for name, default in step.defaults:
        constant, value = _constant(default, step.after.by_name[name]), made.get(name)
        if name in unsaid:
            continue
        if value is None:
            made[name] = constant
        elif name in refusable:  # a value that does not fit is left out, and no default takes its place
            either = SQL("(case when {} is null then {} else {} end)").format(refusable[name], constant.sql, value.sql)
            made[name] = Value(either, value.is_list, value.column)
        else:
            made[name] = Value(SQL("coalesce({}, {})").format(value.sql, constant.sql), value.is_list, value.column)
    return made


def _settled(source: Source, column: Column, value: Value, server: int) -> Value:
    """The value as the column would store it, or what takes its place where it does not fit."""
    is_list, kind = column.dtype.is_list, column.dtype.kind
    instead = None if source.otherwise is REFUSE or source.otherwise is None else _constant(source.otherwise, column)
    if instead is None and value.is_list == is_list and kind in (Kind.STRING, Kind.TEXT):
        return Value(value.sql, is_list, column)
    given = Value(SQL("t"), value.is_list, value.column)
    fits = SQL("v::text" + ("[]" if is_list else ""))
    if not is_list and kind in _ASIS and not value.is_list:
        fits = SQL("t")  # a text of the type would be written in another way
    elif not is_list and kind is Kind.DATE:
        fits = SQL("to_char(v, 'YYYY-MM-DD')")
    elif is_list and kind is Kind.DATE:
        fits = SQL("array(select to_char(e, 'YYYY-MM-DD') from unnest(v) with ordinality as d (e, n) order by n)")
    # Without `offset 0` the planner would write the value out wherever it is used, and that in each step of several.
    return Value(
        SQL(
            "(select case when v is not null then {} when t is not null then {} end from"
            " (select t, {} as v from (select {} as t offset 0) as given offset 0) as cast_)"
        ).format(fits, SQL("null") if instead is None else instead.sql, typed(given, column, server), value.sql),
        is_list,
        column,
    )


def _made(source: Source, values: list[Value]) -> Value | None:
    """What a `from:` makes of the values of its columns: they are split, joined, mapped and cast, in this order."""
    value: Value | None = values[0]
    if len(source.columns) > 1:
        value = _together(values)
    if value is not None and source.split is not None:
        value = _split(source, source.split, value)
    if value is not None and source.join is not None and value.is_list:
        value = Value(SQL("array_to_string({}, {})").format(value.sql, source.join), False)
    if value is not None and source.map:
        value = _mapped(source, value)
    if value is not None and source.cast:
        value = _cast(source.cast, value)
    return value


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


def _mapped(source: Source, value: Value) -> Value:
    if value.is_list:
        item = _mapping(source, SQL("e"))
        return Value(
            SQL(
                "nullif(array(select v from (select n, {} as v from unnest({}) with ordinality as t (e, n)) as items"
                " where v is not null order by n), '{{}}')"
            ).format(item, value.sql),
            True,
        )
    return Value(_mapping(source, value.sql), False)


def _mapping(source: Source, text: Composable) -> Composable:
    arms = [
        SQL("when {} then {}").format(_text(old), SQL("null") if new is None else Literal(_text(new)))
        for old, new in source.map
    ]
    return SQL("(case {0} {1} else {0} end)").format(text, SQL(" ").join(arms))


def _cast(name: str, value: Value) -> Value | None:
    """The named conversion, where SQL says it in a few words."""
    if value.is_list:
        match name:
            case "first":
                return Value(SQL("({})[1]").format(value.sql), False)
            case "last":
                return Value(SQL("({0})[cardinality({0})]").format(value.sql), False)
            case "count":
                return Value(SQL("cardinality({})::text").format(value.sql), False)
        return None
    if name in ("first", "last", "text"):
        return Value(value.sql, False)
    if name in _SAID:
        return Value(SQL(_SAID[name]).format(value.sql), False)
    return None


_ASIS = frozenset({Kind.NUMBER, Kind.DATETIME})
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


def _constant(value: object, column: Column) -> Value:
    """A value of a schema file as the text, or the texts, that it is stored as."""
    if isinstance(value, list | tuple):
        return Value(SQL("{}::text[]").format([_text(each) for each in value]), True)
    if column.dtype.is_list:
        return Value(SQL("{}::text[]").format([_text(value)]), True)
    return Value(SQL("{}::text").format(_text(value)), False)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
