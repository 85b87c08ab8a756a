"""Indexes that a revision puts in the place of others: built beside them, while everybody goes on writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
from alembic import op
from psycopg import sql

_PARTS = """
    select child.relname
    from pg_catalog.pg_class as of_table
    left join pg_catalog.pg_inherits on inhparent = of_table.oid
    join pg_catalog.pg_class as child on child.oid = coalesce(inhrelid, of_table.oid)
    where of_table.oid = %s::regclass and child.relkind = 'r' and pg_catalog.pg_relation_size(child.oid) > 0
    order by child.relname
"""
_PARTS_OF_INDEX = """
    select part.relname as index, of_table.relname as table
    from pg_catalog.pg_inherits
    join pg_catalog.pg_class as part on part.oid = inhrelid
    join pg_catalog.pg_index on pg_index.indexrelid = part.oid
    join pg_catalog.pg_class as of_table on of_table.oid = indrelid
    where inhparent = to_regclass(%s)
"""
_READY = """
    select relname from pg_catalog.pg_class
    join pg_catalog.pg_index on indexrelid = pg_class.oid
    where relnamespace = 'memreg'::regnamespace and relname = any(%s) and indisvalid
"""


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a table in `memreg`: what it is made `on` (columns and condition, as in `create index`)."""

    name: LiteralString
    table: LiteralString
    on: LiteralString
    unique: bool = False

    def create(self, name: str, table: str, *, concurrently: bool = False) -> sql.Composed:
        """The statement that makes it, under a name, on the table or one of its partitions."""
        return sql.SQL("create {}index {}{} on memreg.{} {}").format(
            sql.SQL("unique ") if self.unique else sql.SQL(""),
            sql.SQL("concurrently ") if concurrently else sql.SQL(""),
            sql.Identifier(name),
            sql.Identifier(table),
            sql.SQL(self.on),
        )


def build_beside(indexes: Sequence[Index]) -> None:
    """Build indexes under names of their own wherever a table or partition has rows, without keeping anybody from
    writing; an empty one is left to `take_place`. The first thing in a revision: it ends the transaction.

    What a try left behind that was stopped in the middle is removed, and what it had finished is not built again.
    """
    with outside_transaction() as conn:
        for index in indexes:
            parts = [row[0] for row in conn.execute(_PARTS, (f"memreg.{index.table}",)).fetchall()]
            names = {part: _beside(index, part) for part in parts}
            ready = {row[0] for row in conn.execute(_READY, (list(names.values()),)).fetchall()}
            for part, name in names.items():
                if name not in ready:
                    conn.execute(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier("memreg", name)))
                    conn.execute(index.create(name, part, concurrently=True))


def take_place(indexes: Sequence[Index]) -> None:
    """Put indexes in the place of those of the same name, in the revision's transaction: what was built beside them is
    renamed, and joined by Postgres to an index of the whole table."""
    conn = driver_connection()
    for index in indexes:
        old = {row[1]: row[0] for row in conn.execute(_PARTS_OF_INDEX, (f"memreg.{index.name}",)).fetchall()}
        parts = [row[0] for row in conn.execute(_PARTS, (f"memreg.{index.table}",)).fetchall()]
        conn.execute(sql.SQL("drop index if exists {}").format(sql.Identifier("memreg", index.name)))
        renamed = False
        for part in parts:
            name = old.get(part, f"{part}_{index.name.removeprefix(index.table).lstrip('_')}")
            name = index.name if part == index.table else name
            row = conn.execute("select to_regclass(%s) is not null", (f"memreg.{_beside(index, part)}",)).fetchone()
            if row is not None and row[0]:
                conn.execute(
                    sql.SQL("alter index {} rename to {}").format(
                        sql.Identifier("memreg", _beside(index, part)), sql.Identifier(name)
                    )
                )
                renamed = renamed or part == index.table
        if not renamed:
            conn.execute(index.create(index.name, index.table))


@contextmanager
def outside_transaction() -> Iterator[psycopg.Connection[Any]]:
    """The revision's connection without a transaction: what was done before is kept whatever comes later, so that it
    has to be such that it can be done again."""
    with op.get_context().autocommit_block():
        yield driver_connection()


def driver_connection() -> psycopg.Connection[Any]:
    """The driver's own connection, where `:` and `%` mean nothing."""
    return cast("psycopg.Connection[Any]", op.get_bind().connection.driver_connection)


def _beside(index: Index, part: str) -> str:
    """The name that an index of a part has until it takes its place."""
    return f"{part}_{index.name.removeprefix(index.table).lstrip('_')}_beside"
