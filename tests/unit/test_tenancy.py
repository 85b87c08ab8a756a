"""Each statement stays with the tenant of its parameter, so that it goes to one shard; those that do not are listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlglot.errors import ParseError

import memreg
from memreg.core.queries import Queries, Query
from memreg.operations.distribution import TABLES, Kind, kind_of, tables_of
from tests.support.cross_tenant import CROSS_TENANT, is_listed
from tests.support.tenancy import faults
from tests.unit.test_queries_tenant import TENANT_TABLES

ROOT = Path(memreg.__file__).parent
SESSION = {"core/session.sql:begin", "core/session.sql:commit"}  # no table at all
EVERYBODYS = frozenset({"kill_switches", "kill_switch_rules"})


def queries() -> dict[str, Query]:
    """Every named statement of the package by file and name; the migrations' SQL is applied, not asked."""
    found = {}
    for path in sorted(ROOT.rglob("*.sql")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("migrations/sql/"):
            found.update({f"{name}:{query.name}": query for query in Queries(path.read_text("utf-8"), name).values()})
    return found


QUERIES = queries()


def faults_of(query: Query) -> list[str]:
    try:
        return faults(query.sql)
    except ParseError as error:
        return [f"it cannot be parsed: {error}"]


@pytest.mark.parametrize("name", [name for name in QUERIES if not is_listed(name) and name not in SESSION])
def test_a_statement_stays_with_one_tenant(name: str) -> None:
    assert faults_of(QUERIES[name]) == []


@pytest.mark.parametrize("name", [f"{path}:{name}" for path, (_, names) in CROSS_TENANT.items() for name in names])
def test_what_is_listed_as_crossing_tenants_is_there_and_does(name: str) -> None:
    assert faults_of(QUERIES[name])


def test_all_that_a_decision_and_a_read_may_ask_is_looked_at() -> None:
    """Of the engine only the backfill's rewriting of references and the workers' sweep may cross tenants."""
    listed = {name for name in QUERIES if is_listed(name) and name.startswith("engine/")}
    assert listed == {"engine/references.sql:refer_again", "engine/workers.sql:left_behind"}
    assert sum(name.startswith("engine/") for name in QUERIES) > 50


def test_every_table_whose_queries_have_to_name_the_tenant_is_divided_by_it_or_small() -> None:
    divided = {name for name in tables_of(Kind.TENANT) if not name.startswith("backfill_")}
    assert divided == TENANT_TABLES - EVERYBODYS
    assert {kind_of(name) for name in EVERYBODYS} == {Kind.EVERY_NODE}
    assert all(reason for _, reason in TABLES.values())


# What has to be caught, and what must not be

WRONG = {
    "nothing": "select id from memreg.memories where id = %(id)s",
    "a range": "select id from memreg.memories where tenant >= %(tenant)s",
    "several": "select id from memreg.memories where tenant in (%(tenant)s, %(other)s)",
    "any of a list": "select id from memreg.memories where tenant = any(%(tenants)s)",
    "another parameter": "select id from memreg.memories where tenant = %(other)s",
    "an alternative": "select id from memreg.memories where tenant = %(tenant)s or id = %(id)s",
    "a denial": "select id from memreg.memories where not tenant = %(tenant)s",
    "an inequality": "select id from memreg.memories where tenant <> %(tenant)s",
    "a choice": "select id from memreg.memories where (%(tenant)s is null or tenant = %(tenant)s)",
    "a function of it": "select id from memreg.memories where lower(tenant) = %(tenant)s",
    "itself": "select id from memreg.memories where tenant = tenant",
    "a join without it": """
        select m.id from memreg.memories as m join memreg.identity_keys as k on k.memory_id = m.id
        where m.tenant = %(tenant)s""",
    "a join to one that is not pinned": """
        select m.id from memreg.memories as m join memreg.identity_keys as k on k.tenant = m.tenant
        where m.id = %(id)s""",
    "a left join that pins the wrong side": """
        select m.id from memreg.memories as m
        left join memreg.messages as k on k.tenant = %(tenant)s and m.tenant = k.tenant""",
    "a full join": """
        select m.id from memreg.memories as m full join memreg.messages as k on k.tenant = m.tenant
        where m.tenant = %(tenant)s""",
    "a lateral join": """
        select near.id from unnest(%(ids)s::uuid[]) as wanted (id)
        cross join lateral (select * from memreg.memories where memories.id = wanted.id offset 0) as near""",
    "only around a fence": """
        select near.id from (select tenant, id from memreg.memories where id = %(id)s offset 0) as near
        where near.tenant = %(tenant)s""",
    "a subquery in a condition": """
        select id from memreg.memories where tenant = %(tenant)s
            and exists (select from memreg.identity_keys as k where k.memory_id = memories.id)""",
    "a subquery in a list": """
        select id, (select count(*) from memreg.memory_revisions as r where r.memory_id = memories.id)
        from memreg.memories where tenant = %(tenant)s""",
    "a subquery in an order": """
        select id from memreg.memories where tenant = %(tenant)s
        order by (select max(r.revision) from memreg.memory_revisions as r where r.memory_id = memories.id)""",
    "a tenant out of a list": """
        select m.id from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as wanted (tenant, id)
        join memreg.memories as m on m.tenant = wanted.tenant and m.id = wanted.id""",
    "an expression": """
        with found as (select id from memreg.memories where id = %(id)s) select id from found""",
    "an expression whose tenant is told outside": """
        with found as (select tenant, id from memreg.memories) select id from found where tenant = %(tenant)s""",
    "one of two": """
        select id from memreg.memories where tenant = %(tenant)s
        union all select id from memreg.messages where schema = %(schema)s""",
    "a chain that leaves": """
        with recursive chain as (
            select id, merged_into from memreg.memories where tenant = %(tenant)s and id = %(id)s
            union all
            select m.id, m.merged_into from chain join memreg.memories as m on m.id = chain.merged_into
        ) select id from chain""",
    "an update": "update memreg.memories set is_deleted = true where id = %(id)s",
    "an update from rows": """
        update memreg.memories set is_deleted = true
        from jsonb_to_recordset(%(rows)s) as rows (tenant text, id uuid)
        where memories.tenant = rows.tenant and memories.id = rows.id""",
    "an update of the tenant": "update memreg.memories set tenant = %(other)s where tenant = %(tenant)s",
    "an update with what another has": """
        update memreg.memories set revision = (select max(r.revision) from memreg.memory_revisions as r)
        where tenant = %(tenant)s""",
    "a delete": "delete from memreg.candidate_keys where key = any(%(keys)s)",
    "a delete by another table": """
        delete from memreg.candidate_keys using memreg.memories as m
        where candidate_keys.tenant = %(tenant)s and m.id = candidate_keys.memory_id""",
    "a delete in an expression": """
        with gone as (delete from memreg.candidate_keys where memory_id = %(id)s returning key)
        select count(*) from gone""",
    "an insert without it": "insert into memreg.candidate_keys (key, memory_id) values (%(key)s, %(id)s)",
    "an insert without columns": "insert into memreg.candidate_keys values (%(tenant)s, %(key)s, %(id)s)",
    "an insert of another": "insert into memreg.candidate_keys (tenant, key, memory_id) values (%(o)s, %(k)s, %(i)s)",
    "an insert of one and another": """
        insert into memreg.candidate_keys (tenant, key, memory_id)
        values (%(tenant)s, %(k)s, %(i)s), (%(o)s, %(k)s, %(i)s)""",
    "an insert of rows that say it": """
        insert into memreg.candidate_keys (tenant, key, memory_id)
        select tenant, key, id from jsonb_to_recordset(%(rows)s) as rows (tenant text, key bigint, id uuid)""",
    "an insert of what another has": """
        insert into memreg.candidate_keys (tenant, key, memory_id)
        select %(tenant)s, k.key, k.memory_id from memreg.candidate_keys as k""",
    "an insert that conflicts across tenants": """
        insert into memreg.messages (tenant, schema, id) values (%(tenant)s, %(schema)s, %(id)s)
        on conflict (schema, id) do nothing""",
    "a function without it": """
        select memreg.said(%(other)s, id, revision) from memreg.memories where tenant = %(tenant)s""",
    "text that is made a statement": """
        select word from ts_stat(format($$select search from memreg.memories where schema = %%L$$, %(schema)s))""",
    "text that is made a statement of another": """
        select word from ts_stat(format($$select search from memreg.memories where tenant = %%L$$, %(other)s))""",
    "a text": "select word from ts_stat('select search from memreg.memories')",
    "a table in a place that is not understood": """
        merge into memreg.memories using memreg.messages on memories.tenant = messages.tenant
        when matched then delete""",
}
# Where `%(tenant)s` does not say whose rows are meant: the switches, which are small and on every node, and a job.
ANOTHERS = re.compile(r"(tenant in \(|'tenant', )%\(tenant\)s\Z")
RIGHT = {
    "an equality": "select id from memreg.memories where tenant = %(tenant)s and id = %(id)s",
    "the other way round": "select id from memreg.memories where %(tenant)s::text = tenant",
    "a join": """
        select m.id from memreg.memories as m join memreg.identity_keys as k on k.tenant = m.tenant
        where m.tenant = %(tenant)s""",
    "a chain of joins": """
        select a.id from memreg.audit_log as a
        join memreg.audit_values as v on v.tenant = a.tenant
        left join memreg.messages as g on g.tenant = v.tenant and g.id = a.message_id
        where a.tenant = %(tenant)s""",
    "rows": """
        select k.key from memreg.memories as m join memreg.candidate_keys as k
            on (k.tenant, k.memory_id) = (m.tenant, m.id)
        where m.tenant = %(tenant)s""",
    "an expression that hands it on": """
        with found as (select tenant, id from memreg.memories where tenant = %(tenant)s)
        select r.revision from found join memreg.memory_revisions as r on r.tenant = found.tenant""",
    "a subquery of what is around": """
        select id from memreg.memories as m where m.tenant = %(tenant)s
            and exists (select from memreg.identity_keys as k where k.tenant = m.tenant and k.memory_id = m.id)""",
    "the registry": "select version from memreg.schema_versions where schema = %(schema)s",
    "what holds for everybody": "select class from memreg.kill_switches where tenant in (%(tenant)s, '*') and is_on",
    "an insert from rows": """
        insert into memreg.candidate_keys (tenant, key, memory_id)
        select %(tenant)s, key, id from jsonb_to_recordset(%(rows)s) as rows (key bigint, id uuid)
        on conflict do nothing""",
    "a function with it": "select memreg.said(tenant, id, revision) from memreg.memories where tenant = %(tenant)s",
    "the queue": "update memreg.procrastinate_jobs set scheduled_at = now() where lock = %(lock)s",
}


@pytest.mark.parametrize("statement", WRONG.values(), ids=WRONG.keys())
def test_a_statement_that_leaves_its_tenant_is_caught(statement: str) -> None:
    assert faults(statement)


@pytest.mark.parametrize("statement", RIGHT.values(), ids=RIGHT.keys())
def test_a_statement_that_stays_is_not(statement: str) -> None:
    assert faults(statement) == []


@pytest.mark.parametrize("name", [name for name in QUERIES if name.startswith("engine/") and not is_listed(name)])
def test_a_statement_of_the_engine_that_lost_its_tenant_anywhere_is_caught(name: str) -> None:
    """With another parameter in each place of the tenant's in turn."""
    sql = QUERIES[name].sql
    if not any(re.search(rf"(from|join|into|update) memreg\.{table}\b", sql) for table in tables_of(Kind.TENANT)):
        return
    places = [found.span() for found in re.finditer(r"%\(tenant\)s", sql)]
    assert places
    missed = [sql[:end] for start, end in places if not faults(f"{sql[:start]}%(other)s{sql[end:]}")]
    assert [text for text in missed if not ANOTHERS.search(text)] == []
