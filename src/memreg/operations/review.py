"""Review: the open questions to a person, with what the memories say now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Row, Steps, fetch
from memreg.engine.decide import ReviewKind
from memreg.engine.reads import check_limit
from memreg.operations.kill_switch import check_class
from memreg.operations.store import SQL

KINDS: tuple[str, ...] = get_args(ReviewKind)


@dataclass(frozen=True, slots=True)
class ReviewMemory:
    """A memory that a question is about, as it is now."""

    id: UUID
    values: Mapping[str, Any]
    revision: int
    is_deleted: bool
    unresolved: bool


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An open question: of which kind, since when, about which memories, and why. A dead message has no class."""

    id: UUID
    kind: str
    class_name: str | None
    reason: str
    memories: tuple[ReviewMemory, ...]
    message_id: str | None
    audit_id: UUID | None
    created_at: datetime
    age: timedelta


@dataclass(frozen=True, slots=True)
class Review:
    """The oldest open questions, and how many there are in all, by kind and class."""

    items: tuple[ReviewItem, ...]
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many questions are open, those beyond the limit too."""
        return sum(self.counts.values())


def review(
    database: Database,
    tenant: str,
    schema: str,
    *,
    kind: str | None = None,
    class_name: str | None = None,
    limit: int = 100,
    clock: Clock = utc_now,
) -> Review:
    """The open questions of a tenant and schema, oldest first, up to `limit` (1 to 10,000).

    `kind`: possible_duplicate, identity_conflict, identity_contradiction or dead_letter.
    Raises ArgumentInvalid, SchemaNotFound, TenantInvalid, DatabaseError.
    """
    return database.run(tenant, lambda: open_items(tenant, schema, kind, class_name, limit, clock))


def open_items(
    tenant: str, schema: str, kind: str | None, class_name: str | None, limit: int, clock: Clock
) -> Steps[Review]:
    """`review` as a plan. Raises ArgumentInvalid, SchemaNotFound."""
    if kind is not None and kind not in KINDS:
        raise ArgumentInvalid(name="kind", value=repr(kind), reason=f"it is one of {', '.join(KINDS)}")
    check_limit(limit)
    yield from check_class(schema, class_name)
    now = clock()
    items, counts = yield from fetch(
        SQL["open_reviews"](tenant=tenant, schema=schema, kind=kind, class_name=class_name, limit=limit),
        SQL["count_reviews"](tenant=tenant, schema=schema, kind=kind, class_name=class_name),
    )
    return Review(
        tuple(_item(row, now) for row in items),
        {(row["kind"], row["class"]): row["items"] for row in counts},
    )


def _item(row: Row, now: datetime) -> ReviewItem:
    return ReviewItem(
        id=row["id"],
        kind=row["kind"],
        class_name=row["class"] or None,
        reason=row["reason"],
        memories=tuple(
            ReviewMemory(UUID(m["id"]), m["values"], m["revision"], m["is_deleted"], m["unresolved"])
            for m in row["memories"]
        ),
        message_id=row["message_id"],
        audit_id=row["audit_id"],
        created_at=row["created_at"],
        age=now - row["created_at"],
    )
