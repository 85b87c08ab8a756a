"""Backfill: a schema change is lived through, with messages arriving, kills in the middle, and two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from memreg.api.registry import Registry
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import BackfillRefused, DatabaseError, SchemaNotFound, VersionNotFound
from memreg.core.ids import uuid7
from memreg.core.settings import Settings
from memreg.engine.model import Action, Basis, Proposal
from memreg.operations.backfill import Backfill, backfill, failures, life, status
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve
from memreg.operations.review import review
from memreg.registry.models import Status
from tests.support.people import SCHEMA, engine_of, final_state, person, register, rows, say

V1 = """
schema: people
compatibility: none
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, normalize: [email]}
      phone: {dtype: string}
      age:   {dtype: string}
      shoe:  {dtype: number}
    annotation: {searchable: {name: 3}, identity: [{columns: [email], strength: strong}]}
  Place:
    columns:
      name: {dtype: string, required: true}
    annotation: {searchable: {name: 3}}
"""
V2 = """
schema: people
compatibility: none
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, normalize: [email]}
      phone: {dtype: string, normalize: [digits]}
      age:   {dtype: integer}
      city:  {dtype: string}
    annotation:
      searchable: {name: 3, city: 1}
      identity: [{columns: [email], strength: strong}, {columns: [phone], strength: strong}]
