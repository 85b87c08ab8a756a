"""The filter of audit entries, from what callers give."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.api.arguments import as_optional, as_text, as_uuid

if TYPE_CHECKING:
    from memreg.operations.audit.entries import EntryFilter


def entry_filter(
    *,
    memory_id: UUID | str | None = None,
    before: UUID | str | None = None,
    action: str | None = None,
    min_score: float | None = None,
    max_score: float | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    **texts: str | None,
) -> EntryFilter:
    """The filter of what a caller gave. Raises ArgumentInvalid."""

    from memreg.operations.audit.entries import EntryFilter

    checked = {name: as_optional(name, value) for name, value in texts.items()}
    return EntryFilter(
        **checked,
        memory_id=None if memory_id is None else as_uuid("memory_id", memory_id),
        before=None if before is None else as_uuid("before", before),
        action=None if action is None else as_text("action", action).upper(),
        min_score=min_score,
        max_score=max_score,
        since=since,
        until=until,
    )
