"""What the catalog says of tables that a cluster has to divide by tenant: co-located, and nothing across tenants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from sqlglot.errors import ParseError

from memreg.operations.distribution import FUNCTIONS, ROOT, TABLES, Kind, citus_statements, kind_of, tables_of
from tests.support.plpgsql import statements_of
from tests.support.server import Server
from tests.support.tenancy import ANCHORS, faults

# Functions of the database that are not one tenant's: what they do to tables as a whole, each by whom.
OF_TABLES = {
    "make_audit_partitions": "makes the partitions of months, by DDL",
    "make_default_partition": "makes a partition, by DDL",
    "close_partition": "sets a partition up, by DDL",
    "make_lean": "sets a table up, by DDL",
    "drop_audit_months": "retention, which drops months of everybody",
    "drop_revision_months": "retention, which drops months of everybody",
    "trim_all_candidate_keys": "upkeep of what memories are found by, of everybody",
    "look_at_tables": "has the planner look at tables",
    "attempt": "runs the statements that it is given, for views",
}


@pytest.fixture(scope="module")
def conn(server: Server) -> Iterator[psycopg.Connection[Any]]:
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True) as conn:
        conn.execute("set search_path = pg_catalog")  # so that it tells the schema of each table
        yield conn
    server.drop(name)


def asked(conn: psycopg.Connection[Any], query: LiteralString, *params: object) -> list[tuple[Any, ...]]:
    return conn.execute(query, params).fetchall()


TENANTS = sorted(tables_of(Kind.TENANT))
SMALL = sorted(tables_of(Kind.EVERY_NODE))


def test_every_table_has_its_place(conn: psycopg.Connection[Any]) -> None:
    found = asked(
        conn,
        "select relname from pg_class where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p')"
        " and not relispartition",
    )
    assert {name for (name,) in found} == TABLES.keys()


def test_every_table_with_a_tenant_is_divided_by_it_or_on_every_node(conn: psycopg.Connection[Any]) -> None:
    found = asked(
        conn,
        "select relname from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'tenant'"
        " where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p') and not relispartition",
    )
    assert {name for (name,) in found} == {*TENANTS, "kill_switches", "kill_switch_rules"}


def test_tenants_are_of_one_type_and_always_there(conn: psycopg.Connection[Any]) -> None:
    found = asked(
        conn,
        "select distinct atttypid::regtype::text, atttypmod, attcollation::regcollation::text, attnotnull, atthasdef,"
        " attidentity, attgenerated from pg_attribute where attname = 'tenant' and attrelid = any("
        "  select format('memreg.%%I', name)::regclass from unnest(%s::text[]) as name)",
        TENANTS,
    )
    assert found == [("text", -1, '"default"', True, False, "", "")]


def test_the_tenant_is_first_in_every_key_of_tables_and_partitions(conn: psycopg.Connection[Any]) -> None:
    keys = asked(
        conn,
        "select pg_class.relname, indexrelid::regclass::text, indisprimary, attname"
        " from pg_index join pg_class on pg_class.oid = indrelid"
        " left join pg_attribute on attrelid = indrelid and attnum = indkey[0]"
        " where relnamespace = 'memreg'::regnamespace and (indisunique or indisexclusion) and (relname = any(%s)"
        "  or exists (select from pg_inherits join pg_class as parent on parent.oid = inhparent"
        "   where inhrelid = pg_class.oid and parent.relname = any(%s)))",
        TENANTS,
        TENANTS,
    )
    assert {name for name, _, is_primary, _ in keys if is_primary} >= set(TENANTS)
    assert [(index, first) for _, index, _, first in keys if first != "tenant"] == []


def test_no_row_of_a_tenant_is_numbered_for_everybody(conn: psycopg.Connection[Any]) -> None:
    numbered = asked(
        conn,
        "select attrelid::regclass::text, attname from pg_attribute"
        " left join pg_attrdef on adrelid = attrelid and adnum = attnum"
        " where attrelid = any(select format('memreg.%%I', name)::regclass from unnest(%s::text[]) as name)"
        " and (attidentity <> '' or pg_get_expr(adbin, adrelid) like '%%nextval%%')",
        TENANTS + SMALL,
    )
    owned = asked(
        conn,
        "select seq.relname, of_table.relname from pg_class as seq"
        " left join pg_depend on objid = seq.oid and classid = 'pg_class'::regclass and deptype in ('a', 'i')"
        " left join pg_class as of_table on of_table.oid = refobjid"
        " where seq.relkind = 'S' and seq.relnamespace = 'memreg'::regnamespace",
    )
    assert numbered == []
    assert {kind_of(table) for _, table in owned} == {Kind.ONE_NODE}


def test_rows_refer_to_their_own_tenant_or_to_what_is_everywhere(conn: psycopg.Connection[Any]) -> None:
    found = asked(
        conn,
        "select conname, of_table.relname, there.relname, ("
        "  select array_agg(attname::text order by place) from unnest(conkey) with ordinality as k (num, place)"
        "  join pg_attribute on attrelid = conrelid and attnum = num), ("
        "  select array_agg(attname::text order by place) from unnest(confkey) with ordinality as k (num, place)"
        "  join pg_attribute on attrelid = confrelid and attnum = num)"
        " from pg_constraint join pg_class as of_table on of_table.oid = conrelid"
        " join pg_class as there on there.oid = confrelid"
        " where contype = 'f' and connamespace = 'memreg'::regnamespace",
    )
    assert found
    for name, table, there, columns, theirs in found:
        if kind_of(there) is Kind.TENANT:
            assert kind_of(table) is Kind.TENANT, name
            assert (columns[0], theirs[0]) == ("tenant", "tenant"), f"{name} goes across tenants"
        elif kind_of(there) is Kind.ONE_NODE:
            assert kind_of(table) is Kind.ONE_NODE, f"{name} goes to a table that is on one node alone"


def test_no_constraint_excludes_and_no_rule_rewrites(conn: psycopg.Connection[Any]) -> None:
    assert asked(conn, "select conname from pg_constraint where contype = 'x'") == []
    rules = asked(
        conn,
        "select rulename from pg_rewrite join pg_class on pg_class.oid = ev_class"
        " where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p')",
    )
    assert rules == []


def test_partitions_are_of_one_level(conn: psycopg.Connection[Any]) -> None:
    """A cluster divides each of them by tenant as it does their table; parts of parts it does not."""
    found = asked(
        conn,
        "select child.relname, child.relkind from pg_inherits join pg_class as child on child.oid = inhrelid"
        " join pg_class as parent on parent.oid = inhparent"
        " where parent.relnamespace = 'memreg'::regnamespace and parent.relkind = 'p'",
    )
    assert found
    assert {kind for _, kind in found} == {"r"}


def test_what_is_on_every_node_has_no_triggers(conn: psycopg.Connection[Any]) -> None:
    found = asked(
        conn,
        "select relname from pg_trigger join pg_class on pg_class.oid = tgrelid"
        " where relnamespace = 'memreg'::regnamespace and not tgisinternal",
    )
    assert {name for (name,) in found if kind_of(name) is Kind.EVERY_NODE} == set()


def test_triggers_fire_on_rows_of_the_tenant_alone(conn: psycopg.Connection[Any]) -> None:
    """But those that refuse: to empty a table is refused whole."""
    found = asked(
        conn,
        "select distinct tgtype & 1 = 1, proname from pg_trigger join pg_class on pg_class.oid = tgrelid"
        " join pg_proc on pg_proc.oid = tgfoid where relnamespace = 'memreg'::regnamespace and not tgisinternal"
        " and relname = any(%s)",
        TENANTS,
    )
    assert {name for of_row, name in found if not of_row} == {"refuse_change"}


# Functions


def bodies(conn: psycopg.Connection[Any]) -> dict[str, tuple[str, str, bool]]:
    """By name: the language, the text, and whether its first argument is a tenant; procrastinate's are its own."""
    found = asked(
        conn,
        "select proname, lanname, coalesce(pg_get_function_sqlbody(pg_proc.oid), prosrc), proargnames[1] = 'of_tenant'"
        " from pg_proc join pg_language on pg_language.oid = prolang"
        " where pronamespace = 'memreg'::regnamespace and proname not like 'procrastinate%%'",
    )
    return {name: (language, text, bool(first)) for name, language, text, first in found}


