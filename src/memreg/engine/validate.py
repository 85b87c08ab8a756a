"""Proposals against their class: what is kept, what is dropped, and why a whole proposal is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from memreg.engine.model import Payload, Proposal
from memreg.engine.references import Said, read_references
from memreg.engine.storable import storable
from memreg.registry.coerce import shown
from memreg.registry.meant import class_meant, column_meant
from memreg.registry.models import ClassAnnotation, ClassSpec, Operation, SchemaVersion
from memreg.registry.normalize import ValueRefused, is_absent, normalize

SHOWN = 80


@dataclass(frozen=True, slots=True)
class Checked:
    """A proposal after validation: normalised values, `originals` where normalising changed what was said, `notes` on
    dropped columns; or the `refusal` that ends it, which may also be a `dead_letter` for a person.
    `references`: what it says of other memories, which are in `values` once it is known which ones."""

    class_name: str
    operation: Operation
    values: Payload = field(default_factory=dict)
    originals: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refusal: str | None = None
    evidence: str | None = None
    confidence: float | None = None
    dead_letter: bool = False
    references: tuple[Said, ...] = ()


def validate(proposal: Proposal, version: SchemaVersion, *, ids: bool = False) -> Checked:
    """Check and normalise a proposal, value by value. `ids`: whether it may name memories by their ids.

    A class may go by an alias or a former name, a column by the name that it had before it was renamed.
    Refused: an unknown class or operation, a bad value in a required or identity column, or nothing left. A bad or
    unknown other column is dropped and named. Nulls and empty texts are absent, not bad.
    """
    spec = class_of(version, _text(proposal.class_name))
    operation = proposal.operation
    values: object = proposal.values
    if operation not in ("upsert", "delete"):
        return _refused(proposal, f"the operation is {_shown(operation)}; it must be upsert or delete")
    if spec is None:
        known = ", ".join(version.spec.by_name)
        return _refused(proposal, f"{_shown(proposal.class_name)} is no class of {version}; its classes are {known}")
    if not isinstance(values, Mapping):
        return _refused(proposal, f"the values are {_shown(values)}; they must be an object of columns")
    notes: list[str] = []
    if any(name not in spec.by_name for name in values):
        former = version.lineage.former_columns(spec.name) if version.lineage is not None else {}
        values, notes = _renamed(values, spec, former)
    if type(proposal.class_name) is not str or proposal.class_name != spec.name:
        proposal = replace(proposal, class_name=spec.name)
    return _values(proposal, values, spec, version.annotation_of(spec.name), ids, notes)


def class_of(version: SchemaVersion, name: str) -> ClassSpec | None:
    """The class that a proposal means: by its name, an alias, or a name that it had in an earlier version."""
    found = class_meant(version.spec, name)
    if found is None and version.lineage is not None:
        found = version.spec.by_name.get(version.lineage.former_classes.get(name, ""))
    return found


def _renamed(
    values: Mapping[Any, Any], spec: ClassSpec, former: Mapping[str, str]
) -> tuple[Mapping[Any, Any], list[str]]:
    """The values with columns under their names of now, and a note on each that had another."""
    meant: dict[str, str] = {}
    for name in values:
        if not isinstance(name, str) or name in spec.by_name:
            continue
        column = column_meant(spec, name)
        new = former.get(name) if column is None else column.name
        if new is not None and is_absent(values.get(new)) and new not in meant.values():
            meant[name] = new
    if not meant:
        return values, []
    replaced = set(meant.values())
    kept = {meant.get(name, name): value for name, value in values.items() if name not in replaced}
    return kept, [f"{_shown(old)} was taken as {new}, as it is called now" for old, new in meant.items()]


def _values(
    proposal: Proposal,
    given_values: Mapping[Any, Any],
    spec: ClassSpec,
    annotation: ClassAnnotation,
    ids: bool,
    notes: list[str],
) -> Checked:
    values: Payload = {}
    references: list[Said] = []
    originals: dict[str, Any] = {}
    columns = spec.by_name
    for name, given in given_values.items():
        column = columns.get(name) if isinstance(name, str) else None
        if column is None:
            notes.append(f"{_shown(name)} is no column of {spec.name} and was left out")
            continue
        if is_absent(given):
            continue
        try:
            if column.is_reference:
                references += read_references(column, given, ids=ids)
                continue
            value, original = normalize(column, given)
        except ValueRefused as refused:
            reason = f"{spec.name}.{name} = {shown(column, given)}: {refused}"
            if column.required or name in annotation.identity_columns:
                return _refused(proposal, reason)
            notes.append(f"{reason}; it was left out")
            continue
        if is_absent(value):
            continue
        values[name] = value
        if original is not None:
            originals[name] = original
    if not values and not references:
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
        references=tuple(references),
    )


def missing_columns(values: Mapping[str, Any], spec: ClassSpec) -> tuple[str, ...]:
    """The required columns that have no value and no default, in declared order."""
    return tuple([name for name in spec.required if values.get(name) is None])


def with_defaults(values: Mapping[str, Any], spec: ClassSpec) -> Payload:
    """The values of a new memory: those given, and the defaults of columns that have none."""
    missing = {name: value for name, value in spec.defaults.items() if values.get(name) is None}
    return {**values, **{name: list(each) if isinstance(each, tuple) else each for name, each in missing.items()}}


def _refused(proposal: Proposal, reason: str) -> Checked:
    operation: Operation = "delete" if proposal.operation == "delete" else "upsert"
    return Checked(_text(proposal.class_name), operation, refusal=reason)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(storable(value))


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str | bool | None) else type(value).__name__
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
