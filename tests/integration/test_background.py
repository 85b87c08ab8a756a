"""The background writer: kept at once, decided in order by workers, bounded, drained, taken over when one is gone."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from memreg.api import intake, worker, writers
from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import (
    ArgumentInvalid,
    ExtractionFailed,
    MessageConflict,
    MessageNotFound,
    NoUsableVersion,
    QueueFull,
    WaitTimeout,
)
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.core.steps import fetch
from memreg.engine.model import Call, Message, Proposal
from tests.support.engines import every, people_spec, register
from tests.support.replay import rows
from tests.support.scripted import AGE, AsyncScripted, Scripted, inbox, named

JOBS = Query("jobs", "The queue.", "select status, lock, args from memreg.procrastinate_jobs")
WORKERS = Query("workers", "Workers.", "select id, slots from memreg.workers")
LIMITED = Call("http 429", "scripted")


@pytest.fixture
def engine(database: Database) -> Engine:
    register(database)
    return Engine(database, schema="people", extractor=Scripted(named))


def engine_with(database: Database, **settings: Any) -> Engine:
    """An engine on the same database whose settings differ."""
    other = Database(database.settings.model_copy(update=settings))
    return Engine(other, schema="people", extractor=Scripted(named), owns_database=True)


def names(engine: Engine) -> list[str]:
    return sorted(memory.values["name"] for memory in every(engine).values())


# Submit and wait


def test_a_submitted_message_is_decided_and_can_be_read_once_waited_for(engine: Engine) -> None:
    with engine:
        message_id = engine.submit("Ana Lopez")
        result = engine.wait(message_id)
        assert (result.status, [str(each.basis) for each in result.decisions]) == ("decided", ["new"])
        assert names(engine) == ["Ana Lopez"]
        assert engine.wait(message_id) == result


def test_the_message_is_kept_before_submit_returns(database: Database) -> None:
    register(database)
    with engine_with(database, workers=0) as engine:
        engine.submit(Message("Ana Lopez", "m1"))
        assert [(row["id"], row["status"], row["queued"]) for row in inbox(database)] == [("m1", "accepted", True)]
        with pytest.raises(WaitTimeout, match="The message 'm1' was not decided within 0 s: it is accepted"):
            engine.wait("m1", timeout=0)
    (job,) = rows(database, JOBS, "default")
    assert job["args"].keys() == {"tenant", "schema", "arrival"}  # ids only


def test_the_same_message_is_queued_once_and_decided_once(database: Database) -> None:
    register(database)
    with engine_with(database, workers=0) as idle:
        for _ in range(3):
            idle.submit(Message("Ana Lopez", "m1"))
        with pytest.raises(MessageConflict):
            idle.submit(Message("Bob Stone", "m1"))
    assert len(rows(database, JOBS, "default")) == 1
    with Engine(database, schema="people", extractor=Scripted(named)) as engine:
        engine.submit(Message("Ana Lopez", "m2"))
        assert engine.wait("m1").status == "decided"
        engine.submit(Message("Ana Lopez", "m1"))
        assert engine.stats().submitted == 2
    assert rows(database, JOBS, "default") == []


def test_nothing_is_kept_of_what_cannot_be_decided(database: Database) -> None:
    Registry(database).register(people_spec(), annotate="heuristic")
    Registry(database).reject("people", "no")
    with Engine(database, schema="people", extractor=Scripted(named)) as engine:
        with pytest.raises(NoUsableVersion):
            engine.submit("Ana")
        with pytest.raises(MessageNotFound):
            engine.wait("m1")
        for wrong in (-1.0, float("nan"), "soon", True):
            with pytest.raises(ArgumentInvalid):
                engine.wait("m1", timeout=wrong)  # type: ignore[arg-type]
    assert inbox(database) == []


def test_the_zone_of_a_message_is_kept_for_the_workers(engine: Engine) -> None:
    at = datetime(2026, 11, 16, 0, 30, tzinfo=timezone(timedelta(hours=9)))
    with engine:
        for number, zone in enumerate((at.tzinfo, ZoneInfo("Asia/Tokyo"))):
            engine.wait(engine.submit(Message(f"Name{number} Stone", at=at.replace(tzinfo=zone))))
        asked = engine._intake.extractors.pick().asked  # type: ignore[attr-defined]
    assert [message.at.isoformat() for message in asked] == [at.isoformat()] * 2


# Order


def test_messages_of_a_session_are_decided_in_order_and_sessions_side_by_side(database: Database) -> None:
    register(database)
    chance = random.Random(4)
    at_once, most, lock = set[str](), [0], threading.Lock()

    def answer(message: Message) -> Sequence[Proposal]:
        assert message.session is not None
        with lock:
            assert message.session not in at_once, "two messages of a session at once"
            at_once.add(message.session)
            most[0] = max(most[0], len(at_once))
        time.sleep(chance.random() * 0.01)
        with lock:
            at_once.remove(message.session)
        return named(message)

    extractor = Scripted(answer)
    with Engine(database, schema="people", extractor=extractor) as engine:
        order = [f"s{number % 5}" for number in range(100)]
        chance.shuffle(order)
        sent: dict[str, list[str]] = defaultdict(list)
        for session in order:
            sent[session].append(engine.submit(Message(f"Name{len(sent[session])} {session}", session=session)))
        for ids in sent.values():
            engine.wait(ids[-1])
    done: dict[str, list[str]] = defaultdict(list)
    for message in extractor.asked:
        done[str(message.session)].append(str(message.id))
    assert done == sent
    assert most[0] > 1


def test_what_waits_for_its_next_try_holds_its_session_back_and_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    monkeypatch.setattr(intake, "_FIRST_PAUSE", 0.5)
    left = [2]

    def answer(message: Message) -> Sequence[Proposal]:
        if message.text == "Ana Lopez" and left[0]:
            left[0] -= 1
            raise ExtractionFailed(extractor="scripted", reason="later", transient=True, calls=(LIMITED,))
        return named(message)

    extractor = Scripted(answer)
    with Engine(database, schema="people", extractor=extractor) as engine:
        engine.submit(Message("Ana Lopez", "a1", session="a"))
        engine.submit(Message("Abe Stone", "a2", session="a"))
        engine.submit(Message("Bea Woods", "b1", session="b"))
        assert engine.wait("a2").status == "decided"
        assert engine.wait("b1").status == "decided"
    assert [each for each in extractor.ids if each != "b1"] == ["a1", "a1", "a1", "a2"]
    assert [row["attempts"] for row in inbox(database)] == [3, 1, 1]


# Failure


def test_a_message_is_dead_after_so_many_tries_or_at_once_where_trying_is_of_no_use(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    monkeypatch.setattr(intake, "_FIRST_PAUSE", 0.001)

    def answer(message: Message) -> Sequence[Proposal]:
        if message.text == "a bug":
            raise RuntimeError("ana@lopez.io")
        transient = message.text == "busy"
        raise ExtractionFailed(extractor="scripted", reason=message.text, transient=transient, calls=(LIMITED,))

    extractor = Scripted(answer)
    with engine_with(database, inbox_attempts=3) as engine:
        engine._intake.extractors._choice = extractor
        for text in ("busy", "prose", "a bug"):
            engine.submit(Message(text, text))
        results = {text: engine.wait(text) for text in ("busy", "prose", "a bug")}
        stats = engine.stats()
    assert {result.status for result in results.values()} == {"dead"}
    assert results["a bug"].error == "The extractor scripted gave nothing usable: it raised RuntimeError."
    assert [row["attempts"] for row in inbox(database)] == [3, 1, 1]
    assert (stats.submitted, stats.completed, stats.failed, stats.error_rate) == (3, 0, 3, 1.0)


def test_a_full_queue_says_so_at_once_or_waits_for_room(database: Database) -> None:
    register(database)
    with engine_with(database, workers=0, queue_capacity=3) as idle:
        for number in range(3):
            idle.submit(f"Name{number} Stone")
        sentence = "The queue of schema 'people' in tenant 'default' is full: 3 messages wait, and it holds 3"
        with pytest.raises(QueueFull, match=sentence):
            idle.submit("Ana Lopez")
        assert idle.for_tenant("other").submit("Ana Lopez")
        stats = idle.stats()
        assert (stats.queue_size, stats.pending, stats.capacity, stats.utilisation) == (3, 3, 3, 1.0)
        assert (stats.workers_active, stats.workers_idle) == (0, 0)
    with engine_with(database, queue_capacity=3) as engine:
        ids = [engine.submit(f"More{number} Woods", timeout=20) for number in range(12)]
        assert engine.wait(ids[-1], timeout=20).status == "decided"


# Shutdown


def test_closing_drains_the_queue_and_an_error_does_not(database: Database) -> None:
    register(database)

    def slowly(message: Message) -> Sequence[Proposal]:
        time.sleep(0.05)
        return named(message)

    with Engine(database, schema="people", extractor=Scripted(slowly)) as engine:
        for number in range(12):
            engine.submit(f"Name{number} Stone")
    assert {row["status"] for row in inbox(database)} == {"decided"}
    assert rows(database, WORKERS, "default") == []
    hurried = Engine(database, schema="people", extractor=Scripted(slowly))
    with pytest.raises(KeyboardInterrupt), hurried:
        for number in range(40):
            hurried.submit(f"More{number} Woods")
        raise KeyboardInterrupt
    states = {row["status"] for row in inbox(database)}
    assert "accepted" in states
    assert "extracting" not in states
    with Engine(database, schema="people", extractor=Scripted(named)) as engine:
        engine.submit("Zoe Last")
    assert {row["status"] for row in inbox(database)} == {"decided"}


def test_what_a_killed_worker_had_in_hand_is_taken_over(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register(database)
    monkeypatch.setattr(worker, "STALLED", 1.0)
    monkeypatch.setattr(worker, "BEAT", 0.2)
    with engine_with(database, workers=0) as idle:
        idle.submit(Message("Ana Lopez", "m1", session="s"))
        idle.submit(Message("Bob Stone", "m2", session="s"))
    # As it is left behind by a worker that is gone: its job taken, its message begun, no heartbeat any more.
    gone = (
        "with dead as (insert into memreg.procrastinate_workers (last_heartbeat) values (now() - interval '9 s')"
        " returning id), taken as (update memreg.procrastinate_jobs set status = 'doing', worker_id = dead.id from dead"
        " returning 1) update memreg.messages set status = 'extracting', started_at = now()"
        " where tenant = %(tenant)s and id = 'm1' and exists (select from taken) returning id"
    )
    assert rows(database, Query("gone", "Kill.", gone), "default")
    with Engine(database, schema="people", extractor=Scripted(named)) as engine:
        engine.submit("Cy Woods")
        assert [engine.wait(each).status for each in ("m1", "m2")] == ["decided", "decided"]
        assert names(engine) == ["Ana Lopez", "Bob Stone", "Cy Woods"]


def test_what_a_killed_ingest_had_in_hand_is_found_and_what_is_in_work_is_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    monkeypatch.setattr(worker, "BEAT", 0.1)
    monkeypatch.setattr(writers, "lease_of", lambda _settings: timedelta(hours=1))

    def killed(_message: Message) -> Sequence[Proposal]:
        raise SystemExit

    dying = Engine(database, schema="people", extractor=Scripted(killed))
    with pytest.raises(SystemExit):
        dying.ingest(Message("Ana Lopez", "m1"))
    assert [row["status"] for row in inbox(database)] == ["extracting"]
    with Engine(database, schema="people", extractor=Scripted(named)) as engine:
        engine.submit("Cy Woods")
        time.sleep(0.5)
        assert names(engine) == ["Cy Woods"]
        rows(database, Query("age", AGE.description, f"{AGE.sql} and id = 'm1' returning id"), "default")
        assert engine.wait("m1").status == "decided"
    assert [row["status"] for row in inbox(database)] == ["decided", "decided"]


def test_a_queued_message_whose_job_is_lost_is_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register(database)
    monkeypatch.setattr(worker, "BEAT", 0.1)
    with engine_with(database, workers=0) as idle:
        for number, session in enumerate(("s", None, "ß☂")):
            idle.submit(Message(f"Name{number} Stone", f"m{number}", session=session))
    database.run("default", lambda: fetch(AGE(tenant="default")))
    with Engine(database, schema="people", extractor=Scripted(named)) as engine:
        engine.submit("Cy Woods")  # the jobs are there, so that nothing is queued twice
        assert [engine.wait(f"m{number}").status for number in range(3)] == ["decided"] * 3
    with engine_with(database, workers=0) as idle:
        for number, session in enumerate(("s", None, "ß☂")):
            idle.submit(Message(f"More{number} Stone", f"n{number}", session=session))
    rows(database, Query("lose", "Lose them.", "delete from memreg.procrastinate_jobs returning id"), "default")
    database.run("default", lambda: fetch(AGE(tenant="default")))
    with Engine(database, schema="people", extractor=Scripted(named)) as engine:
        engine.submit("Di Woods")
        assert [engine.wait(f"n{number}").status for number in range(3)] == ["decided"] * 3


# Asynchronous


async def test_an_asynchronous_engine_works_in_its_own_loop(async_database: AsyncDatabase, settings: Settings) -> None:
    with Database.connect(settings) as database:
        register(database)
    loops = set[int]()

    class Extractor(AsyncScripted):
        async def extract(self, message: Message, version: Any) -> Any:  # type: ignore[override]
            loops.add(id(asyncio.get_running_loop()))
            await asyncio.sleep(0.01)
            return Scripted.extract(self, message, version)

    async with AsyncEngine(async_database, schema="people", extractor=Extractor(named)) as engine:
        ids = [await engine.submit(Message(f"Name{n} Stone", session=f"s{n % 2}")) for n in range(8)]
        results = [await engine.wait(each) for each in ids]
        assert {result.status for result in results} == {"decided"}
        assert (await engine.stats()).completed == 8
        await engine.submit(Message("Zoe Last", "z"))
    assert loops == {id(asyncio.get_running_loop())}
    with Database.connect(settings) as database:
        assert {row["status"] for row in inbox(database)} == {"decided"}
