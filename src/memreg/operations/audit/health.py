"""What a doctor says of the audit: whether it is sealed in time, and whether the months to come have their places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from memreg.core.steps import Row, Steps, fetch
from memreg.operations.audit.seal import SQL
from memreg.operations.check import Check, span

PATIENCE = timedelta(days=1)
"""How long an entry may wait for its seal."""


def audit_facts() -> Steps[tuple[Row, list[Row]]]:
    """How many entries of every tenant wait for a seal and since when; and the partitions. An operator's question."""
    (tail,), parts = yield from fetch(SQL["unsealed_facts"](), SQL["partition_facts"](of_table="memreg.audit_log"))
    return tail, parts


def audit_checks(tail: Row, parts: list[Row], now: datetime) -> Iterator[Check]:
    """The checks of `audit_facts`. Pure."""
    count, since = tail["entries"], tail["since"]
    entries = "1 entry" if count == 1 else f"{count:,} entries"
    if count and now - since > PATIENCE:
        text = f"{entries} not sealed, the oldest for {span(now - since)}"
        yield Check("audit", "warn", text, "memreg audit seal, or run memreg worker")
    else:
        yield Check("audit", "ok", f"{entries} not sealed yet" if count else "all of it is sealed")
    rest = [part for part in parts if part["is_default"] and not part["is_empty"]]
    ends = max((part["ends_at"] for part in parts if part["ends_at"] is not None), default=None)
    if ends is not None and ends <= now:
        text = "this month of the audit has no partition of its own, so that it cannot be removed by itself later"
        yield Check("audit", "warn", text, "memreg audit seal makes it")
    elif rest:
        text = "entries of the audit are in no month of its own, so that retention does not remove them"
        yield Check("audit", "warn", text, "memreg audit seal, unless their ids are of a wrong clock: then they stay")
