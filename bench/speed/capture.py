"""The rows that the engine wrote for one decision, read back by the transaction that wrote them: whatever the tables
are, the floors and the loader write the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import tuple_row

FILLED_BY_TRIGGERS = {"audit_log": ("digest", "values_digest", "written_at"), "audit_values": ("digest",)}
WRITTEN_BY_TRIGGERS = ("audit_unsealed",)
ORDER = ("messages", "memories", "candidate_keys", "memory_revisions", "identity_keys", "audit_values", "audit_log")
"""What comes first where the order matters: an audit entry takes over the digest of its values."""
_WHERE = {
    "messages": "id = %(message)s",
    "memories": "id = %(memory)s",
    "memory_revisions": "memory_id = %(memory)s",
    "identity_keys": "memory_id = %(memory)s",
    "audit_values": "audit_id = %(audit)s",
    "audit_log": "id = %(audit)s",
    "candidate_keys": "memory_id = %(memory)s",
}
_TABLES = b"""
    select relname, array_agg(attname::text order by attnum)
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped and attgenerated = ''
    where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p') and not relispartition
    group by relname
    having bool_or(attname = 'tenant')
"""
Texts = dict[str, str | None]


@dataclass(frozen=True)
class Written:
    """The rows of a decision by table, in the order in which they are to be written; each value as Postgres's text,
    without what triggers fill in."""

    rows: dict[str, list[Texts]]

    def columns(self, table: str) -> list[str]:
        """The columns of a table that have a value in any of its rows."""
        return [name for name in self.rows[table][0] if any(row[name] is not None for row in self.rows[table])]

    def first(self, table: str) -> Texts:
        """The first row of a table."""
        return self.rows[table][0]


def written_by(conn: Connection[Any], tenant: str, audit_id: UUID, *, everything: bool = True) -> Written:
    """The rows that the transaction of an audit entry inserted or changed.

    `everything` False: without what takes a scan of a large table to find, which is `candidate_keys`, and tables that
    a decision writes to but rarely.
    """
    cursor = conn.cursor(row_factory=tuple_row)
    found = cursor.execute(
        "select xmin::text, memory_id, message_id from memreg.audit_log where tenant = %s and id = %s",
        (tenant, audit_id),
    ).fetchone()
    if found is None:
        raise LookupError(f"there is no audit entry {audit_id}")
    known = {"xid": found[0], "memory": found[1], "message": found[2], "audit": audit_id, "tenant": tenant}
    tables: dict[str, list[str]] = dict(cursor.execute(_TABLES).fetchall())
    names = [*ORDER, *sorted(tables.keys() - {*ORDER, *WRITTEN_BY_TRIGGERS})]
    rows: dict[str, list[Texts]] = {}
    for table in names:
        if table not in tables or (not everything and (table == "candidate_keys" or table not in _WHERE)):
            continue
        columns = [name for name in tables[table] if name not in FILLED_BY_TRIGGERS.get(table, ())]
        query = sql.SQL("select {} from memreg.{} where tenant = %(tenant)s and xmin::text = %(xid)s and ").format(
            sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns),
            sql.Identifier(table),
        ) + sql.SQL(_WHERE.get(table, "true"))
        if values := cursor.execute(query, known).fetchall():
            rows[table] = [dict(zip(columns, row, strict=True)) for row in values]
    return Written(rows)
