"""Snapshots of before 0006 stay as they were: nobody asked for them, and a later one may be asked for by somebody."""

from __future__ import annotations

import psycopg

from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.migrations import runner
from tests.support.engines import people

INSERT = b"""
insert into memreg.calibrations (tenant, schema, class, snapshot, change, documents, frequencies, created_at)
values ('default', 'people', 'Person', 1, 40, 30, '{"oslo": 7}', now())
"""


def test_an_old_snapshot_is_nobodys_and_can_be_overridden(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url, to="0004")
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(INSERT)
    runner.upgrade(empty_database_url)
    with Database.connect(Settings(database_url=empty_database_url)) as database:
        engine = people(database)
        old = engine.calibration("Person")
        assert (old.snapshot, old.memories, old.learned_from, old.overrides) == (1, 30, 0, ())
        assert engine.calibrate("Person", shift=-1, by="ana", why="twins").snapshot == 2
    with psycopg.connect(empty_database_url) as conn:
        kept = conn.execute("select change, documents, frequencies, set_by from memreg.calibrations order by snapshot")
        assert kept.fetchall() == [(40, 30, {"oslo": 7}, None), (40, 30, {"oslo": 7}, "ana")]
