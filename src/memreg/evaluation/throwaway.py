"""A database for a while: fresh and migrated, on the server that a person named or on an embedded one of its own."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from memreg.core.database import Database
from memreg.core.dsn import connect_string, where
from memreg.core.settings import Settings
from memreg.core.translate import translate, unreachable

_STOPPING = 30.0  # seconds


@contextmanager
def throwaway(settings: Settings) -> Iterator[Database]:
    """An open database that is gone afterwards, whatever happens in it; nobody's memories are touched.

    Where `settings` name a database, another one is made on its server, which takes the right to create databases.
    Raises DatabaseError and its kin.
    """
    if settings.database_url is None:
        with _embedded() as dsn, Database.connect(settings, dsn=dsn, migrate=True) as database:
            yield database
        return
    name = f"memreg_eval_{uuid.uuid4().hex[:12]}"
    _execute(settings.database_url, "create database {} template template0", name)
    try:
        dsn = make_conninfo(settings.database_url, dbname=name)
        with Database.connect(settings, dsn=dsn, migrate=True) as database:
            yield database
    finally:
        _execute(settings.database_url, "drop database if exists {} with (force)", name)


@contextmanager
def _embedded() -> Iterator[str]:
    from memreg.core.embedded import acquire, status

    folder = Path(tempfile.mkdtemp(prefix="memreg-eval-", dir="/tmp"))  # short: a socket's path has 107 bytes at most
    folder.chmod(0o755)  # as root the server runs as another account, which must get in
    home = folder / "home"
    try:
        with acquire(home, durable=False) as lease:
            yield lease.dsn
    finally:
        deadline = time.monotonic() + _STOPPING
        while any(status(home)[what] for what in ("running", "guarded")) and time.monotonic() < deadline:
            time.sleep(0.05)
        with suppress(OSError):
            shutil.rmtree(folder)


def _execute(dsn: str, statement: LiteralString, name: str) -> None:
    try:
        conn = psycopg.connect(connect_string(dsn, connect_timeout=10), autocommit=True)
    except (psycopg.Error, OSError) as exc:
        raise unreachable(exc, where(dsn)) from exc
    try:
        conn.execute(sql.SQL(statement).format(sql.Identifier(name)))
    except psycopg.Error as exc:
        raise translate(exc, where(dsn), broken=conn.broken) from exc
    finally:
        conn.close()
