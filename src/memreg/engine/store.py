"""What a turn writes, as statements: memories, revisions, keys, audit and questions, set-wise and in one round trip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.json_codec import dumps
from memreg.core.queries import Queries, Statement
from memreg.engine.references import reference_rows
from memreg.engine.state import HeldKey, MemoryState
from memreg.engine.text import scope_token, searchable_columns, tsvector
from memreg.registry.models import ClassSpec, SchemaSpec, SchemaVersion

FILES = ("messages.sql", "queue.sql", "calibrations.sql", "deciding.sql", "memories.sql", "entries.sql")
SQL = Queries.load("memreg.engine", *FILES)
REFERENCES = Queries.load("memreg.engine", "references.sql")
JsonRow = dict[str, Any]


def class_lock(tenant: str, schema: str, class_name: str) -> int:
    """The number (signed, 64 bits) of the advisory lock of a class in a tenant."""
    text = f"memreg class {len(tenant)}:{tenant}{len(schema)}:{schema}{class_name}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big", signed=True)


def lock_classes(tenant: str, schema: str, classes: Iterable[str]) -> list[Statement]:
    """The statements that take the locks of the classes, in one order for everybody."""
    return [SQL["lock_class"](lock=lock) for lock in sorted({class_lock(tenant, schema, name) for name in classes})]


def search_vector(state: MemoryState, tenant: str, version: SchemaVersion) -> str:
    """The text form of a memory's tsvector under a version's annotation."""
    boosts = version.annotation_of(state.class_name).searchable
    scope = scope_token(tenant, version.name, state.class_name)
    return tsvector(scope, searchable_columns(state.payload, boosts))


@dataclass
class Writes:
    """Rows gathered during a turn. Those of which a batch gathers many may be JSON texts already: then nothing of them
    is left that the collector of garbage would go through again and again."""

    tenant: str
    schema: str
    now: datetime
    inserts: list[JsonRow] = field(default_factory=list)
    updates: list[JsonRow] = field(default_factory=list)
    seen: list[UUID] = field(default_factory=list)
    revisions: list[JsonRow | bytes] = field(default_factory=list)
    held: list[JsonRow] = field(default_factory=list)
    released: list[JsonRow] = field(default_factory=list)
    audit: list[JsonRow | bytes] = field(default_factory=list)
    values: list[JsonRow | bytes] = field(default_factory=list)
    reviews: list[JsonRow] = field(default_factory=list)
    references: list[JsonRow] = field(default_factory=list)
    referring: list[str] = field(default_factory=list)
    merged: dict[UUID, UUID] = field(default_factory=dict)

    def memory(
        self, state: MemoryState, search: str, keys: Iterable[int], change: int | None = None, nth: int | None = None
    ) -> None:
        """The last state of a memory, as the `change`th write of its class, or as the `nth` of those of its class that
        come with it and make (or change) memories: the database counts on from what it finds.

        `keys`: those that it is a candidate by; a deleted or unresolved one is none.
        """
        row = {
            "id": str(state.id),
            "class": state.class_name,
            "version": state.version,
            "payload": state.payload,
            "originals": state.originals,
            "search": search,
            "candidate_keys": list(keys) if state.is_live else [],
            "is_deleted": state.is_deleted,
            "unresolved": state.unresolved,
            "revision": state.revision,
            "change": change,
            "nth": nth,
            "created_at": state.created_at.isoformat(),
            "updated_at": state.updated_at.isoformat(),
            "last_seen_at": state.last_seen_at.isoformat(),
            "deleted_at": self.now.isoformat() if state.is_deleted else None,
            "pinned": state.pinned,
            "void_revisions": sorted(state.void),
        }
        (self.inserts if state.is_new else self.updates).append(row)

    def refer(self, state: MemoryState, spec: ClassSpec) -> None:
        """What a memory refers to, so that it is known of what it refers to."""
        if not spec.references:
            return
        self.references += [] if state.is_deleted else reference_rows(state.id, state.payload, spec)
        self.referring.append(str(state.id))

    def revision(self, state: MemoryState, audit_id: UUID | None) -> None:
        """The present state of a memory as its revision, made by a decision (or, without one, by a backfill)."""
        self.revisions.append(
            dumps(
                {
                    "memory_id": str(state.id),
                    "revision": state.revision,
                    "version": state.version,
                    "payload": state.payload,
                    "originals": state.originals,
                    "pinned": state.pinned,
                    "is_deleted": state.is_deleted,
                    "unresolved": state.unresolved,
                    "audit_id": str(audit_id) if audit_id else None,
                    "created_at": state.updated_at.isoformat(),
                }
            )
        )

    def keys(self, state: MemoryState, before: set[HeldKey]) -> None:
        """The keys that a memory took and let go since it was read, those taken and let go meanwhile too."""
        for held in sorted(state.keys - before, key=_order):
            self.held.append(_key_row(state, held) | {"strong": held.strong, "released": False})
        for held in sorted(state.let_go - state.keys - before, key=_order):
            self.held.append(_key_row(state, held) | {"strong": held.strong, "released": True})
        self.released += [_key_row(state, held) for held in sorted(before - state.keys, key=_order)]

    def clear(self) -> None:
        """What was gathered is written."""
        gathered: tuple[list[Any], ...] = (
            *(self.inserts, self.updates, self.seen, self.revisions, self.held, self.released),
            *(self.audit, self.values, self.reviews, self.references, self.referring),
        )
        for rows in gathered:
            rows.clear()
        self.merged.clear()

    def statements(self, *, held: bool = False) -> list[Statement]:
        """All of it, keys let go before keys taken. `held`: the memories that are updated are held already."""
        tenant, schema, now = self.tenant, self.schema, self.now
        found = []
        if self.inserts:
            found.append(SQL["insert_memories"](tenant=tenant, schema=schema, rows=Jsonb(self.inserts)))
        if self.updates and not held:
            # Held before the update looks at what they are found by: a backfill may be rewriting them.
            found.append(SQL["hold_memories"](tenant=tenant, ids=_ids(self.updates, "id")))
        if self.updates:
            found.append(
                SQL["update_memories"](
                    tenant=tenant,
                    schema=schema,
                    ids=_ids(self.updates, "id"),
                    rows=Jsonb({row["id"]: row for row in self.updates}),
                )
            )
        if self.seen:
            found.append(SQL["see_memories"](tenant=tenant, now=now, ids=self.seen))
        if self.released:
            ids = _ids(self.released, "memory_id")
            found.append(SQL["release_keys"](tenant=tenant, schema=schema, now=now, ids=ids, rows=Jsonb(self.released)))
        if self.held:
            found.append(SQL["hold_keys"](tenant=tenant, schema=schema, now=now, rows=Jsonb(self.held)))
        if self.referring:
            rows = Jsonb(self.references)
            found.append(REFERENCES["keep_references"](tenant=tenant, ids=sorted(self.referring), rows=rows))
        found += merge_into(tenant, self.merged)
        if self.audit:
            # The values first: the entry takes their digest over.
            values, revisions = Jsonb(self.values, _array), Jsonb(self.revisions, _array)
            found.append(SQL["insert_audit_values"](tenant=tenant, rows=values, revisions=revisions))
            found.append(SQL["insert_audit"](tenant=tenant, schema=schema, rows=Jsonb(self.audit, _array)))
        elif self.revisions:
            found.append(SQL["insert_revisions"](tenant=tenant, rows=Jsonb(self.revisions, _array)))
        if self.reviews:
            found.append(SQL["insert_reviews"](tenant=tenant, schema=schema, now=now, rows=Jsonb(self.reviews)))
        return found


def _array(rows: Sequence[JsonRow | bytes]) -> bytes:
    """A JSON array of rows, of which some are texts already."""
    return b"[%b]" % b",".join([row if isinstance(row, bytes) else dumps(row) for row in rows])


def merge_into(tenant: str, merged: Mapping[UUID, UUID]) -> tuple[Statement, ...]:
    """The statements by which references to memories that went into others (`merged`, to their keepers) follow them.

    A pointer from the merged memory to its keeper is followed, on every read and in every decision; the memories that
    refer to it are not touched. So a merge costs the same whether ten or ten million memories refer to what is merged,
    their history does not say that somebody spoke of them, and to undo the merge is to take the pointer back: every
    reference is what it was said to be. A key that a reference is part of is looked up in the forms of all that went
    into the keeper, so that identity holds across the merge as well.
    """
    if not merged:
        return ()
    pairs = sorted(merged.items())
    memories, keepers = [memory for memory, _ in pairs], [keeper for _, keeper in pairs]
    return (REFERENCES["merge_into"](tenant=tenant, memories=memories, keepers=keepers),)


def refer_again(spec: SchemaSpec, tenants: Sequence[str], ids: Sequence[str]) -> Statement:
    """Keeps what memories of any tenant refer to in step with their rows, which a backfill has rewritten."""
    places = [(each.name, column.name) for each in spec.classes for column in each.references]
    return REFERENCES["refer_again"](
        tenants=list(tenants),
        ids=list(ids),
        classes=[name for name, _ in places],
        columns=[column for _, column in places],
    )


def bytea(data: bytes) -> str:
    """Bytes as Postgres reads them from text."""
    return "\\x" + data.hex()


def _ids(rows: Iterable[JsonRow], column: str) -> list[str]:
    return sorted({row[column] for row in rows})


def _order(held: HeldKey) -> tuple[str, bytes]:
    return held.key, held.digest


def _key_row(state: MemoryState, held: HeldKey) -> JsonRow:
    return {
        "class": state.class_name,
        "key": held.key,
        "digest": bytea(held.digest),
        "memory_id": str(state.id),
    }
