"""Every statement on tenant data names the tenant for every table it touches: none can reach another tenant's rows."""

from __future__ import annotations

import re

import pytest
import sqlglot
from sqlglot import exp

from memreg.core.queries import Queries, Query
from memreg.engine.store import FILES as ENGINE_FILES
from memreg.operations.store import FILES as OPERATIONS_FILES

TENANT_TABLES = frozenset(
    {
        "memories",
        "identity_keys",
        "candidate_keys",
        "memory_revisions",
        "messages",
        "audit_log",
        "audit_values",
        "audit_unsealed",
        "audit_seals",
        "review_items",
        "judgements",
        "kill_switches",
        "kill_switch_rules",
        "calibrations",
        "model_calls",
        "memory_references",
    }
)
# It tells the planner about tables as a whole, and reads no row for anybody.
WHOLE_TABLES = frozenset({"look_at_tables", "table_growth"})
# A backfill takes the memories of every tenant to a schema's new version.
EVERY_TENANT = frozenset({"count_behind", "insert_backfill", "insert_failures", "refer_again"})
FILES = [
    *(("memreg.engine", name) for name in ENGINE_FILES),
    *(("memreg.operations", name) for name in OPERATIONS_FILES),
    ("memreg.evaluation", "queries.sql"),
    ("memreg.testing", "queries.sql"),
    ("memreg.engine", "explain.sql"),
    ("memreg.engine", "references.sql"),
    ("memreg.operations.acts", "queries.sql"),
    ("memreg.operations.acts", "verbs.sql"),
    ("memreg.operations.erase", "queries.sql"),
    ("memreg.operations", "kill_switch.sql"),
    ("memreg.operations.monitor", "queries.sql"),
    ("memreg.operations.review", "queries.sql"),
    ("memreg.operations.trip", "queries.sql"),
]
QUERIES = sorted((q for place in FILES for q in Queries.load(*place).values()), key=lambda query: query.name)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_each_select_update_and_delete_of_tenant_data_names_the_tenant(query: Query) -> None:
    if query.name in WHOLE_TABLES | EVERY_TENANT:
        return
    tree = parsed(query)
    for table in tree.find_all(exp.Table):
        if table.name in TENANT_TABLES and table.db == "memreg" and not is_insert_target(table):
            assert names_tenant(table), f"{query.name} reads {table.name} without naming the tenant"


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_each_insert_of_tenant_data_writes_the_tenant_of_its_parameter(query: Query) -> None:
    if query.name in WHOLE_TABLES | EVERY_TENANT:
        return
    for insert in parsed(query).find_all(exp.Insert):
        target = insert.this
        assert isinstance(target, exp.Schema)
        columns = [column.name for column in target.expressions]
        assert columns[0] == "tenant", f"{query.name} does not write the tenant first"
        source = insert.expression
        first = source.expressions[0].expressions[0] if isinstance(source, exp.Values) else source.selects[0]
        assert isinstance(first, exp.Placeholder)
        assert first.name == "tenant"


def test_a_query_that_forgets_the_tenant_is_found() -> None:
    forgetful = Queries("-- bad --\n-- Reads all.\nselect id from memreg.memories where id = %(id)s", "test")["bad"]
    with pytest.raises(AssertionError, match="without naming the tenant"):
        test_each_select_update_and_delete_of_tenant_data_names_the_tenant(forgetful)


def parsed(query: Query) -> exp.Expression:
    sql = re.sub(r"%\((\w+)\)s", r":\1", query.sql).replace("%%", "%")
    tree = sqlglot.parse_one(sql, dialect="postgres")
    assert isinstance(tree, exp.Expression)
    return tree


def is_insert_target(table: exp.Table) -> bool:
    parent = table.parent
    return isinstance(parent, exp.Insert) or (isinstance(parent, exp.Schema) and isinstance(parent.parent, exp.Insert))


def names_tenant(table: exp.Table) -> bool:
    """Whether the statement around a table, or around a subquery that reads it, compares its tenant."""
    name, node = table.alias_or_name, table.parent
    while node is not None:
        scopes = [node.args.get("where"), *(join.args.get("on") for join in node.args.get("joins") or [])]
        if any(compares_tenant(scope, name) for scope in scopes if scope is not None):
            return True
        if isinstance(node, exp.Subquery | exp.Lateral) and node.alias:
            name = node.alias
        node = node.parent
    return False


def compares_tenant(scope: exp.Expression, name: str) -> bool:
    for comparison in scope.find_all(exp.EQ, exp.In):
        sides = [comparison.this, comparison.args.get("expression")]
        if any(isinstance(s, exp.Column) and s.name == "tenant" and s.table in ("", name) for s in sides):
            return True
    return False
