"""Logins and limits of a server with passwords: wrong ones, too many connections, a server that comes and goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import (
    ConnectionLost,
    DatabaseError,
    DatabaseUnavailable,
    LoginRefused,
    TooManyConnections,
)
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.core.steps import Steps, fetch_row
from memreg.migrations import runner
from tests.support.cluster import CONNECTIONS, Cluster, running_cluster

HASTY = Settings(connect_timeout=0.3)
READ = Query("read", "Read.", "select count(*) as n from memreg.memories")
WORKER, WORD = "worker", "battery staple"


def count() -> Steps[int]:
    row = yield from fetch_row(READ())
    assert row is not None
    n: int = row["n"]
    return n


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server with passwords and four connections, migrated; `guest` may log in and read nothing but the version."""
    with running_cluster() as cluster:
        runner.upgrade(cluster.dsn())
        with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
            conn.execute("create role worker login password 'battery staple'")
            conn.execute("create role idle nologin password 'battery staple'")
            conn.execute("create role guest login password 'battery staple'")
            conn.execute("grant memreg_app, memreg_operator to worker")
            conn.execute("grant usage on schema memreg to guest")
            conn.execute("grant select on memreg.alembic_version to guest")
        yield cluster


def test_the_right_password(cluster: Cluster) -> None:
    with Database.connect(HASTY, dsn=cluster.dsn()) as database:
        assert database.run("t", count) == 0


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [
        ("owner", "wrong one", 'password authentication failed for user "owner"'),
        ("owner", "", "no password supplied"),
        ("nobody'; --", "wrong one", "password authentication failed"),
        ("idle", WORD, 'role "idle" is not permitted to log in'),
    ],
)
def test_a_login_is_refused(cluster: Cluster, user: str, password: str, reason: str) -> None:
    with pytest.raises(LoginRefused) as refused:
        Database.connect(HASTY, dsn=cluster.dsn(user, password))
    message = str(refused.value)
    assert reason in message
    assert "Correct the user or password in MEMREG_DATABASE_URL" in message
    assert "\n" not in message
    assert not password or password not in message
    with pytest.raises(LoginRefused):
        runner.upgrade(cluster.dsn(user, password))


async def test_a_login_is_refused_to_coroutines_too(cluster: Cluster) -> None:
    with pytest.raises(LoginRefused, match="password authentication failed"):
        await AsyncDatabase.connect(HASTY, dsn=cluster.dsn(password="wrong one"))


def test_a_database_that_does_not_exist(cluster: Cluster) -> None:
    with pytest.raises(DatabaseUnavailable, match='database "no_such" does not exist'):
        Database.connect(HASTY, dsn=cluster.dsn(dbname="no_such"))


def test_a_role_without_rights(cluster: Cluster) -> None:
    with Database.connect(HASTY, dsn=cluster.dsn("guest", WORD)) as database:
        with pytest.raises(
            DatabaseError, match='denied to set role "memreg_app". As an administrator, run `grant memreg_app'
        ):
            database.run("t", count)


def test_the_server_is_out_of_connections(cluster: Cluster) -> None:
    dsn = cluster.dsn(WORKER, WORD)
    with Database.connect(HASTY, dsn=dsn) as database:
        with ExitStack() as others:
            alone = others.enter_context(psycopg.connect(cluster.dsn(), autocommit=True))
            until_alone(alone)
            for _ in range(CONNECTIONS - 2):
                others.enter_context(psycopg.connect(dsn))
            with pytest.raises(TooManyConnections, match="remaining connection slots|too many clients"):
                database.run("t", count)
            with pytest.raises(TooManyConnections, match=r"raise max_connections\.$"):
                Database.connect(HASTY, dsn=dsn)
        assert database.run("t", count) == 0


def until_alone(conn: psycopg.Connection[Any]) -> None:
    """Wait for the ends of connections that were closed before: the server takes a moment over each."""
    others = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    for _ in range(200):
        row = conn.execute(others).fetchone()
        if row == (0,):
            return
        time.sleep(0.05)
    pytest.fail("other connections stay")


def test_a_server_that_goes_and_comes_back(cluster: Cluster) -> None:
    """Inside a transaction it is lost, while it is away that is said, and afterwards the same database works again."""
    with Database.connect(HASTY, dsn=cluster.dsn()) as database:
        with pytest.raises(ConnectionLost), database.transaction("t") as conn:
            cluster.stop()
            conn.execute("select 1")
        with pytest.raises(DatabaseUnavailable, match="owner@127.0.0.1:.*/postgres cannot be reached: .*refused"):
            database.run("t", count)
        cluster.start()
        assert database.run("t", count) == 0