def touches(text: str) -> bool:
    """Whether a function reads or writes rows of tenants."""
    return any(re.search(rf"\b(from|join|into|update|using)\s+memreg\.{name}\b", text, re.I) for name in TENANTS)


def test_functions_stay_with_one_tenant(conn: psycopg.Connection[Any]) -> None:
    looked_at = set()
    for name, (language, text, _) in bodies(conn).items():
        if name in OF_TABLES or not touches(text):
            continue
        looked_at.add(name)
        for statement in statements_of(language, text):
            try:
                found = faults(statement, anchors=ANCHORS)
            except ParseError as error:
                found = [f"it cannot be parsed: {error}"]
            assert found == [], f"{name}: {statement}"
    assert looked_at >= {
        "said", "earlier_revisions", "keeper_of", "is_undone", "seal_audit", "search_memories", "enter_audit",
        "change_audit", "erase_audit_values", "erase_keys", "erase_notes",
    }  # fmt: skip


def test_a_function_that_leaves_its_tenant_is_found() -> None:
    text = """
        begin
            select digest into new.values_digest from memreg.audit_values where audit_id = new.id;
            for waiting in select id from memreg.audit_unsealed where tenant = of_tenant order by id
            loop
                perform 1 from memreg.memories where tenant = any(tenants);
            end loop;
            return (select count(*) from memreg.memories);
        end"""
    found = [faults(statement, anchors=ANCHORS) for statement in statements_of("plpgsql", text)]
    assert [bool(each) for each in found] == [True, False, True, True]


def test_functions_of_tables_are_there_and_known(conn: psycopg.Connection[Any]) -> None:
    assert OF_TABLES.keys() <= bodies(conn).keys()


def test_functions_that_are_told_a_tenant_are_known(conn: psycopg.Connection[Any]) -> None:
    found = {name for name, (_, text, first) in bodies(conn).items() if first and touches(text)}
    assert found == FUNCTIONS.keys()


# What divides them


def test_the_statements_for_citus_place_every_table_once(conn: psycopg.Connection[Any]) -> None:
    text = list(citus_statements())
    divided = [re.search(r"'memreg\.(\w+)', 'tenant'", line) for line in text if "create_distributed_table" in line]
    assert next(found[1] for found in divided if found) == ROOT
    assert sorted(found[1] for found in divided if found) == TENANTS
    small = [re.search(r"'memreg\.(\w+)'", line) for line in text if "create_reference_table" in line]
    assert sorted(found[1] for found in small if found) == SMALL
    assert text.index("select create_reference_table('memreg.backfills');") < next(
        place for place, line in enumerate(text) if "backfill_marks" in line
    ), "what is referred to comes first"
    for line in text:
        if found := re.search(r"create_distributed_function\('(memreg\..*)', '(\w+)',", line):
            row = asked(conn, "select proargnames[1] from pg_proc where oid = %s::regprocedure", found[1])
            assert row == [(found[2],)]
