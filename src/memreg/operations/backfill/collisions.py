"""Memories that have one strong key under the new version: asked about, or merged, once the version is in force.

The oldest of them holds the key. Nothing is taken apart here: what an older version's key made one stays one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch_row, fetch_rows
from memreg.engine.store import Writes
from memreg.operations.backfill.target import SQL, Target
from memreg.operations.merge import Wanted, merge_memories

REVIEWED = 200
"""Collisions asked about in a transaction."""
MERGED = 20
"""Collisions merged in a transaction, which holds their classes."""


def settle(backfill: Row, target: Target, now: datetime, new_id: Callable[[], UUID]) -> Steps[bool]:
    """Do what the policy says about some collisions; whether there were any."""
    held = yield from fetch_row(SQL["lock_backfill"](id=backfill["id"]))
    if held is None or held["status"] != "running":
        return False
    merges = backfill["policy"] == "merge"
    rows = yield from fetch_rows(SQL["open_collisions"](id=backfill["id"], limit=MERGED if merges else REVIEWED))
    if not rows:
        return False
    if merges:
        yield from _merge(backfill, target, _pairs(rows), now, new_id)
    else:
        yield from _ask(backfill, target, rows, now, new_id)
    return True


def _ask(backfill: Row, target: Target, rows: Sequence[Row], now: datetime, new_id: Callable[[], UUID]) -> Steps[None]:
    by_tenant: dict[str, list[Row]] = {}
    for row in rows:
        by_tenant.setdefault(row["tenant"], []).append(row)
    for tenant, met in by_tenant.items():
        writes = Writes(tenant, target.version.name, now)
        for row in met:
            memories = [str(row["memory_id"]), str(row["keeper_id"])]
            writes.reviews.append(
                {
                    "id": str(new_id()),
                    "class": row["class"],
                    "kind": "identity_conflict",
                    "subject": " ".join(sorted(memories)),
                    "memory_ids": memories,
                    "message_id": None,
                    "audit_id": None,
                    "reason": f"{_reason(row, target)}, which keeps it",
                }
            )
        yield (*writes.statements(), *_closed(backfill, tenant, met, "review", None))


def _merge(
    backfill: Row, target: Target, rows: Sequence[Row], now: datetime, new_id: Callable[[], UUID]
) -> Steps[None]:
    for row in rows:
        kept, other = yield from _now(row)
        if kept == other:  # by another key, or by way of a third one
            yield tuple(_closed(backfill, row["tenant"], [row], "gone", None))
            continue
        wanted = Wanted(
            tenant=row["tenant"],
            class_name=row["class"],
            kept=kept,
            other=other,
            message_id=f"backfill:{backfill['id']}:{other}",
            reason=_reason(row, target),
            source="backfill",
            actor=backfill["started_by"],
        )
        audit_id = yield from merge_memories(wanted, target.version, now, new_id)
        yield tuple(_closed(backfill, row["tenant"], [row], "merged" if audit_id else "gone", audit_id))


def _now(row: Row) -> Steps[tuple[UUID, UUID]]:
    """The memories of a collision, or what they went into since, the older one first."""
    asked = SQL["ones_now"](tenant=row["tenant"], keeper=row["keeper_id"], memory=row["memory_id"])
    found = yield from fetch_row(asked)
    assert found is not None
    kept, other = sorted((found["keeper_id"], found["memory_id"]))
    return kept, other


def _pairs(rows: Sequence[Row]) -> list[Row]:
    """Of collisions of the same two memories by several keys, the first; in one order, as each locks a class."""
    found = {(row["tenant"], row["class"], row["keeper_id"], row["memory_id"]): row for row in reversed(rows)}
    return [found[place] for place in sorted(found, key=str)]


def _closed(backfill: Row, tenant: str, rows: Sequence[Row], outcome: str, audit_id: UUID | None) -> list[Statement]:
    return [
        SQL["close_collisions"](
            id=backfill["id"],
            tenant=tenant,
            ids=[row["memory_id"] for row in rows],
            keepers=[row["keeper_id"] for row in rows],
            outcome=outcome,
            audit_id=audit_id,
        )
    ]


def _reason(row: Row, target: Target) -> str:
    key = row["key"].partition("@")[0]
    return (
        f"under {target.version} the strong key {key} of memory {row['memory_id']} is that of memory {row['keeper_id']}"
    )
