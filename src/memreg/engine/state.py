"""A memory in hand during a turn: its state, its keys, and its record for scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.engine.identity import KeyValue, key_values, name_tokens
from memreg.engine.model import Payload
from memreg.engine.record import Reader, Record
from memreg.registry.models import ClassAnnotation, ClassSpec

KEPT_PAYLOADS = 4


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key that a memory holds: its name, digest and whether it is strong."""

    key: str
    digest: bytes
    strong: bool


@dataclass(slots=True)
class MemoryState:
    """One memory as read, then as decided. `earlier`: payloads of recent revisions, newest first; `let_go`: keys
    released in this turn."""

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
    _records: tuple[int, tuple[Record, ...]] | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> MemoryState:
        """From a row of `memories`."""
        return cls(
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
        )

    @property
    def is_live(self) -> bool:
        """Whether it can be a hit or a candidate."""
        return not self.is_deleted and not self.unresolved

    def records(self, spec: ClassSpec, annotation: ClassAnnotation) -> Sequence[Record]:
        """Its current payload and its earlier ones as the score sees them, current first."""
        if self._records is None or self._records[0] != self.revision:
            distinct: list[Payload] = []
            for payload in [self.payload, *self.earlier[:KEPT_PAYLOADS]]:
                if payload not in distinct:
                    distinct.append(payload)
            reader = Reader(spec, annotation)
            self._records = self.revision, tuple(reader.read(payload) for payload in distinct)
        return self._records[1]

    def complete_keys(self, annotation: ClassAnnotation) -> tuple[KeyValue, ...]:
        """The keys that its payload completes."""
        return key_values(self.payload, annotation)

    def name_tokens(self, annotation: ClassAnnotation) -> frozenset[str]:
        """The tokens that a shared key needs one of equal."""
        return name_tokens(self.payload, annotation)

    def snapshot(self) -> dict[str, Any]:
        """Its state as the audit keeps it."""
        return {
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

    def revise(self, payload: Payload, originals: dict[str, Any], version: int, now: datetime) -> None:
        """Take another payload as the next revision."""
        self.earlier.insert(0, self.payload)
        del self.earlier[KEPT_PAYLOADS:]
        self.payload, self.originals, self.version = payload, originals, version
        self.revision += 1
        self.updated_at = max(self.updated_at, now)

    def see(self, now: datetime) -> None:
        """A message spoke of it. One that came earlier but waited longer for the lock does not turn the time back."""
        self.last_seen_at = max(self.last_seen_at, now)

    def mark(self, *, is_deleted: bool | None = None, unresolved: bool | None = None, now: datetime) -> None:
        """Take another flag as the next revision, with the payload unchanged."""
        self.is_deleted = self.is_deleted if is_deleted is None else is_deleted
        self.unresolved = self.unresolved if unresolved is None else unresolved
        self.revision += 1
        self.updated_at = max(self.updated_at, now)
