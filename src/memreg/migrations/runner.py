"""Applying and checking the migrations; Alembic is imported only when there is something to apply."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from memreg.core.dsn import connect_string, where
from memreg.core.errors import DatabaseError, MigrationsAhead, MigrationsBehind
from memreg.core.logs import get_logger
from memreg.core.queries import Queries
from memreg.core.steps import Steps, fetch_row
from memreg.core.translate import translate, unreachable

_SQL = Queries.load("memreg.migrations")
_LOCK = 0x6D656D726567  # "memreg"
_POLL = 0.1
_ATTEMPTS = 10
_log = get_logger(__name__)


@cache
def revisions() -> tuple[str, ...]:
    """The numbers of the revisions that this memreg brings, in order."""
    names = (entry.name for entry in resources.files("memreg.migrations").joinpath("revisions").iterdir())
    return tuple(sorted(found[1] for name in names if (found := re.fullmatch(r"(\d{4})_\w+\.py", name))))


def expected() -> str:
    """The revision that this memreg needs."""
    return revisions()[-1]


def current_plan() -> Steps[str | None]:
    """The revision that the database is at; None where it never was migrated."""
    found = yield from fetch_row(_SQL["find_version_table"]())
    if found is None or not found["exists"]:
        return None
    row = yield from fetch_row(_SQL["read_version"]())
    return row["version"] if row else None


def current(conn: psycopg.Connection[Any]) -> str | None:
    """The revision that the database is at; None where it never was migrated."""
    steps = current_plan()
    try:
        batch = next(steps)
        with conn.cursor(row_factory=dict_row) as cursor:
            while True:
                batch = steps.send([cursor.execute(asked.query.sql.encode()).fetchall() for asked in batch])
    except StopIteration as stop:
        version: str | None = stop.value
        return version


def check(conn: psycopg.Connection[Any]) -> None:
    """Raise MigrationsBehind or MigrationsAhead where the database is not at the revision that this memreg needs."""
    compare(current(conn))


def compare(version: str | None) -> None:
    """Raise MigrationsBehind or MigrationsAhead where `version` is not the revision that this memreg needs."""
    if version == expected():
        return
    kind = MigrationsBehind if version is None or version in revisions() else MigrationsAhead
    raise kind(current=version or "none", expected=expected())


def upgrade(dsn: str, *, wait: float = 600, to: str | None = None) -> list[str]:
    """Bring the database to the revision `to`, None being the one that this memreg needs, and name what was applied.

    Two at once: the second waits for the first, `wait` seconds at most, and finds nothing left to do.

    Raises MigrationsAhead, DatabaseReadOnly, DatabaseUnavailable, LoginRefused and DatabaseError.
    """
    with _connection(dsn) as conn:
        before = current(conn)
        conn.commit()
        if before == expected():
            return []
        with _connection(dsn) as holder:
            _lock(holder, wait)
            before = current(conn)
            if before is not None and before not in revisions():
                compare(before)
            _make_schema(conn)
            conn.commit()
            target = to or expected()
            missing = [number for number in revisions() if (before is None or number > before) and number <= target]
            if missing:
                _apply_among_others(conn, target)
                _log.info("migrated", migrations=missing)
            holder.rollback()
            return missing


def _make_schema(conn: psycopg.Connection[Any]) -> None:
    """Make the schema `memreg` unless somebody made it for us: even `if not exists` asks for the right to make one."""
    row = conn.execute("select to_regnamespace('memreg') is not null").fetchone()
    if row is None or not row[0]:
        conn.execute("create schema if not exists memreg")


@contextmanager
def _connection(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    place = where(dsn)
    try:
        text = connect_string(dsn, connect_timeout=10)
        conn: psycopg.Connection[Any] = psycopg.connect(text, prepare_threshold=None)  # a pooler may be in between
    except (psycopg.Error, OSError) as exc:
        raise unreachable(exc, place) from exc
    try:
        yield conn
    except psycopg.Error as exc:
        raise translate(exc, place, broken=conn.broken) from exc
    finally:
        conn.close()  # and with it what it holds


def _lock(holder: psycopg.Connection[Any], wait: float) -> None:
    """Hold the lock in a transaction that stays open, as a lock of the session would be lost behind a pooler.

    Poll: a waiting lock would deadlock with a CREATE INDEX CONCURRENTLY of the one who holds it. For the same reason
    nothing of the transaction but the lock may last: each statement of it has a snapshot of its own.
    """
    holder.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    until = time.monotonic() + wait
    while True:
        holder.execute("set local idle_in_transaction_session_timeout = 0")
        # Without parameters: with some it is a portal of the server, which keeps its snapshot until the next statement.
        row = holder.execute(sql.SQL("select pg_try_advisory_xact_lock({}) as held").format(_LOCK)).fetchone()
        if row is not None and row[0]:
            return
        holder.rollback()
        if time.monotonic() >= until:
            raise DatabaseError(reason=f"another migration has held its lock for {wait:g} seconds")
        time.sleep(_POLL)


def _apply_among_others(conn: psycopg.Connection[Any], target: str) -> None:
    """Apply; who writes meanwhile takes the tables in another order, and a revision may be the one that gives way."""
    attempt = 1
    while True:
        try:
            _apply(conn, target)
        except psycopg.errors.DeadlockDetected:
            conn.rollback()
            if attempt == _ATTEMPTS:
                raise
        else:
            return
        _log.info("migration_retried", attempt=attempt)
        time.sleep(random.uniform(0, _POLL * attempt))
        attempt += 1


def _apply(conn: psycopg.Connection[Any], target: str) -> None:
    """Run Alembic to the revision on this connection, while another holds the lock."""
    from alembic import command
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import StaticPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: conn, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, target)
    except DBAPIError as exc:
        raise (exc.orig or exc) from exc


def alembic_config() -> Any:
    """Alembic's configuration, made here so that no file of it is needed."""
    from alembic.config import Config

    folder = str(resources.files("memreg.migrations")).replace("%", "%%")
    config = Config()
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{folder}/revisions")
    return config
