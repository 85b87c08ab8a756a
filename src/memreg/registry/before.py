"""What the classes and columns of a version were in the version that it is based on, by its `from:` and by name. Pure.

A `from:` that the base has as well, the same word for word, was done by the base or before it, and is left as done: a
file may keep its `from:` in later versions.
"""

from __future__ import annotations

from dataclasses import replace

from memreg.registry.models import ClassSpec, Column, SchemaSpec, Source


def class_before(spec: ClassSpec, base: SchemaSpec, *, literal: bool = False) -> ClassSpec | None:
    """The class of the base whose memories the class takes over; None where it is a new one. `literal`: every `from:`
    is to be done, also one that the base has as well."""
    same = base.by_name.get(spec.name)
    if spec.source is None or (not literal and same is not None and same.source == spec.source):
        return same
    return base.by_name.get(spec.source, same)


def class_after(name: str, base: SchemaSpec, newer: SchemaSpec, *, literal: bool = False) -> ClassSpec | None:
    """The class of the newer version that takes over the memories of a class of its base; None where none does."""
    found = None
    for spec in newer.classes:
        before = class_before(spec, base, literal=literal)
        if before is not None and before.name == name and (found is None or spec.name != name):
            found = spec  # a class that names it goes before one that only has its name
    return found


def source_before(column: Column, base: ClassSpec, *, literal: bool = False) -> Source | None:
    """What a column is made of in the base's class; None where it is a new one."""
    same = base.by_name.get(column.name)
    if column.source is None or (not literal and same is not None and _is_same(same.source, column.source)):
        return None if same is None else Source((column.name,))
    return column.source


def is_plain(source: Source) -> bool:
    """Whether a column is one column of the base as it is, under another name or the same."""
    return len(source.columns) == 1 and not source.map and source.split is source.join is source.cast is None


def _is_same(one: Source | None, other: Source) -> bool:
    """Whether two `from:` say the same; in which order a map is written says nothing."""
    return one is not None and replace(one, map=()) == replace(other, map=()) and dict(one.map) == dict(other.map)
