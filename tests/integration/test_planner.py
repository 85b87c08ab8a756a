"""The planner looks at the tables when they have doubled, and nobody waits for that."""

from __future__ import annotations

import psycopg

from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import fetch_rows
from memreg.engine.refresh import look_at_tables
from tests.support.engines import people, say

KNOWN = Query(
    "known", "Rows that the planner knows of.", "select reltuples from pg_class where oid = 'memreg.memories'::regclass"
)


def known(database: Database) -> float:
    rows = database.run_admin(lambda: fetch_rows(KNOWN()))
    return float(rows[0]["reltuples"])


def test_the_planner_looks_once_there_is_something_to_see(database: Database) -> None:
    engine = people(database)
    for number in range(3):
        say(engine, name=f"Nr {number}")
    assert database.run("default", look_at_tables)
    assert known(database) == 3
    say(engine, name="Ana Lopez")
    assert not database.run("default", look_at_tables)
    assert known(database) == 3


def test_a_table_that_somebody_looks_at_is_left_to_them(database: Database, database_url: str) -> None:
    say(people(database), name="Ana Lopez")
    with psycopg.connect(database_url) as other:
        other.execute("lock table memreg.memories in share update exclusive mode")
        assert database.run("default", look_at_tables)
        assert known(database) < 0
    assert database.run("default", look_at_tables)
    assert known(database) == 1
