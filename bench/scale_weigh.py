"""Measures what bench/scale_model.py reckons with, and writes bench/scale_figures.json.

    python bench/scale_weigh.py [--memories 2000] [--speed bench/results/history.jsonl]

Contacts of 300 bytes are made in a database of their own, then each is changed; rows, bytes and log of both are
weighed. What a decision costs in time is taken from the newest result of `make bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.disk import SCHEMA, contacts
from bench.scale_model import FIGURES, ROOT
from bench.stage import database, prepare, server_version
from memreg import Engine, Proposal, Turn
from memreg.operations.distribution import Kind, tables_of

HOT = ("candidate_keys_pkey", "memories_pkey", "memories_by_change", "identity_keys_pkey", "messages_pkey")
"""The indexes that a decision looks into or writes at a place that may be anywhere in them."""
_SIZES = b"""
    select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from pg_class
    where relnamespace = 'memreg'::regnamespace and relkind = 'r'
"""
_HOT = b"""
    select coalesce(sum(pg_relation_size(oid)), 0)::bigint from pg_class
    where relnamespace = 'memreg'::regnamespace and relname = any(%s)
"""


def weigh(conn: psycopg.Connection[Any]) -> dict[str, float]:
    """What is there now: bytes, rows of tenants, and the place in the log."""
    conn.execute("vacuum (analyze)")
    rows = sum(one(conn, f"select count(*) from memreg.{name}".encode()) for name in tables_of(Kind.TENANT))
    log = one(conn, b"select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    return {"bytes": one(conn, _SIZES), "hot": one(conn, _HOT, [list(HOT)]), "rows": rows, "log": log}


def one(conn: psycopg.Connection[Any], query: bytes, params: list[Any] | None = None) -> float:
    """The only value that a query gives."""
    row = conn.execute(query, params).fetchone()
    assert row is not None
    return float(row[0])


def measure(dsn: str, memories: int) -> dict[str, float]:
    """Make so many contacts and change each once; what each step left, for one memory."""
    told = list(contacts(memories))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.yaml"
        path.write_text(SCHEMA, "utf-8")
        schema = prepare(dsn, path)
    found: dict[str, float] = {"payload": sum(len(json.dumps(each)) for each in told) / memories}
    with psycopg.connect(dsn, autocommit=True) as conn:
        before = weigh(conn)
        # The first change finds no room where it writes; those after it find what earlier ones left.
        for name in ("created", "first", "updated"):
            log = one(conn, b"select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
            with Engine.connect(dsn, schema=schema, extractor="structured") as engine:
                turns = (Turn([Proposal("Contact", values)], f"{name}-{n}") for n, values in enumerate(told))
                for _ in engine.ingest_many(turns):
                    pass
                found[f"wal_{name}"] = (
                    one(conn, b"select pg_current_wal_insert_lsn() - '0/0'::pg_lsn") - log
                ) / memories
                while engine.seal_audit():
                    pass
            after = weigh(conn)
            found[f"bytes_{name}"] = (after["bytes"] - before["bytes"]) / memories
            found[f"rows_{name}"] = (after["rows"] - before["rows"]) / memories
            before = after
            told = [{**each, "city": f"{each['city']} West"} for each in told]
        found = {name: each for name, each in found.items() if not name.endswith("_first")}
        found["hot_bytes"] = before["hot"] / memories
    return found


def times(result: Mapping[str, Any]) -> dict[str, float]:
    """What a decision costs in time, from a result of `make bench`: the mean of identity, score and CREATE at its
    largest size."""
    size = max(line["size"] for line in result["sections"]["single"])
    lines = [line for line in result["sections"]["single"] if line["size"] == size]
    lines = [line for line in lines if line["kind"] in ("create", "identity", "score")]
    one_tenant = [
        line["per_second"]
        for line in result["sections"]["workers"]["lines"]
        if (line["load"], line["how"]) == ("one tenant", "engine")
    ]
    return {
        "server_ms": sum(line["engine"]["server_cpu_ms"] for line in lines) / len(lines),
        "client_ms": sum(line["engine"]["cpu_ms"] for line in lines) / len(lines),
        "answer_ms": sum(line["engine"]["p50_ms"] for line in lines) / len(lines),
        "class_rate": max(one_tenant),
    }


def main() -> int:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=2000, help="how many (2000)")
    parser.add_argument("--speed", type=Path, default=ROOT / "bench" / "results" / "history.jsonl")
    given = parser.parse_args()
    newest = json.loads(given.speed.read_text("utf-8").splitlines()[-1])
    with database() as dsn:
        figures = measure(dsn, given.memories) | times(newest)
        postgres = server_version(dsn)
    told = {
        "memories": given.memories,
        "postgres": postgres,
        "machine": {name: newest["machine"][name] for name in ("cpu", "cores", "memory_gib", "postgres")},
        "speed_at": newest["at"],
        "figures": {name: round(value, 3) for name, value in figures.items()},
    }
    FIGURES.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
