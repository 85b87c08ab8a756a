"""What the columns of a class are in memories of earlier versions, as SQL: renames, maps, splits and joins.

Until a backfill has rewritten a memory, its row has the form of an earlier version. Not all that a `from:` can say is
said in SQL: such a column is null in those rows until then, and normalizers are not applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from psycopg.sql import SQL, Composable

from memreg.registry.models import REFUSE, ClassSpec, SchemaSpec, SchemaVersion
from memreg.registry.upcast import Step
from memreg.registry.views.making import constant, made, settled
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
    found: Values = {new: values[old] for old, new in step.moves.items() if old in values}
    unsaid = {name for name, value in found.items() if value is None}
    refusable: dict[str, Composable] = {}
    for making in step.makings:
        name = making.column.name
        parts = [values[each] for each in making.source.columns if each in values]
        said = [part for part in parts if part is not None]
        if not parts:
            continue
        value = made(making.source, said, making.column) if len(said) == len(parts) else None
        found[name] = None if value is None else settled(making.source, making.column, value, server)
        if value is not None and making.source.otherwise is REFUSE:
            refusable[name] = value.sql
        unsaid.update([name] if value is None else [])
    for name, default in step.defaults:
        given, value = constant(default, step.after.by_name[name]), found.get(name)
        if name in unsaid:
            continue
        if value is None:
            found[name] = given
        elif name in refusable:  # a value that does not fit is left out, and no default takes its place
            either = SQL("(case when {} is null then {} else {} end)").format(refusable[name], given.sql, value.sql)
            found[name] = Value(either, value.is_list, value.column)
        else:
            found[name] = Value(SQL("coalesce({}, {})").format(value.sql, given.sql), value.is_list, value.column)
    return found
