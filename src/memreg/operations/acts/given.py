"""Values that a person gives for columns of a memory, checked and normalised as those of a message are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memreg.core.errors import ArgumentInvalid
from memreg.engine.references import read_references
from memreg.operations.acts.division import Given
from memreg.registry.coerce import shown
from memreg.registry.models import ClassSpec, Column, Kind
from memreg.registry.normalize import ValueRefused, is_absent, normalize


def read_given(spec: ClassSpec, values: Mapping[str, Any]) -> tuple[Given, tuple[str, ...]]:
    """The values in the form that the columns store, and the columns that are to have none (given as null or empty).

    A reference is given as the id of a memory. Raises ArgumentInvalid.
    """
    found: dict[str, Any] = {}
    originals: dict[str, Any] = {}
    emptied = []
    for name, value in values.items():
        column = column_of(spec, name)
        if is_absent(value):
            if column.required:
                raise ArgumentInvalid(name=f"{spec.name}.{name}", value="empty", reason="it is required")
            emptied.append(name)
            continue
        try:
            if column.dtype.kind is Kind.REF:
                found[name] = _ids(column, value)
                continue
            normalised = normalize(column, value)
        except ValueRefused as refused:
            text = shown(column, value)
            raise ArgumentInvalid(name=f"{spec.name}.{name}", value=text, reason=f"it {refused.reason}") from refused
        found[name] = normalised.value
        if normalised.original is not None:
            originals[name] = normalised.original
    return Given(found, originals), tuple(emptied)


def column_of(spec: ClassSpec, name: str, argument: str = "values") -> Column:
    """A column by its name. Raises ArgumentInvalid."""
    column = spec.by_name.get(name) if isinstance(name, str) else None
    if column is None:
        reason = f"{spec.name} has no such column; it has {', '.join(spec.by_name)}"
        raise ArgumentInvalid(name=argument, value=repr(name)[:80], reason=reason)
    return column


def referred(spec: ClassSpec, given: Given) -> Iterable[tuple[Column, str]]:
    """The memories that given values refer to, by column."""
    for column in spec.references:
        value = given.values.get(column.name)
        for each in value if isinstance(value, list) else [value] if value is not None else ():
            yield column, each


def _ids(column: Column, value: object) -> Any:
    found = []
    for said in read_references(column, value, ids=True):
        if said.memory_id is None:
            raise ValueRefused(f"is no id: give the id of a memory of {said.target}, as memreg prints it")
        found.append(str(said.memory_id))
    return found if column.dtype.is_list else found[0]
