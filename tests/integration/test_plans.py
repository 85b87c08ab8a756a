"""No plan of the hot path depends on statistics: of 100,000 memories as of none, whatever was seen of the tenants."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from memreg.core.queries import Queries, Query
from tests.support.filled import LARGE, SMALL, fill
from tests.support.plans import MODES, Planner
from tests.support.server import Server

FILES = ("calibrations", "deciding", "entries", "memories", "messages", "queue", "references", "workers")
QUERIES: dict[str, Query] = {
    f"{file}.{query.name}": query for file in FILES for query in Queries.load("memreg.engine", f"{file}.sql").values()
}
OF_AN_OPERATOR = ("workers.", "references.refer_again")

# What each reaches its tables by. Those that are not here write rows that are given, or call a function.
EXPECTED: dict[str, str] = {
    "calibrations.latest_snapshots": "calibrations_pkey memories_by_change",
    "calibrations.one_snapshot": "calibrations_pkey",
    "calibrations.override_snapshot": "calibrations_pkey",
    "calibrations.overrides": "calibrations_pkey",
    "calibrations.recent_levels": "audit_log_by_class",
    "calibrations.recent_scores": "audit_log_by_class",
    "calibrations.snapshot_facts": "calibrations_pkey",
    "calibrations.table_growth": "pg_class_oid_index",
    "deciding.candidates": "candidate_keys_pkey identity_keys_by_memory memories_pkey",
    "deciding.claim_turn": "annotations_pkey identity_keys_by_memory kill_switches_pkey memories_by_change"
    " memories_pkey messages_pkey schema_versions_pkey",
    "deciding.changed_since": "identity_keys_by_memory memories_by_change",
    "deciding.key_holders": "identity_keys_by_memory identity_keys_pkey memories_pkey",
    "deciding.keys_of": "identity_keys_by_memory",
    "deciding.stand": "annotations_pkey calibrations_pkey kill_switches_pkey memories_by_change messages_pkey"
    " schema_versions_pkey",
    "deciding.switches": "kill_switches_pkey",
    "entries.insert_reviews": "review_items_open",
    "entries.settle_dead_letter": "review_items_open",
    "memories.get_memory": "memories_pkey",
    "memories.history_of": "memories_pkey memory_revisions_pkey",
    "memories.hold_memories": "memories_pkey",
    "memories.insert_memories": "memories_by_change",
    "memories.list_all_memories": "memories_by_class",
    "memories.list_memories": "memories_by_class",
    "memories.release_keys": "identity_keys_pkey",
    "memories.search_memories": "memories_pkey",
    "memories.see_memories": "memories_pkey",
    "memories.update_memories": "candidate_keys_pkey memories_by_change memories_pkey",
    "messages.arrived_message": "messages_by_arrival",
    "messages.bury_message": "messages_pkey",
    "messages.claim_message": "messages_pkey",
    "messages.decisions_of_message": "audit_log_by_message audit_values_pkey",
    "messages.decisions_of_messages": "audit_log_by_message audit_values_pkey",
    "messages.kept_messages": "messages_pkey",
    "messages.newest_of_session": "messages_by_session",
    "messages.next_of_session": "messages_waiting",
    "messages.one_message": "messages_pkey",
    "messages.postpone_message": "messages_pkey",
    "messages.turns_before": "messages_by_session messages_pkey",
    "queue.count_waiting": "messages_waiting",
    "queue.defer_message": "jobs_by_lock jobs_by_tenant",
    "queue.requeue_message": "messages_pkey",
    "queue.reschedule_job": "jobs_by_tenant",
    "queue.worker_figures": "all_of_workers idx_procrastinate_jobs_worker_not_null procrastinate_workers_pkey",
    "references.followed": "memories_pkey",
    "references.gone_into": "memories_merged",
    "references.keep_references": "memory_references_by_memory",
    "references.merge_into": "memories_pkey",
    "references.refer_again": "memories_pkey memory_references_by_memory",
    "references.referring": "memories_pkey memory_references_pkey",
    "references.targets": "memories_pkey",
    "workers.forget_workers": "all_of_workers",
    "workers.jobs_left": "jobs_by_tenant procrastinate_jobs_queue_name_idx_v1",
    "workers.left_behind": "jobs_by_lock messages_unsettled",
    "workers.take_over": "procrastinate_jobs_lock_idx_v1 procrastinate_workers_pkey",
}
# Both indexes hold what waits and nothing else.
EITHER = {"queue.queue_figures": {"messages_queued messages_unsettled", "messages_queued messages_waiting"}}

# What statistics may say of how many tenants (schemas, classes) there are: one, or as many as rows.
SKEWED: Mapping[str, tuple[str, ...]] = {
    "memories": ("tenant", "schema", "class"),
    "candidate_keys": ("tenant",),
    "identity_keys": ("tenant", "schema", "class"),
    "memory_references": ("tenant",),
    "messages": ("tenant", "schema"),
    "memory_revisions_first": ("tenant",),
    "audit_log_first": ("tenant", "schema", "class"),
    "audit_values_first": ("tenant",),
    "calibrations": ("tenant", "class"),
}
TABLES = ", ".join(f"memreg.{table}" for table in SKEWED) + ", memreg.review_items"
FLIPPING = Query(
    "flipping",
    "Asks for both, so that the statistics decide.",
    "select id from memreg.memories where tenant = %(tenant)s and class = %(class_name)s and id = any(%(ids)s::uuid[])",
)
STAGES = ("empty", "filled", "analysed", "one tenant", "a tenant a row")
Found = dict[str, dict[frozenset[str], list[str]]]


def asked(conn: psycopg.Connection[Any], tenant: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the queries are asked with for a tenant: by the names of some parameters, and by the types of the others."""
    rows = conn.execute(
        "select id from memreg.memories where tenant = %s and class = 'Person' order by id desc limit 3", (tenant,)
    ).fetchall()
    ids = [row[0] for row in rows] or [UUID(int=number) for number in range(3)]
    keys = [row[0] for row in conn.execute("select key from memreg.candidate_keys limit 20").fetchall()] or [1, 2]
    written = [
        {"id": str(each), "memory_id": str(each), "target_id": str(each), "class": "Person", "key": "email"}
        | {"digest": "\\x00", "kind": "possible_duplicate", "subject": "x", "column": "employer"}
        for each in ids
    ]
    by_name: dict[str, Any] = {
        "tenant": tenant,
        "tenants": [tenant],
        "schema": "s",
        "class_name": "Person",
        "classes": ["Person", "Company"],
        "names": ["email", "email"],
        "change": 99_990,
        "changes": [99_990, 99_990],
        "keys": keys,
        "weights": [1.0] * len(keys),
        "session": "session5",
        "columns": ["employer"],
    }
    by_type: dict[str, Any] = {
        "bigint": 20,
        "integer": 20,
        "double precision": 1.0,
        "boolean": True,
        "text": "m5",
        "uuid": ids[0],
        "bytea": b"",
        "timestamp with time zone": datetime.now(UTC),
        "jsonb": Jsonb(written),
        "tsquery": "'given1' | 'family2'",
        "bigint[]": keys,
        "integer[]": [1, 1],
        "double precision[]": [1.0],
        "text[]": ["m5", "m6"],
        "uuid[]": ids,
        "bytea[]": [hashlib.sha256(b"7").digest()] * 2,
    }
    return by_name, by_type


