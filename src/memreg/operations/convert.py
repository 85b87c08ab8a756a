"""Converting memories to a newer schema version: payload, identity keys and searchable text, under the class locks.

A conversion is a revision without an audit entry, because nobody proposed anything and no rule decided: it is `upcast`
of the revision before, under the revision's version, so that it can be made again from what the audit holds.

No key is released: while the older version is in force, ingest still looks objects up by its keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch, fetch_rows
from memreg.engine.candidates import memory_keys
from memreg.engine.identity import KeyValue, key_values
from memreg.engine.state import HeldKey, MemoryState
from memreg.engine.store import SQL as ENGINE_SQL
from memreg.engine.store import Writes, class_lock, search_vector
from memreg.operations.store import SQL
from memreg.operations.upcast import upcast
from memreg.registry.models import SchemaVersion

KeyPlace = tuple[str, str, str, bytes]
"""Tenant, class, key and digest."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What became of one chunk: how many memories were behind, were converted, and could not be."""

    found: int = 0
    converted: int = 0
    failed: int = 0


@dataclass
class Conversion:
    """One chunk in the making."""

    backfill_id: UUID
    version: SchemaVersion
    now: datetime
    new_id: Callable[[], UUID]
    writes: dict[str, Writes] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    holders: dict[KeyPlace, UUID] = field(default_factory=dict)
    changes: dict[tuple[str, str], int] = field(default_factory=dict)

    def run(self, limit: int) -> Steps[Chunk]:
        """Convert the next `limit` memories at most that are behind."""
        found = yield from fetch_rows(
            SQL["memories_to_convert"](
                schema=self.version.name,
                version=self.version.version,
                classes=list(self.version.spec.by_name),
                backfill_id=self.backfill_id,
                limit=limit,
            )
        )
        if not found:
            return Chunk()
        rows, held = yield from self._read(found)
        converted = []
        for row in rows:
            state = self._upcast(row)
            if state is not None:
                state.keys = set(held[row["tenant"], state.id])
                converted.append((row["tenant"], state))
        yield from self._read_holders(converted)
        for tenant, state in converted:
            before = set(state.keys)
            self._take_keys(tenant, state)
            self._write(tenant, state, before)
        yield tuple(self._statements())
        return Chunk(len(found), len(converted), len(self.failures))

    def _read(self, found: Sequence[Row]) -> Steps[tuple[list[Row], dict[tuple[str, UUID], set[HeldKey]]]]:
        """Take the class locks and read what is still behind: ingest may have been faster."""
        groups = sorted({(row["tenant"], row["class"]) for row in found})
        locks = sorted({class_lock(tenant, self.version.name, name) for tenant, name in groups})
        tenants, ids = [row["tenant"] for row in found], [row["id"] for row in found]
        results = yield from fetch(
            *(ENGINE_SQL["lock_class"](lock=lock) for lock in locks),
            SQL["memories_behind_now"](tenants=tenants, ids=ids, version=self.version.version),
            SQL["keys_held"](tenants=tenants, ids=ids),
            SQL["newest_changes"](
                schema=self.version.name, tenants=[tenant for tenant, _ in groups], classes=[name for _, name in groups]
            ),
        )
        held = defaultdict(set)
        for row in results[-2]:
            held[row["tenant"], row["memory_id"]].add(HeldKey(row["key"], bytes(row["digest"]), row["strong"]))
        self.changes = {(row["tenant"], row["class"]): row["change"] for row in results[-1]}
        return results[-3], held

    def _upcast(self, row: Row) -> MemoryState | None:
        state = MemoryState.from_row(row)
        done = upcast(state.payload, state.originals, self.version.spec.by_name[state.class_name])
        if done.refusal is not None:
            self.failures.append({"tenant": row["tenant"], "memory_id": str(state.id), "reason": done.refusal})
            return None
        state.revise(done.payload, done.originals, self.version.version, self.now)
        return state

    def _read_holders(self, converted: Iterable[tuple[str, MemoryState]]) -> Steps[None]:
        places = sorted(
            {_place(tenant, state, key) for tenant, state in converted for key in self._keys(state) if _is_strong(key)}
        )
        rows = yield from fetch_rows(
            SQL["strong_holders"](
                schema=self.version.name,
                tenants=[place[0] for place in places],
                classes=[place[1] for place in places],
                names=[place[2] for place in places],
                digests=[place[3] for place in places],
            )
        )
        self.holders = {
            (row["tenant"], row["class"], row["key"], bytes(row["digest"])): row["memory_id"] for row in rows
        }

    def _keys(self, state: MemoryState) -> tuple[KeyValue, ...]:
        """The keys that a memory completes; an unresolved one holds none."""
        return () if state.unresolved else key_values(state.payload, self.version.annotation_of(state.class_name))

    def _take_keys(self, tenant: str, state: MemoryState) -> None:
        """Of memories with the same strong key the first keeps it; the other has none, and a person is asked."""
        for key in self._keys(state):
            held = HeldKey(key.key.name, key.digest, _is_strong(key))
            other = HeldKey(held.key, held.digest, not held.strong)
            state.keys.discard(other)
            if held.strong:
                holder = self.holders.setdefault(_place(tenant, state, key), state.id)
                if holder != state.id:
                    self._ask(tenant, state, held, holder)
                    continue
            state.keys.add(held)

    def _ask(self, tenant: str, state: MemoryState, held: HeldKey, holder: UUID) -> None:
        memories = sorted((str(state.id), str(holder)))
        self._of(tenant).reviews.append(
            {
                "id": str(self.new_id()),
                "class": state.class_name,
                "kind": "identity_conflict",
                "subject": " ".join(memories),
                "memory_ids": [str(state.id), str(holder)],
                "message_id": None,
                "audit_id": None,
                "reason": f"under {self.version} the strong key {held.key} of memory {state.id} is that of memory "
                f"{holder}, which keeps it",
            }
        )

    def _write(self, tenant: str, state: MemoryState, before: set[HeldKey]) -> None:
        writes = self._of(tenant)
        self.changes[tenant, state.class_name] += 1
        search = search_vector(state, tenant, self.version)
        spec, annotation = self.version.spec.by_name[state.class_name], self.version.annotation_of(state.class_name)
        keys = memory_keys(state.records(spec, annotation), self.version.name, state.class_name)
        writes.memory(state, search, keys, self.changes[tenant, state.class_name])
        writes.revision(state, None)
        writes.keys(state, before)

    def _of(self, tenant: str) -> Writes:
        return self.writes.setdefault(tenant, Writes(tenant, self.version.name, self.now))

    def _statements(self) -> list[Statement]:
        found = [statement for writes in self.writes.values() for statement in writes.statements()]
        if self.failures:
            rows = Jsonb(self.failures)
            found.append(SQL["insert_failures"](backfill_id=self.backfill_id, now=self.now, rows=rows))
        return found


def _is_strong(key: KeyValue) -> bool:
    return key.key.strength == "strong"


def _place(tenant: str, state: MemoryState, key: KeyValue) -> KeyPlace:
    return tenant, state.class_name, key.key.name, key.digest
