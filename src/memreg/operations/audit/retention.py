"""Keeping the audit as long as it has to be kept: whole months go, the chain stays, and the audit tells what went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.engine.model import Action, Basis
from memreg.operations.acts.notes import Note, note
from memreg.operations.audit.seal import SQL
from memreg.operations.check import counted
from memreg.operations.upkeep import SQL as UPKEEP


@dataclass(frozen=True, slots=True)
class Removed:
    """The entries of a tenant that retention takes out, and from when to when they were written."""

    tenant: str
    entries: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Retention:
    """What retention did, or in a dry run would do. `until`: what was written before it goes; None: no month is old
    enough.

    `revision_months`: the months of memories' revisions that go as well, as all memories that were born in them were
    deleted before `until`; `revision_months_kept` stay, for the sake of `revisions_kept_by` memories.
    """

    until: datetime | None
    months: int
    removed: tuple[Removed, ...]
    is_dry_run: bool
    revision_months: int = 0
    revision_months_kept: int = 0
    revisions_kept_by: int = 0

    @property
    def entries(self) -> int:
        """The entries of all tenants together."""
        return sum(each.entries for each in self.removed)

    @property
    def sentence(self) -> str:
        """It in one sentence."""
        if self.until is None:
            return "Nothing is removed: no whole month of the audit is that old."
        verb = "would be" if self.is_dry_run else "were"
        tenants = "1 tenant" if len(self.removed) == 1 else f"{len(self.removed)} tenants"
        day = f"{self.until:%Y-%m-%d}"
        said = f"{self.entries:,} entries of {tenants} from before {day} {verb} removed; the seals over them stay."
        if self.revision_months:
            said += f" So {verb} {counted(self.revision_months, 'month')} of revisions, whose memories are all deleted."
        if self.revision_months_kept:
            there = counted(self.revision_months_kept, "month")
            memories = "1 memory needs" if self.revisions_kept_by == 1 else f"{self.revisions_kept_by:,} memories need"
            said += f" The revisions of {there} stay: {memories} them."
        return said


def retain(
    keep_since: datetime,
    *,
    by: str,
    why: str | None,
    now: datetime,
    new_id: Callable[[], UUID],
    dry_run: bool = False,
) -> Steps[Retention]:
    """Remove the months of the audit that were over before a time (with a zone, not after `now`), of every tenant.

    In one transaction: each tenant that loses entries gets one that tells so, by whom and why; then the partitions are
    dropped, and those of revisions that nobody needs any more. What goes has to be sealed. Raises ArgumentInvalid; an
    operator's work, without a tenant.
    """
    if keep_since > now:
        raise ArgumentInvalid(name="keep", value=keep_since.isoformat(), reason="it is in the future")
    facts = yield from fetch_rows(SQL["partition_facts"](of_table="memreg.audit_log"))
    old = [each for each in facts if each["ends"] is not None and each["ends_at"] <= keep_since]
    if not old:
        return Retention(None, 0, (), dry_run)
    last = max(old, key=lambda each: each["ends_at"])
    until, ends = last["ends_at"], last["ends"]
    _, counted = yield from fetch(SQL["without_limit"](), SQL["counted_before"](ends=ends))
    removed = tuple(Removed(row["tenant"], row["entries"], row["first_at"], row["last_at"]) for row in counted)
    found = Retention(until, len(old), removed, dry_run)
    if not dry_run:
        told: list[Statement] = []
        for each in removed:
            told += note(_note(each, ends, until, by, why), now, new_id)[1]
        yield from fetch(*told)
        yield from fetch_row(SQL["drop_months"](ends=ends))
        done = (yield from fetch_rows(UPKEEP["drop_revision_months"](ends=ends, until=until)))[0]
        gone, kept, kept_by = done["dropped"], done["kept"], done["kept_by"]
    else:
        months = yield from fetch_rows(UPKEEP["revision_months"](ends=ends, until=until))
        needed = [month["kept_by"] for month in months if month["kept_by"]]
        gone, kept, kept_by = len(months) - len(needed), len(needed), sum(needed)
    return replace(found, revision_months=gone, revision_months_kept=kept, revisions_kept_by=kept_by)


def partitions() -> Steps[list[Row]]:
    """The months of the audit: `name`, `ends_at` (None: what no month holds), `is_default`, `is_empty` and `bytes`."""
    return (yield from fetch_rows(SQL["partition_facts"](of_table="memreg.audit_log")))


def _note(removed: Removed, ends: UUID, until: datetime, by: str, why: str | None) -> Note:
    details: dict[str, Any] = {
        "ends": str(ends),
        "entries": removed.entries,
        "first_at": removed.first_at.isoformat(),
        "last_at": removed.last_at.isoformat(),
    }
    said = f"{removed.entries:,} entries of the audit from before {until:%Y-%m-%d} were removed"
    return Note(
        tenant=removed.tenant,
        schema="*",
        class_name="*",
        action=Action.RETAIN,
        basis=Basis.PERSON,
        by=by,
        text=said,
        why=why,
        details=details,
        reasons=[said],
    )
