"""Audit entries as they are listed, and what narrows them down."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.model import Action, AuditEntry, Basis
from memreg.engine.reads import check_limit
from memreg.operations.audit.seal import SQL


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What entries are wanted; None: whatever it is. Scores are in [0, 1] and both ends count; `since` counts, `until`
    does not; `by` is the person of an act; `before`: only entries older than this one. Raises ArgumentInvalid."""

    message_id: str | None = None
    memory_id: UUID | None = None
    session: str | None = None
    class_name: str | None = None
    action: str | None = None
    basis: str | None = None
    by: str | None = None
    min_score: float | None = None
    max_score: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None

    def __post_init__(self) -> None:
        for name in ("min_score", "max_score"):
            value: object = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ArgumentInvalid(name=name, value=repr(value)[:60], reason="it must be a number from 0 to 1")
        for name in ("since", "until"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
                raise ArgumentInvalid(name=name, value=repr(value)[:60], reason="it must be a datetime with a zone")

    @property
    def is_empty(self) -> bool:
        """Whether every entry is wanted."""
        return self == EntryFilter()

    @property
    def parameters(self) -> dict[str, Any]:
        """As the queries take it."""
        return asdict(self)


def audit_entries(tenant: str, schema: str, wanted: EntryFilter, limit: int = 100) -> Steps[list[AuditEntry]]:
    """Audit entries, newest first, up to `limit` (1 to 10,000); those that hold for every schema are among them.

    Raises ArgumentInvalid.
    """
    check_limit(limit)
    asked = SQL["list_entries"](tenant=tenant, schema=schema, limit=limit, **wanted.parameters)
    return [_entry(row) for row in (yield from fetch_rows(asked))]


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        audit_id=row["id"],
        class_name=row["class"],
        version=row["version"],
        message_id=row["message_id"],
        operation=row["operation"],
        action=Action(row["action"]),
        basis=Basis(row["basis"]),
        memory_id=row["memory_id"],
        revision=row["revision"],
        score=None if row["score"] is None else float(row["score"]),
        unresolved=row["unresolved"],
        extractor=row["extractor"],
        reasons=tuple(row["reasons"]),
        created_at=row["created_at"],
        model=row["model"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        attempts=row["attempts"],
        latency_ms=row["latency_ms"],
        actor=row["actor"],
        undoes=row["undoes"],
    )
