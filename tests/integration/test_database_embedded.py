"""The embedded server behind a Database: started, migrated, shared, and started again when it was killed."""

from __future__ import annotations

import os
import select
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.embedded import status
from memreg.core.errors import ConnectionLost, EmbeddedUnavailable
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.core.steps import Row, Steps, fetch_row
from memreg.migrations import runner
from tests.support.folders import short_folder

PUT = Query("put", "Put.", "insert into memreg.schemas (name) values (%(name)s)")
COUNT = Query("count", "Count.", "select count(*)::int as n from memreg.schemas")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that the server's account can reach, and whose path a socket can have."""
    folder = short_folder("memreg-home-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def ask(query: Query, **params: object) -> Steps[Row | None]:
    return fetch_row(query(**params))


def kill(home: Path, connection: int) -> None:
    """Kill the postmaster, and wait until the process behind a connection has noticed."""
    os.kill(int(status(home)["pid"]), signal.SIGKILL)
    assert select.select([connection], [], [], 30)[0], "the server's side of the connection stays"


def test_starts_migrates_and_is_shared(home: Path) -> None:
    settings = Settings(home=home)
    with Database.connect(settings) as first:
        assert first.applied == runner.revisions()
        assert str(home) in first.where
        first.run_admin(lambda: ask(PUT, name="assistant"))
        with Database.connect(settings) as second:
            assert second.applied == ()
            assert second.run_admin(lambda: ask(COUNT)) == {"n": 1}
        assert first.run_admin(lambda: ask(COUNT)) == {"n": 1}
    with Database.connect(settings) as later:
        assert later.run_admin(lambda: ask(COUNT)) == {"n": 1}


def test_a_server_killed_while_idle_is_started_again_unseen(home: Path) -> None:
    with Database.connect(Settings(home=home)) as database:
        database.run_admin(lambda: ask(PUT, name="assistant"))
        with database.transaction("t") as conn:
            pooled = conn
        kill(home, pooled.fileno())
        assert database.run_admin(lambda: ask(COUNT)) == {"n": 1}


async def test_a_server_killed_in_the_middle_is_started_again_for_the_next(home: Path) -> None:
    async with AsyncDatabase(Settings(home=home)) as database:
        await database.run_admin(lambda: ask(PUT, name="assistant"))
        with pytest.raises(ConnectionLost):
            async with database.transaction("t") as conn:
                kill(home, conn.fileno())
                await conn.execute("select 1")
        assert await database.run_admin(lambda: ask(COUNT)) == {"n": 1}


def test_a_home_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedUnavailable, match="MEMREG_HOME"):
        Database.connect(Settings(home=tmp_path / "file"))
