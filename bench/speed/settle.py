"""What lies behind a server that has run for a while, done before anything is measured, for every size alike: a
checkpoint, and all that is read anywhere in a tenant seen once."""

from __future__ import annotations

from typing import Any

import psycopg

_TABLES = (b"select count(payload) from memreg.memories", b"select count(created_at) from memreg.identity_keys")
"""Columns that no index has, so that the rows are read; those of candidate keys are hardly ever."""
_INDEXES = (
    b"from memreg.candidate_keys order by tenant, key, memory_id",
    b"from memreg.memories order by tenant, id",
    b"from memreg.memories where class >= '' order by tenant, schema, class, change",
    b"from memreg.memories where class >= '' order by tenant, schema, class, id",
    b"from memreg.identity_keys order by tenant, schema, class, key, digest, memory_id",
    b"from memreg.identity_keys where memory_id >= '00000000-0000-0000-0000-000000000000' order by tenant, memory_id",
)
_BY_INDEX = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort")


def settle(conn: psycopg.Connection[Any]) -> None:
    """Let what was loaded and vacuumed settle. Where the login may not ask for a checkpoint, the server's own has to
    do."""
    try:
        conn.execute("checkpoint")
    except psycopg.errors.InsufficientPrivilege:
        conn.rollback()
    with conn.transaction():
        conn.execute("set local max_parallel_workers_per_gather = 0")  # workers would each keep to a part of the cache
        for table in _TABLES:
            conn.execute(table)
        for way in _BY_INDEX:
            conn.execute(f"set local {way} = off".encode())
        for index in _INDEXES:
            conn.execute(b"select count(*) from (select " + index + b" offset 0) as every")
