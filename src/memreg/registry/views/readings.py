"""What the columns of a class are in memories of earlier versions, as SQL: renames, maps, splits and joins.

Until a backfill has rewritten a memory, its row has the form of an earlier version. Not all that a `from:` can say is
said in SQL: such a column is null in those rows until then, and normalizers are not applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Literal

from memreg.registry.before import class_before, is_plain, source_before
from memreg.registry.models import REFUSE, ClassSpec, Column, SchemaVersion, Source
from memreg.registry.views.values import Value, sql_type, stored, typed

Columns = dict[str, Composable]


@dataclass(frozen=True)
class Reading:
    """How memories of the versions from `first` on, up to the next reading's, are read.

    `class_name` None: none of those versions has the class.
    """

    first: int
    class_name: str | None
    columns: Mapping[str, Composable]


def readings(version: SchemaVersion, earlier: Iterable[SchemaVersion], class_name: str, server: int) -> list[Reading]:
    """How the memories of a class are read, by the version of their row, the newest first.

    `earlier`: the versions before. The same reading of neighbouring versions is there once.
    """
    known = {each.version: each for each in earlier if each.version < version.version} | {version.version: version}
    found: list[Reading] = []
    for number in sorted(known, reverse=True):
        path = _path(known, version.version, number)
        walk = _Walk(path, server)
        before = walk.class_at(class_name, len(path) - 1)
        columns = walk.columns(class_name) if before is not None else {}
        reading = Reading(number, before.name if before is not None else None, columns)
        if found and _same(found[-1], reading):
            found.pop()
        found.append(reading)
    return found


def _same(one: Reading, other: Reading) -> bool:
    if one.class_name != other.class_name or list(one.columns) != list(other.columns):
        return False
    return all(one.columns[name].as_string(None) == other.columns[name].as_string(None) for name in one.columns)


def _path(known: Mapping[int, SchemaVersion], newest: int, number: int) -> list[SchemaVersion]:
    """The versions from the newest one to that of a row, each based on the next. A row of a version that nothing is
    based on is read by its columns' names."""
    path = [known[newest]]
    while path[-1].version != number:
        restored, base = path[-1].restores, path[-1].base
        if restored == number:
            break  # of the same content: what is stored under it is of this form
        if base is None or base not in known or base < number:
            path.append(known[number])
        else:
            path.append(known[base])
    return path


@dataclass(frozen=True)
class _Walk:
    """The versions from the newest one to that of a row."""

    path: list[SchemaVersion]
    server: int

    def class_at(self, class_name: str, level: int) -> ClassSpec | None:
        """What the newest class of a name was called so many versions before."""
        spec = self.path[0].spec.by_name.get(class_name)
        for newer, older in zip(self.path[:level], self.path[1 : level + 1], strict=True):
            if spec is None:
                return None
            spec = class_before(spec, older.spec, literal=newer.restores is not None)
        return spec

    def columns(self, class_name: str) -> Columns:
        """The columns of the newest class, out of the row."""
        spec = self.path[0].spec.by_name[class_name]
        return {column.name: self.column(class_name, column) for column in spec.columns}

    def column(self, class_name: str, column: Column) -> Composable:
        """One column of the newest class, of its type."""
        value = self._value(class_name, column, 0)
        if value is None:
            return SQL("null")
        found = typed(value, column, self.server)
        source = self.source(class_name, column, 0)
        if source is not None and source.otherwise is not REFUSE and source.otherwise is not None:
            instead = SQL("{}::{}").format(_constant(source.otherwise, column).sql, SQL(sql_type(column)))
            found = SQL("(case when {} is not null then coalesce({}, {}) end)").format(value.sql, found, instead)
        return found

    def source(self, class_name: str, column: Column, level: int) -> Source | None:
        """What the column of a level is made of in the level before; None where it is new, or there is none before."""
        if level + 1 >= len(self.path):
            return None
        before = self.class_at(class_name, level + 1)
        if before is None or self._is_same(level):
            return Source((column.name,)) if before is not None and column.name in before.by_name else None
        return source_before(column, before, literal=self.path[level].restores is not None)

    def _is_same(self, level: int) -> bool:
        """Whether the row of the next level is read by its columns' names."""
        newer, older = self.path[level], self.path[level + 1]
        return older.version not in (newer.base, newer.restores)

    def _value(self, class_name: str, column: Column, level: int) -> Value | None:
        """What the row has for a column of the class as it was at a level; None where SQL cannot say it."""
        if level + 1 == len(self.path):
            return stored(column)
        before = self.class_at(class_name, level + 1)
        if before is None:
            return None
        source = self.source(class_name, column, level)
        value: Value | None = Value(
            SQL("null::text[]") if column.dtype.is_list else SQL("null::text"), column.dtype.is_list
        )
        if source is not None:
            reads = [before.by_name[name] for name in source.columns if name in before.by_name]
            parts = [self._value(class_name, each, level + 1) for each in reads]
            values = [part for part in parts if part is not None]
            value = _made(source, values) if values and len(values) == len(parts) else None
        same = before.by_name.get(column.name) if source is not None else None
        is_new = same is None or same.default != column.default
        if value is None or column.default is None or not is_new or self._is_same(level):
            return value
        default = _constant(column.default, column)
        if default.is_list != value.is_list:
            return value
        return Value(SQL("coalesce({}, {})").format(value.sql, default.sql), value.is_list, value.column)


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


# What a view that was made for an earlier version is now


def class_then(version: SchemaVersion, earlier: Iterable[SchemaVersion], class_name: str, number: int) -> str | None:
    """What a class was called in an earlier version; None where that did not have it."""
    known = {each.version: each for each in earlier} | {version.version: version}
    if number not in known:
        return class_name
    path = _path(known, version.version, number)
    found = _Walk(path, 0).class_at(class_name, len(path) - 1)
    return None if found is None else found.name


def columns_then(
    version: SchemaVersion, earlier: Iterable[SchemaVersion], class_name: str, number: int
) -> dict[str, str]:
    """The columns of a class that an earlier version had just as they are, maybe under another name: by that name."""
    known = {each.version: each for each in earlier} | {version.version: version}
    if number not in known:
        return {}
    path = _path(known, version.version, number)
    walk = _Walk(path, 0)
    found: dict[str, str] = {}
    for column in version.spec.by_name[class_name].columns:
        then: str | None = column.name
        for level in range(len(path) - 1):
            spec = walk.class_at(class_name, level)
            made_of = spec.by_name.get(then) if spec is not None and then is not None else None
            source = None if made_of is None else walk.source(class_name, made_of, level)
            then = source.columns[0] if source is not None and is_plain(source) else None
        if then is not None:
            found[then] = column.name
    return found
