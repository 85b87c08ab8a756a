"""Entries and candidate keys of before 0014 are read and kept as they are; partitions to come are like those there."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from memreg.core.ids import uuid7
from memreg.engine.kept import candidates_told, levels_told
from memreg.engine.store import SQL
from memreg.migrations import runner

BEFORE = "0013"
MEMORY = "01a1fb2d-eec0-7bc5-bbf0-e701da1bcfa7"
CANDIDATES = [
    {
        "memory_id": MEMORY,
        "score": 0.4,
        "partial_identity": False,
        "parts": [{"name": "naming", "amount": -1.5, "bounds": False}],
        "levels": {"name:name": 2},
    },
]
AFTER = {"payload": {"name": "Ana"}, "originals": {}, "keys": [], "version": 1, "revision": 1}
DETAILS = {"mode": "normal", "values": {"name": "Ana"}, "changed": ["name"], "keys": []}
LOG = b"""
insert into memreg.audit_log (
    tenant, id, schema, version, class, message_id, ordinal, operation, action, basis, score, candidates, thresholds,
    snapshot, annotation, extractor, digest, created_at
)
values (
    'acme', %(id)s, 'people', 1, 'Person', 'm', 0, 'upsert', 'CREATE', 'new', 0.4, %(candidates)s, '{}', 0, 1,
    'patterns', '', now()
)
"""
VALUES = b"""
insert into memreg.audit_values (tenant, audit_id, proposal, after, details, salt)
values ('acme', %(id)s, '{"values": {"name": "ana"}}', %(after)s, %(details)s, '\\x01')
"""
TOLD = b"""
select memreg.state_told(after, proposal, details), memreg.details_told(proposal, details), candidates
from memreg.audit_log join memreg.audit_values on audit_id = id
order by id
"""
OPTIONS = b"""
select distinct reloptions, (
    select array_agg(attname || ' ' || attstorage::text order by attname)
    from pg_attribute where attrelid = pg_class.oid and atttypid = 'jsonb'::regtype
)
from pg_class
where relnamespace = 'memreg'::regnamespace and relkind = 'r' and relname like 'audit\\_values\\_%'
"""


def enter(conn: psycopg.Connection[Any], candidates: Any, after: Any, details: Any) -> UUID:
    entry = uuid7()
    given = {"id": entry, "candidates": Jsonb(candidates), "after": Jsonb(after), "details": Jsonb(details)}
    conn.execute(VALUES, given)
    conn.execute(LOG, given)
    return entry


def test_entries_of_before_are_told_as_they_were(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url, to=BEFORE)
    with psycopg.connect(empty_database_url) as conn:
        enter(conn, CANDIDATES, AFTER, DETAILS)
        digests = conn.execute("select id, digest, values_digest from memreg.audit_log").fetchall()
    runner.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("select id, digest, values_digest from memreg.audit_log").fetchall() == digests
        ((after, details, candidates),) = conn.execute(TOLD).fetchall()
        assert (after, details) == (AFTER, DETAILS)
        assert candidates_told(candidates) == CANDIDATES
        assert levels_told(candidates) == [{"name:name": 2}]
        short = {"levels": ["name:name"], "held": ["A" * 22 + "2,0.0003"]}
        enter(conn, short, {"keys": [], "version": 1, "revision": 1, "as_said": True}, {"as_given": "changed"})
        full = {"levels": ["name:name"], "held": [[MEMORY, 0.7, "2", [["naming", 1.5]]]]}
        enter(conn, full, None, {"as_given": True, "changed": []})
        told = conn.execute(TOLD).fetchall()[1:]
        assert told[0][:2] == (
            AFTER | {"payload": {"name": "ana"}, "is_deleted": False, "unresolved": False},
            {"mode": "normal", "values": {"name": "ana"}, "changed": ["name"]},
        )
        assert told[1][:2] == (None, {"mode": "normal", "values": {"name": "ana"}, "changed": []})
        scores = SQL["recent_scores"](tenant="acme", schema="people", class_name="Person", limit=9)
        found = conn.execute(scores.query.sql.encode(), scores.params).fetchall()
        assert [score for _, score in found] == [0.7, 0.0003, 0.4]


def test_what_is_kept_of_a_key_is_not_gone_at_once(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url, to=BEFORE)
    ids = [uuid7() for _ in range(1_000)]
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(
            "insert into memreg.candidate_keys (tenant, key, memory_id) select 'acme', 7, unnest(%s::uuid[])", (ids,)
        )
    runner.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        posted = conn.execute("select memory_id from memreg.candidate_keys order by memory_id").fetchall()
        assert [row[0] for row in posted] == ids


def test_every_month_is_as_lean_as_the_first(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        (found,) = conn.execute(OPTIONS).fetchall()
    assert "toast_tuple_target=128" in found[0], json.dumps(found)
    assert all(column.endswith(" m") for column in found[1])
