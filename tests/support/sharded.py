"""memreg's tables divided by a hash of their tenant, in one database: what a cluster does to them, on one server.

PostgreSQL demands of a table that is divided so what a cluster demands as well: the tenant is in every unique key, and
no row moves. Everything else is as the migrations made it, and the application does not know.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from memreg.operations.distribution import Kind, tables_of

SHARDS = 4

_INDEXES = """
select pg_get_indexdef(indexrelid) as definition, (
    select format('alter table memreg.%%I add constraint %%I %%s', %(table)s::text, conname, pg_get_constraintdef(oid))
    from pg_constraint where conindid = indexrelid and contype in ('p', 'u')
) as as_constraint
from pg_index where indrelid = format('memreg.%%I', %(table)s::text)::regclass
"""
_TRIGGERS = """
select pg_get_triggerdef(oid) from pg_trigger
where tgrelid = format('memreg.%%I', %(table)s::text)::regclass and not tgisinternal and tgparentid = 0
"""
_POLICIES = """
select format(
    'create policy %%I on memreg.%%I for %%s to %%s using (%%s)%%s', policyname, tablename, cmd,
    array_to_string(roles, ', '), qual,
    case when with_check is not null then format(' with check (%%s)', with_check) else '' end
)
from pg_policies where schemaname = 'memreg' and tablename = %(table)s
"""
_GRANTS = """
select format('grant %%s on memreg.%%I to %%I', string_agg(privilege_type, ', '), %(table)s::text, rolname)
from pg_class, aclexplode(relacl) as told join pg_roles on pg_roles.oid = grantee
where pg_class.oid = format('memreg.%%I', %(table)s::text)::regclass group by rolname
"""
_REFERENCES = """
select format('alter table memreg.%%I add constraint %%I %%s', %(table)s::text, conname, pg_get_constraintdef(oid))
from pg_constraint where conrelid = format('memreg.%%I', %(table)s::text)::regclass and contype = 'f'
"""
# Functions that the database itself ties to a table: their text is parsed already, or they take its rows.
_FUNCTIONS = """
select
    pg_get_functiondef(pg_proc.oid) as definition, pg_proc.oid::regprocedure::text as name, proacl is not null as shut,
    array(
        select rolname from aclexplode(proacl) as told join pg_roles on pg_roles.oid = grantee
    ) as open_to
from pg_proc
where pronamespace = 'memreg'::regnamespace and exists (
    select from pg_depend
    left join pg_type on refclassid = 'pg_type'::regclass and pg_type.oid = refobjid
    join pg_class on pg_class.oid = case when refclassid = 'pg_class'::regclass then refobjid else pg_type.typrelid end
    where classid = 'pg_proc'::regclass and objid = pg_proc.oid and relname = any(%(tables)s)
)
order by prosqlbody is not null and prorettype <> 'bytea'::regtype, pg_proc.oid
"""


def shard(dsn: str, shards: int = SHARDS) -> None:
    """Divide the tables of a migrated, empty database."""
    tables = list(tables_of(Kind.TENANT))
    with psycopg.connect(dsn) as conn:
        functions = conn.execute(_FUNCTIONS, {"tables": tables}).fetchall()
        for _, name, _, _ in functions:
            _run(conn, f"drop function {name}")
        for table in tables:
            _divide(conn, table, shards)
        for definition, name, is_shut, open_to in functions:
            _run(conn, definition)
            if is_shut:
                _run(conn, f"revoke all on function {name} from public")
            for role in open_to:
                _run(conn, f"grant execute on function {name} to {role}")


def _divide(conn: psycopg.Connection[Any], table: str, shards: int) -> None:
    asked = {"table": table}
    indexes = conn.execute(_INDEXES, asked).fetchall()
    told: list[LiteralString] = [_TRIGGERS, _POLICIES, _GRANTS, _REFERENCES]
    rest = [row[0] for query in told for row in conn.execute(query, asked).fetchall()]
    name, was = sql.Identifier("memreg", table), sql.Identifier("memreg", f"{table}_was")
    conn.execute(sql.SQL("alter table {} rename to {}").format(name, sql.Identifier(f"{table}_was")))
    conn.execute(
        sql.SQL(
            "create table {} (like {} including defaults including constraints including generated including identity"
            " including storage) partition by hash (tenant)"
        ).format(name, was)
    )
    conn.execute(sql.SQL("drop table {}").format(was))
    for definition, as_constraint in indexes:
        _run(conn, as_constraint or definition.replace(" ON ONLY ", " ON "))
    conn.execute(sql.SQL("alter table {} enable row level security").format(name))
    for statement in rest:
        _run(conn, statement)
    for place in range(shards):
        part = sql.Identifier("memreg", f"{table}_{place}")
        bound = sql.SQL("for values with (modulus {}, remainder {})").format(shards, place)
        conn.execute(sql.SQL("create table {} partition of {} ").format(part, name) + bound)


def _run(conn: psycopg.Connection[Any], statement: str) -> None:
    conn.execute(statement.encode())


def shard_of(conn: psycopg.Connection[Any], tenant: str, shards: int = SHARDS) -> int:
    """The number of the shard that a tenant's rows are in."""
    for place in range(shards):
        row = conn.execute(
            "select satisfies_hash_partition('memreg.memories'::regclass, %s, %s, %s::text)", [shards, place, tenant]
        ).fetchone()
        if row == (True,):
            return place
    raise AssertionError(f"{tenant} is in no shard")


def work(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """How often each shard of each table was looked into or written to since the statistics began."""
    rows = conn.execute(
        "select relname, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del"
        " from pg_stat_user_tables where schemaname = 'memreg' and relname ~ '_[0-9]$'"
    ).fetchall()
    return dict(rows)
