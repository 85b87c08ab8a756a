"""Merging one memory into another: the keeper takes over what it lacks and every key; the other is deleted, and both
states before are in the audit entry, so that it can be turned round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch
from memreg.engine import audit
from memreg.engine.apply import Outcome
from memreg.engine.candidates import memory_keys
from memreg.engine.decide import Situation, Verdict
from memreg.engine.identity import digest
from memreg.engine.merge import merge
from memreg.engine.model import Action, Basis, Extraction
from memreg.engine.state import HeldKey, MemoryState
from memreg.engine.store import SQL as ENGINE_SQL
from memreg.engine.store import Writes, lock_classes, merge_into, search_vector
from memreg.engine.validate import Checked
from memreg.operations.backfill.target import SQL
from memreg.registry.models import SchemaVersion


@dataclass(frozen=True, slots=True)
class Wanted:
    """Two memories to be made one, and why: `kept` takes over `other`. `message_id`: what stands for the message."""

    tenant: str
    class_name: str
    kept: UUID
    other: UUID
    message_id: str
    reason: str
    source: str
    actor: str | None = None


def merge_memories(
    wanted: Wanted, version: SchemaVersion, now: datetime, new_id: Callable[[], UUID]
) -> Steps[UUID | None]:
    """Merge two live memories of a class; the audit entry, or None where one of them is not live any more."""
    tenant, schema = wanted.tenant, version.name
    _, rows, keys, changes = yield from fetch(
        *lock_classes(tenant, schema, [wanted.class_name]),
        SQL["memories_to_merge"](tenant=tenant, ids=[wanted.kept, wanted.other]),
        ENGINE_SQL["keys_of"](tenant=tenant, ids=[wanted.kept, wanted.other]),
        SQL["newest_change"](tenant=tenant, schema=schema, class_name=wanted.class_name),
    )
    found = {row["id"]: MemoryState.from_row(row, version.lineage) for row in rows}
    if len(found) < 2 or not all(state.is_live and state.class_name == wanted.class_name for state in found.values()):
        return None
    _give_keys(found, [row for row in keys if (row["class"], row["key"]) in version.held_keys])
    kept, other = found[wanted.kept], found[wanted.other]
    before = {state.id: set(state.keys) for state in (kept, other)}
    outcome = _merge(kept, other, wanted, version, now)
    entry = _entry(wanted, version, outcome, now, new_id)
    log, values = audit.rows(entry)
    writes = Writes(tenant, schema, now, audit=[log], values=[values])
    change = changes[0]["change"] if changes else 0
    for number, state in enumerate((other, kept), start=1):
        _write(writes, state, version, change + number)
        writes.keys(state, before[state.id])
        if state is other or outcome.wrote_revision:
            writes.revision(state, entry.id)
    yield (
        _message(wanted, schema, now, new_id),
        *writes.statements(),
        *merge_into(tenant, {other.id: kept.id}),
    )
    return entry.id


def _merge(kept: MemoryState, other: MemoryState, wanted: Wanted, version: SchemaVersion, now: datetime) -> Outcome:
    outcome = Outcome(kept, kept.snapshot(), absorbed=other, absorbed_before=other.snapshot())
    spec = version.spec.by_name[wanted.class_name]
    # What a person set in one of them for good is what both say.
    pinned = {name: pin for name, pin in other.pinned.items() if name not in kept.pinned}
    mine = {name: value for name, value in kept.payload.items() if name not in pinned}
    merged = merge(Action.UPSERT, mine, other.payload, spec.by_name, frozenset(), kept.pinned)
    changed = tuple(n for n in {**kept.payload, **merged.payload} if kept.payload.get(n) != merged.payload.get(n))
    originals = {n: t for n, t in other.originals.items() if n in changed or n in pinned}
    originals |= {n: t for n, t in kept.originals.items() if n not in pinned}
    kept.revise(merged.payload, originals, version.version, now)
    kept.pinned = pinned | kept.pinned
    kept.see(other.last_seen_at)
    kept.keys |= other.keys
    other.version = version.version
    other.mark(is_deleted=True, now=now)
    other.merged_into = kept.id
    other.keys = set()
    outcome.wrote_revision = True
    outcome.changed, outcome.conflicts = changed, merged.conflicts
    outcome.reasons = (
        f"memory {other.id} went into {kept.id} and is deleted",
        *(f"{name} kept its value, against that of the other" for name in merged.conflicts),
        *(f"{name} has what {pin['by']} set on {pin['at'][:10]} in the other" for name, pin in pinned.items()),
    )
    outcome.after = kept.snapshot()
    return outcome


def _entry(
    wanted: Wanted, version: SchemaVersion, outcome: Outcome, now: datetime, new_id: Callable[[], UUID]
) -> audit.Entry:
    assert outcome.absorbed_before is not None
    values = dict(outcome.absorbed_before["payload"])
    given = {"class": wanted.class_name, "values": values, "operation": "upsert", "evidence": None, "confidence": None}
    checked = Checked(wanted.class_name, "upsert", values, dict(outcome.absorbed_before["originals"]))
    return audit.Entry(
        id=new_id(),
        version=version.version,
        annotation=version.annotation,
        message_id=wanted.message_id,
        ordinal=0,
        given=given,
        situation=Situation(checked),
        verdict=Verdict(Action.UPSERT, Basis.IDENTITY, wanted.kept, reasons=(wanted.reason,)),
        outcome=outcome,
        extraction=Extraction((), wanted.source),
        snapshot=0,
        now=now,
        actor=wanted.actor,
    )


def _write(writes: Writes, state: MemoryState, version: SchemaVersion, change: int) -> None:
    spec, annotation = version.spec.by_name[state.class_name], version.annotation_of(state.class_name)
    keys = memory_keys(state.records(spec, annotation), version.name, state.class_name)
    writes.memory(state, search_vector(state, writes.tenant, version), keys, change)
    writes.refer(state, spec)


def _give_keys(found: Mapping[UUID, MemoryState], rows: Sequence[Row]) -> None:
    for row in rows:
        found[row["memory_id"]].keys.add(HeldKey(row["key"], bytes(row["digest"]), row["strong"]))


def _message(wanted: Wanted, schema: str, now: datetime, new_id: Callable[[], UUID]) -> Statement:
    text = f"{wanted.reason}: memory {wanted.other} goes into {wanted.kept}"
    return SQL["keep_merge"](
        tenant=wanted.tenant,
        schema=schema,
        id=wanted.message_id,
        arrival=new_id(),
        text=text,
        digest=digest([text]),
        now=now,
    )
