"""The command on a database that it cannot use: one sentence says what, where and what to do, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from memreg.migrations import runner
from tests.acceptance.conftest import PEOPLE
from tests.support.cluster import CONNECTIONS, OWNER, PASSWORD, Cluster, running_cluster
from tests.support.command import MEMREG, Command

SAID = '{"text": "Ana Lopez lives in Oslo, ana@lopez.io", "id": "a1"}\n'
EVERY = (
    ("memories",), ("search", "ana"), ("ingest",), ("schemas",), ("register", "people.yaml"), ("approve", "people"),
    ("audit",), ("kill-switch", "on"), ("resolve",), ("review",), ("backfill", "people", "--to", "1"),
)  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def memreg(cluster: Cluster, tmp_path: Path) -> Iterator[Command]:
    """The command on a fresh database of a server with passwords and few connections; `people` is in force."""
    with alone(cluster) as conn:
        conn.execute("create database words")
    dsn = cluster.dsn(dbname="words")
    runner.upgrade(dsn)
    (tmp_path / "people.yaml").write_text(PEOPLE)
    memreg = Command(tmp_path, {"MEMREG_DATABASE_URL": dsn, "MEMREG_CONNECT_TIMEOUT": "5"})
    memreg("register", "people.yaml")
    memreg("approve", "people")
    yield memreg
    with alone(cluster) as conn:
        conn.execute("drop database words with (force)")


@contextmanager
def alone(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    """A connection, once those that others closed have ended on the server too: it takes a moment over each."""
    others = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        for _ in range(200):
            if conn.execute(others).fetchone() == (0,):
                break
            time.sleep(0.05)
        else:
            pytest.fail("other connections stay")
        yield conn


def until_decided(memreg: Command, message_id: str) -> None:
    """Wait until a message is decided."""
    with psycopg.connect(memreg.settings["MEMREG_DATABASE_URL"], autocommit=True) as conn:
        for _ in range(400):
            if conn.execute(
                "select 1 from memreg.messages where id = %s and status = 'decided'", [message_id]
            ).fetchone():
                return
            time.sleep(0.05)
    pytest.fail(f"{message_id} is not decided")


def refused(memreg: Command, *arguments: str, **settings: str) -> str:
    """The one line of a command that was refused."""
    done = memreg(*arguments, stdin=SAID, status=1, **settings)
    (line,) = done.stderr.splitlines()
    assert PASSWORD not in line
    return line


def test_a_wrong_password(memreg: Command, cluster: Cluster) -> None:
    wrong = cluster.dsn(password="wrong one", dbname="words")
    where = f"{OWNER}@127.0.0.1:{cluster.port}/words"
    for arguments in (*EVERY, ("migrate",)):
        assert refused(memreg, *arguments, "--database", wrong) == (
            f'The database at {where} refused the login: password authentication failed for user "{OWNER}". '
            "Correct the user or password in MEMREG_DATABASE_URL."
        )


@pytest.mark.parametrize(
    ("migration", "words"),
    [
        ("0001", "The database is at migration 0001, this memreg needs {expected}. Run `memreg migrate`."),
        ("9999", "The database is at migration 9999, newer than this memreg knows ({expected}). Upgrade memreg."),
    ],
    ids=["behind", "ahead"],
)
def test_another_migration(memreg: Command, migration: str, words: str) -> None:
    expected = runner.expected()
    with psycopg.connect(memreg.settings["MEMREG_DATABASE_URL"], autocommit=True) as conn:
        conn.execute("update memreg.alembic_version set version_num = %s", [migration])
    for arguments in EVERY:
        assert refused(memreg, *arguments) == words.format(expected=expected)
    if migration > expected:
        assert refused(memreg, "migrate") == words.format(expected=expected)


def test_migrating_is_all_that_a_new_database_needs(memreg: Command, cluster: Cluster) -> None:
    with alone(cluster) as conn:
        conn.execute("create database bare")
    bare = cluster.dsn(dbname="bare")
    assert refused(memreg, "schemas", "--database", bare).endswith("Run `memreg migrate`.")
    memreg("migrate", "--database", bare)
    assert memreg.json("schemas", "--database", bare) == []
    with alone(cluster) as conn:
        conn.execute("drop database bare")


def test_a_read_only_database_is_read_and_not_written(memreg: Command, cluster: Cluster) -> None:
    memreg("ingest", stdin="Bo Berg lives in Rome, bo@x.io\n")
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute("alter database words set default_transaction_read_only = on")
    words = f"The database at {OWNER}@127.0.0.1:{cluster.port}/words is read-only (a standby?), and memreg writes. "
    words += "Point MEMREG_DATABASE_URL at the primary."
    (memreg.folder / "people.yaml").write_text(PEOPLE.replace("Full name", "The whole name"))
    for arguments in (("register", "people.yaml"), ("annotate", "people"), ("kill-switch", "on")):
        assert refused(memreg, *arguments) == words
    stopped = "Stopped at standard input, line 1; what came before is kept. "
    assert refused(memreg, "ingest") == stopped + words
    assert [each["values"]["name"] for each in memreg.json("memories")] == ["Bo Berg"]
    assert memreg.json("search", "rome")
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute("alter database words reset default_transaction_read_only")
    memreg("ingest", stdin=SAID)
    assert len(memreg.json("memories")) == 2


def test_a_server_without_a_free_connection(memreg: Command, cluster: Cluster) -> None:
    with ExitStack() as others:
        others.enter_context(alone(cluster))
        for _ in range(CONNECTIONS - 1):
            others.enter_context(psycopg.connect(cluster.dsn()))
        for arguments in (("memories",), ("ingest",), ("migrate",)):
            line = refused(memreg, *arguments)
            assert line.startswith(f"No connection to the database at {OWNER}@127.0.0.1:{cluster.port}/words became")
            assert line.endswith("Lower MEMREG_POOL_SIZE or raise max_connections.")
    with alone(cluster):
        pass
    assert memreg.json("ingest", stdin=SAID)["counts"]["decided"] == 1


def test_a_server_that_goes_in_the_middle(memreg: Command, cluster: Cluster) -> None:
    """The line where it stopped is named, what came before is kept, and sending all again loses and doubles nothing."""
    second = SAID.replace("Ana Lopez", "Bo Berg").replace("ana@", "bo@").replace("a1", "a2")
    environment = {"PATH": "/usr/bin:/bin", **memreg.settings}
    with subprocess.Popen(
        [MEMREG, "ingest", "--json"],
        env=environment,
        cwd=memreg.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin is not None
        running.stdin.write(SAID)
        running.stdin.flush()
        until_decided(memreg, "a1")
        cluster.stop()
        out, err = running.communicate(second)
    try:
        assert running.returncode == 1
        assert "Traceback" not in err
        told = json.loads(out)
        assert told["counts"]["decided"] == 1
        assert told["stopped"]["line"] == 2
        assert "Stopped at standard input, line 2; what came before is kept. The " in err
        assert refused(memreg, "memories").startswith(f"The database at {OWNER}@127.0.0.1:{cluster.port}/words cannot")
    finally:
        cluster.start()
    again = memreg.json("ingest", stdin=SAID + second)
    assert (again["counts"]["replayed"], again["counts"]["decided"]) == (1, 1)
    assert len(memreg.json("memories")) == 2
