"""A migration on a database in which others write at the time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from memreg.migrations import runner

WAITING = b"""
select from pg_locks
where not granted and locktype = 'relation' and relation = 'memreg.messages'::regclass
"""


def test_who_writes_into_the_same_tables_in_another_order_delays_it_only(empty_database_url: str) -> None:
    """A message is kept before the memories that it makes; a migration changes the tables in an order of its own."""
    runner.upgrade(empty_database_url, to="0008")
    with (
        psycopg.connect(empty_database_url) as writer,
        psycopg.connect(empty_database_url, autocommit=True) as watcher,
        ThreadPoolExecutor(1) as pool,
    ):
        writer.execute("set deadlock_timeout = '1min'")  # so that the migration is the one that finds it
        writer.commit()
        writer.execute("lock table memreg.messages in row exclusive mode")
        migrating = pool.submit(runner.upgrade, empty_database_url)
        while not watcher.execute(WAITING).fetchall():
            time.sleep(0.01)
        writer.execute("lock table memreg.memories in row exclusive mode")
        writer.commit()
        assert migrating.result() == [number for number in runner.revisions() if number > "0008"]
    with psycopg.connect(empty_database_url) as conn:
        runner.check(conn)
