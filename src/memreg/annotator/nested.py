"""The objects that stand in columns of references of an item: held against the message like the item itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memreg.annotator.evidence import grounded, needs_grounding
from memreg.annotator.founded import founded
from memreg.engine.model import Proposal
from memreg.engine.validate import validate
from memreg.registry.models import ClassSpec, Kind, SchemaVersion


def unfounded_in(values: Mapping[str, Any], spec: ClassSpec, version: SchemaVersion, texts: Sequence[str]) -> list[str]:
    """The columns of references whose names or identity values are in no text, as `employer` or `employer.vat`."""
    found = []
    for name, target, each in references_in(values, spec, version):
        if isinstance(each, Mapping):
            keys = version.annotation_of(target.name).identity_columns & each.keys()
            own = [key for key in sorted(keys) if target.by_name[key].dtype.kind is not Kind.REF]
            found += [f"{name}.{key}" for key in own if not founded(each[key], target.by_name[key], texts)]
            found += [f"{name}.{inner}" for inner in unfounded_in(each, target, version, texts)]
        elif needs_grounding(each) and not grounded(each, texts):
            found.append(name)
    return found


def refusal_in(values: Mapping[str, Any], spec: ClassSpec, version: SchemaVersion) -> str | None:
    """Why the first object in a column of references would be refused."""
    for name, target, each in references_in(values, spec, version):
        if isinstance(each, Mapping):
            refusal = validate(Proposal(target.name, each), version).refusal or refusal_in(each, target, version)
            if refusal is not None:
                return f"in its {name}, {refusal}"
    return None


def references_in(
    values: Mapping[str, Any], spec: ClassSpec, version: SchemaVersion
) -> Iterator[tuple[str, ClassSpec, Any]]:
    """What stands in columns of references: the column, the class that it refers to, and each value that says
    something."""
    for column in spec.references:
        target = version.spec.by_name.get(column.dtype.target or "")
        given = values.get(column.name)
        for each in given if isinstance(given, list) else [given]:
            if target is not None and each not in (None, "", {}):
                yield column.name, target, each