@pytest.fixture(scope="module")
def found(server: Server) -> Iterator[Found]:
    """By what each query reaches its tables, with where it did so; asked once for all, as filling takes a while."""
    name = server.create(server.template)
    dsn = server.dsn_of(name)
    with (
        psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as owner,
        psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as conn,
    ):
        planner = Planner(conn)
        for each, query in {**QUERIES, "flipping": FLIPPING}.items():
            planner.prepare(each, query)
        result: Found = defaultdict(lambda: defaultdict(list))
        for stage in STAGES:
            bring_to(owner, stage)
            for tenant in (LARGE, SMALL):
                look(planner, owner, stage, tenant, result)
        yield result
    server.drop(name)


def bring_to(owner: psycopg.Connection[Any], stage: str) -> None:
    if stage == "filled":
        fill(owner)
        return
    if stage in ("one tenant", "a tenant a row"):
        for table, columns in SKEWED.items():
            for column in columns:
                distinct = 1 if stage == "one tenant" else -1
                owner.execute(
                    f"alter table memreg.{table} alter column {column} set (n_distinct = {distinct})".encode()
                )
    owner.execute(f"analyze {TABLES}".encode())


def look(planner: Planner, owner: psycopg.Connection[Any], stage: str, tenant: str, result: Found) -> None:
    by_name, by_type = asked(owner, tenant)
    names = [*QUERIES, "flipping"]
    of_operator = [each for each in names if each.startswith(OF_AN_OPERATOR)]
    for who, group in (("", of_operator), (tenant, [each for each in names if each not in of_operator])):
        for mode in MODES:
            for name, access in planner.reached(group, who, by_name, by_type, mode):
                result[name][access].append(f"{stage}, {tenant}, {mode}")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_plan_is_the_same_whatever_the_statistics_say(found: Found, name: str) -> None:
    assert dict(found[name]).keys() == {frozenset(EXPECTED[name].split())}, found[name]