"""


def fill(database: Database, count: int, tenant: str = "default") -> None:
    engine = engine_of(database, tenant)
    for start in range(0, count, 100):
        proposals = [
            person(name=f"Person {n}", email=f"p{n}@x.org", phone=f"+47 {n:05d}", age=str(n % 90))
            for n in range(start, min(start + 100, count))
        ]
        say(engine, f"fill {start}", *proposals)


def versions_of(database: Database, tenant: str = "default") -> set[int]:
    return {row["version"] for row in rows(database, "memories", tenant) if not row["is_deleted"]}


def status_of(database: Database, version: int) -> Status:
    return Registry(database).get(SCHEMA, version).version.status


def approve_second(database: Database) -> None:
    assert register(database, V2) == 2
    assert status_of(database, 2) is Status.APPROVED


@pytest.fixture
def two_tenants(database: Database) -> Database:
    """30 people in each of two tenants on version 1, and version 2 approved."""
    register(database, V1)
    fill(database, 30)
    fill(database, 30, "acme")
    say(engine_of(database), "place", Proposal("Place", {"name": "Oslo"}))
    approve_second(database)
    return database


def test_every_memory_is_converted_and_the_version_active(two_tenants: Database) -> None:
    database = two_tenants
    seen: list[tuple[str, int, int]] = []
    done = backfill(database, SCHEMA, 2, chunk=25, progress=lambda at: seen.append((at.stage, at.converted, at.total)))
    assert done.sentence == "people@2 is active; 60 memories were converted"
    for stage in ("index", "rewrite"):
        assert [each[1:] for each in seen if each[0] == stage and each[1]][:3] == [(10, 60), (35, 60), (60, 60)]
    assert (status_of(database, 1), status_of(database, 2)) == (Status.RETIRED, Status.ACTIVE)
    for tenant in ("default", "acme"):
        people = [row for row in rows(database, "memories", tenant) if row["class"] == "Person"]
        assert {(row["version"], row["said_version"], row["revision"]) for row in people} == {(2, 1, 1)}
        assert sorted(row["payload"]["age"] for row in people) == list(range(30))
        assert people[7]["payload"]["phone"].startswith("4700")
        assert sum(key["key"] == "phone" for key in rows(database, "keys", tenant)) == 30
        assert len({row["change"] for row in people}) == 30
        revisions = rows(database, "revisions", tenant)
        assert {row["version"] for row in revisions} == {1}, "what was said stays as it was said"
    (place,) = [row for row in rows(database, "memories") if row["class"] == "Place"]
    assert place["version"] == 1, "a class that is gone stays readable"
    (listed,) = status(database)
    assert (listed.status, listed.total, listed.converted, listed.failures) == ("done", 60, 60, 0)


def test_it_is_as_if_they_had_come_under_the_new_version(database: Database) -> None:
    register(database, V1)
    fill(database, 40)
    approve_second(database)
    backfill(database, SCHEMA, 2)
    fill(database, 40, "later")
    assert final_state(database) == final_state(database, "later")
    (decision,) = say(engine_of(database), "by phone", person(name="P. Seven", phone="47-00007")).decisions
    assert (decision.action, decision.basis) == (Action.UPDATE, Basis.IDENTITY)


def test_a_second_time_there_is_nothing_to_do(two_tenants: Database) -> None:
    backfill(two_tenants, SCHEMA, 2)
    before = rows(two_tenants, "revisions")
    again = backfill(two_tenants, SCHEMA, 2)
    assert again.sentence == "people@2 is active already; there is nothing to do"
    assert rows(two_tenants, "revisions") == before
    assert len(status(two_tenants, SCHEMA)) == 1


def test_nothing_is_left_in_the_queue(two_tenants: Database, database_url: str) -> None:
    backfill(two_tenants, SCHEMA, 2, chunk=10)
    with psycopg.connect(database_url) as conn:
        assert conn.execute("select count(*) from memreg.procrastinate_jobs").fetchone() == (0,)


def test_columns_that_are_gone_stay_in_the_revisions(database: Database) -> None:
    register(database, V1)
    say(engine_of(database), "1", person(name="Ana", email="ana@x.org", shoe=38))
    approve_second(database)
    backfill(database, SCHEMA, 2)
    (memory,) = rows(database, "memories")
    assert memory["payload"] == {"name": "Ana", "email": "ana@x.org"}
    history = engine_of(database).history(memory["id"])
    assert [(each.version, each.values.get("shoe")) for each in history] == [(1, 38)]


def test_what_does_not_fit_is_named_and_the_version_waits(database: Database) -> None:
    register(database, V1)
    fill(database, 5)
    say(engine_of(database), "old", person(name="Methuselah", email="m@x.org", age="very old"))
    approve_second(database)
    done = backfill(database, SCHEMA, 2)
    assert not done.activated
    assert done.sentence == ("1 memory does not fit people@2, which stays approved; `memreg backfill status` says why")
    assert "Person.age: 'very old' is not a whole number" in done.failures[0].reason
    assert done.backfill is not None
    assert failures(database, done.backfill.id) == done.failures
    assert status_of(database, 2) is Status.APPROVED
    assert [(each.status, each.stage, each.failures) for each in status(database)] == [("failed", "index", 1)]
    assert versions_of(database) == {1}
    say(engine_of(database), "young", person(email="m@x.org", age="969"))
    again = backfill(database, SCHEMA, 2)
    assert again.activated
    assert again.joined
    assert versions_of(database) == {2}
    assert [(each.status, each.failures) for each in status(database)] == [("done", 0)]


def test_of_two_with_one_new_strong_key_the_first_keeps_it(database: Database) -> None:
    register(database, V1)
    engine = engine_of(database)
    first, second = (
        say(engine, name, person(name=name, email=f"{name}@x.org", phone=phone)).decisions[0].memory_id
        for name, phone in (("ana", "+47 5"), ("bo", "475"))
    )
    approve_second(database)
    backfill(database, SCHEMA, 2, chunk=1)
    assert [key["memory_id"] for key in rows(database, "keys") if key["key"] == "phone"] == [first]
    (item,) = review(database, "default", SCHEMA, kind="identity_conflict").items
    assert [memory.id for memory in item.memories] == [second, first]
    assert "phone" in item.reason
    (decision,) = say(engine, "by phone", person(name="Nobody Alike", phone="475")).decisions
    assert decision.memory_id == first


def test_a_key_that_becomes_strong_or_shared(database: Database) -> None:
    register(database, V1)
    fill(database, 3)
    shared = V2.replace("columns: [email], strength: strong", "columns: [email], strength: shared")
    register(database, shared)
    backfill(database, SCHEMA, 2)
    assert {(key["key"], key["strong"]) for key in rows(database, "keys")} == {("email@2", False), ("phone", True)}
    register(database, V2)
    backfill(database, SCHEMA, 3)
    assert {(key["key"], key["strong"]) for key in rows(database, "keys")} == {("email@3", True), ("phone", True)}


def test_unresolved_memories_are_converted_without_keys(database: Database) -> None:
    register(database, V1)
    switch(database, "default", SCHEMA, on=True, by="ana")
    fill(database, 3)
    approve_second(database)
    backfill(database, SCHEMA, 2)
    assert versions_of(database) == {2}
    assert rows(database, "keys") == []
    switch(database, "default", SCHEMA, on=False, by="ana")
    resolve(database, "default", SCHEMA)
    fill(database, 3, "later")
    assert final_state(database) == final_state(database, "later")


def test_what_may_not_be_backfilled_to(database: Database) -> None:
    register(database, V1)
    fill(database, 1)
    assert backfill(database, SCHEMA, 1).activated
    with pytest.raises(VersionNotFound):
        backfill(database, SCHEMA, 9)
    with pytest.raises(SchemaNotFound):
        backfill(database, "nowhere", 1)
    register(database, V2, approve=False)
    with pytest.raises(BackfillRefused, match=r"it is pending; approve it first with `memreg approve people@2`"):
        backfill(database, SCHEMA, 2)
    Registry(database).reject(SCHEMA, "too much", 2)
    with pytest.raises(BackfillRefused, match="it is rejected"):
        backfill(database, SCHEMA, 2)
    register(database, V2 + "# once more\n")
    backfill(database, SCHEMA, 2)
    with pytest.raises(BackfillRefused, match="version 2 is newer and active"):
        backfill(database, SCHEMA, 1)


def test_another_version_waits_for_the_one_that_is_under_way(two_tenants: Database) -> None:
    database = two_tenants
    begun = database.run_admin(lambda: life.begin(SCHEMA, 2, life.Wishes(), utc_now, uuid7))
    assert begun is not None
    register(database, V2.replace("city", "town"))
    with pytest.raises(BackfillRefused, match="go on with it by `memreg backfill people --to 2`"):
        backfill(database, SCHEMA, 3)
    done = backfill(database, SCHEMA, 2)
    assert done.joined
    assert done.activated
    assert backfill(database, SCHEMA, 3).activated


def test_two_at_once_share_the_work(two_tenants: Database, settings: Settings) -> None:
    done = []
    with Database.connect(settings) as another:
        threads = [
            threading.Thread(target=lambda each=each: done.append(backfill(each, SCHEMA, 2, chunk=3)))
            for each in (two_tenants, another)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [each.activated for each in done] == [True, True]
    assert [each.converted for each in status(two_tenants)] == [60]
    people = [row for row in rows(two_tenants, "memories") if row["class"] == "Person"]
    assert {(row["version"], row["revision"]) for row in people} == {(2, 1)}


def test_messages_that_arrive_meanwhile(database: Database, settings: Settings) -> None:
    register(database, V1)
    fill(database, 200)
    approve_second(database)
    stop, sent = threading.Event(), [0, 0]

    def talk(worker: int) -> None:
        with Database.connect(settings) as mine:
            engine = engine_of(mine)
            while not stop.is_set():
                n = sent[worker]
                say(
                    engine,
                    f"{worker}/{n}",
                    person(name=f"New {worker} {n}", email=f"new{worker}.{n}@x.org", phone=f"8{worker}{n:06d}"),
                    person(name=f"Person {n % 200}", email=f"p{n % 200}@x.org", age=str(20 + worker)),
                )
                sent[worker] += 1

    threads = [threading.Thread(target=talk, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    try:
        done = backfill(database, SCHEMA, 2, chunk=20)
        assert done.activated
        before = list(sent)
        while any(now < then + 2 for now, then in zip(sent, before, strict=True)):
            assert all(thread.is_alive() for thread in threads)
            time.sleep(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    live = [row for row in rows(database, "memories") if not row["is_deleted"]]
    assert len(live) == 200 + sum(sent), "none lost, none doubled"
    assert {row["version"] for row in live} == {2}
    assert all(isinstance(row["payload"].get("age", 0), int) for row in live)
    keys = [key["key"] for key in rows(database, "keys")]
    assert keys.count("email") == keys.count("phone") == len(live)
    assert review(database, "default", SCHEMA, kind="identity_conflict").items == ()


CHILD = """
import sys
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.operations.backfill import backfill

