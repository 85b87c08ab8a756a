"""Fixtures of the whole suite: one server a run, one migrated template, one fresh database a test."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.settings import Settings
from tests.support.server import Server, make_run_folder, remove_run_folder, running_server
from tests.support.spans import Traces, left_by_a_test, reset, tracing


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        make_run_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        remove_run_folder()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests, and no home of theirs, reaches a test."""
    for name in list(os.environ):
        if name.startswith(("MEMREG_", "OPENAI_")) and not name.startswith("MEMREG_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MEMREG_HOME", str(tmp_path / "no-home"))


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that is run in this process sets up logging for itself, and leaves it so."""
    loggers = [logging.getLogger(name) for name in ("memreg", "psycopg", "opentelemetry")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def _tracing_as_it_was() -> Iterator[None]:
    """A page of the documentation, or a command that is run in this process, sets up tracing for itself alone."""
    yield
    if left_by_a_test():
        reset()


@pytest.fixture
def traces() -> Iterator[Traces]:
    """An application that has set up tracing, and what it sees."""
    with tracing() as traces:
        yield traces


@pytest.fixture(autouse=True)
def _no_worker_outlives_its_test() -> Iterator[None]:
    """A worker that nobody stops asks a dropped database for work all through the tests that follow."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before and thread.name == "memreg writer"]
    assert not left, f"{len(left)} background writers were left running: close the engine that submitted"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of this run."""
    with running_server() as server:
        yield server


@pytest.fixture
def empty_database_url(server: Server) -> Iterator[str]:
    """A fresh database without memreg's tables; its DSN."""
    name = server.create()
    yield server.dsn_of(name)
    server.drop(name)


@pytest.fixture
def database_url(server: Server) -> Iterator[str]:
    """A fresh, migrated database; its DSN."""
    name = server.create(server.template)
    yield server.dsn_of(name)
    server.drop(name)


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings that name the test's database."""
    return Settings(database_url=database_url, connect_timeout=5)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The test's database, open."""
    with Database.connect(settings) as database:
        yield database


@pytest.fixture
async def async_database(settings: Settings) -> AsyncIterator[AsyncDatabase]:
    """The test's database, open, for coroutines."""
    async with await AsyncDatabase.connect(settings) as database:
        yield database
