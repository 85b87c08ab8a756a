"""What an application that traces sees of ours: a span for a message and one for each step, under the right parent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ActRefused, ExtractionFailed, MessageConflict
from memreg.core.settings import Settings
from memreg.engine.model import Call, Message, Proposal
from memreg.operations.backfill import backfill
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve
from memreg.testing import ScriptedServer, content
from tests.integration.test_logs_hold_no_values import BORN, EMAIL, SCHEMA, failing_replies, leaks, turns
from tests.support.engines import people_spec, register
from tests.support.scripted import AsyncScripted, Scripted, named
from tests.support.spans import Traces, facts

WALK = ["accept", "extract", "look_up", "score", "decide", "write"]
AGAIN = [*WALK, "lock", "look_up", "score", "decide", "write"]
"""Where somebody else wrote meanwhile what it was decided by."""
GIVEN = WALK[2:]


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    register(database)
    with Engine(database, schema="people", extractor=Scripted(named)) as engine:
        engine.schema()
        yield engine


# The walk


def test_a_message_is_a_span_with_its_steps(engine: Engine, traces: Traces) -> None:
    (decision,) = engine.ingest(Message("Ana Lopez", "m1")).decisions
    whole = traces.one("memreg.message")
    assert (whole.parent, whole.kind, whole.status.status_code) == (None, SpanKind.INTERNAL, StatusCode.UNSET)
    assert facts(whole) == {"schema": "people", "version": 1, "status": "decided", "decisions": 1}
    assert traces.steps(whole) == WALK
    assert traces.steps(traces.one("memreg.accept")) == ["commit"]
    assert facts(traces.one("memreg.extract")) == {
        "extractor": "scripted",
        "proposals": 1,
        "refused": 0,
        "requests": 1,
    }
    assert facts(traces.one("memreg.look_up")) == {"classes": 1, "proposals": 1, "candidates": 0}
    assert facts(traces.one("memreg.decide")) == {
        "class": "Person",
        "operation": "upsert",
        "action": "CREATE",
        "basis": "new",
        "audit_id": str(decision.audit_id),
    }
    assert {span.instrumentation_scope.name for span in traces.spans if span.instrumentation_scope} == {"memreg"}


def test_every_proposal_has_a_decision_of_its_own(engine: Engine, traces: Traces) -> None:
    proposals = [Proposal("Person", {"name": name, "email": f"{name}@x.org"}) for name in ("ana", "bo", "ana")]
    made = engine.ingest(proposals=proposals)
    assert traces.steps(traces.one("memreg.message")) == ["look_up", "score", "decide", "decide", "decide", "write"]
    told = [facts(span) for span in traces.named("memreg.decide")]
    assert [each["audit_id"] for each in told] == [str(decision.audit_id) for decision in made.decisions]
    assert [each["action"] for each in told] == ["CREATE", "CREATE", "SKIP"]


def test_a_score_is_told(engine: Engine, traces: Traces) -> None:
    engine.ingest(proposals=[Proposal("Person", {"name": "Ana Lopez", "city": "Oslo"})])
    (decision,) = engine.ingest(proposals=[Proposal("Person", {"name": "Ana Lopez", "city": "Oslo"})]).decisions
    told = facts(traces.named("memreg.decide")[-1])
    assert (told["basis"], told["score"]) == ("score", decision.score)
    assert facts(traces.named("memreg.score")[-1]) == {"scored": 1}


def test_what_is_ours_is_under_what_is_the_applications(engine: Engine, traces: Traces) -> None:
    with traces.tracer.start_as_current_span("request") as request:
        engine.ingest("Ana Lopez")
        engine.ingest("Bo Berg")
        assert trace.get_current_span() is request
    assert traces.steps(traces.one("request")) == ["message", "message"]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_what_an_extractor_traces_is_under_its_step(database: Database, traces: Traces) -> None:
    register(database)

    def answer(message: Message) -> list[Proposal]:
        with traces.tracer.start_as_current_span("model"):
            return named(message)

    with Engine(database, schema="people", extractor=Scripted(answer)) as engine:
        engine.ingest("Ana Lopez")
    assert traces.steps(traces.one("memreg.extract")) == ["model"]


@pytest.mark.usefixtures("traces")
def test_a_database_instrumentation_finds_the_step_that_it_is_in(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set[str]()
    execute = psycopg.Connection.execute

    def instrumented(*arguments: Any, **more: Any) -> Any:
        found.add(getattr(trace.get_current_span(), "name", "none"))
        return execute(*arguments, **more)

    monkeypatch.setattr("psycopg.Connection.execute", instrumented)
    engine.ingest("Ana Lopez")
    assert found >= {f"memreg.{step}" for step in ("accept", "look_up", "write")}
    assert "none" not in found


def test_what_was_settled_before_is_told(engine: Engine, traces: Traces) -> None:
    for _ in range(2):
        engine.ingest(Message("Ana Lopez", "m1"))
    again = traces.named("memreg.message")[1]
    assert facts(again) == {"schema": "people", "version": 1, "status": "replayed", "decisions": 1}
    assert traces.steps(again) == ["accept"]


def test_a_read_is_no_trace(engine: Engine, traces: Traces) -> None:
    engine.search("ana")
    engine.list()
    assert traces.spans == []


# What goes wrong


def test_a_refused_message_tells_the_type_of_the_error_alone(engine: Engine, traces: Traces) -> None:
    engine.ingest(Message("Ana Lopez", "m1"))
    with pytest.raises(MessageConflict):
        engine.ingest(Message("Bo Berg", "m1"))
    for span in (traces.named("memreg.message")[1], traces.named("memreg.accept")[1]):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description is None
        assert facts(span)["error.type"] == "MessageConflict"
        assert not span.events


def test_a_dead_message_is_an_error(database: Database, traces: Traces) -> None:
    register(database)

    def answer(_: Message) -> list[Proposal]:
        raise ExtractionFailed(extractor="scripted", reason="Ana said no", calls=(Call("http 400", "scripted"),))

    with Engine(database, schema="people", extractor=Scripted(answer)) as engine:
        assert engine.ingest("Ana Lopez").status == "dead"
    whole = traces.one("memreg.message")
    assert (whole.status.status_code, facts(whole)["status"]) == (StatusCode.ERROR, "dead")
    assert facts(whole)["error.type"] == "ExtractionFailed"
    assert traces.one("memreg.extract").status.status_code is StatusCode.ERROR
    assert "Ana" not in traces.told()


def test_a_transaction_that_is_tried_again_has_its_steps_twice(engine: Engine, traces: Traces) -> None:
    trouble = "raise exception 'no' using errcode = '40P01'"  # as a deadlock
    make = f"""
        create sequence memreg.tries;
        create function memreg.once() returns trigger language plpgsql security definer as
            $$ begin if nextval('memreg.tries') = 1 then {trouble}; end if; return new; end $$;
        create trigger once before insert on memreg.audit_log for each row execute function memreg.once();
    """
    with psycopg.connect(engine.database.conninfo) as conn:
        conn.execute(make.encode())
    engine.ingest("Ana Lopez")
    whole = traces.one("memreg.message")
    assert traces.steps(whole) == AGAIN
    first, second = traces.named("memreg.write")
    assert facts(first)["error.type"] == "DeadlockDetected"
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert whole.status.status_code is StatusCode.UNSET


# Blocking, asynchronous, in the background


async def test_coroutines_side_by_side_have_their_own_parents(async_database: AsyncDatabase, traces: Traces) -> None:
    database = Database(async_database.settings)
    register(database)
    database.close()
    async with AsyncEngine(async_database, schema="people", extractor=AsyncScripted(named)) as engine:

        async def request(number: int) -> None:
            with traces.tracer.start_as_current_span(f"request {number}"):
                await engine.ingest(f"Somebody {'abcdefgh'[number] * 3}")

        await asyncio.gather(*map(request, range(8)))
    for number in range(8):
        (whole,) = traces.below(traces.one(f"request {number}"))
        assert traces.steps(whole) in (WALK, AGAIN)
    assert len({span.context.trace_id for span in traces.spans}) == 8


def test_threads_have_their_own_parents(engine: Engine, traces: Traces) -> None:
    def request(number: int) -> None:
        with traces.tracer.start_as_current_span(f"request {number}"):
            engine.ingest(f"Somebody {'abcdefgh'[number] * 3}")

    threads = [threading.Thread(target=request, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        (whole,) = traces.below(traces.one(f"request {number}"))
        assert traces.steps(whole) in (WALK, AGAIN)


async def test_a_coroutine_that_is_cancelled_leaves_nothing_open(async_database: AsyncDatabase, traces: Traces) -> None:
    database = Database(async_database.settings)
    register(database)
    async with AsyncEngine(async_database, schema="people", extractor=AsyncScripted(named)) as engine:
        await engine.version()
        with psycopg.connect(database.conninfo) as conn:  # whoever decides waits for it
            conn.execute("lock table memreg.audit_log in access exclusive mode")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(engine.ingest("Ana Lopez"), 0.3)
        assert trace.get_current_span() is trace.INVALID_SPAN
        await engine.ingest("Bo Berg")
    database.close()
    first, second = traces.named("memreg.message")
    assert facts(first)["error.type"] == "CancelledError"
    assert traces.steps(second) == WALK


@pytest.mark.parametrize("session", [None, "s1"])
def test_what_a_worker_does_is_of_the_trace_that_submitted_it(
    engine: Engine, traces: Traces, session: str | None
) -> None:
    ids = []
    for number, name in enumerate(("Ana Lopez", "Bo Berg", "Cy Cole")):
        with traces.tracer.start_as_current_span(f"request {number}"):
            ids.append(engine.submit(Message(name, f"m{number}", session=session)))
    for each in ids:
        assert engine.wait(each).status == "decided"
    engine.close()  # then the last span has ended
    for number in range(3):
        (submitted,) = traces.below(traces.one(f"request {number}"))
        assert (submitted.name, submitted.kind) == ("memreg.submit", SpanKind.PRODUCER)
        commit, whole = traces.below(submitted)
        assert (commit.name, whole.name, whole.kind) == ("memreg.commit", "memreg.message", SpanKind.CONSUMER)
        assert whole.parent is not None
        assert whole.parent.is_remote
        assert traces.steps(whole) in (WALK, AGAIN)


async def test_tasks_of_a_worker_belong_to_no_request_that_started_it(
    async_database: AsyncDatabase, traces: Traces
) -> None:
    database = Database(async_database.settings)
    register(database)
    database.close()
    async with AsyncEngine(async_database, schema="people", extractor=AsyncScripted(named)) as engine:
        with traces.tracer.start_as_current_span("first"):
            await engine.wait(await engine.submit("Ana Lopez"))
        trace._TRACER_PROVIDER = None  # what is submitted now is of no trace
        late = await engine.submit("Bo Berg")
        trace._TRACER_PROVIDER = traces.provider
        await engine.wait(late)
    first = traces.one("first").context.trace_id
    ours, others = traces.named("memreg.message")
    assert ours.context.trace_id == first
    assert (others.parent, others.context.trace_id == first) == (None, False)


def test_what_is_put_off_says_so(database: Database, traces: Traces) -> None:
    register(database)

    def answer(message: Message) -> list[Proposal]:
        if len(asked.asked) == 1:
            raise ExtractionFailed(extractor="scripted", reason="x", transient=True, calls=(Call("http 429", "s"),))
        return named(message)

    asked = Scripted(answer)
    settings = database.settings.model_copy(update={"llm_max_retries": 0})
    with Engine(Database(settings), schema="people", extractor=asked, owns_database=True) as engine:
        message_id = engine.submit("Ana Lopez")
        assert engine.wait(message_id).status == "decided"
    first, second = traces.named("memreg.message")
    assert [facts(each)["status"] for each in (first, second)] == ["postponed", "decided"]
    assert first.parent == second.parent
    assert traces.steps(first) == ["accept", "extract", "commit"]


# Acts, what is decided again, backfills


def test_an_act_is_a_span(engine: Engine, traces: Traces) -> None:
    (decision,) = engine.ingest("Ana Lopez").decisions
    undone = engine.undo(decision.audit_id, by="ana@x.org", why="not Ana")
    whole = traces.one("memreg.act")
    assert facts(whole) == {
        "verb": "undo",
        "schema": "people",
        "version": 1,
        "entries": 1,
        "audit_id": str(undone.undone[0].audit_id),
        "action": "UNDO",
        "class": "Person",
    }
    assert traces.steps(whole) == ["take", "commit"]
    assert not {"ana", "not"} & set(traces.told().casefold().split('"'))


def test_every_verb_is_told(engine: Engine, traces: Traces) -> None:
    ids = [engine.ingest(name).decisions[0].memory_id for name in ("Ana Lopez", "Bo Berg")]
    kept, other = (each for each in ids if each is not None)
    traces.exporter.clear()
    engine.correct(kept, {"city": "Oslo"}, by="test")
    engine.merge(kept, other, by="test")
    engine.forget(kept, by="test")
    engine.restore(kept, by="test")
    told = [facts(span) for span in traces.named("memreg.act")]
    assert [each["verb"] for each in told] == ["correct", "merge", "forget", "restore"]
    assert [each["action"] for each in told] == ["CORRECT", "MERGE", "FORGET", "RESTORE"]
    switch(engine.database, "default", "people", "Person", on=True, by="test", reason="Ana Lopez")
    switched = facts(traces.named("memreg.act")[-1])
    assert switched == {
        "verb": "switch",
        "schema": "people",
        "class": "Person",
        "action": "SWITCH",
        "is_on": True,
        "changed": True,
    }
    assert not {"oslo", "ana lopez", "bo berg"} & set(traces.told().casefold().split('"'))


def test_an_answer_to_a_question_names_it_and_what_it_did(engine: Engine, traces: Traces) -> None:
    engine.ingest(proposals=[Proposal("Person", {"name": "Ana Lopez", "born": "1990-05-01", "city": "Oslo"})])
    engine.ingest(proposals=[Proposal("Person", {"name": "Ana Lopes", "city": "Oslo", "phone": "123"})])
    (asked,) = engine.review().items
    engine.settle(asked.id, "merge", by="test")
    engine.reopen(asked.id, by="test")
    engine.settle(asked.id, "apart", by="test")
    told = [facts(span) for span in traces.named("memreg.act")]
    assert [each["verb"] for each in told] == ["merge", "undo", "settle"]
    assert {each["review_id"] for each in told} == {str(asked.id)}


def test_an_act_that_is_refused_is_an_error_and_wrote_nothing(engine: Engine, traces: Traces) -> None:
    (first,) = engine.ingest("Ana Lopez").decisions
    assert first.memory_id is not None
    engine.forget(first.memory_id, by="test")
    with pytest.raises(ActRefused):
        engine.undo(first.audit_id, by="test")
    refused = traces.named("memreg.act")[1]
    assert facts(refused)["error.type"] == "ActRefused"
    assert "audit_id" not in facts(refused)


def test_what_is_decided_again_has_the_steps_of_a_message(engine: Engine, traces: Traces) -> None:
    switch(engine.database, "default", "people", on=True, by="test")
    engine.ingest("Ana Lopez")
    switch(engine.database, "default", "people", on=False, by="test")
    traces.exporter.clear()
    resolve(engine.database, "default", "people")
    whole = traces.one("memreg.resolve")
    assert facts(whole) == {"schema": "people", "version": 1, "decisions": 1}
    assert traces.steps(whole) == ["look_up", "score", "lock", "decide", "write"]


def test_the_parts_of_a_backfill_are_of_the_trace_that_asked_for_it(engine: Engine, traces: Traces) -> None:
    engine.ingest("Ana Lopez")
    spec = people_spec()
    longer = replace(spec, classes=tuple(replace(each, description=f"{each.description}!") for each in spec.classes))
    assert register(engine.database, longer).version == 2
    traces.exporter.clear()
    with traces.tracer.start_as_current_span("request"):
        backfill(engine.database, "people", 2)
    parts = traces.named("memreg.backfill")
    assert {facts(each)["stage"] for each in parts} == {"index", "rewrite"}
    assert all(each in traces.below(traces.one("request")) for each in parts)
    assert sum(facts(each)["memories"] for each in traces.named("memreg.part")) == 1


# No values


def test_traces_hold_no_values(settings: Settings, traces: Traces) -> None:
    said = f"Xanthippe Quux, born {BORN}, is at {EMAIL}"
    replies = failing_replies()
    changes = {"llm_model": "m", "llm_max_retries": 0, "llm_timeout": 1.0, "breaker_failures": 1000}
    with ScriptedServer() as server:
        asking = settings.model_copy(update={"llm_base_url": server.base_url, **changes})
        with Engine.connect(tenant=EMAIL, extractor="llm", settings=asking) as engine:
            engine.registry.register(SCHEMA, annotate="heuristic")
            engine.registry.approve("assistant")
            for proposals in turns():
                engine.ingest(proposals=proposals)
            for number, reply in enumerate(replies):
                server.script([reply] * 2)
                engine.ingest(Message(f"{said}, {number}", f"{EMAIL} {number}", session=EMAIL))
            server.script([content(f"I know {EMAIL}.")] * 2)
            engine.submit(Message(said, EMAIL, session=EMAIL))
    assert len(traces.named("memreg.message")) >= len(replies) + len(turns()) + 1
    assert not leaks(traces.told())