def progress(now):
    print(now.stage, now.converted, flush=True)
    if (now.stage, now.converted) == (sys.argv[2], 30):
        sys.stdin.readline()

with Database.connect(Settings(database_url=sys.argv[1])) as database:
    backfill(database, "people", 2, chunk=10, progress=progress)
"""


@contextmanager
def child(database_url: str, stage: str) -> Iterator[subprocess.Popen[str]]:
    """A process that backfills, and waits once it has done 30 memories of a stage."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, database_url, stage],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("stage", ["index", "rewrite"])
def test_killed_in_the_middle_of_a_chunk_it_goes_on_where_it_was(
    database: Database, database_url: str, stage: str
) -> None:
    register(database, V1)
    fill(database, 100)
    approve_second(database)
    waiting = "select count(*) from pg_locks where not granted"
    with child(database_url, stage) as process, psycopg.connect(database_url) as conn:
        assert process.stdin is not None
        assert process.stdout is not None
        while process.stdout.readline().split() != [stage, "30"]:
            assert process.poll() is None
        conn.execute("lock table memreg.identity_keys, memreg.memories in exclusive mode")
        process.stdin.write("\n")
        process.stdin.flush()
        while conn.execute(waiting).fetchone() != (1,):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [(each.status, each.stage, each.converted) for each in status(database)] == [("running", stage, 30)]
    assert sorted(row["version"] for row in rows(database, "memories")) == (
        [1] * 100 if stage == "index" else [1] * 70 + [2] * 30
    )
    say(engine_of(database), "between", person(name="Person 0", email="p0@x.org", age="55"))
    seen: list[Backfill] = []
    done = backfill(database, SCHEMA, 2, chunk=10, progress=seen.append)
    assert done.joined
    assert done.activated
    assert (seen[0].stage, seen[0].converted) == (stage, 40)
    memories = rows(database, "memories")
    assert {row["version"] for row in memories} == {2}
    assert sorted(row["revision"] for row in memories) == [1] * 99 + [2]
    assert len(rows(database, "keys")) == 200
    with psycopg.connect(database_url) as conn:
        for table in ("backfill_parts", "backfill_marks", "backfill_keys"):
            assert conn.execute(f"select count(*) from memreg.{table}".encode()).fetchone() == (0,), table


def test_what_goes_wrong_while_progress_is_told_is_told(two_tenants: Database) -> None:
    def fail(_now: Backfill) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        backfill(two_tenants, SCHEMA, 2, chunk=10, progress=fail)
    assert backfill(two_tenants, SCHEMA, 2).activated


def test_after_lost_connections_it_goes_on(two_tenants: Database, database_url: str) -> None:
    def hang_up(now: Backfill) -> None:
        if now.converted == 20:
            with psycopg.connect(database_url) as conn:
                conn.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )

    with suppress(DatabaseError):
        backfill(two_tenants, SCHEMA, 2, chunk=10, progress=hang_up)
    assert backfill(two_tenants, SCHEMA, 2).activated
    assert [each.converted for each in status(two_tenants)] == [60]
