"""References of memories in hand: what the memories that are referred to went into, and whether they are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Rows, Steps, fetch_rows
from memreg.engine.references import ids_in
from memreg.engine.state import MemoryState, in_form
from memreg.engine.store import REFERENCES
from memreg.operations.acts.act import Act
from memreg.operations.acts.division import Given
from memreg.operations.acts.given import referred
from memreg.registry.models import ClassSpec


def keepers_of(act: Act, states: Iterable[MemoryState], spec: ClassSpec) -> Steps[dict[str, str]]:
    """What the memories that some refer to went into, by id; no look-up where none is referred to."""
    ids = {UUID(each) for state in states for column in spec.references for each in ids_in(state.payload, column)}
    rows = yield from _followed(act, ids)
    return {str(row["asked_id"]): str(row["id"]) for row in rows if row["asked_id"] != row["id"]}


def check_referred(act: Act, spec: ClassSpec, given: Given) -> Steps[Mapping[str, str]]:
    """That the memories which given values refer to are there; what they went into. Raises ArgumentInvalid."""
    asked = list(referred(spec, given))
    rows = yield from _followed(act, {UUID(each) for _, each in asked})
    known = {str(row["asked_id"]): row for row in rows}
    for column, each in asked:
        row, target = known.get(each), column.dtype.target
        class_name = None
        if row is not None and not row["is_deleted"]:
            lineage = act.version.lineage
            class_name = in_form(row, lineage).class_name if lineage is not None else row["class"]
        if class_name != target:
            reason = f"there is no {target} with this id"
            raise ArgumentInvalid(name=f"{spec.name}.{column.name}", value=each, reason=reason)
    return {each: str(row["id"]) for each, row in known.items() if each != str(row["id"])}


def _followed(act: Act, ids: Iterable[UUID]) -> Steps[Rows]:
    wanted = sorted(ids)
    if not wanted:
        return []
    where = {"tenant": act.tenant, "schema": act.schema, "version": act.version.version}
    return (yield from fetch_rows(REFERENCES["followed"](ids=wanted, **where)))
