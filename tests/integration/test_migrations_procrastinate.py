"""procrastinate's tables inside our schema: jobs are deferred, found and done there, also inside our transactions."""

from __future__ import annotations

from pathlib import Path

import psycopg
from procrastinate import App, SyncPsycopgConnector
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.schema import SchemaManager

from memreg.core.database import Database

NEWEST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
OPTIONS = {"options": "-c search_path=memreg"}


def jobs(dsn: str) -> list[tuple[str, str]]:
    with psycopg.connect(dsn) as conn:
        rows = conn.execute("select task_name, status::text from memreg.procrastinate_jobs order by id").fetchall()
        return [(row[0], row[1]) for row in rows]


def test_a_job_is_deferred(database_url: str) -> None:
    app = App(connector=SyncPsycopgConnector(conninfo=database_url, kwargs=OPTIONS))

    @app.task(name="count")
    def count(n: int) -> int:
        return n + 1

    with app.open():
        count.defer(n=1)
        assert app.check_connection()
    assert jobs(database_url) == [("count", "todo")]


async def test_a_worker_does_a_job(database_url: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=database_url, kwargs=OPTIONS))
    done: list[int] = []

    @app.task(name="count", retry=1)
    async def count(n: int) -> None:
        done.append(n)

    async with app.open_async():
        await count.defer_async(n=7)
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
    assert done == [7]
    assert jobs(database_url) == [("count", "succeeded")]


def test_its_functions_work_inside_our_transactions(database: Database, database_url: str) -> None:
    """Without a search_path of the caller's: the functions bring their own, so a defer commits with our rows."""
    job = "row('queue', 'count', 0, null, null, '{\"tenant\": \"acme\"}', null)::memreg.procrastinate_job_to_defer_v1"
    with database.transaction("acme") as conn:
        conn.execute(f"select memreg.procrastinate_defer_jobs_v1(array[{job}])".encode())
    assert jobs(database_url) == [("count", "todo")]
    with database.transaction("acme") as conn:
        rows = conn.execute(
            "select proname, proconfig from pg_proc"
            " where pronamespace = 'memreg'::regnamespace and starts_with(proname, 'procrastinate_')"
        ).fetchall()
        assert len(rows) > 10
        for row in rows:
            assert row["proconfig"] == ["search_path=memreg, pg_catalog"], row["proname"]


def test_the_installed_procrastinate_brings_the_tables_that_revision_2_made() -> None:
    """A release of procrastinate with another schema needs a revision of ours that applies the difference."""
    migrations = Path(SchemaManager.get_migrations_path()).glob("*.sql")
    assert max(path.name for path in migrations) == NEWEST
