"""Refreshing statistics between decisions, when the count of writes says so: a class's for scores, the planner's
for reads."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.steps import Steps, fetch, fetch_rows
from memreg.engine.store import SQL
from memreg.engine.text import scope_token


def refresh(tenant: str, schema: str, class_name: str, change: int, clock: Clock) -> Steps[int | None]:
    """Take the next snapshot of a class's document frequencies, over its newest 20,000 live memories at most.

    `change`: the count of writes that made it due. Gives the snapshot's number, or None when another worker was first.
    """
    counts, latest = yield from fetch(
        SQL["count_tokens"](tenant=tenant, schema=schema, class_name=class_name),
        SQL["latest_snapshots"](tenant=tenant, schema=schema, classes=[class_name]),
    )
    if latest[0]["snapshot"] is not None and latest[0]["snapshot_change"] >= change:
        return None
    frequencies = {row["word"]: row["ndoc"] for row in counts}
    documents = frequencies.pop(scope_token(tenant, schema, class_name), 0)
    number = (latest[0]["snapshot"] or 0) + 1
    yield (
        SQL["keep_snapshot"](
            tenant=tenant,
            schema=schema,
            class_name=class_name,
            snapshot=number,
            change=change,
            documents=documents,
            frequencies=Jsonb(frequencies),
            now=clock(),
        ),
    )
    return number


def look_at_tables() -> Steps[bool]:
    """Let the planner look at the tables if they have doubled; gives whether they had.

    Prepared plans of an empty table stay in use until then: autovacuum comes only once a minute, a first load is
    faster.
    """
    growth = yield from fetch_rows(SQL["table_growth"]())
    if not growth[0]["has_grown"]:
        return False
    yield (SQL["look_at_tables"](),)
    return True
