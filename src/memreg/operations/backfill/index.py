"""The stage before a version is in force: each memory is looked at under it, and gets its keys beside those of now.

The version in force goes on deciding, and none of what is added has a meaning to it: identity keys of another meaning
have names of their own, and a candidate that is none scores nothing. What is written meanwhile has a higher count of
writes than the mark of its class, and is indexed again.
"""

from __future__ import annotations

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
from memreg.engine.state import MemoryState
from memreg.engine.store import search_vector
from memreg.operations.backfill.target import CHUNK, SQL, Target

Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key that a memory has under the new version. `counts`: whether another holder of it is a collision."""

    tenant: str
    class_name: str
    key: str
    digest: bytes
    memory_id: UUID
    strong: bool
    released: bool
    counts: bool

    @property
    def place(self) -> tuple[str, UUID, str, bytes]:
        """What makes it different from the others."""
        return self.tenant, self.memory_id, self.key, self.digest


@dataclass
class Indexing:
    """Memories being indexed. `again`: they may have been before, and what that gave them is forgotten first."""

    backfill_id: UUID
    target: Target
    now: datetime
    again: bool = False
    keys: list[KeyRow] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    seen: list[tuple[str, UUID]] = field(default_factory=list)

    def take(self, rows: Iterable[Row]) -> None:
        """Look at some memories."""
        for row in rows:
            self.seen.append((row["tenant"], row["id"]))
            if not self.target.needs_index(row["class"], row["version"]):
                continue
            read = self.target.read(row)
            if read is None:
                continue
            state = read.state
            if read.unfit is not None and not state.is_deleted:
                self.failures.append(failure(row, read.unfit))
            # It is found by what fits, since it may be allowed to stay as it is.
            if not state.unresolved:
                self._take_keys(row["tenant"], state)
                if not state.is_deleted and not self.target.is_found_alike(row["class"], row["version"]):
                    self._take_lookups(row, state)

    def take_keys(self, row: Row) -> None:
        """Look at the identity keys of a memory only."""
        read = self.target.read(row)
        if read is not None and not read.state.unresolved:
            self._take_keys(row["tenant"], read.state)

    def write(self, *more: Statement) -> Steps[None]:
        """Write what was seen, and `more`: keys in one order for everybody, so that two workers only wait."""
        backfill_id, schema = self.backfill_id, self.target.version.name
        found = []
        if self.again and self.seen:
            found.append(
                SQL["forget_index"](
                    id=backfill_id,
                    schema=schema,
                    tenants=[tenant for tenant, _ in self.seen],
                    ids=[memory_id for _, memory_id in self.seen],
                    **moved_places(self.target),
                )
            )
        if self.extra:
            found.append(SQL["index_candidates"](id=backfill_id, rows=Jsonb(self.extra)))
        if self.failures:
            found.append(SQL["keep_failures"](id=backfill_id, now=self.now, rows=Jsonb(self.failures)))
        if self.keys:
            strong, released = [each.strong for each in self.keys], [each.released for each in self.keys]
            found.append(
                SQL["index_keys"](schema=schema, now=self.now, strong=strong, released=released, **_columns(self.keys))
            )
        statements = [*more, *found]
        if not statements:
            return
        *_, taken = yield from fetch(*statements)
        if self.keys and len(taken) < len(self.keys):
            held = {(row["tenant"], row["memory_id"], row["key"], bytes(row["digest"])) for row in taken}
            met = [each for each in self.keys if each.counts and each.place not in held]
            if met:
                yield (SQL["keep_collisions"](id=backfill_id, schema=schema, **_columns(met)),)

    def _take_keys(self, tenant: str, state: MemoryState) -> None:
        complete = self.target.moved_keys(state)
        for each in complete:
            self._key(tenant, state, each, counts=each.key.strength == "strong" and not state.is_deleted)
        for each in self._held_before(state):
            if each not in complete:
                self._key(tenant, state, each, counts=False)

    def _held_before(self, state: MemoryState) -> Sequence[KeyValue]:
        """The strong keys of recent revisions, where an earlier version had the key too: a memory keeps those."""
        annotation = self.target.annotation_of(state.class_name)
        found: dict[KeyValue, None] = {}
        if any(key.since and key.strength == "strong" for key in annotation.identity):
            for payload in state.earlier:
                for each in key_values(payload, annotation):
                    if each.key.since and each.key.strength == "strong":
                        found[each] = None
        return [each for each in found if (state.class_name, each.key.held_as) in self.target.moved]

    def _key(self, tenant: str, state: MemoryState, value: KeyValue, *, counts: bool) -> None:
        self.keys.append(
            KeyRow(
                tenant,
                state.class_name,
                value.key.held_as,
                value.digest,
                state.id,
                value.key.strength == "strong",
                state.is_deleted,
                counts,
            )
        )

    def _take_lookups(self, row: Row, state: MemoryState) -> None:
        """What a memory is found by, where that will be otherwise than now."""
        known, coming = set(row["candidate_keys"]), candidate_keys(self.target, state)
        extra = [key for key in coming if key not in known]
        gone = known.difference(coming)
        search = search_vector(state, row["tenant"], self.target.version)
        is_same = set(search.split()) == set(row["search"].split())
        if extra or gone or not is_same:
            self.extra.append(
                {
                    "tenant": row["tenant"],
                    "memory_id": str(state.id),
                    "keys": extra,
                    "gone": list(gone),
                    "search": None if is_same else search,
                }
            )


def _columns(rows: Sequence[KeyRow]) -> dict[str, Any]:
    return {
        "tenants": [each.tenant for each in rows],
        "classes": [each.class_name for each in rows],
        "names": [each.key for each in rows],
        "digests": [each.digest for each in rows],
        "ids": [each.memory_id for each in rows],
    }


def failure(row: Row, reason: str) -> dict[str, Any]:
    """A memory that does not convert, as a row."""
    return {"tenant": row["tenant"], "memory_id": str(row["id"]), "reason": reason}


def candidate_keys(target: Target, state: MemoryState) -> tuple[int, ...]:
    """The keys that a memory is found by under the new version; none while it is unresolved or deleted."""
    if not state.is_live:
        return ()
    records = state.records(target.spec_of(state.class_name), target.annotation_of(state.class_name))
    return memory_keys(records, target.version.name, state.class_name)


def moved_places(target: Target) -> dict[str, list[str]]:
    """The classes and keys that only the new version has, as the parameters of a statement."""
    places = sorted(target.moved)
    return {"moved_classes": [place[0] for place in places], "moved_keys": [place[1] for place in places]}


def index_part(backfill_id: UUID, target: Target, now: datetime, seconds: Seconds) -> Steps[int | None]:
    """Index a part that nobody works on, in this transaction; the memories in it, or None where there is none."""
    part = yield from take_part(backfill_id, "index")
    if part is None:
        return None
    began = seconds()
    rows = yield from fetch_rows(part_rows(part, target, deleted=True, lookups=not target.all_found_alike))
    work = Indexing(backfill_id, target, now)
    work.take(rows)
    yield from work.write()
    yield (SQL["finish_part"](id=backfill_id, stage="index", part=part["part"], seconds=seconds() - began),)
    return int(part["memories"])


def take_part(backfill_id: UUID, stage: str) -> Steps[Row | None]:
    """A part of a stage that nobody works on, held until the end of the transaction; None where there is none."""
    _, rows = yield from fetch(SQL["plan_anew"](), SQL["take_part"](id=backfill_id, stage=stage))
    return rows[0] if rows else None


def part_rows(part: Row, target: Target, *, deleted: bool, lookups: bool = True) -> Statement:
    """The statement that reads the memories of a part; `lookups`: with what they are found by."""
    return SQL["memories_of_part"](
        lookups=lookups,
        **range_of(part),
        schema=target.version.name,
        version=target.version.version,
        classes=target.stored_classes,
        deleted=deleted,
    )


def range_of(part: Row) -> dict[str, Any]:
    """Where a part begins and ends, as the parameters of a statement."""
    ends = ("after_tenant", "after_class", "after_change", "to_tenant", "to_class", "to_change")
    return {name: part[name] for name in ends}


def index_since(backfill_id: UUID, target: Target, now: datetime, limit: int = CHUNK) -> Steps[int]:
    """Index again what was written since it was indexed, up to `limit` memories; how many those were."""
    _, rows = yield from fetch(
        SQL["plan_anew"](),
        SQL["memories_since"](
            id=backfill_id,
            schema=target.version.name,
            version=target.version.version,
            classes=target.stored_classes,
            limit=limit,
        ),
    )
    if not rows:
        return 0
    work = Indexing(backfill_id, target, now, again=True)
    work.take(rows)
    marks: dict[tuple[str, str], int] = {}
    for row in rows:
        place = row["tenant"], row["class"]
        marks[place] = max(marks.get(place, 0), row["change"])
    yield from work.write(
        SQL["move_marks"](
            id=backfill_id,
            tenants=[place[0] for place in marks],
            classes=[place[1] for place in marks],
            changes=list(marks.values()),
        )
    )
    return len(rows)
