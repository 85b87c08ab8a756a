"""Backfills left to workers: done beside messages, halted, taken over, tried again; and what old code writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from memreg.api import worker
from memreg.api.engine import Engine
from memreg.api.writers import Writer
from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import fetch, fetch_rows
from memreg.engine.model import Action, Proposal
from memreg.operations.backfill import Backfill, backfill, pause, resume, start, status
from memreg.operations.metrics import metrics
from tests.support.people import SCHEMA, engine_of, register, rows, say
from tests.support.scripted import Scripted, named

OLD = """
schema: people
compatibility: none
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, normalize: [email]}
    annotation: {searchable: {name: 3}, identity: [{columns: [email], strength: strong}]}
"""
NEW = OLD.replace("name:  {", "called: {from: name, ").replace("{name: 3}", "{called: 3}")
JOBS = Query("jobs", "Jobs.", "select status, worker_id from memreg.procrastinate_jobs order by id")
TAKEN = Query(
    "taken",
    "As after a kill: a job that is being done by nobody.",
    "update memreg.procrastinate_jobs set status = 'doing', worker_id = null returning id",
)


@pytest.fixture
def thirty(database: Database) -> Database:
    """Thirty people of the old version, and the new one approved."""
    register(database, OLD)
    say(
        engine_of(database),
        "fill",
        *(Proposal("Person", {"name": f"P {n}", "email": f"p{n}@x.org"}) for n in range(30)),
    )
    assert register(database, NEW) == 2
    return database


@contextmanager
def working(database: Database, slots: int = 1) -> Iterator[tuple[Engine, Writer]]:
    """A worker as `memreg worker` runs it; closing the engine ends what its own submits started."""
    with Engine(database, schema=SCHEMA, extractor=Scripted(named)) as engine:
        writer = engine.background(slots=slots)
        writer.take_backfills()
        writer.start()
        try:
            yield engine, writer
        finally:
            writer.close(drain=0.0)


def newest(database: Database) -> Backfill:
    return status(database, SCHEMA)[0]


def until(reached: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < ends
        time.sleep(0.02)


def left_to_workers(database: Database) -> Backfill:
    begun = start(database, SCHEMA, 2)
    assert begun is not None
    return begun


def versions(database: Database) -> set[int]:
    return {row["version"] for row in rows(database, "memories")}


def test_a_worker_takes_it_to_its_end_and_decides_messages_beside_it(thirty: Database) -> None:
    left_to_workers(thirty)
    with working(thirty, slots=2) as (engine, writer):
        done = engine.submit("Ana Lopez")
        until(lambda: newest(thirty).status == "done")
        assert engine.wait(done).status == "decided"
        assert writer.parts > 2
    assert versions(thirty) == {2}
    assert thirty.run_admin(lambda: fetch_rows(JOBS())) == []


def test_a_worker_that_is_not_asked_to_leaves_it_alone(thirty: Database) -> None:
    left_to_workers(thirty)
    engine = Engine(thirty, schema=SCHEMA, extractor=Scripted(named))
    with engine:
        engine.wait(engine.submit("Ana Lopez"))
    assert newest(thirty).stage == "index"
    assert [row["status"] for row in thirty.run_admin(lambda: fetch_rows(JOBS()))] == ["todo"]


def test_what_a_killed_worker_had_at_hand_is_taken_over(thirty: Database) -> None:
    left_to_workers(thirty)
    assert len(thirty.run_admin(lambda: fetch(TAKEN()))[0]) == 1
    with working(thirty):
        until(lambda: newest(thirty).status == "done")
    assert versions(thirty) == {2}


def test_paused_the_workers_leave_it_and_resumed_they_go_on(thirty: Database) -> None:
    left_to_workers(thirty)
    pause(thirty, SCHEMA)
    with working(thirty):
        until(lambda: thirty.run_admin(lambda: fetch_rows(JOBS())) == [])
        assert newest(thirty).status == "paused"
        resume(thirty, SCHEMA)
        left_to_workers(thirty)
        until(lambda: newest(thirty).status == "done")


def test_a_part_that_fails_is_told_and_tried_again(thirty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_PART_PAUSE", 0.05)
    with psycopg.connect(thirty.conninfo, autocommit=True) as conn:
        conn.execute(
            "create function memreg.full() returns trigger language plpgsql as $$ begin"
            " raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$"
        )
        conn.execute("create trigger no_room before update on memreg.memories execute function memreg.full()")
        left_to_workers(thirty)
        with working(thirty):
            until(lambda: "No space left on device" in (newest(thirty).error or ""))
            assert (newest(thirty).status, newest(thirty).stage) == ("running", "rewrite")
            conn.execute("drop trigger no_room on memreg.memories")
            until(lambda: newest(thirty).status == "done")
    assert newest(thirty).error is None
    assert versions(thirty) == {2}


def test_an_engine_of_before_decides_under_the_new_version(thirty: Database) -> None:
    before = engine_of(thirty)
    again = Proposal("Person", {"name": "P 1", "email": "p1@x.org"})
    assert [each.action for each in say(before, "before", again).decisions] == [Action.UPDATE]
    assert backfill(thirty, SCHEMA, 2).activated
    said = say(before, "after", again, Proposal("Person", {"name": "New", "email": "new@x.org"}))
    assert [each.action for each in said.decisions] == [Action.UPDATE, Action.CREATE]
    assert versions(thirty) == {2}


def test_what_old_code_wrote_after_the_moment_is_read_and_taken_over(thirty: Database) -> None:
    assert backfill(thirty, SCHEMA, 2).activated
    with psycopg.connect(thirty.conninfo, autocommit=True) as conn:
        written = conn.execute(
            "update memreg.memories set version = 1, said_version = null, payload = payload - 'called'"
            " || jsonb_build_object('name', payload -> 'called') where payload ->> 'called' = 'P 7'"
        )
        assert written.rowcount == 1
    engine = engine_of(thirty)
    assert {"P 7"} <= {memory.values["called"] for memory in engine.list("Person", limit=100)}
    assert backfill(thirty, SCHEMA, 2).activated
    assert versions(thirty) == {2}
    assert {row["payload"]["called"] for row in rows(thirty, "memories")} == {f"P {n}" for n in range(30)}


def test_metrics_of_a_backfill(thirty: Database) -> None:
    def figure(name: str) -> dict[tuple[str, ...], float]:
        (found,) = (each for each in metrics(thirty) if each.name == f"memreg_backfill_{name}")
        return {tuple(sample.labels.values()): sample.value for sample in found.samples}

    assert figure("status") == {}
    left_to_workers(thirty)
    assert figure("status") == {(SCHEMA, "2", "index", "running"): 1}
    assert figure("workers") == {(SCHEMA, "2"): 0}
    backfill(thirty, SCHEMA, 2)
    assert figure("status") == {(SCHEMA, "2", "rewrite", "done"): 1}
    assert figure("done_memories") == figure("memories") == {(SCHEMA, "2"): 30}
    assert figure("unfit_memories") == figure("left_seconds") == {(SCHEMA, "2"): 0}
