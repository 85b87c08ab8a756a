"""Judgements: what was found out about decisions, by an undo, a split, a correction, a merge or a review."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from memreg.core.ids import uuid7
from memreg.core.queries import Queries, Statement
from memreg.engine.storable import storable_text

SQL = Queries.load("memreg.operations.monitor")

JudgementKind = Literal["false_update", "missed_update", "right"]
"""`false_update`: it changed the wrong memory, or put a wrong value there; `missed_update`: it made a second memory of
one object; `right`: a person looked, and it was well."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision, by its audit entry, and what it turned out to be; `act_id`: by which act of several."""

    audit_id: UUID
    kind: JudgementKind
    act_id: UUID | None = None


def judge(
    tenant: str,
    entries: Iterable[Judged],
    *,
    act_id: UUID | None,
    by: str,
    now: datetime,
    review_id: UUID | None = None,
    new_id: Callable[[], UUID] = uuid7,
) -> list[Statement]:
    """The statements that keep judgements, to be run after the entries are written; none for no entry.

    Any entry may be given: `false_update` is kept of an UPDATE, UPSERT or DELETE only, `missed_update` of a CREATE, and
    nothing of an entry without a decision (an act). What was said of the same decision before and speaks against it is
    withdrawn; the same said twice is kept once. `act_id`: the audit entry of the act by which it came out, with which
    it is withdrawn when that is undone.
    """
    told = {(each.audit_id, each.kind): each for each in entries}.values()
    if not told:
        return []
    return [
        SQL["judge"](
            tenant=tenant,
            ids=[new_id() for _ in told],
            entries=[each.audit_id for each in told],
            kinds=[each.kind for each in told],
            act_ids=[each.act_id or act_id for each in told],
            review_id=review_id,
            by=storable_text(by),
            now=now,
        )
    ]


def withdraw(tenant: str, act_ids: Iterable[UUID], now: datetime) -> list[Statement]:
    """The statements that take back what acts had found out, because they were undone; none for no act."""
    ids = list(act_ids)
    return [SQL["withdraw_judgements"](tenant=tenant, act_ids=ids, now=now)] if ids else []
