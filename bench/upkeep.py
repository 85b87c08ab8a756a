"""What upkeep is worth: updates that leave the indexes alone and the size of the tables after many decisions, with the
storage options that memreg sets and without them; and reading what memories were, of two months and of five years."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.people import TOWNS, people
from bench.stage import database, prepare, server_version
from memreg import Engine, Proposal
from memreg.core.database import Database
from memreg.core.settings import Settings

MEMORIES = 1_000
PLAIN = "alter table memreg.memories reset (fillfactor)"
STATE = """
select n_tup_upd, n_tup_hot_upd, pg_table_size('memreg.memories'), pg_indexes_size('memreg.memories')
from pg_stat_user_tables
where relid = 'memreg.memories'::regclass
"""
LOOK_BACK = """
select memreg.earlier_revisions('people-upkeep', id, revision + 1, '{}')
from memreg.memories
where tenant = 'people-upkeep'
limit 20
"""


def state(dsn: str) -> tuple[int, int, int, int]:
    """Rows updated, those beside their former ones, bytes of the table, bytes of its indexes; once all is told."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        row = conn.execute(STATE).fetchone()
    assert row is not None
    return row


def decide(dsn: str, kind: str, decisions: int) -> dict[str, Any]:
    """Many decisions about memories that are there, one by one; `seen` changes nothing in them, `moved` does."""
    settings = Settings(database_url=dsn, schema_="assistant")
    everybody = people(MEMORIES)
    before = state(dsn)
    with Database.connect(settings) as opened:
        engine = Engine(opened, tenant="people-upkeep", trips=False)
        for number in range(decisions):
            values = everybody[number * 7 % MEMORIES]
            said = dict(values)
            if kind == "moved":
                said["city"] = TOWNS[number % len(TOWNS)]
            engine.ingest(proposals=[Proposal("Person", said)])
    after = state(dsn)
    updated, beside = after[0] - before[0], after[1] - before[1]
    return {
        "decisions": decisions,
        "updated": updated,
        "hot_share": round(beside / updated, 3) if updated else None,
        "table_grew_bytes": after[2] - before[2],
        "indexes_grew_bytes": after[3] - before[3],
    }


def looking_back(dsn: str) -> float:
    """Milliseconds to read what twenty memories were, prepared, the median of 200."""
    taken = []
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("set enable_seqscan = off")
        for _ in range(220):
            began = time.perf_counter()
            conn.execute(LOOK_BACK, prepare=True).fetchall()
            taken.append(time.perf_counter() - began)
    return round(statistics.median(taken[20:]) * 1000, 3)


def years(dsn: str, count: int) -> None:
    """Give the revisions a partition for each month of some years to come."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        for month in range(12 * count):
            ends = [datetime(2030 + m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in (month, month + 1)]
            row = conn.execute("select memreg.uuid_from(%s)::text, memreg.uuid_from(%s)::text", ends).fetchone()
            assert row is not None
            name = sql.Identifier("memreg", f"memory_revisions_{ends[0]:%Y_%m}")
            bounds = (sql.Literal(row[0]), sql.Literal(row[1]))
            conn.execute(
                sql.SQL("create table {} partition of memreg.memory_revisions for values from ({}) to ({})").format(
                    name, *bounds
                )
            )


def measure(decisions: int, url: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """With the options and without them, each in a database of its own that was filled alike."""
    for name in ("as it is", "without fill factor"):
        with database(url) as dsn:
            prepare(dsn)
            with psycopg.connect(dsn, autocommit=True) as conn:
                if name != "as it is":
                    conn.execute(PLAIN)
            with Database.connect(Settings(database_url=dsn, schema_="assistant")) as opened:
                engine = Engine(opened, tenant="people-upkeep", trips=False)
                said = [Proposal("Person", values) for values in people(MEMORIES)]
                for start in range(0, MEMORIES, 50):
                    engine.ingest(proposals=said[start : start + 50])
            result: dict[str, Any] = {kind: decide(dsn, kind, decisions) for kind in ("seen", "moved")}
            if name == "as it is":
                result["look_back_ms"] = looking_back(dsn)
                years(dsn, 5)
                result["look_back_of_62_months_ms"] = looking_back(dsn)
            yield name, result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=2_000, help="of each kind, in each of two databases")
    decisions = parser.parse_args().decisions
    console = Console(width=120)
    url = os.environ.get("MEMREG_DATABASE_URL")
    found = dict(measure(decisions, url))
    shown = Table(title=f"{decisions:,} decisions of each kind about {MEMORIES:,} memories")
    for column in ("", "decisions", "beside the former row", "table grew", "indexes grew"):
        shown.add_column(column, justify="left" if not column else "right")
    for name, result in found.items():
        for kind in ("seen", "moved"):
            row = result[kind]
            grew = [f"{row[each] / 1024:,.0f} kB" for each in ("table_grew_bytes", "indexes_grew_bytes")]
            shown.add_row(f"{name}, {kind}", f"{row['decisions']:,}", f"{row['hot_share']:.0%}", *grew)
    console.print(shown)
    plain = found["as it is"]
    ratio = plain["look_back_of_62_months_ms"] / plain["look_back_ms"]
    console.print(f"Reading what 20 memories were takes {ratio:.2f} times as long where five more years are there.")
    with database(url) as dsn:
        version = server_version(dsn)
    print(json.dumps({"bench": "upkeep", "postgres": version, "look_back_ratio": round(ratio, 2), **found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
