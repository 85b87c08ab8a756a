"""What an old version wrote, in the words of a later one: its classes and columns as the versions between rename and
make them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from memreg.registry.models import ClassAnnotation, ClassSpec, Column, SchemaSpec
from memreg.registry.reading import ClassPair, ColumnPair, Reading, Side

Annotations = Mapping[str, ClassAnnotation]


def carried(
    written: SchemaSpec, annotations: Annotations, steps: Iterable[SchemaSpec], newest: SchemaSpec
) -> tuple[SchemaSpec, Annotations]:
    """A schema and its annotations as the newest one finds them, after each of `steps` (oldest first) has read them.

    A column that is only renamed keeps its type and values; one that is made of others, or has a default, has those of
    the version that made it; a column that a version does not have is gone. So is a class, unless the newest one has
    its name anew: it reads what is left of it.
    """
    gone: dict[str, ClassSpec] = {}
    for step in steps:
        reading = Reading(Side(step), Side(_again(written, gone, step)))
        gone |= {spec.name: replace(spec, declared=None) for spec in reading.unread}
        annotations = {
            pair.reader.name: _annotation(pair, annotations.get(pair.writer.name, pair.writer.declared))
            for pair in reading.classes
            if pair.writer.name in annotations or pair.writer.declared is not None
        }
        written = replace(step, classes=tuple(_class(pair, reading) for pair in reading.classes))
    return _again(written, gone, newest), annotations


def _again(written: SchemaSpec, gone: dict[str, ClassSpec], step: SchemaSpec) -> SchemaSpec:
    """What was written, with the classes that were gone and whose name a version has anew."""
    again = [name for name in gone if name in step.by_name and step.by_name[name].source is None]
    return replace(written, classes=(*written.classes, *(gone.pop(name) for name in again)))


def _class(pair: ClassPair, reading: Reading) -> ClassSpec:
    columns = tuple(found for each in pair.columns if (found := _column(each, reading)) is not None)
    return replace(pair.reader, columns=columns, declared=None)


def _column(pair: ColumnPair, reading: Reading) -> Column | None:
    column, written = pair.reader, pair.writer
    if column is None:
        return None
    if written is None:
        return None if column.default is None else replace(column, required=True)
    is_sure = column.default is not None or not pair.may_lack
    if not pair.is_plain:
        return replace(column, required=is_sure)
    dtype = written.dtype
    if dtype.target is not None:
        dtype = replace(dtype, target=reading.class_names.get(dtype.target, dtype.target))
    return replace(written, name=column.name, dtype=dtype, source=column.source, required=is_sure)


def _annotation(pair: ClassPair, annotation: ClassAnnotation | None) -> ClassAnnotation:
    """The annotation by the names that the later version has for the columns; a key that it cannot hold keeps its."""
    if annotation is None:
        return ClassAnnotation()
    names = pair.names
    return replace(
        annotation,
        searchable={names.get(column, column): boost for column, boost in annotation.searchable.items()},
        compare=tuple(names.get(column, column) for column in annotation.compare),
        identity=tuple(
            replace(key, columns=tuple(names.get(column, column) for column in key.columns))
            for key in annotation.identity
        ),
    )
