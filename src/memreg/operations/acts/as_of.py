"""Memories as they were at a time, from their revisions: what they said, referred to and had gone into by then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from memreg.core.errors import ArgumentInvalid, MemoryNotFound, MemoryNotThere
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.change import changes_of
from memreg.engine.model import Payload, Referred, Stored
from memreg.engine.reads import check_limit, places_of
from memreg.engine.references import called, ids_in
from memreg.engine.state import name_at
from memreg.operations.acts.outcome import SQL
from memreg.registry.models import SchemaVersion

_MOST_MERGES = 100
"""How many merges a reference is followed through, as everywhere."""


@dataclass(frozen=True, slots=True)
class Then:
    """A memory as it was at a time. `into`: the memory that it had gone into by then; `erased_at`: when what it ever
    said was taken away for good."""

    stored: Stored[Payload]
    is_deleted: bool
    audit_id: UUID | None
    into: UUID | None = None
    erased_at: datetime | None = None


def check_time(name: str, at: datetime) -> datetime:
    """The time in UTC. Raises ArgumentInvalid where it is none, or has no zone."""
    if not isinstance(at, datetime):
        raise ArgumentInvalid(name=name, value=type(at).__name__, reason="it must be a datetime with a zone")
    if at.tzinfo is None:
        raise ArgumentInvalid(name=name, value=at.isoformat(), reason="it needs a zone, as in 2026-11-21T03:00:00Z")
    return at.astimezone(UTC)


def get_at(tenant: str, version: SchemaVersion, memory_id: UUID, at: datetime) -> Steps[Stored[Payload]]:
    """One memory as it was at a time, in the form of the version. Raises MemoryNotFound, and MemoryNotThere where it
    was not there at that time."""
    found = (yield from _states(tenant, version, [memory_id], at)).get(memory_id)
    if found is None:
        known = yield from fetch_rows(SQL["made_at"](tenant=tenant, schema=version.name, id=memory_id))
        if not known:
            raise MemoryNotFound(memory_id=memory_id, tenant=tenant)
        raise _not_there(tenant, memory_id, at, f"it was made on {_day(known[0]['created_at'])}")
    if found.erased_at is not None:
        raise _not_there(tenant, memory_id, at, f"what it said was erased for good on {_day(found.erased_at)}")
    if found.into is not None:
        raise _not_there(tenant, memory_id, at, f"it had gone into memory {found.into}")
    if found.is_deleted:
        raise _not_there(tenant, memory_id, at, f"it had been deleted on {_day(found.stored.updated_at)}")
    return (yield from with_references_at(tenant, version, [found.stored], at))[0]


def list_at(
    tenant: str,
    version: SchemaVersion,
    class_name: str | None,
    at: datetime,
    limit: int = 100,
    after: UUID | None = None,
) -> Steps[list[Stored[Payload]]]:
    """Up to `limit` (1 to 10,000) memories of a class (None: of every class) that were there at a time, by id, after
    one: each as it was then, in the form of the version. Raises ArgumentInvalid."""
    check_limit(limit)
    classes = [class_name] if class_name is not None else list(version.spec.by_name)
    places = [place for name in classes for place in places_of(version, name)]
    rows = yield from fetch_rows(
        SQL["list_at"](
            tenant=tenant,
            schema=version.name,
            at=at,
            classes=[place.class_name for place in places],
            firsts=[place.first for place in places],
            lasts=[place.last for place in places],
            limit=limit,
            after=after,
        )
    )
    return (yield from with_references_at(tenant, version, [_then(row, version).stored for row in rows], at))


def with_references_at(
    tenant: str, version: SchemaVersion, memories: Sequence[Stored[Payload]], at: datetime
) -> Steps[list[Stored[Payload]]]:
    """Memories with what they referred to at a time, as that was then."""
    columns = {spec.name: spec.references for spec in version.spec.classes if spec.references}
    asked = {
        UUID(each)
        for memory in memories
        for column in columns.get(memory.class_name, ())
        for each in ids_in(memory.values, column)
    }
    if not asked:
        return list(memories)
    states = yield from _followed(tenant, version, asked, at)
    led = {memory_id: _referred(state, version) for memory_id, state in states.items()}
    return [_with(memory, version, led) for memory in memories]


def _followed(tenant: str, version: SchemaVersion, asked: Iterable[UUID], at: datetime) -> Steps[dict[UUID, Then]]:
    """Memories as they were, each as the one that it had gone into by then."""
    wanted = set(asked)
    states: dict[UUID, Then] = {}
    fresh = wanted
    for _ in range(_MOST_MERGES):
        states |= yield from _states(tenant, version, sorted(fresh), at)
        fresh = {each.into for each in states.values() if each.into is not None} - states.keys()
        if not fresh:
            break
    found = {}
    for memory_id in wanted & states.keys():
        state = states[memory_id]
        for _ in range(_MOST_MERGES):
            if state.into is None or state.into not in states:
                break
            state = states[state.into]
        found[memory_id] = state
    return found


def _states(tenant: str, version: SchemaVersion, ids: Sequence[UUID], at: datetime) -> Steps[dict[UUID, Then]]:
    rows = yield from fetch_rows(SQL["states_at"](tenant=tenant, schema=version.name, ids=list(ids), at=at))
    found = {row["id"]: _then(row, version) for row in rows}
    gone = {memory_id: then for memory_id, then in found.items() if then.is_deleted and then.audit_id is not None}
    if gone:
        entries = yield from fetch_rows(
            SQL["gone_into_by"](tenant=tenant, ids=list(gone), audit_ids=[then.audit_id for then in gone.values()])
        )
        for entry in entries:
            found[entry["asked_id"]] = replace(found[entry["asked_id"]], into=_into(entry))
    return found


def _into(entry: Row) -> UUID | None:
    """What a memory had gone into by the entry that made its state."""
    for change in changes_of(entry):
        if change.memory_id == entry["asked_id"]:
            into = change.after.get("merged_into")
            return UUID(into) if into else None
    return None


def _then(row: Row, version: SchemaVersion) -> Then:
    class_name, values = _in_form(row, version)
    stored = Stored(
        id=row["id"],
        class_name=class_name,
        version=row["version"],
        values=values,
        revision=row["revision"],
        unresolved=row["unresolved"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_seen_at=max(row["last_seen_at"] or row["updated_at"], row["updated_at"]),
    )
    erased_at = row["erased_at"]
    return Then(stored, row["is_deleted"] or erased_at is not None, row["audit_id"], erased_at=erased_at)


def _in_form(row: Row, version: SchemaVersion) -> tuple[str, Payload]:
    """The class's name of now and the values in the form of the version; of a class that is gone, as they were."""
    lineage, class_name, values = version.lineage, row["class"], row["payload"]
    if lineage is None:
        return class_name, values
    now = lineage.class_now(class_name, row["class_version"]) if row["class_version"] < version.version else class_name
    if now is None or now not in version.spec.by_name or row["version"] >= version.version:
        return now or class_name, values
    read = lineage.upcast(name_at(lineage, now, row["version"]), row["version"], values, row["originals"])
    return read.class_name or now, read.payload


