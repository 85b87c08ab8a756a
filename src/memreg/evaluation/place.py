"""A throwaway database: made on a server, migrated, and dropped at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from memreg.core.dsn import connect_string, where
from memreg.core.ids import uuid7
from memreg.core.queries import Queries
from memreg.core.settings import Settings
from memreg.core.translate import translate, unreachable
from memreg.migrations import runner

PREFIX = "memreg_eval_"

_SQL = Queries.load("memreg.evaluation")


@contextmanager
def throwaway(settings: Settings) -> Iterator[str]:
    """The DSN of a fresh, migrated database, which is dropped at the end.

    It is made on the server of `settings.database_url`, whose user must be allowed to make databases, else on a
    Postgres of its own beside the embedded one. It does not wait for the disk, as it need not outlive a crash.
    Databases that killed evaluations of this user left are dropped too.
    Raises DatabaseUnavailable and its kin, EmbeddedUnavailable.
    """
    if settings.database_url is not None:
        with _database(settings.database_url) as dsn:
            yield dsn
        return
    from memreg.core.embedded import acquire, default_home

    home = (settings.home or default_home()) / "evaluation"
    with acquire(home, durable=False) as lease, _database(lease.dsn) as dsn:
        yield dsn


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"{PREFIX}{uuid7().hex}"
    # The connection stays open under the database's name: that is how another evaluation knows it is in use.
    dsn = make_conninfo(connect_string(server, connect_timeout=10), application_name=name)
    try:
        conn = psycopg.connect(dsn, autocommit=True)
    except (psycopg.Error, OSError) as exc:
        raise unreachable(exc, where(server)) from exc
    with conn:
        _drop_left_over(conn)
        _run(conn, server, "create database {} template template0", name)
        try:
            _run(conn, server, "alter database {} set synchronous_commit = off", name)
            fresh = make_conninfo(server, dbname=name)
            runner.upgrade(fresh)
            yield fresh
        finally:
            with suppress(psycopg.OperationalError):  # the server went away, and what happened is told already
                conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _drop_left_over(conn: psycopg.Connection[Any]) -> None:
    for (name,) in conn.execute(_SQL["left_over_databases"].sql.encode()).fetchall():
        with suppress(psycopg.Error):  # somebody else does it at the same time
            conn.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


def _run(conn: psycopg.Connection[Any], server: str, statement: LiteralString, name: str) -> None:
    try:
        conn.execute(sql.SQL(statement).format(sql.Identifier(name)))
    except psycopg.Error as exc:
        raise translate(exc, where(server), broken=conn.broken) from exc
