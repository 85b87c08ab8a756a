"""0015 over rows: revisions become a partition where they lie, and indexes are built beside those that they replace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from memreg.migrations import runner

BEFORE = "0014"
REVISION = """
insert into memreg.memory_revisions (tenant, memory_id, revision, version, payload, is_deleted, unresolved, created_at)
values ('t', memreg.uuid_from(%s), 1, 1, '{"name": "Ana"}', false, false, now())
"""
PLACES = "select memory_id, ctid, payload from memreg.memory_revisions order by memory_id"
MONTHS = """
select relname, ends is null
from memreg.audit_partitions('memreg.memory_revisions')
join pg_class on pg_class.oid = partition
order by relname
"""
INDEXES = """
select relname, indisvalid
from pg_index
join pg_class on pg_class.oid = indexrelid
where relnamespace = 'memreg'::regnamespace and (relname like '%beside' or not indisvalid)
"""
NOW = datetime.now(UTC)


def upgraded(url: str, *born: datetime) -> tuple[list[Any], list[Any], list[tuple[Any, ...]]]:
    """Where the revisions of memories lay before and lie after, and the partitions."""
    runner.upgrade(url, to=BEFORE)
    with psycopg.connect(url) as conn:
        for at in born:
            conn.execute(REVISION, (at,))
        before = conn.execute(PLACES).fetchall()
    runner.upgrade(url)
    with psycopg.connect(url) as conn:
        return before, conn.execute(PLACES).fetchall(), conn.execute(MONTHS).fetchall()


def test_revisions_stay_where_they_lie_and_the_months_to_come_have_their_own(empty_database_url: str) -> None:
    before, after, months = upgraded(empty_database_url, NOW - timedelta(days=400), NOW - timedelta(seconds=1), NOW)
    assert before == after
    assert len(before) == 3
    assert [name for name, _ in months][1:] == ["memory_revisions_first", "memory_revisions_rest"]
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(REVISION, (NOW + timedelta(days=32),))
        found = conn.execute(
            "select relname from memreg.memory_revisions"
            " join pg_class on pg_class.oid = memory_revisions.tableoid order by memory_id"
        ).fetchall()
        assert [name for (name,) in found] == ["memory_revisions_first"] * 3 + [months[0][0]]
        with pytest.raises(psycopg.errors.RestrictViolation):
            conn.execute("update memreg.memory_revisions set payload = '{}'")
    with psycopg.connect(empty_database_url) as conn, pytest.raises(psycopg.errors.RestrictViolation):
        conn.execute("truncate memreg.memory_revisions_first")


def test_ids_that_no_clock_gave_leave_all_revisions_in_one_partition(empty_database_url: str) -> None:
    before, after, months = upgraded(empty_database_url, NOW, NOW + timedelta(days=4000))
    assert before == after
    assert [name for name, _ in months] == ["memory_revisions_first"]
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("select memreg.make_audit_partitions()").fetchone() == (0,)


def test_a_build_that_was_stopped_is_begun_again(empty_database_url: str) -> None:
    """What it left behind is removed, what it had finished is kept, and nothing is left beside the indexes in use."""
    runner.upgrade(empty_database_url, to=BEFORE)
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.execute(
            'insert into memreg.memory_references (tenant, target_id, memory_id, "column")'
            " select 't', gen_random_uuid(), gen_random_uuid(), 'x' from generate_series(1, 10)"
        )
        name = "memory_references_by_memory_beside"
        conn.execute(f"create index {name} on memreg.memory_references (tenant)".encode())
        conn.execute(f"update pg_index set indisvalid = false where indexrelid = 'memreg.{name}'::regclass".encode())
    runner.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute(INDEXES).fetchall() == []
        row = conn.execute("select pg_get_indexdef('memreg.memory_references_by_memory'::regclass)").fetchone()
    assert row is not None
    assert "(tenant, memory_id) WHERE (memory_id IS NOT NULL)" in row[0]
