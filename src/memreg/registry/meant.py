"""Which class and column a proposal means: by name, by a declared alias, or by the name before its `from:`. Pure."""

from __future__ import annotations

from memreg.registry.before import is_plain
from memreg.registry.models import ClassSpec, Column, SchemaSpec


def class_meant(spec: SchemaSpec, name: str) -> ClassSpec | None:
    """The class of a name; else the one that has it as an alias; else the one that had it before."""
    if (found := spec.by_name.get(name)) is not None:
        return found
    for each in spec.classes:
        if name in each.aliases:
            return each
    former = [each for each in spec.classes if each.source == name]
    return former[0] if len(former) == 1 else None


def column_meant(spec: ClassSpec, name: str) -> Column | None:
    """The column of a name; else the one that had it before, where it was only renamed."""
    if (found := spec.by_name.get(name)) is not None:
        return found
    former = [
        column
        for column in spec.columns
        if column.source is not None and is_plain(column.source) and column.source.columns == (name,)
    ]
    return former[0] if len(former) == 1 else None