@pytest.mark.parametrize("name", sorted(EITHER))
def test_a_plan_is_one_of_two_that_are_as_good(found: Found, name: str) -> None:
    assert dict(found[name]).keys() <= {frozenset(each.split()) for each in EITHER[name]}, found[name]


def test_every_query_of_the_hot_path_is_looked_at(found: Found) -> None:
    assert QUERIES.keys() >= EXPECTED.keys() | EITHER.keys()
    others = QUERIES.keys() - EXPECTED.keys() - EITHER.keys()
    assert {name: set(found[name]) for name in others if set(found[name]) != {frozenset()}} == {}


def test_a_plan_that_flips_is_found(found: Found) -> None:
    assert len(found["flipping"]) > 1
    assert all(len(where) < len(STAGES) * 4 for where in found["flipping"].values())


SCANNED = """
select relname, coalesce(seq_scan, 0) + coalesce(idx_scan, 0)
from pg_stat_xact_user_tables
where relname like 'memory_revisions%'
"""
OF_A_MEMORY = (
    "select memreg.earlier_revisions(%(tenant)s, %(id)s, 2, '{}')",
    "select memreg.said(%(tenant)s, %(id)s, 1)",
)


@pytest.mark.parametrize("asked_for", OF_A_MEMORY)
def test_of_five_years_of_revisions_one_month_is_opened(years: psycopg.Connection[Any], asked_for: str) -> None:
    """As the function is asked, whichever time it is: the first plans are not the ones that stay."""
    rows = years.execute("select memory_id from memreg.memory_revisions order by memory_id").fetchall()
    for _ in range(8):
        with years.transaction():
            before = set(years.execute(SCANNED).fetchall())
            for memory_id in (rows[0][0], rows[30][0]):
                assert years.execute(asked_for.encode(), {"tenant": "t", "id": memory_id}).fetchall() != [(None,)]
            scanned = {name for name, _ in set(years.execute(SCANNED).fetchall()) - before}
    assert len(scanned) == 2


@pytest.fixture(scope="module")
def years(server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A database whose revisions are of five years, a partition a month and a revision in each."""
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True, prepare_threshold=None) as conn:
        first = datetime(2030, 1, 1, tzinfo=UTC)
        for month in range(60):
            begins = first.replace(year=2030 + month // 12, month=month % 12 + 1)
            ends = first.replace(year=2030 + (month + 1) // 12, month=(month + 1) % 12 + 1)
            row = conn.execute(
                "select memreg.uuid_from(%s)::text, memreg.uuid_from(%s)::text", (begins, ends)
            ).fetchone()
            assert row is not None
            conn.execute(
                sql.SQL(
                    "create table memreg.{} partition of memreg.memory_revisions for values from ({}) to ({})"
                ).format(sql.Identifier(f"memory_revisions_{month}"), sql.Literal(row[0]), sql.Literal(row[1]))
            )
            conn.execute(
                "insert into memreg.memory_revisions (tenant, memory_id, revision, version, payload, is_deleted,"
                " unresolved, created_at) values ('t', %s, 1, 1, '{}', false, false, now())",
                (row[0],),
            )
        conn.execute("set enable_seqscan = off")
        yield conn
    server.drop(name)


def test_search_goes_by_its_index(server: Server) -> None:
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name)) as conn:
        conn.execute(
            "select set_config('memreg.tenant', 't', true), set_config('enable_seqscan', 'off', true),"
            " set_config('enable_bitmapscan', 'off', true)"
        )
        conn.execute("select memreg.search_memories('t', 's', 'given1'::tsquery, 'given1'::tsquery, 10)")
        scanned = conn.execute(
            "select seq_scan, idx_scan from pg_stat_xact_user_tables where relname = 'memories'"
        ).fetchone()
    server.drop(name)
    assert scanned == (0, 1)
