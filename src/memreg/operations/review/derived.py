"""Questions that come of how things stand: memories that wait to be resolved, and doubts about the annotation in use.

They are asked when somebody looks, and answer themselves when they do not arise any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from memreg.annotator.gate import notes_of
from memreg.core.ids import uuid7
from memreg.core.queries import Queries
from memreg.core.steps import Row, Rows, Steps, fetch
from memreg.registry.models import SchemaVersion

SQL = Queries.load("memreg.operations.review")
DOUBTS = frozenset({"low_confidence", "doubt", "overlap"})
"""The notes on an annotation that are questions; what rules would only do otherwise is none."""


@dataclass(frozen=True, slots=True)
class Arising:
    """A question as things stand: `subject` is what makes it the same question the next time."""

    class_name: str
    kind: str
    subject: str
    reason: str
    times: int
    first_at: datetime
    last_at: datetime

    @property
    def place(self) -> tuple[str, str, str]:
        """What makes it the same as another one."""
        return self.class_name, self.kind, self.subject


def ask_derived(
    tenant: str, schema: str, version: SchemaVersion | None, least_confidence: float, now: datetime
) -> Steps[None]:
    """Bring the derived questions of a tenant and schema up to date; nothing is written where they are."""
    place = {"tenant": tenant, "schema": schema}
    waiting, known = yield from fetch(SQL["unresolved_now"](**place), SQL["derived_reviews"](**place))
    arising = [*unresolved(waiting), *doubts(version, least_confidence, now)]
    fresh, moot = compared(arising, known)
    statements = []
    if fresh:
        rows = [_row(each) for each in fresh]
        statements.append(SQL["ask_derived"](**place, rows=Jsonb(rows)))
    if moot:
        statements.append(SQL["settle_derived"](**place, ids=[row["id"] for row in moot], now=now))
    if statements:
        yield tuple(statements)


def unresolved(waiting: Rows) -> list[Arising]:
    """One question for each class with memories that wait; how many is how often it is asked."""
    return [
        Arising(
            row["class"],
            "unresolved",
            "unresolved",
            f"{row['memories']:,} {'memory waits' if row['memories'] == 1 else 'memories wait'} to be resolved: "
            "memreg resolve --dry-run tells what would become of them",
            row["memories"],
            row["first_at"],
            row["last_at"],
        )
        for row in waiting
    ]


def doubts(version: SchemaVersion | None, least_confidence: float, now: datetime) -> list[Arising]:
    """What there is to doubt in the annotation in use."""
    if version is None:
        return []
    return [
        Arising(note.classes[0], "annotation_doubt", f"{version}: {note.text}", note.text, 1, now, now)
        for note in notes_of(version, least_confidence)
        if note.kind in DOUBTS
    ]


def compared(arising: Sequence[Arising], known: Rows) -> tuple[list[Arising], list[Row]]:
    """What is to be asked or brought up to date, and the open ones that do not arise any more.

    A doubt that somebody answered of this version, or found without reason in any, is not asked again.
    """
    still = {each.place for each in arising}
    is_open = {_place(row): row for row in known if row["status"] == "open"}
    settled = {_place(row) for row in known if row["status"] != "open" and row["verdict"] in ("right", "wrong")}
    cleared = {(row["class"], row["reason"]) for row in known if row["verdict"] == "right"}
    fresh = []
    for each in arising:
        row = is_open.get(each.place)
        if row is not None:
            if each.kind == "unresolved" and (row["times"], row["last_asked_at"]) != (each.times, each.last_at):
                fresh.append(each)
        elif each.kind == "unresolved" or (each.place not in settled and (each.class_name, each.reason) not in cleared):
            fresh.append(each)
    return fresh, [row for place, row in is_open.items() if place not in still]


def _place(row: Row) -> tuple[str, str, str]:
    return row["class"], row["kind"], row["subject"]


def _row(each: Arising) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "class": each.class_name,
        "kind": each.kind,
        "subject": each.subject,
        "reason": each.reason,
        "times": each.times,
        "created_at": each.first_at.isoformat(),
        "last_asked_at": each.last_at.isoformat(),
    }
