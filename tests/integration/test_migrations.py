"""The runner: what it applies, what it waits for, what it refuses, and the tables that it leaves."""

from __future__ import annotations

import subprocess
import sys
import threading

import psycopg
import pytest
from psycopg import sql

from memreg.core.errors import (
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    MigrationsAhead,
    MigrationsBehind,
)
from memreg.migrations import runner


def version(dsn: str) -> str | None:
    with psycopg.connect(dsn) as conn:
        return runner.current(conn)


def relations(dsn: str, schema: str) -> set[str]:
    with psycopg.connect(dsn) as conn:
        rows = conn.execute("select relname from pg_class where relnamespace = %s::regnamespace", (schema,))
        return {row[0] for row in rows}


def read_only(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        name = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("alter database {} set default_transaction_read_only = on").format(name))


def test_from_nothing_to_the_newest_and_then_nothing(empty_database_url: str) -> None:
    assert version(empty_database_url) is None
    assert runner.upgrade(empty_database_url) == list(runner.revisions())
    assert version(empty_database_url) == runner.expected()
    assert runner.upgrade(empty_database_url) == []


def test_everything_is_in_our_schema(empty_database_url: str) -> None:
    before = relations(empty_database_url, "public")
    runner.upgrade(empty_database_url)
    assert relations(empty_database_url, "public") == before
    ours = relations(empty_database_url, "memreg")
    assert {"alembic_version", "memories", "audit_log", "procrastinate_jobs"} <= ours


def test_both_forms_of_a_dsn(empty_database_url: str) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(empty_database_url)
    password = f":{parts['password']}" if "password" in parts else ""
    host = str(parts["host"]).replace("/", "%2F")
    url = f"postgresql://{parts['user']}{password}@{host}:{parts.get('port', 5432)}/{parts['dbname']}"
    assert runner.upgrade(url) == list(runner.revisions())
    assert runner.upgrade(empty_database_url) == []


def test_two_at_once_one_waits(empty_database_url: str) -> None:
    applied: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: applied.append(runner.upgrade(empty_database_url, wait=60))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[], [], [], list(runner.revisions())]


def test_the_wait_has_an_end(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as other:
        other.execute("select pg_advisory_lock(%s)", (runner._LOCK,))
        with pytest.raises(DatabaseError, match=r"another migration has held its lock for 0\.3 seconds"):
            runner.upgrade(empty_database_url, wait=0.3)
    assert version(empty_database_url) is None
    assert runner.upgrade(empty_database_url, wait=0) == list(runner.revisions())


def test_a_waiter_does_not_stop_a_concurrent_index(empty_database_url: str) -> None:
    """CREATE INDEX CONCURRENTLY waits for every older transaction; a waiter that polls is in none."""
    with psycopg.connect(empty_database_url, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(%s)", (runner._LOCK,))
        holder.execute("create table thing (n int)")
        waiter = threading.Thread(target=runner.upgrade, args=(empty_database_url,))
        waiter.start()
        holder.execute("set lock_timeout = '20s'")
        holder.execute("create index concurrently thing_n on thing (n)")
        holder.execute("select pg_advisory_unlock(%s)", (runner._LOCK,))
        waiter.join()
    assert version(empty_database_url) == runner.expected()


def test_check(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        with pytest.raises(MigrationsBehind, match=r"at migration none, this memreg needs \d{4}. Run `memreg migrate`"):
            runner.check(conn)
        runner.upgrade(empty_database_url)
        runner.check(conn)
        conn.execute("update memreg.alembic_version set version_num = '0001'")
        with pytest.raises(MigrationsBehind, match="at migration 0001"):
            runner.check(conn)
        conn.execute("update memreg.alembic_version set version_num = '9999'")
        with pytest.raises(MigrationsAhead, match="at migration 9999, newer than this memreg knows .* Upgrade memreg"):
            runner.check(conn)
        conn.execute("delete from memreg.alembic_version")
        with pytest.raises(MigrationsBehind, match="at migration none"):
            runner.check(conn)


def test_ahead_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("update memreg.alembic_version set version_num = '9999'")
    with pytest.raises(MigrationsAhead):
        runner.upgrade(database_url)
    assert version(database_url) == "9999"


def test_read_only_is_refused(empty_database_url: str) -> None:
    read_only(empty_database_url)
    with pytest.raises(DatabaseReadOnly, match="is read-only"):
        runner.upgrade(empty_database_url)


def test_an_up_to_date_database_may_be_read_only(database_url: str) -> None:
    read_only(database_url)
    assert runner.upgrade(database_url) == []


def test_down_is_said() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1/memories cannot be reached"):
        runner.upgrade("postgresql://127.0.0.1:1/memories")


def test_a_revision_that_fails_leaves_nothing_of_itself(empty_database_url: str) -> None:
    """A table in the way of the second revision: the first stays, the second is as if it had not begun."""
    with psycopg.connect(empty_database_url) as conn:
        conn.execute("create schema memreg")
        conn.execute("create table memreg.procrastinate_periodic_defers ()")
    with pytest.raises(DatabaseError, match='relation "procrastinate_periodic_defers" already exists'):
        runner.upgrade(empty_database_url)
    assert version(empty_database_url) == "0001"
    assert "procrastinate_jobs" not in relations(empty_database_url, "memreg")
    with psycopg.connect(empty_database_url) as conn:
        conn.execute("drop table memreg.procrastinate_periodic_defers")
    assert runner.upgrade(empty_database_url) == list(runner.revisions()[1:])


def test_a_role_that_may_not_create_is_told(server_role: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied for database"):
        runner.upgrade(server_role)


def test_a_role_to_whom_the_schema_was_given_needs_no_right_to_make_one(server_role: str) -> None:
    with psycopg.connect(server_role, autocommit=True) as conn:
        conn.execute("set role none")
        conn.execute("create schema memreg authorization pg_monitor")
    assert runner.upgrade(server_role) == list(runner.revisions())


@pytest.fixture
def server_role(empty_database_url: str) -> str:
    """The empty database, for sessions that have given up every right."""
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        name = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("alter database {} set role pg_monitor").format(name))
    return empty_database_url


def test_looking_does_not_import_alembic(database_url: str) -> None:
    """The fast path of every command: a check costs no import of Alembic or SQLAlchemy."""
    code = (
        "import sys; from memreg.core.database import Database; from memreg.core.settings import Settings\n"
        "from memreg.migrations import runner\n"
        "Database.connect(Settings(), dsn=sys.argv[1]).close()\n"
        "assert runner.upgrade(sys.argv[1]) == []\n"
        "print([name for name in ('alembic', 'sqlalchemy', 'procrastinate') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, database_url], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
