"""A memory in hand during a turn: its state, its keys, and its record for scoring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.engine.identity import KeyValue, key_values, name_tokens
from memreg.engine.model import Payload
from memreg.engine.record import Reader, Record
from memreg.registry.lineage import Lineage, Upcast
from memreg.registry.models import ClassAnnotation, ClassSpec

KEPT_PAYLOADS = 4
Pin = dict[str, Any]
"""Who set a column's value for good (`by`), when (`at`, ISO 8601) and why."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key that a memory holds: its name, digest and whether it is strong."""

    key: str
    digest: bytes
    strong: bool


@dataclass(slots=True)
class MemoryState:
    """One memory as read, then as decided. `earlier`: payloads of recent revisions, newest first; `let_go`: keys
    released in this turn; `left_out`: what of an older version's memory does not fit the version in use, and why;
    `pinned`: the columns whose value a person set for good; `void`: the earlier revisions that were taken back, so that
    the memory is not known by what it said in them; `indexed`: the keys that it is a candidate by, as of a revision,
    where they were read along."""

    id: UUID
    class_name: str
    version: int
    payload: Payload
    originals: dict[str, Any]
    is_deleted: bool
    unresolved: bool
    revision: int
    change: int
    created_at: datetime
    updated_at: datetime
    last_seen_at: datetime
    earlier: list[Payload] = field(default_factory=list)
    keys: set[HeldKey] = field(default_factory=set)
    let_go: set[HeldKey] = field(default_factory=set)
    is_new: bool = False
    left_out: tuple[str, ...] = ()
    pinned: dict[str, Pin] = field(default_factory=dict)
    void: set[int] = field(default_factory=set)
    merged_into: UUID | None = None
    indexed: tuple[int, Sequence[int]] | None = None
    _records: tuple[int, tuple[Record, ...]] | None = None
    _read: dict[int, tuple[Payload, Record]] = field(default_factory=dict)

    @classmethod
    def from_row(
        cls, row: Mapping[str, Any], lineage: Lineage | None = None, read: Upcast | None = None
    ) -> MemoryState:
        """From a row of `memories`, in the form of the version that the lineage leads to (`read`: if it is known)."""
        state = cls(
            id=row["id"],
            class_name=row["class"],
            version=row["version"],
            payload=row["payload"],
            originals=row["originals"],
            is_deleted=row["is_deleted"],
            unresolved=row["unresolved"],
            revision=row["revision"],
            change=row["change"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            last_seen_at=row["last_seen_at"],
            earlier=[payload for _, payload in row["earlier"] or ()],
            pinned=row["pinned"],
            void=set(row["void_revisions"]),
            merged_into=row["merged_into"],
        )
        if lineage is not None:
            state._bring(row, lineage, read)
        return state

    def _bring(self, row: Mapping[str, Any], lineage: Lineage, read: Upcast | None) -> None:
        """Take the form of the newest version: from what was said, or else from the form that the row has."""
        newest = lineage.newest.version
        if self.version < newest:
            read = read or in_form(row, lineage)
            self.class_name, self.payload, self.originals = read.class_name or "", read.payload, read.originals
            self.pinned = pins_at_newest(lineage, row["class"], row["version"], self.pinned)
            self.left_out = tuple(f"{each.column} was left out: {each.reason}" for each in read.problems)
            self.version = newest
        if self.earlier and self.class_name:
            self.earlier = [
                payload
                if version >= newest
                else lineage.upcast(name_at(lineage, self.class_name, version), version, payload, {}).payload
                for version, payload in row["earlier"]
            ]

    @property
    def is_live(self) -> bool:
        """Whether it can be a hit or a candidate."""
        return not self.is_deleted and not self.unresolved

    def records(self, spec: ClassSpec, annotation: ClassAnnotation) -> Sequence[Record]:
        """Its current payload and its earlier ones as the score sees them, current first."""
        if self._records is None or self._records[0] != self.revision:
            distinct: list[Payload] = [self.payload]
            for payload in self.earlier[:KEPT_PAYLOADS]:
                if payload not in distinct:
                    distinct.append(payload)
            reader, before = Reader(spec, annotation), self._read
            # Of a memory that was revised, what it said before was read already. The payloads are kept with what was
            # read of them, so that no other one has the `id`.
            self._read = {id(each): before.get(id(each)) or (each, reader.read(each)) for each in distinct}
            self._records = self.revision, tuple([self._read[id(each)][1] for each in distinct])
        return self._records[1]

    def complete_keys(self, annotation: ClassAnnotation) -> tuple[KeyValue, ...]:
        """The keys that its payload completes."""
        return key_values(self.payload, annotation)

    def name_tokens(self, annotation: ClassAnnotation) -> frozenset[str]:
        """The tokens that a shared key needs one of equal."""
        return name_tokens(self.payload, annotation)

    def snapshot(self) -> dict[str, Any]:
        """Its state as the audit keeps it; what is pinned and what it went into only where there is something."""
        found: dict[str, Any] = {
            "payload": dict(self.payload),
            "originals": dict(self.originals),
            "version": self.version,
            "revision": self.revision,
            "is_deleted": self.is_deleted,
            "unresolved": self.unresolved,
            "keys": [
                {"key": held.key, "digest": held.digest.hex(), "strong": held.strong}
                for held in sorted(self.keys, key=lambda held: (held.key, held.digest))
            ],
        }
        if self.pinned:
            found["pinned"] = {column: dict(pin) for column, pin in self.pinned.items()}
        if self.void:
            found["void"] = sorted(self.void)
        if self.merged_into is not None:
            found["merged_into"] = str(self.merged_into)
        return found

    def revise(self, payload: Payload, originals: dict[str, Any], version: int, now: datetime) -> None:
        """Take another payload as the next revision."""
        self.earlier.insert(0, self.payload)
        del self.earlier[KEPT_PAYLOADS:]
        self.payload, self.originals, self.version = payload, originals, version
        self.revision += 1
        self.updated_at = max(self.updated_at, now)

    def become(self, snapshot: Mapping[str, Any], keys: Iterable[HeldKey], now: datetime) -> None:
        """Take the state of a snapshot (in the form of this memory's version) as the next revision, with these keys.

        The revisions since then are void; so is that of the snapshot, for which the new one stands. `earlier` is what
        it was then, which the caller has to give.
        """
        self.void = {*snapshot.get("void", ()), *range(snapshot["revision"], self.revision + 1)}
        self.payload, self.originals = dict(snapshot["payload"]), dict(snapshot["originals"])
        self.is_deleted, self.unresolved = snapshot["is_deleted"], snapshot["unresolved"]
        self.pinned = dict(snapshot.get("pinned") or {})
        into = snapshot.get("merged_into")
        self.merged_into = UUID(into) if into else None
        self.hold_only(keys)
        self.revision += 1
        self.updated_at = max(self.updated_at, now)

    def hold_only(self, keys: Iterable[HeldKey]) -> None:
        """Hold these keys and no others."""
        wanted = set(keys)
        self.let_go |= self.keys - wanted
        self.let_go -= wanted
        self.keys = wanted

    def see(self, now: datetime) -> None:
        """A message spoke of it. One that came earlier but waited longer for the lock does not turn the time back."""
        self.last_seen_at = max(self.last_seen_at, now)

    def mark(self, *, is_deleted: bool | None = None, unresolved: bool | None = None, now: datetime) -> None:
        """Take another flag as the next revision, with the payload unchanged."""
        self.is_deleted = self.is_deleted if is_deleted is None else is_deleted
        self.unresolved = self.unresolved if unresolved is None else unresolved
        self.revision += 1
        self.updated_at = max(self.updated_at, now)


def in_form(row: Mapping[str, Any], lineage: Lineage) -> Upcast:
    """A memory's row, of `said` where its form is not that of its last revision, as the newest version has it."""
    class_name, version, said = row["class"], row["version"], row["said"]
    if version >= lineage.newest.version:
        return Upcast(class_name, row["payload"], row["originals"])
    if said is None:
        return lineage.upcast(class_name, version, row["payload"], row["originals"])
    now = lineage.class_now(class_name, version)
    if now is None:
        return Upcast(None, row["payload"], row["originals"])
    said_version = row["said_version"]
    return lineage.upcast(name_at(lineage, now, said_version), said_version, said[0], said[1])


def pins_at_newest(lineage: Lineage, class_name: str, version: int, pinned: Mapping[str, Pin]) -> dict[str, Pin]:
    """What is pinned in a memory of a version, by the names that its columns have in the newest; a column that is there
    no more is pinned no more."""
    spec = lineage.newest.spec.by_name.get(lineage.class_now(class_name, version) or "")
    if not pinned or spec is None:
        return dict(pinned)
    names = lineage.moves(class_name, version)
    now = {names.get(column, column): pin for column, pin in pinned.items()}
    return {column: pin for column, pin in now.items() if column in spec.by_name}


def name_at(lineage: Lineage, class_name: str, version: int) -> str:
    """What a class of the newest version was called in an earlier one."""
    for place in lineage.places(class_name):
        if place.first <= version <= place.last:
            return place.class_name
    return class_name
