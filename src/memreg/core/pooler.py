# Generated from pooler_async.py by scripts/generate_sync.py: change that file, not this one.
"""What stands between us and Postgres, found out once for each connection: behind a pooler that hands the server's
connections round by transaction, nothing that outlives a transaction can be relied upon, and nothing may be left."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Any

from psycopg import Connection, errors, sql
from psycopg.abc import Buffer
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader

from memreg.core.queries import Queries

_SQL = Queries.load("memreg.core", "session.sql")
_OURS = "_pg3_"  # what psycopg calls the statements that it prepares


class Pooling(Enum):
    """What a connection goes through: nothing; a pooler that renames prepared statements and prepares them wherever
    they are used; or one that knows nothing of them."""

    NONE = "none"
    RENAMES = "renames"
    PLAIN = "plain"


class UtcLoader(TimestamptzLoader):
    """Gives times in UTC, whatever zone the session is in: it is set for transactions only."""

    def load(self, data: Buffer) -> datetime:
        """Read a time."""
        return super().load(data).astimezone(UTC)


def configure(conn: Connection[Any], *, as_told: bool = False) -> Pooling:
    """Make a new connection fit for transactions that leave nothing behind; gives what it goes through.

    Where a pooler would lose prepared statements, none are made, unless the connection is to do `as_told`.
    """
    if conn.info.parameter_status("TimeZone") not in ("UTC", "Etc/UTC"):
        conn.adapters.register_loader("timestamptz", UtcLoader)
    pooling = _pooling(conn)
    if not conn.autocommit:
        conn.rollback()
    if pooling is Pooling.PLAIN and not as_told:
        conn.prepare_threshold = None
    return pooling


def _pooling(conn: Connection[Any]) -> Pooling:
    """A pooler tells of a process of its own making, as it has many of the server's."""
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_SQL["server_process"].sql.encode(), prepare=False)
        row = cursor.fetchone()
        if row is None or row["pid"] == conn.info.backend_pid:
            return Pooling.NONE
        with conn.transaction():  # which is on one of the server's connections
            try:
                with conn.transaction():
                    cursor.execute(_SQL["names_of_prepared"].sql.encode(), prepare=True)
            except errors.DuplicatePreparedStatement:  # another client's is left there
                return Pooling.PLAIN
            left = [row["name"] for row in cursor.fetchall() if row["name"].startswith(_OURS)]
            for name in left:
                cursor.execute(sql.SQL("deallocate {}").format(sql.Identifier(name)), prepare=False)
        return Pooling.PLAIN if left else Pooling.RENAMES
