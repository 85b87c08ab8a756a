"""What the monitors and the switch ask of a large audit: by its index, and no more than the newest decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from memreg.core.queries import Statement
from memreg.operations.monitor.judgements import SQL
from memreg.operations.monitor.window import ANSWERS, NEWEST, Place, count_decisions
from memreg.operations.trip.limits import SQL as TRIP
from tests.support.server import Server

ENTRIES = """
insert into memreg.audit_log (
    tenant, id, schema, version, class, message_id, ordinal, operation, action, basis, score, thresholds, snapshot,
    annotation, extractor, digest, created_at
)
select
    't' || n %% 4, memreg.uuid_from(now() - n * interval '1 second'), 's', 1, 'C' || n %% 3, 'm' || n, 0, 'upsert',
    case when n %% 5 = 0 then 'UPDATE' else 'CREATE' end, case when n %% 5 = 0 then 'identity' else 'new' end,
    (n %% 100) / 100.0, '{"update": 0.8, "possible": 0.55}', 0, 1, 'llm', '', now() - n * interval '1 second'
from generate_series(%s::integer, %s::integer) as n
"""
JUDGED = """
insert into memreg.judgements (
    tenant, id, schema, class, version, kind, audit_id, judged_by, decided_at, created_at
)
select
    't' || n % 4, gen_random_uuid(), 's', 'C' || n % 3, 1, 'false_update', gen_random_uuid(), 'ana',
    now() - n * interval '1 second', now()
from generate_series(1, 30000) as n
"""
PLACE = Place("t1", "s", "C1", 1)
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=30)
OF_CLASS: list[Statement] = [
    count_decisions(PLACE, after=LONG_AGO),
    count_decisions(PLACE, since=LONG_AGO),
    SQL["key_answers"](**PLACE.asked, after=None, limit=NEWEST, answers=ANSWERS),
    SQL["contradicted"](**PLACE.asked, after=None, limit=NEWEST),
    SQL["time_decisions"](**PLACE.asked, since=LONG_AGO, first=LONG_AGO, last=NOW, limit=NEWEST),
]
ASKED = [
    *OF_CLASS,
    SQL["count_judgements"](**PLACE.asked, first=NOW - timedelta(minutes=10)),
    SQL["classes_decided"](tenant="t1", schema="s", since=LONG_AGO, limit=200, decisions=NEWEST),
    SQL["classes_decided"](tenant=None, schema=None, since=LONG_AGO, limit=200, decisions=NEWEST),
    TRIP["judged_classes"](tenant="t1", schema="s", classes=["C0", "C1", "C2"]),
]
IDS = [f"{number}-{each.query.name}" for number, each in enumerate(ASKED)]


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A database with 30,000 decisions of four tenants, asked as a tenant's transaction asks."""
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True) as conn:
        conn.execute("alter table memreg.audit_log disable trigger user")
        conn.execute("insert into memreg.schemas (name) values ('s')")
        conn.execute(
            "insert into memreg.schema_versions (schema, version, status, fingerprint, definition)"
            """ values ('s', 1, 'active', 'f', '{"classes": [{"name": "C0"}, {"name": "C1"}, {"name": "C2"}]}')"""
        )
        conn.execute(ENTRIES.encode(), (1, 30_000))
        conn.execute(JUDGED.encode())
        conn.execute("analyze memreg.audit_log, memreg.judgements")
        yield conn
    server.drop(name)


def plan_of(conn: psycopg.Connection[tuple[Any, ...]], asked: Statement) -> dict[str, Any]:
    with conn.transaction(force_rollback=True):
        tenant = asked.params.get("tenant")
        if tenant is not None:
            conn.execute("select set_config('role', 'memreg_app', true), set_config('memreg.tenant', 't1', true)")
        conn.execute("select set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)")
        conn.execute(SQL["read_in_order"].sql.encode())
        row = conn.execute(
            b"explain (analyze, buffers, format json) " + asked.query.sql.encode(), dict(asked.params)
        ).fetchone()
    assert row is not None
    found: dict[str, Any] = (json.loads(row[0]) if isinstance(row[0], str) else row[0])[0]["Plan"]
    return found


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def of_table(plan: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [each for each in nodes(plan) if str(each.get("Relation Name", "")).startswith(name)]


@pytest.mark.parametrize("asked", ASKED, ids=IDS)
def test_no_large_table_is_read_through(large: psycopg.Connection[tuple[Any, ...]], asked: Statement) -> None:
    plan = plan_of(large, asked)
    large_ones = [*of_table(plan, "audit_log"), *of_table(plan, "judgements")]
    assert large_ones
    assert {each["Node Type"] for each in large_ones} <= {"Index Scan", "Index Only Scan"}, plan
    assert all(each.get("Rows Removed by Filter", 0) == 0 for each in large_ones), plan


@pytest.mark.parametrize("asked", OF_CLASS, ids=[each.query.name for each in OF_CLASS])
def test_only_the_newest_decisions_are_read(large: psycopg.Connection[tuple[Any, ...]], asked: Statement) -> None:
    read = of_table(plan_of(large, asked), "audit_log")
    assert 0 < sum(each["Actual Rows"] * each["Actual Loops"] for each in read) <= NEWEST + 1


def test_twice_as_many_decisions_cost_hardly_more(large: psycopg.Connection[tuple[Any, ...]]) -> None:
    asked = count_decisions(PLACE)
    before = plan_of(large, asked)["Shared Hit Blocks"]
    with large.transaction(force_rollback=True):
        large.execute(ENTRIES.encode(), (30_001, 60_000))
        after = plan_of(large, asked)["Shared Hit Blocks"]
    assert after < before * 1.1
