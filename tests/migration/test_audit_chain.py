"""Entries of before 0010 stay where they are, become partitions, and are chained like every other."""

from __future__ import annotations

import psycopg

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.migrations import runner
from tests.support.engines import register, say

LOG = b"""
insert into memreg.audit_log (
    tenant, id, schema, version, class, message_id, ordinal, operation, action, basis, thresholds, snapshot, annotation,
    extractor, digest, created_at, score, latency_ms
)
select
    'default', ('0193a000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'people', 1, 'Person', 'm' || n, 0,
    'upsert', 'REJECT', 'invalid', '{"update": 0.80}', 0, 1, 'patterns', 'python'::bytea,
    timestamptz '2024-12-07 07:22Z' + n * interval '1 minute', 0.5, 0.1
from generate_series(1, 7) as n
"""
VALUES = b"""
insert into memreg.audit_values (tenant, audit_id, proposal, reasons, salt)
select tenant, id, '{"values": {"a": 1.50}}', '["no"]', '\\x01' from memreg.audit_log
"""
MESSAGES = b"""
insert into memreg.messages (tenant, schema, id, arrival, role, text, digest, status, received_at)
select tenant, schema, message_id, id, 'user', '', '', 'decided', created_at from memreg.audit_log
"""
PLACES = b"select id, ctid from memreg.audit_log order by id"
INDEXES = b"""
select replace(indexname, '_first', ''), regexp_replace(replace(indexdef, '_first', ''), 'ON (ONLY )?', 'ON ')
from pg_indexes where schemaname = 'memreg' and tablename = any(%s) order by 1
"""


def test_old_entries_are_attached_not_copied_and_chained(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url, to="0009")
    with psycopg.connect(empty_database_url) as conn:
        for statement in (LOG, VALUES, MESSAGES):
            conn.execute(statement)
        places = conn.execute(PLACES).fetchall()
        indexes = conn.execute(INDEXES, (["audit_log", "audit_values"],)).fetchall()
    runner.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute(PLACES).fetchall() == places
        assert conn.execute(b"select count(*) from memreg.audit_log_first").fetchall() == [(7,)]
        for tables in (["audit_log", "audit_values"], ["audit_log_first", "audit_values_first"]):
            kept = conn.execute(INDEXES, (tables,)).fetchall()
            named = {name for name, _ in kept}
            assert {name for name, _ in indexes} <= named
    with Database.connect(Settings(database_url=empty_database_url)) as database:
        register(database)
        engine = Engine(database, schema="people", extractor="patterns")
        before = engine.verify_audit()
        assert (before.entries, before.unsealed, before.is_intact) == (7, 7, True)
        say(engine, name="Ana", email="ana@lopez.io")
        anchor = engine.anchor_audit()
        report = engine.verify_audit(anchor=anchor)
        assert report.is_intact, report.findings
        assert (report.entries, report.unsealed) == (8, 0)
        with psycopg.connect(empty_database_url) as conn:
            rows = conn.execute(
                b"select written_at = created_at, digest <> 'python', length(digest), length(values_digest)"
                b" from memreg.audit_log where class = 'Person' and action = 'REJECT'"
            ).fetchall()
            assert rows == [(True, True, 32, 32)] * 7
            conn.execute(b"set session_replication_role = replica")
            conn.execute(b"update memreg.audit_log set latency_ms = 0.2 where message_id = 'm3'")
        found = engine.verify_audit(anchor=anchor)
        assert [str(each.kind) for each in found.findings] == ["changed"]


def test_entries_with_ids_of_no_clock_stay_in_one_partition(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url, to="0009")
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(LOG.replace(b"'0193a000-", b"'f193a000-"))
        conn.execute(VALUES)
    runner.upgrade(empty_database_url)
    with Database.connect(Settings(database_url=empty_database_url)) as database:
        register(database)
        engine = Engine(database, schema="people", extractor="patterns")
        say(engine, name="Ana", email="ana@lopez.io")
        assert len(engine.audit()) == 8
        with psycopg.connect(empty_database_url) as conn:
            assert conn.execute(b"select memreg.make_audit_partitions()").fetchall() == [(0,)]
            named = b"select partition::oid::regclass::text from memreg.audit_partitions('memreg.audit_log')"
            conn.execute(b"set search_path = memreg")
            assert conn.execute(named).fetchall() == [("audit_log_first",)]
