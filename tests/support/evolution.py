"""Schemas that evolve, for tests: version texts to a lineage."""

from __future__ import annotations

from memreg.registry.lineage import Ancestor, Lineage
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import parse_schema


def schema(*classes: str) -> SchemaSpec:
    """A schema of classes, each as its block in a file, beginning with its name."""
    text = "\n".join(line for each in classes for line in (f"  {part}" for part in each.strip("\n").split("\n")))
    return parse_schema(f"schema: s\nclasses:\n{text}\n", "the test")


def of_columns(*columns: str) -> SchemaSpec:
    """A schema of one class, Thing, with columns as `name: {dtype: string}`."""
    return schema("\n".join(["Thing:", "  columns:", *(f"    {column}" for column in columns)]))


def lineage(*specs: SchemaSpec, bases: dict[int, int] | None = None, restores: dict[int, int] | None = None) -> Lineage:
    """The lineage of versions 1, 2, 3 …, each based on the one before it unless `bases` says otherwise."""
    ancestors = [
        Ancestor(
            spec,
            number,
            (bases or {}).get(number, number - 1 if number > 1 else None),
            (restores or {}).get(number),
        )
        for number, spec in enumerate(specs, start=1)
    ]
    return Lineage(ancestors[-1], ancestors[:-1])
