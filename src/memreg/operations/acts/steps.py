"""The revisions of a memory in hand, in the form of the version in use, each with the decision that made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.model import Action, Basis
from memreg.engine.state import KEPT_PAYLOADS, MemoryState, Pin, name_at, pins_at_newest
from memreg.operations.acts.act import Act
from memreg.operations.acts.division import Said, Step
from memreg.operations.acts.outcome import SQL
from memreg.registry.models import SchemaVersion

_BY_SCORE = (Basis.SCORE, Basis.PARTIAL_IDENTITY)
_JOINS = (Action.UPDATE, Action.UPSERT)
_ACTS = (Basis.PERSON, Basis.MONITOR)


@dataclass(frozen=True, slots=True)
class Made:
    """One revision, and the entry that made it (None: a backfill did). `joined`: that entry is a decision which took
    what a message said for something about this memory. `taken`: the revisions that went to another memory (`made`) by
    it, a split that stands."""

    step: Step
    audit_id: UUID | None
    joined: bool
    is_deleted: bool
    decided_at: datetime | None
    taken: tuple[int, ...] = ()
    made: str | None = None


def read_steps(act: Act, state: MemoryState) -> Steps[list[Made]]:
    """Every revision of a memory, oldest first."""
    rows = yield from fetch_rows(SQL["steps_of"](tenant=act.tenant, id=state.id))
    return [_made(row, state, act.version) for row in rows]


def decisions_behind(made: Sequence[Made], columns: Iterable[str]) -> list[Made]:
    """The decisions that put the values of now of some columns, each once: those that joined a message to it."""
    behind: dict[int, Made] = {}
    for column in columns:
        put = None
        for before, each in zip([None, *made], made, strict=False):
            value = each.step.payload.get(column)
            if before is None or before.step.payload.get(column) != value:
                put = each
        if put is not None and put.joined:
            behind[put.step.revision] = put
    return [behind[revision] for revision in sorted(behind)]


def take_back(state: MemoryState, made: Sequence[Made], revisions: Iterable[int]) -> None:
    """A memory is not known any more by what it said in some revisions. To be told of it once it has its new state."""
    state.void |= set(revisions)
    counting = [each.step for each in reversed(made) if each.step.revision not in state.void]
    state.earlier = [dict(step.payload) for step in counting[:KEPT_PAYLOADS]]


def _made(row: Row, state: MemoryState, version: SchemaVersion) -> Made:
    is_own = row["memory_id"] == state.id and row["action"] in _JOINS and row["basis"] not in _ACTS
    payload, originals, pinned = _in_form(row, state, version)
    return Made(
        step=Step(row["revision"], payload, originals, pinned, _said(row, version) if is_own else None),
        audit_id=row["audit_id"],
        joined=is_own,
        is_deleted=row["is_deleted"],
        decided_at=row["decided_at"],
        taken=tuple(row["taken"] or ()),
        made=row["made"],
    )


def _in_form(
    row: Row, state: MemoryState, version: SchemaVersion
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Pin]]:
    """A revision's payload, originals and pins in the form of the version."""
    lineage = version.lineage
    if lineage is None or row["version"] >= lineage.newest.version:
        return row["payload"], row["originals"], row["pinned"]
    then = name_at(lineage, state.class_name, row["version"])
    read = lineage.upcast(then, row["version"], row["payload"], row["originals"])
    return read.payload, read.originals, pins_at_newest(lineage, then, row["version"], row["pinned"])


def _said(row: Row, version: SchemaVersion) -> Said | None:
    values, originals = row["said_values"], row["said_originals"] or {}
    if not isinstance(values, dict):
        return None
    changed, conflicts = set(row["changed"]), set(row["conflicts"])
    lineage = version.lineage
    if lineage is not None and row["said_version"] < lineage.newest.version:
        read = lineage.upcast(row["class"], row["said_version"], values, originals)
        if read.payload.keys() != values.keys():
            # Columns have other names or shapes now, so what came of each cannot be told: all of it was joined.
            changed, conflicts = set(read.payload), set()
        values, originals = read.payload, read.originals
    return Said(Action(row["action"]), row["basis"] in _BY_SCORE, values, originals, changed, conflicts)
