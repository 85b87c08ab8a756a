"""What undoing looks at: entries with what they changed, and what was made of these memories since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.change import Change, changes_of
from memreg.operations.acts.act import SQL


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit entry as undoing sees it: `changes` are those that made a revision; `follows`: nobody proposed it, it
    followed from another decision."""

    id: UUID
    action: str
    basis: str
    operation: str
    class_name: str
    version: int
    message_id: str
    actor: str | None
    undoes: UUID | None
    created_at: datetime
    changes: tuple[Change, ...]
    is_erased: bool = False
    follows: bool = False

    @classmethod
    def from_row(cls, row: Row) -> Entry:
        """From a row of `entries_of`. One that lost what it said of another memory still has its own states."""
        changes = changes_of(row)
        return cls(
            id=row["id"],
            action=row["action"],
            basis=row["basis"],
            operation=row["operation"],
            class_name=row["class"],
            version=row["version"],
            message_id=row["message_id"],
            actor=row["actor"],
            undoes=row["undoes"],
            created_at=row["created_at"],
            changes=changes,
            is_erased=any(change.after.get("erased") for change in changes),
            follows=row["follows"],
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which decisions are meant: of a message, of a session, between two times (the second one excluded), of a class,
    of an action or a basis. At least a message, a session or a beginning."""

    message_id: str | None = None
    session: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    class_name: str | None = None
    action: str | None = None
    basis: str | None = None

    def __post_init__(self) -> None:
        if self.message_id is None and self.session is None and self.since is None:
            raise ArgumentInvalid(
                name="selection", value="empty", reason="name a message, a session or a time since when"
            )
        for name, at in (("since", self.since), ("until", self.until)):
            if at is not None and at.tzinfo is None:
                raise ArgumentInvalid(name=name, value=at.isoformat(), reason="it needs a zone, as in …T03:00:00Z")

    @property
    def sentence(self) -> str:
        """What is meant, in words."""
        found = [
            f"of message {self.message_id}" if self.message_id is not None else None,
            f"of session {self.session}" if self.session is not None else None,
            f"since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since is not None else None,
            f"until {self.until:%Y-%m-%d %H:%M:%S %Z}" if self.until is not None else None,
            f"of {self.class_name}" if self.class_name is not None else None,
            f"with action {self.action}" if self.action is not None else None,
            f"by {self.basis}" if self.basis is not None else None,
        ]
        return "the decisions " + ", ".join(each for each in found if each)


def select(tenant: str, schema: str, selection: Selection) -> Steps[list[UUID]]:
    """The entries that a selection means and that changed a memory, newest first: of messages, not of acts."""
    rows = yield from fetch_rows(
        SQL["entries_selected"](
            tenant=tenant,
            schema=schema,
            message_id=selection.message_id,
            session=selection.session,
            since=selection.since,
            until=selection.until,
            class_name=selection.class_name,
            action=selection.action,
            basis=selection.basis,
        )
    )
    return [row["id"] for row in rows]


def read_entries(tenant: str, schema: str, ids: Iterable[UUID]) -> Steps[list[Entry]]:
    """Entries by their ids; those that do not exist are left out."""
    wanted = sorted(set(ids))
    rows = yield from fetch_rows(SQL["entries_of"](tenant=tenant, schema=schema, ids=wanted)) if wanted else _none()
    return [Entry.from_row(row) for row in rows]


def _none() -> Steps[list[Row]]:
    yield from ()
    return []


def gained_by(entries: Iterable[Entry], memory_id: UUID, has: Any) -> UUID | None:
    """The newest entry since which a memory's state `has` something, of its entries oldest first."""
    found = None
    for entry in entries:
        for change in entry.changes:
            if change.memory_id == memory_id and has(change.after) and not (change.before and has(change.before)):
                found = entry.id
    return found
