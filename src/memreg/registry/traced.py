"""A version as if it were based on a much earlier one: the `from:` of the versions between, taken together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from memreg.registry.models import ClassSpec, SchemaSpec, Source
from memreg.registry.reading import ColumnPair, Reading, Side

Origins = Mapping[str, Source]


def traced(old: SchemaSpec, between: Sequence[SchemaSpec], new: SchemaSpec) -> SchemaSpec:
    """The newest schema with `from:` that speak of `old`; `between`: the versions from one to the other, oldest first.

    A column that was made of others more than once says what it was made of in the end, and of which columns of `old`.
    """
    classes = {spec.name: spec.name for spec in old.classes}
    columns: dict[str, Origins] = {
        spec.name: {column.name: Source((column.name,)) for column in spec.columns} for spec in old.classes
    }
    before = old
    for step in (*between, new):
        reading = Reading(Side(step), Side(before))
        pairs = [pair for pair in reading.classes if pair.writer.name in classes]
        columns = {
            pair.reader.name: {
                each.name: origin
                for each in pair.columns
                if each.reader and (origin := _origin(each, columns[pair.writer.name])) is not None
            }
            for pair in pairs
        }
        classes = {pair.reader.name: classes[pair.writer.name] for pair in pairs}
        before = step
    return replace(
        new, classes=tuple(_class(spec, classes.get(spec.name), columns.get(spec.name, {})) for spec in new.classes)
    )


def _origin(pair: ColumnPair, origins: Origins) -> Source | None:
    """What a column is made of in the oldest version; None where that is nothing of it."""
    made_of = [origins[column.name] for column in pair.made_of if column.name in origins]
    if not made_of or pair.source is None:
        return None
    if pair.is_plain:
        return made_of[0]
    return replace(pair.source, columns=tuple(dict.fromkeys(name for each in made_of for name in each.columns)))


def _class(spec: ClassSpec, origin: str | None, origins: Origins) -> ClassSpec:
    columns = tuple(
        replace(column, source=None if origins.get(column.name) == Source((column.name,)) else origins.get(column.name))
        for column in spec.columns
    )
    return replace(spec, columns=columns, source=None if origin == spec.name else origin)
