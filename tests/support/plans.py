"""Plans of named queries as the engine's transactions have them made: by which indexes each table is reached."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql

from memreg.core.queries import Queries, Query

_SESSION = Queries.load("memreg.core", "session.sql")
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sbt]")
_TOPS = """
with recursive above as (
    select oid, oid as top from pg_class where relkind in ('i', 'I', 'r', 'p') and relnamespace = 'memreg'::regnamespace
    union all
    select above.oid, inhparent from above join pg_inherits on inhrelid = above.top
)
select child.relname, parent.relname
from above
join pg_class as child on child.oid = above.oid
join pg_class as parent on parent.oid = above.top
where not exists (select from pg_inherits where inhrelid = above.top)
"""
MODES = ("generic", "custom")


class Planner:
    """A connection that has prepared queries, and asks for their plans in transactions such as the engine's."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        self._names: dict[str, list[tuple[str, str]]] = {}
        self._tops: dict[str, str] = {}

    def prepare(self, name: str, query: Query) -> None:
        """Prepare a query under a name of its own."""
        names: list[str] = []

        def number(found: re.Match[str]) -> str:
            if found[1] not in names:
                names.append(found[1])
            return f"${names.index(found[1]) + 1}"

        text = _PLACEHOLDER.sub(number, query.sql).rstrip().rstrip(";").replace("%%", "%")
        self.conn.execute(sql.SQL("prepare {} as ").format(sql.Identifier(name)).as_bytes(self.conn) + text.encode())
        row = self.conn.execute(
            "select parameter_types::text[] from pg_prepared_statements where name = %s", (name,)
        ).fetchone()
        assert row is not None
        self._names[name] = list(zip(names, row[0], strict=True))

    def reached(
        self, names: Iterable[str], tenant: str, params: Mapping[str, Any], by_type: Mapping[str, Any], mode: str
    ) -> Iterator[tuple[str, frozenset[str]]]:
        """By what each query reaches its tables, in a transaction of a tenant, or (an empty name) in an operator's: the
        names of indexes, `bitmap_of_…` one where it is read so, and `all_of_…` a table that is read through.

        `params`: what is asked with, by the parameter's name; `by_type`: what the others are asked with.
        """
        with self.conn.transaction(force_rollback=True):
            opening = _SESSION["be_tenant" if tenant else "be_login"].sql.encode()
            self.conn.execute(opening, {"tenant": tenant, "statement_timeout": "60000"})
            if not tenant:
                self.conn.execute("set local role memreg_operator")
            self.conn.execute(sql.SQL("set local plan_cache_mode = {}").format(sql.Identifier(f"force_{mode}_plan")))
            for name in names:
                values = [
                    sql.Literal(params[each] if each in params else by_type[kind]) for each, kind in self._names[name]
                ]
                arguments = sql.SQL("({})").format(sql.SQL(", ").join(values)) if values else sql.SQL("")
                asked = sql.SQL("explain (costs off, format json) execute {}").format(sql.Identifier(name))
                row = self.conn.execute(asked + arguments).fetchone()
                assert row is not None
                yield name, frozenset(self._of_plan((row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]))

    def _of_plan(self, told: dict[str, Any]) -> Iterator[str]:
        for node in nodes(told.get("Plan", {"Node Type": "Utility"})):
            table = node.get("Relation Name")
            if node["Node Type"] in ("Index Scan", "Index Only Scan"):
                yield self._top(node["Index Name"])
            elif node["Node Type"] == "Bitmap Index Scan":
                yield f"bitmap_of_{self._top(node['Index Name'])}"
            elif node["Node Type"] == "Seq Scan" and table is not None:
                yield f"all_of_{self._top(table)}"

    def _top(self, name: str) -> str:
        """The partitioned table or index that one is a part of."""
        if name not in self._tops:
            self._tops = dict(self.conn.execute(_TOPS).fetchall())
        return self._tops.get(name, name)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes, from the top."""
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)