def _referred(then: Then, version: SchemaVersion) -> Referred:
    stored = then.stored
    spec = version.spec.by_name.get(stored.class_name)
    name = None if spec is None else called(stored.values, spec, version.annotation_of(stored.class_name))
    return Referred(stored.id, stored.class_name, name, then.is_deleted, stored.values)


def _with(memory: Stored[Payload], version: SchemaVersion, known: Mapping[UUID, Referred]) -> Stored[Payload]:
    spec = version.spec.by_name.get(memory.class_name)
    values, found = dict(memory.values), dict[str, tuple[Referred, ...]]()
    for column in spec.references if spec is not None else ():
        ids = [UUID(each) for each in ids_in(memory.values, column)]
        if not ids:
            continue
        target = column.dtype.target or ""
        led = [known.get(each) or Referred(each, target, None, is_gone=True) for each in ids]
        led = list({each.id: each for each in led}.values())
        found[column.name] = tuple(led)
        values[column.name] = [str(each.id) for each in led] if column.dtype.is_list else str(led[0].id)
    return replace(memory, values=values, references=found) if found else memory


def _not_there(tenant: str, memory_id: UUID, at: datetime, reason: str) -> MemoryNotThere:
    return MemoryNotThere(memory_id=memory_id, tenant=tenant, at=_day(at), reason=reason)


def _day(at: Any) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
