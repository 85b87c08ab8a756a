"""Messages and acts in any order: the audit always rebuilds the state, and undoing all of it leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from bench.acts_machine import SCHEMA, Lives
from memreg.core.database import Database
from memreg.core.settings import Settings
from tests.support.engines import register
from tests.support.server import Server


@pytest.fixture(scope="module")
def module_database(server: Server) -> Iterator[Database]:
    name = server.create(server.template)
    with Database.connect(Settings(database_url=server.dsn_of(name))) as database:
        register(database, SCHEMA)
        yield database
    server.drop(name)


def test_lives(module_database: Database) -> None:
    Lives.database = module_database
    run_state_machine_as_test(Lives, settings=settings(max_examples=12, stateful_step_count=12))
    assert Lives.tally.steps
    assert Lives.tally.undone
