"""The background writer where things meet: a hot session, a put off one, closing while somebody submits, what fails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager

from memreg.api import intake, worker
from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.api.intake import Intake
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ConnectionLost, DatabaseError, ExtractionFailed, ExtractorUnavailable
from memreg.core.ids import uuid7
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.engine import inbox as plans
from memreg.engine.model import Call, Message, Proposal
from memreg.operations.inbox import requeue
from tests.support.engines import register
from tests.support.replay import rows
from tests.support.scripted import CALLS, AsyncScripted, Scripted, inbox, named

JOBS = Query("jobs", "The queue.", "select status, scheduled_at from memreg.procrastinate_jobs order by id")
LIMITED = Call("http 429", "scripted")


def engine_with(database: Database, extractor: Any, **changes: Any) -> Engine:
    """An engine on the same database whose settings differ."""
    other = Database(database.settings.model_copy(update=changes))
    return Engine(other, schema="people", extractor=extractor, owns_database=True)


def busy(message: Message) -> Sequence[Proposal]:
    raise ExtractionFailed(extractor="scripted", reason=f"busy at {message.id}", transient=True, calls=(LIMITED,))


def settled(database: Database, wanted: Callable[[list[dict[str, Any]]], bool], seconds: float = 20.0) -> None:
    """Wait until the inbox is as wanted."""
    ends = time.monotonic() + seconds
    while not wanted(inbox(database)):
        assert time.monotonic() < ends, inbox(database)
        time.sleep(0.05)


def test_a_session_that_never_ends_lets_the_others_pass(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register(database)
    monkeypatch.setattr(intake, "MOST_IN_A_ROW", 5)
    with engine_with(database, Scripted(named), workers=0) as idle:
        for number in range(20):
            idle.submit(Message(f"Name{number} Stone", f"hot{number}", session="hot"))
        idle.submit(Message("Ana Lopez", "other", session="calm"))
        idle.submit(Message("Bob Stone", "alone"))
    extractor = Scripted(named)
    with engine_with(database, extractor) as engine:
        writer = engine.background(slots=1)
        writer.start()
        settled(database, lambda found: all(row["status"] == "decided" for row in found))
        writer.close(0.0)
    assert extractor.ids[5:7] == ["other", "alone"]
    assert [each for each in extractor.ids if str(each).startswith("hot")] == [f"hot{n}" for n in range(20)]


def test_a_session_that_waits_for_its_next_try_is_nothing_that_could_be_done_now(database: Database) -> None:
    register(database)
    entered, go = threading.Event(), threading.Event()

    def answer(_message: Message) -> Sequence[Proposal]:
        entered.set()
        go.wait(10)
        raise ExtractionFailed(extractor="scripted", reason="busy", transient=True, retry_after=60.0, calls=(LIMITED,))

    with engine_with(database, Scripted(answer), drain_timeout=0) as engine:
        engine.submit(Message("Ana Lopez", "1", session="s"))
        assert entered.wait(10)
        engine.submit(Message("Ana Lopez lives", "2", session="s"))
        go.set()
        settled(database, lambda found: found[0]["next_attempt_at"] is not None)
    assert [row["status"] for row in rows(database, JOBS, "default")] == ["todo", "todo"]
    with engine_with(database, Scripted(named), workers=0) as idle:
        assert idle.jobs_left() == 0


def test_what_a_person_leaves_to_the_workers_again_does_not_wait_for_its_old_next_try(database: Database) -> None:
    register(database)
    left = [1]

    def answer(message: Message) -> Sequence[Proposal]:
        if left[0]:
            left[0] -= 1
            raise ExtractionFailed(
                extractor="scripted", reason="busy", transient=True, retry_after=600.0, calls=(LIMITED,)
            )
        return named(message)

    with engine_with(database, Scripted(answer), drain_timeout=0) as engine:
        engine.submit(Message("Ana Lopez", "1", session="s"))
        settled(database, lambda found: found[0]["next_attempt_at"] is not None)
        assert requeue(database, "default", "people", "1") is None
        assert engine.wait("1", timeout=10).status == "decided"


def test_a_session_keeps_its_order_where_clocks_do_not_agree(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    with engine_with(database, Scripted(named), workers=0) as idle:
        with monkeypatch.context() as ahead:
            ahead.setattr("memreg.api.engine.uuid7", lambda: UUID(int=uuid7().int + (3_600_000 << 80)))
            idle.submit(Message("Ana Lopez", "1", session="s"))
        idle.submit(Message("Bob Stone", "2", session="s"))
        idle.submit(Message("Cy Woods", "3", session="s"))
    extractor = Scripted(named)
    with engine_with(database, extractor) as engine:
        engine.submit(Message("Di Woods", "4", session="s"))
        engine.wait("4")
    assert extractor.ids == ["1", "2", "3", "4"]


# What fails once the model has answered


def test_what_cannot_be_decided_is_dead_in_the_end_with_every_request_in_the_books(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    monkeypatch.setattr(intake, "_FIRST_PAUSE", 0.001)

    def refuse(*_arguments: Any, **_more: Any) -> Any:
        raise DatabaseError(reason="string is too long for tsvector")

    monkeypatch.setattr(Intake, "decide", refuse)
    extractor = Scripted(named)
    with engine_with(database, extractor, inbox_attempts=3) as engine:
        engine.submit(Message("Ana Lopez", "1"))
        result = engine.wait("1", timeout=20)
    assert result.status == "dead"
    assert "string is too long for tsvector" in str(result.error)
    assert len(extractor.asked) == len(rows(database, CALLS, "default")) == 3


def test_a_connection_lost_while_deciding_costs_no_second_request(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    whole, left = Intake.decide, [2]

    def lose(self: Intake, *arguments: Any, **more: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise ConnectionLost(where="here")
        return whole(self, *arguments, **more)

    monkeypatch.setattr(Intake, "decide", lose)
    extractor = Scripted(named)
    with engine_with(database, extractor) as engine:
        assert engine.wait(engine.submit("Ana Lopez"), timeout=20).status == "decided"
    assert len(extractor.asked) == 1


@pytest.mark.parametrize("outcome", ["decided", "failed", "busy"])
def test_a_request_for_a_message_settled_meanwhile_is_in_the_books(database: Database, outcome: str) -> None:
    register(database)

    def answer(message: Message) -> Sequence[Proposal]:
        drop = "update memreg.messages set status = 'dropped', error = 'spam' where tenant = %(tenant)s returning id"
        rows(database, Query("drop", "Drop.", drop), "default")
        if outcome == "decided":
            return named(message)
        raise ExtractionFailed(extractor="scripted", reason="no", transient=outcome == "busy", calls=(LIMITED,))

    with engine_with(database, Scripted(answer), drain_timeout=0) as engine:
        assert engine.wait(engine.submit("Ana Lopez")).status == "dead"
        ends = time.monotonic() + 10
        while not rows(database, CALLS, "default"):
            assert time.monotonic() < ends, "the request is in no book"
            time.sleep(0.02)


def test_requests_before_an_extractor_breaks_are_in_the_books(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    monkeypatch.setattr("memreg.api.intake.time.sleep", lambda _seconds: None)
    left = [1]

    def answer(message: Message) -> Sequence[Proposal]:
        if left[0]:
            left[0] -= 1
            return busy(message)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        engine_with(database, Scripted(answer)).ingest("Ana Lopez")
    assert [call["outcome"] for call in rows(database, CALLS, "default")] == ["http 429"]


# A worker does not end by itself


def test_a_worker_outlives_what_nobody_thought_of(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register(database)
    monkeypatch.setattr(worker, "BEAT", 0.1)
    whole, left = worker.InboxWorker._work, [2]
    looks, beats = plans.left_behind, [2]

    async def break_off(self: worker.InboxWorker) -> None:
        if left[0]:
            left[0] -= 1
            raise RuntimeError("a bug")
        await whole(self)

    def look(*arguments: Any) -> Any:
        if beats[0]:
            beats[0] -= 1
            raise RuntimeError("a bug")
        return looks(*arguments)

    monkeypatch.setattr(worker.InboxWorker, "_work", break_off)
    monkeypatch.setattr(plans, "left_behind", look)
    with engine_with(database, Scripted(named)) as engine:
        assert engine.wait(engine.submit("Ana Lopez"), timeout=20).status == "decided"
        ends = time.monotonic() + 10
        while beats[0]:
            assert time.monotonic() < ends, "nobody looks after what was left behind"
            time.sleep(0.05)
        assert engine.stats().workers_idle == 4


def test_a_worker_whose_extractor_is_missing_says_so_before_anything_is_kept(database: Database) -> None:
    register(database)
    with engine_with(database, "unheard") as engine:
        with pytest.raises(ExtractorUnavailable, match="unheard"):
            engine.submit("Ana Lopez")
        with pytest.raises(ExtractorUnavailable, match="unheard"):
            engine.background()
    assert inbox(database) == []
    with engine_with(database, "unheard", workers=0) as idle:
        assert idle.submit("Ana Lopez")


# Closing


def test_what_is_submitted_while_closing_is_kept_and_starts_nobody(database: Database) -> None:
    register(database)
    entered, go = threading.Event(), threading.Event()

    def answer(message: Message) -> Sequence[Proposal]:
        entered.set()
        go.wait(10)
        return named(message)

    engine = engine_with(database, Scripted(answer), workers=1, drain_timeout=0.5)
    engine.submit(Message("Ana Lopez", "1"))
    assert entered.wait(10)
    closing = [threading.Thread(target=engine.close) for _ in range(3)]
    for each in closing:
        each.start()
    while engine._writer._closed is False:
        time.sleep(0.001)
    engine.submit(Message("Bob Stone", "2"))
    go.set()
    for each in closing:
        each.join(20)
    assert not any(each.is_alive() for each in closing)
    assert not [each.name for each in threading.enumerate() if each.name.startswith("memreg writer")]
    found = {row["id"]: row["status"] for row in inbox(database)}
    assert found["1"] == "decided"
    assert found["2"] in ("accepted", "decided")
    with pytest.raises(DatabaseError, match="already closed"):
        engine.submit("Cy Woods")
    engine.close()


def test_whoever_waits_for_the_queue_may_lose_patience(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register(database)

    def answer(message: Message) -> Sequence[Proposal]:
        time.sleep(0.3)
        return named(message)

    async def impatient(*_arguments: Any) -> int:
        raise KeyboardInterrupt

    engine = engine_with(database, Scripted(answer), workers=1)
    for number in range(20):
        engine.submit(f"Name{number} Stone")
    monkeypatch.setattr(
        "memreg.api.writers.asyncio.run_coroutine_threadsafe", lambda coroutine, _loop: Interrupted(coroutine)
    )
    with pytest.raises(KeyboardInterrupt):
        engine.close()
    assert not [each.name for each in threading.enumerate() if each.name.startswith("memreg writer")]
    assert {row["status"] for row in inbox(database)} <= {"accepted", "decided"}


class Interrupted:
    """A future that somebody breaks off with Ctrl-C."""

    def __init__(self, coroutine: Any) -> None:
        coroutine.close()

    def result(self) -> None:
        raise KeyboardInterrupt


async def test_an_asynchronous_engine_whose_closing_is_cancelled_stops_all_the_same(
    async_database: AsyncDatabase, settings: Settings
) -> None:
    with Database.connect(settings) as database:
        register(database)

    class Extractor(AsyncScripted):
        async def extract(self, message: Message, version: Any) -> Any:  # type: ignore[override]
            await asyncio.sleep(0.2)
            return Scripted.extract(self, message, version)

    engine = AsyncEngine(async_database, schema="people", extractor=Extractor(named))
    for number in range(60):
        await engine.submit(f"Name{number} Stone")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await engine.aclose()
    assert engine._writer._task is not None
    assert engine._writer._task.done()
    with Database.connect(settings) as database:
        assert {row["status"] for row in inbox(database)} == {"accepted", "decided"}


def test_a_writer_opens_its_database_by_itself(database: Database) -> None:
    register(database)
    with engine_with(database, Scripted(named), workers=0) as idle:
        idle.submit(Message("Ana Lopez", "1"))
    engine = engine_with(database, Scripted(named))
    writer = engine.background(slots=1)
    writer.close(1.0)  # it has not begun
    writer.start()
    settled(database, lambda found: found[0]["status"] == "decided")
    writer.close(1.0)
    writer.close(1.0)
    engine.close()


async def test_what_is_at_hand_when_a_loop_ends_without_closing_is_taken_up_again(
    async_database: AsyncDatabase, settings: Settings
) -> None:
    with Database.connect(settings) as database:
        register(database)
    entered = asyncio.Event()

    class Endless(AsyncScripted):
        async def extract(self, message: Message, version: Any) -> Any:  # type: ignore[override]
            if not entered.is_set():
                entered.set()
                await asyncio.sleep(60)
            return Scripted.extract(self, message, version)

    async with AsyncEngine(async_database, schema="people", extractor=Endless(named)) as engine:
        await engine.submit(Message("Ana Lopez", "1"))
        await entered.wait()
        (job,) = (each for each in asyncio.all_tasks() if each.get_name().startswith("process job"))
        job.cancel()  # as `asyncio.run` does at its end
        assert (await engine.wait("1", timeout=15)).status == "decided"


def test_a_job_whose_end_cannot_be_written_once_does_not_hold_its_session_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    whole, left = JobManager.finish_job, [2]

    async def fail(self: JobManager, *arguments: Any, **more: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise ConnectorException
        await whole(self, *arguments, **more)

    monkeypatch.setattr(JobManager, "finish_job", fail)
    with engine_with(database, Scripted(named)) as engine:
        for name in ("Ana Lopez", "Bob Stone", "Cy Woods"):
            assert engine.wait(engine.submit(Message(name, session="s")), timeout=10).status == "decided"
            time.sleep(0.2)
