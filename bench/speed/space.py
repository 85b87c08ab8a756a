"""Bytes on disk for each memory, by table and index: people of 300 bytes, told one by one, sealed and vacuumed."""

from __future__ import annotations

from typing import Any

import psycopg

from bench.speed import load, world
from bench.speed.place import Place
from bench.stage import database, prepare
from memreg import Engine

TENANT = "space"
_SIZES = b"""
    select relname, relkind::text, pg_total_relation_size(oid) - pg_indexes_size(oid) as bytes,
        (select indrelid::regclass::text from pg_index where indexrelid = pg_class.oid) as of_table
    from pg_class
    where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'i')
"""


def measure(place: Place, memories: int) -> dict[str, Any]:
    """Bytes for each memory in a database of its own, in which nothing else happened.

    The rows are those that the engine writes for somebody new among some thousand, and each came as a message of its
    own; indexes are filled as the rows come. `bytes` counts every table and index of memreg.
    """
    with database(place.dsn) as dsn:
        prepare(dsn, world.SCHEMA)
        with psycopg.connect(dsn, autocommit=True) as conn:
            before = _sizes(conn)
            load.fill(dsn, place.forms, [(TENANT, numbers) for numbers in _chunks(memories)])
            with Engine.connect(dsn, tenant=TENANT, schema=world.SCHEMA_NAME) as engine:
                engine.seal_audit()
            conn.execute("vacuum (analyze)")
            after = _sizes(conn)
            payload = conn.execute("select avg(length(payload::text))::float from memreg.memories").fetchone()
            revisions = conn.execute("select count(*) from memreg.memory_revisions").fetchone()
            entries = conn.execute("select count(*) from memreg.audit_log").fetchone()
    assert payload is not None
    assert revisions == entries == (memories,)
    grown = {name: (after[name] - before.get(name, 0)) / memories for name in after}
    whole = sum(grown.values())
    of_messages = sum(each for name, each in grown.items() if name.startswith("messages"))
    return {
        "memories": memories,
        "payload_bytes": round(payload[0], 1),
        "bytes": round(whole, 1),
        "ratio": round(whole / payload[0], 2),
        "ratio_without_messages": round((whole - of_messages) / payload[0], 2),
        "relations": {
            name: round(each, 1) for name, each in sorted(grown.items(), key=lambda found: -found[1]) if each >= 0.5
        },
    }


def _chunks(memories: int) -> list[list[int]]:
    numbers = list(world.people(0, memories))
    return [numbers[start : start + load.CHUNK] for start in range(0, memories, load.CHUNK)]


def _sizes(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """The bytes of each table (with what of it is kept out of line) and of each index."""
    return {str(name): int(size) for name, _, size, _ in conn.execute(_SIZES).fetchall()}
