"""What keeps a backfill from going on: kept where `memreg backfill status` shows it, until the next part succeeds."""

from __future__ import annotations

from uuid import UUID

from memreg.core.queries import Queries
from memreg.core.steps import Steps

SQL = Queries.load("memreg.operations", "backfill_trouble.sql")


def note(backfill_id: UUID, error: str | None) -> Steps[None]:
    """Keep in a sentence why a part failed; None: the next one did not."""
    yield (SQL["note_trouble"](id=backfill_id, error=error),)
