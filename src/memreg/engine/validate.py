"""Proposals against their class: what is kept, what is dropped, and why a whole proposal is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memreg.engine.model import Payload, Proposal
from memreg.engine.storable import storable
from memreg.registry.coerce import shown
from memreg.registry.models import ClassAnnotation, ClassSpec, Operation, SchemaVersion
from memreg.registry.normalize import ValueRefused, is_absent, normalize

SHOWN = 80


@dataclass(frozen=True, slots=True)
class Checked:
    """A proposal after validation: normalised values, `originals` where normalising changed what was said, `notes` on
    dropped columns; or the `refusal` that ends it, which may also be a `dead_letter` for a person."""

    class_name: str
    operation: Operation
    values: Payload = field(default_factory=dict)
    originals: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refusal: str | None = None
    evidence: str | None = None
    confidence: float | None = None
    dead_letter: bool = False


def validate(proposal: Proposal, version: SchemaVersion) -> Checked:
    """Check and normalise a proposal, value by value.

    Refused: an unknown class or operation, a bad value in a required or identity column, or nothing left. A bad or
    unknown other column is dropped and named. Nulls and empty texts are absent, not bad.
    """
    spec = version.spec.by_name.get(_text(proposal.class_name))
    operation = proposal.operation
    values: object = proposal.values
    if operation not in ("upsert", "delete"):
        return _refused(proposal, f"the operation is {_shown(operation)}; it must be upsert or delete")
    if spec is None:
        known = ", ".join(version.spec.by_name)
        return _refused(proposal, f"{_shown(proposal.class_name)} is no class of {version}; its classes are {known}")
    if not isinstance(values, Mapping):
        return _refused(proposal, f"the values are {_shown(values)}; they must be an object of columns")
    return _values(proposal, values, spec, version.annotation_of(spec.name))


def _values(
    proposal: Proposal, given_values: Mapping[Any, Any], spec: ClassSpec, annotation: ClassAnnotation
) -> Checked:
    values: Payload = {}
    originals: dict[str, Any] = {}
    notes: list[str] = []
    for name, given in given_values.items():
        column = spec.by_name.get(name) if isinstance(name, str) else None
        if column is None:
            notes.append(f"{_shown(name)} is no column of {spec.name} and was left out")
            continue
        if is_absent(given):
            continue
        try:
            normalised = normalize(column, given)
        except ValueRefused as refused:
            reason = f"{spec.name}.{name} = {shown(column, given)}: {refused}"
            if column.required or name in annotation.identity_columns:
                return _refused(proposal, reason)
            notes.append(f"{reason}; it was left out")
            continue
        if is_absent(normalised.value):
            continue
        values[name] = normalised.value
        if normalised.original is not None:
            originals[name] = normalised.original
    if not values:
        return _refused(proposal, "; ".join(["no value is left", *notes]))
    return Checked(
        spec.name,
        proposal.operation,
        values,
        originals,
        tuple(notes),
        None,
        None if proposal.evidence is None else _text(proposal.evidence),
        proposal.confidence,
    )


def missing_columns(values: Mapping[str, Any], spec: ClassSpec) -> tuple[str, ...]:
    """The required columns that have no value, in declared order."""
    return tuple(column.name for column in spec.columns if column.required and values.get(column.name) is None)


def _refused(proposal: Proposal, reason: str) -> Checked:
    operation: Operation = "delete" if proposal.operation == "delete" else "upsert"
    return Checked(_text(proposal.class_name), operation, refusal=reason)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(storable(value))


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str | bool | None) else type(value).__name__
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
