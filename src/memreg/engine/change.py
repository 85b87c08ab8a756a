"""What an audit entry did to memories, each with its state before and after. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

Snapshot = Mapping[str, Any]
"""A memory's state as the audit keeps it (`MemoryState.snapshot`)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One memory that an entry changed: its class by the entry, its state before (None: there was none) and after."""

    memory_id: UUID
    class_name: str
    before: Snapshot | None
    after: Snapshot

    @property
    def has_effect(self) -> bool:
        """Whether it has another state after it than before: each one is a revision."""
        return self.before is None or self.before["revision"] != self.after["revision"]


def changes_of(row: Mapping[str, Any]) -> tuple[Change, ...]:
    """The memories that an entry changed, from its row with `class`, `memory_id`, `before`, `after` and `details`: the
    one that it is about first."""
    found = []
    if row["memory_id"] is not None and row["after"] is not None:
        found.append(Change(row["memory_id"], row["class"], row["before"], row["after"]))
    absorbed = row["details"].get("absorbed")
    if absorbed:
        after = absorbed["after"]
        if "merged_into" not in after:  # as entries were written before that was part of a state
            after = {**after, "merged_into": str(row["memory_id"])}
        found.append(Change(UUID(absorbed["memory_id"]), row["class"], absorbed["before"], after))
    found += [
        Change(UUID(other["memory_id"]), other["class"], other["before"], other["after"])
        for other in row["details"].get("others", ())
    ]
    return tuple(each for each in found if each.has_effect)
