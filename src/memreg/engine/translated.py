"""A proposal that was made under an earlier version of its schema, in the words of the version in use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from memreg.engine.model import Proposal
from memreg.engine.state import name_at
from memreg.registry.lineage import Lineage
from memreg.registry.models import SchemaVersion


def translated(proposal: Proposal, version: SchemaVersion, said_under: int | None) -> Proposal:
    """The proposal with its class and columns as the version calls them, those of the objects that it holds too."""
    lineage, given = version.lineage, proposal.values
    if said_under is None or said_under >= version.version or lineage is None or not isinstance(given, Mapping):
        return proposal
    class_name, values = _translated(proposal.class_name, given, version, lineage, said_under)
    return replace(proposal, class_name=class_name, values=values)


def _translated(
    class_name: str, given: Mapping[str, Any], version: SchemaVersion, lineage: Lineage, said_under: int
) -> tuple[str, dict[str, Any]]:
    now, values = lineage.translate(class_name, said_under, given)
    spec = version.spec.by_name.get(now)

    def inner(value: Any, target: str) -> Any:
        if isinstance(value, list):
            return [inner(each, target) for each in value]
        if not isinstance(value, Mapping):
            return value
        return _translated(name_at(lineage, target, said_under), value, version, lineage, said_under)[1]

    for column in spec.references if spec is not None else ():
        if values.get(column.name) is not None:
            values[column.name] = inner(values[column.name], column.dtype.target or "")
    return now, values
