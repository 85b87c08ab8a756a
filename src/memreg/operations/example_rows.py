"""Rows of a class to show examples with: stored ones, else those the schema declares, else invented ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from memreg.annotator.keys import LINKS, PHONES, place_of
from memreg.annotator.words import NAMES, PEOPLE, words
from memreg.engine.model import Payload, Proposal
from memreg.engine.references import ids_in
from memreg.engine.validate import validate
from memreg.registry.models import ClassSpec, Column, Kind, SchemaVersion

FEWEST = 2
Origin = Literal["stored", "declared", "invented"]


@dataclass(frozen=True, slots=True)
class ExampleRows:
    """Rows of a class under a version, normalised; two or more unless they are stored. `invented`: columns whose values
    are made up."""

    origin: Origin
    rows: tuple[Payload, ...]
    invented: frozenset[str] = field(default_factory=frozenset)


def rows_of(spec: ClassSpec, version: SchemaVersion, stored: Iterable[Mapping[str, Any]]) -> ExampleRows:
    """The rows that examples of a class are made with; a stored row that the version would refuse is left out."""
    kept = tuple(row for each in stored if (row := read(spec, version, each)) is not None)
    if kept:
        return ExampleRows("stored", kept)
    declared = frozenset(column.name for column in spec.columns if column.examples)
    most = max(FEWEST, *(len(column.examples) for column in spec.columns))
    rows = [_made_up(spec, version, turn, declared) for turn in range(most)]
    found = tuple({repr(row): row for row in rows if row is not None}.values())
    if len(found) < FEWEST:  # the examples are all the same, or the version would refuse them
        declared = frozenset()
        found = tuple(row for turn in range(FEWEST) if (row := _made_up(spec, version, turn, declared)) is not None)
    names = frozenset(name for row in found for name in row)
    return ExampleRows("declared" if declared else "invented", found, names - declared)


def read(spec: ClassSpec, version: SchemaVersion, values: Mapping[str, Any]) -> Payload | None:
    """The values as the version would store them; None where it would refuse them."""
    known = {name: value for name, value in values.items() if name in spec.by_name}
    checked = validate(Proposal(spec.name, known), version, ids=True)
    if checked.refusal is not None:
        return None
    referred = {column.name: ids_in(known, column) for column in spec.references}
    led = {name: ids if spec.by_name[name].dtype.is_list else ids[0] for name, ids in referred.items() if ids}
    return checked.values | led or None


def _made_up(spec: ClassSpec, version: SchemaVersion, turn: int, declared: frozenset[str]) -> Payload | None:
    """A row of the columns' examples, the first of each, or the second …; invented where a column has none left."""
    values: dict[str, Any] = {}
    for column in spec.columns:
        if column.name in declared and turn < len(column.examples):
            given = column.examples[turn]
            values[column.name] = list(given) if isinstance(given, tuple) else given
        else:
            values[column.name] = invented_value(spec, column, turn)
    return read(spec, version, {name: value for name, value in values.items() if value is not None})


_PEOPLE = ("Ana Lopez", "Ben Okafor", "Chloe Duval", "Dae Kim", "Eva Novak")
_THINGS = ("Blue Harbour", "Green Valley", "North Bridge", "Old Mill", "Red Lantern")


def invented_value(spec: ClassSpec, column: Column, turn: int) -> Any:
    """A value for a column, another one each turn; None where a column has only one value to give."""
    one = _one(spec, column, turn)
    return [one] if column.dtype.is_list and one is not None else one


def _one(spec: ClassSpec, column: Column, turn: int) -> Any:
    match column.dtype.kind:
        case Kind.ENUM:
            return column.values[turn % len(column.values)]
        case Kind.BOOLEAN:
            return turn % 2 == 0
        case Kind.INTEGER:
            return 40 + turn
        case Kind.NUMBER:
            return 1.5 + turn
        case Kind.DATE:
            return f"{1990 + turn % 100}-04-{1 + turn % 28:02}"
        case Kind.DATETIME:
            return f"{2020 + turn % 100}-04-{1 + turn % 28:02}T09:30:00"
        case Kind.REF:
            return f"00000000-0000-7000-8000-{turn + 1:012}"
    return _text(spec, column, turn)


def _text(spec: ClassSpec, column: Column, turn: int) -> str:
    names = _PEOPLE if {*words(spec.name)} & PEOPLE else _THINGS
    more = "" if turn < len(names) else str(turn)
    first = names[turn % len(names)].split()[0].lower() + more
    head = place_of(spec, column, (spec,)).head
    steps = {step.name for step in column.normalize}
    if "email" in steps or head in ("email", "mail"):
        return f"{first}@example.org"
    if "phone" in steps or head in PHONES:
        return f"+1 202 555 01{10 + turn % 90}"
    if "url" in steps or head in LINKS:
        return f"https://example.org/{first}"
    if "digits" in steps:
        return f"{100200 + turn}"
    if head in NAMES:
        return f"{names[turn % len(names)]} {more}".rstrip()
    return f"{column.name.replace('_', ' ')} {turn + 1}"
