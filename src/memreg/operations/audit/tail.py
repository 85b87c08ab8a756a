"""When an engine seals by itself: no worker may be running, and the end of the audit must not stay open for long."""

from __future__ import annotations

from datetime import datetime, timedelta

from memreg.core.steps import Steps, fetch_row
from memreg.operations.audit.seal import SQL, seal_batch

ENOUGH = 100
"""Entries for which an engine makes a seal; as many decisions it makes between two looks."""
LONGEST = timedelta(minutes=15)
"""How long fewer entries wait."""


def seal_when_due(tenant: str, now: datetime) -> Steps[int]:
    """Seal a batch of a tenant where enough entries wait for it, or one has for long; how many were sealed."""
    row = yield from fetch_row(SQL["tail_of"](tenant=tenant, limit=ENOUGH))
    if row is None or not row["entries"]:
        return 0
    if row["entries"] < ENOUGH and now - row["since"] < LONGEST:
        return 0
    return (yield from seal_batch(tenant)) or 0
