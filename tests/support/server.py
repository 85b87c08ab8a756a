"""The Postgres of a test run: the one given, else a container where Docker answers, else the embedded one.

Workers of pytest-xdist are processes of their own; they meet in a folder that the first process makes, and take turns
there by a file lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from memreg.core.embedded import Lease, acquire, status
from memreg.migrations import runner
from tests.support.folders import short_folder

_FOLDER = "MEMREG_TEST_RUN_FOLDER"
_GIVEN = "MEMREG_TEST_DATABASE_URL"
_IMAGE = "postgres:17-alpine"


def make_run_folder() -> None:
    """Make the folder of this run, once, in the process that starts the others."""
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = str(short_folder("memreg-test-"))


def remove_run_folder() -> None:
    """End what the run left: its databases on a given server, its container, its folder."""
    folder = Path(os.environ.pop(_FOLDER))
    if (folder / "template").exists() and _GIVEN in os.environ:
        server = Server(os.environ[_GIVEN], folder.name)
        for name in (*server.clones(), server.template):
            server.drop(name)
    if (folder / "container").exists():
        subprocess.run(
            ["docker", "rm", "-f", "-v", (folder / "container").read_text()], capture_output=True, check=False
        )
    while status(folder / "home")["running"]:  # the last to leave does not wait for its end
        time.sleep(0.02)
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Server:
    """A running server that databases can be made on; `run` tells this run's databases from another's."""

    dsn: str
    run: str
    conn: psycopg.Connection | None = field(default=None, compare=False, repr=False)
    """Kept open to make and remove databases with; None: one is opened each time."""

    @property
    def template(self) -> str:
        """The name of the migrated database that every test's database is a copy of."""
        return f"{self.run}_template".replace("-", "_")

    def dsn_of(self, name: str) -> str:
        """How to connect to a database of this server."""
        return make_conninfo(self.dsn, dbname=name)

    def create(self, template: str = "template0") -> str:
        """A new database, a copy of `template`; gives its name."""
        name = f"{self.run}_{uuid.uuid4().hex}".replace("-", "_")
        # Copying the files is half the work of copying block by block: nothing has to be durable here.
        self._execute("create database {} template {} strategy file_copy", name, template)
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._execute("drop database if exists {} with (force)", name)

    def clones(self) -> list[str]:
        """The databases of this run that are still there."""
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            prefix = self.template.removesuffix("template")
            rows = conn.execute("select datname from pg_database where starts_with(datname, %s)", (prefix,))
            return [row[0] for row in rows if row[0] != self.template]

    def _execute(self, statement: LiteralString, *names: str) -> None:
        whole = sql.SQL(statement).format(*map(sql.Identifier, names))
        if self.conn is not None:
            self.conn.execute(whole)
            return
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            conn.execute(whole)


@contextmanager
def running_server() -> Iterator[Server]:
    """The server of this run, with its template database migrated; joined by every worker, left by the last."""
    folder = Path(os.environ[_FOLDER])
    lease: Lease | None = None
    with _locked(folder):
        dsn = os.environ.get(_GIVEN) or _container(folder)
        if dsn is None:
            lease = acquire(folder / "home", durable=False)
            dsn = lease.dsn
        server = Server(dsn, folder.name)
        if not (folder / "template").exists():
            server._execute("create database {} template template0", server.template)
            runner.upgrade(server.dsn_of(server.template))
            (folder / "template").touch()
    try:
        with psycopg.connect(server.dsn, autocommit=True) as conn:
            yield replace(server, conn=conn)
    finally:
        if lease is not None:
            lease.release()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _container(folder: Path) -> str | None:
    """The DSN of this run's container, started by whoever comes first; None where Docker does not answer."""
    if (folder / "dsn").exists():
        return (folder / "dsn").read_text()
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if subprocess.run(["docker", "info"], capture_output=True, timeout=5, check=False).returncode == 0:
            from testcontainers.core.config import testcontainers_config
            from testcontainers.postgres import PostgresContainer

            testcontainers_config.ryuk_disabled = True  # it would end the container with the first worker
            container = PostgresContainer(_IMAGE, driver=None).start()
            (folder / "container").write_text(str(container.get_wrapped_container().id))
            (folder / "dsn").write_text(container.get_connection_url())
            return container.get_connection_url()
    return None
