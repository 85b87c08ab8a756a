"""The floor of `make bench` writes the same rows as the engine, so that the ratio compares like with like."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from bench import floor
from bench.stage import prepare
from memreg import Engine, Proposal
from memreg.engine.identity import digest

TABLES = ("memories", "candidate_keys", "memory_revisions", "identity_keys", "messages", "audit_log", "audit_values")
ANA = {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo", "born": "1990-05-01"}


def filled(dsn: str, tenant: str) -> dict[str, list[list[str]]]:
    """For each row of each table, the columns that have a value."""
    found: dict[str, list[list[str]]] = {}
    with psycopg.connect(dsn, row_factory=dict_row) as conn:
        for table in TABLES:
            query = f"select * from memreg.{table} where tenant = %s".encode()
            rows: list[dict[str, Any]] = conn.execute(query, (tenant,)).fetchall()
            found[table] = sorted(sorted(name for name, value in row.items() if value is not None) for row in rows)
    return found


def test_a_create_and_an_update_write_the_rows_of_the_engine(database_url: str) -> None:
    schema = prepare(database_url)
    memory: UUID | None = None
    with Engine.connect(database_url, schema=schema) as engine, floor.connect(database_url) as conn:
        for values, read in ((ANA, 0), (ANA | {"city": "Bergen"}, 1)):
            decision = engine.ingest(proposals=[Proposal("Person", values)]).decisions[0]
            example = floor.Example.of(conn, "default", decision.audit_id)
            assert example.creates == (read == 0)
            call = floor.make_call(example, "floor", memory, digest([ANA["email"]]))
            assert floor.run(conn, call) == read
            memory = next(parameters["memory_id"] for _, parameters in call.writes)
            assert filled(database_url, "floor") == filled(database_url, "default")
    assert all(filled(database_url, "floor").values())
