"""What waits to be decided again is read by parts, each of which costs as much however much waits."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from memreg import Engine, Proposal, Turn
from memreg.core.database import Database
from memreg.operations.store import SQL
from tests.support.engines import people

SINCE = datetime.now(UTC) - timedelta(hours=1)


def undone(engine: Engine, count: int) -> None:
    """Decisions of as many messages that are undone to be decided again."""
    given = [
        Turn([Proposal("Person", {"name": f"Given{n}", "email": f"{n}@example.com"})], f"m{n}") for n in range(count)
    ]
    assert sum(len(each.decisions) for each in engine.ingest_many(given)) == count
    engine.undo_many(since=SINCE, again=True, by="ana", dry_run=False)


def buffers(database: Database, tenant: str, **asked: Any) -> int:
    """The buffers that a part is read by, and that there was one."""
    params = {"tenant": tenant, "schema": "people", "version": 1, "classes": ["Person"], "limit": 25, **asked}
    with psycopg.connect(database.conninfo) as conn:
        conn.execute("analyze")
        conn.execute("select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)")
        row = conn.execute(
            b"explain (analyze, buffers, format json) " + SQL["held_back"].sql.encode(), params
        ).fetchone()
    assert row is not None
    plan = (row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]
    assert plan["Actual Rows"] == 25
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_a_part_costs_as_much_however_much_waits(database: Database) -> None:
    few, many = people(database, "few"), Engine(database, tenant="many", schema="people")
    undone(few, 50)
    undone(many, 300)
    assert buffers(database, "many", after=None) < 1.5 * buffers(database, "few", after=None)
