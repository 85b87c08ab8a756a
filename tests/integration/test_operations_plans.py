"""What operators ask of large tables is answered from indexes, for one tenant and for every one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from memreg.core.clock import utc_now
from memreg.operations.store import SQL
from tests.support.server import Server

MESSAGES = """
insert into memreg.messages (tenant, schema, id, arrival, role, text, digest, status, attempts, received_at)
select
    't' || n % 20, 's' || n % 2, 'm' || n, gen_random_uuid(), 'user', repeat('x', 200), '', case
        when n % 1000 = 0 then 'dead' when n % 1000 = 1 then 'accepted' when n % 1000 = 2 then 'dropped' else 'decided'
    end, 1, now() - n * interval '1 minute'
from generate_series(1, 30000) as n
"""
CALLS = """
insert into memreg.model_calls (tenant, id, schema, message_id, ordinal, extractor, model, outcome, created_at)
select
    't' || n % 20, gen_random_uuid(), 's' || n % 2, 'm' || n, 0, 'llm', 'm', 'ok', now() - n * interval '1 minute'
from generate_series(1, 30000) as n
"""
WITHOUT_VALUES = "alter table memreg.audit_log disable trigger user"
ENTRIES = """
insert into memreg.audit_log (
    tenant, id, schema, version, class, message_id, ordinal, operation, action, basis, thresholds, snapshot,
    annotation, extractor, digest, created_at
)
select
    't' || n % 20, memreg.uuid_from(now() - n * interval '1 second'), 's' || n % 2, 1, 'C' || n % 3, 'm' || n, 0,
    'upsert', 'CREATE', 'new', '{}', 0, 1, 'llm', '', now()
from generate_series(1, 30000) as n
"""
ANALYZE = "analyze memreg.messages, memreg.model_calls, memreg.audit_log"
BIG = ("messages", "model_calls", "audit_log_first")
NOW = utc_now()
SCOPE: dict[str, dict[str, Any]] = {
    "one": {"tenant": "t3", "schema": "s1"},
    "tenant": {"tenant": "t3", "schema": None},
    "every": {"tenant": None, "schema": None},
}
PAIRS = [(f"t{n}", f"s{n % 2}") for n in range(20)]
WITHIN: dict[str, dict[str, Any]] = {
    "one": {"tenants": ["t3"], "schemas": ["s1"]},
    "every": {"tenants": [tenant for tenant, _ in PAIRS], "schemas": [schema for _, schema in PAIRS]},
}
HOUR = {"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1)}
ASKED: list[tuple[str, dict[str, Any]]] = [
    *(("inbox_counts", {**scope, "now": NOW, "left_since": NOW}) for scope in SCOPE.values()),
    *(("fullest_queues", scope) for scope in SCOPE.values()),
    *(("newest_failure", scope) for scope in SCOPE.values()),
    *(("call_scopes", scope) for scope in SCOPE.values()),
    *((name, {**within, **HOUR}) for name in ("count_calls", "share_calls") for within in WITHIN.values()),
    ("inbox_page", {**SCOPE["one"], "statuses": ["accepted", "extracting", "dead"], "after": None, "limit": 20}),
    ("inbox_page", {**SCOPE["one"], "statuses": ["dead"], "after": "0" * 32, "limit": 20}),
    ("dropped_page", {**SCOPE["one"], "after": None, "limit": 20}),
    ("whole_message", {**SCOPE["one"], "id": "m3", "reply": 10}),
    ("calls_of_message", {**SCOPE["one"], "message_id": "m3"}),
]


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A database with 30,000 messages, most of them decided, of 20 tenants."""
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True) as conn:
        for statement in (
            MESSAGES,
            CALLS,
            WITHOUT_VALUES,
            ENTRIES,
            "analyze memreg.messages, memreg.model_calls, memreg.audit_log",
        ):
            conn.execute(statement.encode())
        yield conn
    server.drop(name)


@pytest.mark.parametrize(("name", "asked"), ASKED, ids=[f"{name}-{number}" for number, (name, _) in enumerate(ASKED)])
def test_no_large_table_is_read_through(
    large: psycopg.Connection[tuple[Any, ...]], name: str, asked: dict[str, Any]
) -> None:
    plan = large.execute(b"explain " + SQL[name].sql.encode(), asked).fetchall()
    text = "\n".join(str(line[0]) for line in plan)
    for table in BIG:
        assert f"Seq Scan on {table}" not in text, text


def test_a_plan_that_reads_through_is_found(large: psycopg.Connection[tuple[Any, ...]]) -> None:
    plan = large.execute("explain select from memreg.messages where text = 'x'").fetchall()
    assert "Seq Scan on messages" in str(plan)


def test_every_scope_is_found_by_steps_into_the_index(large: psycopg.Connection[tuple[Any, ...]]) -> None:
    for scope, expected in (("every", 20), ("tenant", 1), ("one", 1)):
        found = large.execute(SQL["call_scopes"].sql.encode(), SCOPE[scope]).fetchall()
        assert len(found) == len(set(found)) == expected
