"""Many messages in one call: their order, what refuses one, what is held, and what a rerun gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import (
    ArgumentInvalid,
    CommitUnknown,
    ExtractorUnavailable,
    MemregError,
    MessageConflict,
    MessageInvalid,
    NoSchema,
    ProposalInvalid,
)
from memreg.engine.many import Item, Turn
from memreg.engine.model import Extraction, IngestResult, Message
from memreg.registry.models import SchemaVersion
from tests.support.people import ONE, SCHEMA, engine_of, final_state, person, register, rows
from tests.support.spans import Traces

PATTERNS = ONE.replace(
    "    annotation:\n      searchable: {name: 3, city",
    '    patterns: ["{name} lives in {city}"]\n    annotation:\n      searchable: {name: 3, city',
)


def turns(count: int, start: int = 0) -> list[Turn]:
    return [
        Turn([person(name=f"Person {n}", email=f"p{n % 70}@x.io")], id=f"m{n}") for n in range(start, start + count)
    ]


def test_results_come_in_order_and_are_kept(database: Database) -> None:
    register(database)
    engine = engine_of(database)
    results = list(engine.ingest_many(turns(130)))
    assert [each.message_id for each in results] == [f"m{n}" for n in range(130)]
    assert [str(each.decisions[0].action) for each in results] == ["CREATE"] * 70 + ["UPDATE"] * 60
    assert len(rows(database, "memories")) == 70
    assert len(rows(database, "messages")) == len(rows(database, "audit")) == 130


def test_a_turn_is_told_by_statistics_that_it_has_a_part_in(database: Database) -> None:
    """An invalid proposal is held against nothing, also where a turn beside it is about memories of its class."""
    register(database)
    engine = engine_of(database)
    list(engine.ingest_many(turns(40)))
    given = [Turn([person(name="Ana", email="none")], id="bad"), *turns(1, start=40)]
    list(engine.ingest_many(given))
    engine.ingest(Message("", "bad alone"), proposals=[person(name="Ana", email="none")])
    snapshots = {row["message_id"]: row["snapshot"] for row in rows(database, "audit")}
    assert snapshots["m40"] > 0
    assert snapshots["bad"] == snapshots["bad alone"] == 0


def test_each_result_is_kept_when_it_is_given(database: Database) -> None:
    register(database)
    engine = engine_of(database)
    for result in engine.ingest_many(turns(90), chunk=20):
        assert any(row["id"] == result.message_id for row in rows(database, "messages"))


def test_no_more_is_read_from_the_source_than_a_chunk(database: Database) -> None:
    register(database)
    read = []

    def source() -> Iterator[Item]:
        for turn in turns(60):
            read.append(turn)
            yield turn

    results = engine_of(database).ingest_many(source(), chunk=10)
    assert read == []
    next(results)
    assert len(read) == 10
    results.close()  # type: ignore[attr-defined]
    assert len(rows(database, "messages")) <= 10


def test_a_rerun_gives_what_was_recorded(database: Database) -> None:
    register(database)
    first = list(engine_of(database).ingest_many(turns(60)))
    again = list(engine_of(database).ingest_many(turns(80)))
    assert [each.status for each in again] == ["replayed"] * 60 + ["decided"] * 20
    assert [each.decisions for each in again[:60]] == [each.decisions for each in first]
    assert len(rows(database, "audit")) == 80


def test_what_was_decided_before_may_come_without_its_decisions(database: Database) -> None:
    register(database)
    engine = engine_of(database)
    engine.ingest(Message("something", "m7"), proposals=[person(name="Other")])
    list(engine.ingest_many(turns(5)))
    found = list(engine.ingest_many(turns(8), on_error=lambda *_: None, replays=False))
    assert [(each.status, len(each.decisions)) for each in found] == [("replayed", 0)] * 5 + [("decided", 1)] * 2


def test_an_error_is_raised_where_it_is_and_what_came_before_is_kept(database: Database) -> None:
    register(database)
    engine = engine_of(database)
    engine.ingest(Message("something", "m5"), proposals=[person(name="Other")])
    results = engine.ingest_many(turns(10))
    assert [next(results).message_id for _ in range(5)] == ["m0", "m1", "m2", "m3", "m4"]
    with pytest.raises(MessageConflict):
        next(results)
    assert {row["id"] for row in rows(database, "messages")} == {"m0", "m1", "m2", "m3", "m4", "m5"}


def test_nothing_after_a_second_text_of_one_id_is_decided(database: Database) -> None:
    register(database)
    given = [*turns(3), Turn([person(name="Another")], id="m1"), *turns(3, 3)]
    results = engine_of(database).ingest_many(given)
    assert [next(results).message_id for _ in range(3)] == ["m0", "m1", "m2"]
    with pytest.raises(MessageConflict):
        next(results)
    assert len(rows(database, "messages")) == 3


def test_what_refuses_one_leaves_the_others(database: Database) -> None:
    register(database)
    found: list[tuple[int, MemregError]] = []
    given = [
        *turns(2),
        Message("", "empty"),
        Turn([person(name="Another")], id="m1"),
        Turn([{"name": "no proposal"}]),  # type: ignore[list-item]
        7,
        Turn([person(name="Both")], id="a", message="text"),
        *turns(2),
        *turns(2, 2),
    ]
    results = list(engine_of(database).ingest_many(given, on_error=lambda place, error: found.append((place, error))))  # type: ignore[arg-type]
    assert [(place, type(error)) for place, error in found] == [
        (2, MessageInvalid),
        (3, MessageConflict),
        (4, ProposalInvalid),
        (5, MessageInvalid),
        (6, MessageInvalid),
    ]
    assert [(each.message_id, each.status) for each in results] == [
        ("m0", "decided"),
        ("m1", "decided"),
        ("m0", "replayed"),
        ("m1", "replayed"),
        ("m2", "decided"),
        ("m3", "decided"),
    ]


def test_texts_are_read_by_the_patterns_and_mix_with_turns(database: Database) -> None:
    register(database, PATTERNS)
    engine = Engine(database, schema=SCHEMA, extractor="patterns")
    given: list[Item] = ["Ana lives in Oslo", Message("nothing to keep", "x"), *turns(2), "Bo lives in Rome"]
    results = list(engine.ingest_many(given))
    assert [len(each.decisions) for each in results] == [1, 0, 1, 1, 1]
    assert {each["payload"]["name"] for each in final_state(database)} == {"Ana", "Person 0", "Person 1", "Bo"}


def test_a_text_that_cannot_be_read_is_dead_and_the_others_are_decided(database: Database) -> None:
    register(database)
    engine = Engine(database, schema=SCHEMA, extractor="structured")
    good = '{"class": "Person", "values": {"name": "Ana"}}'
    results = list(engine.ingest_many([Message(good, "a"), Message("not JSON", "b"), Message(good, "c")]))
    assert [each.status for each in results] == ["decided", "dead", "decided"]
    assert [row["reason"] for row in rows(database, "reviews")] == [results[1].error]
    again = list(engine.ingest_many([Message(good, "a"), Message("not JSON", "b")]))
    assert [each.status for each in again] == ["replayed", "dead"]


class Asking:
    """An extractor that is not said to be local."""

    name = "asking"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
        self.asked.append(message.text)
        return Extraction((person(name=message.text),), self.name)


def test_a_model_is_asked_once_for_each_message_and_not_again(database: Database) -> None:
    register(database)
    asking = Asking()
    engine = Engine(database, schema=SCHEMA, extractor=asking)
    given: list[Item] = [Message("Ana", "a"), Turn([person(name="Cy")], id="c"), Message("Bo", "b")]
    results = engine.ingest_many(given)
    next(results)
    assert asking.asked == ["Ana"]
    assert [each.status for each in results] == ["decided", "decided"]
    assert [each.status for each in engine.ingest_many([*given, Message("Di", "d")])] == ["replayed"] * 3 + ["decided"]
    assert asking.asked == ["Ana", "Bo", "Di"]


def test_without_an_extractor_what_came_before_is_kept(database: Database) -> None:
    register(database)
    engine = Engine(database, schema=SCHEMA, extractor="llm")
    results = engine.ingest_many([*turns(3), "Ana lives in Oslo"])
    assert [next(results).status for _ in range(3)] == ["decided"] * 3
    with pytest.raises(ExtractorUnavailable):
        next(results)


def test_long_texts_are_not_held_all_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memreg.api.many.MOST_CHARACTERS", 1_000)
    register(database)
    read = []

    def source() -> Iterator[Item]:
        for n in range(20):
            read.append(n)
            yield Turn([person(name=f"P {n}")], message=Message("x" * 400, f"m{n}"))

    results = engine_of(database).ingest_many(source())
    next(results)
    assert len(read) == 3
    assert len(list(results)) == 19


@pytest.mark.parametrize("given", ["a text", Message("one"), Turn([]), {"text": "x"}, 7, None])
def test_one_message_is_not_many(database: Database, given: object) -> None:
    with pytest.raises(ArgumentInvalid, match="messages"):
        engine_of(database).ingest_many(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk", [0, 10_001, True, "5"])
def test_a_chunk_is_a_number(database: Database, chunk: object) -> None:
    with pytest.raises(ArgumentInvalid, match="chunk"):
        engine_of(database).ingest_many([], chunk=chunk)  # type: ignore[arg-type]


def test_nothing_is_asked_of_the_database_for_nothing(database: Database) -> None:
    assert list(Engine(database).ingest_many([])) == []
    with pytest.raises(NoSchema):
        list(Engine(database).ingest_many(["x"]))


async def test_an_asynchronous_source(async_database: AsyncDatabase, database: Database) -> None:
    register(database)

    async def source() -> AsyncIterator[Item]:
        for turn in turns(60):
            yield turn

    engine = AsyncEngine(async_database, schema=SCHEMA)
    results = [each async for each in engine.ingest_many(source())]
    assert [each.status for each in results] == ["decided"] * 60
    assert [each.status async for each in engine.ingest_many(turns(2))] == ["replayed"] * 2


def test_a_trace_has_a_span_for_what_is_decided_together(database: Database, traces: Traces) -> None:
    register(database)
    list(engine_of(database).ingest_many(turns(20)))
    told = [dict(span.attributes or {}) for span in traces.named("memreg.messages")]
    assert told
    assert [each["memreg.messages"] for each in told] == [each["memreg.decisions"] for each in told]
    assert sum(int(str(each["memreg.messages"])) for each in told) == 20


def given_until_it_fell(database: Database, given: list[Turn]) -> list[IngestResult]:
    results: list[IngestResult] = []
    with pytest.raises(CommitUnknown):  # it goes out with what is written
        results.extend(engine_of(database).ingest_many(given, chunk=50))
    assert [each.message_id for each in results] == [f"m{n}" for n in range(len(results))]
    assert 50 <= len(results) <= 77
    return results


def a_rerun_completes(database: Database, given: list[Turn], before: list[IngestResult], kept: int) -> None:
    again = list(engine_of(database).ingest_many(given, chunk=50))
    assert [each.status for each in again] == ["replayed"] * kept + ["decided"] * (len(given) - kept)
    assert [each.decisions for each in again[: len(before)]] == [each.decisions for each in before]
    assert [str(each.decisions[0].action) for each in again] == ["CREATE"] * 70 + ["UPDATE"] * (len(given) - 70)
    assert len(rows(database, "memories")) == 70
    assert len(rows(database, "audit")) == len(given)


def decided(database: Database) -> set[str]:
    return {row["id"] for row in rows(database, "messages") if row["status"] == "decided"}


def test_a_connection_that_is_lost_leaves_what_was_given(database: Database, database_url: str) -> None:
    register(database)
    given = turns(130)
    with psycopg.connect(database_url) as conn:
        conn.execute(
            b"create function memreg.fall() returns trigger language plpgsql security definer as $$ begin"
            b" if new.proposal #>> '{values,name}' = 'Person 77' then perform pg_terminate_backend(pg_backend_pid());"
            b" end if; return new; end $$"
        )
        conn.execute(
            b"create trigger fall before insert on memreg.audit_values for each row execute function memreg.fall()"
        )
    results = given_until_it_fell(database, given)
    assert decided(database) == {each.message_id for each in results}
    with psycopg.connect(database_url) as conn:
        conn.execute(b"drop trigger fall on memreg.audit_values")
    a_rerun_completes(database, given, results, len(results))


def test_a_commit_whose_answer_is_lost_is_replayed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register(database)
    given = turns(130)
    send = Database._send

    def lost(self: Database, conn: Any, asked: Any, commits: bool) -> Any:
        answers = send(self, conn, asked, commits)
        if commits and "m77" in decided(database):
            monkeypatch.undo()
            conn.close()
            raise CommitUnknown(where=self.where)
        return answers

    monkeypatch.setattr(Database, "_send", lost)
    results = given_until_it_fell(database, given)
    kept = decided(database)
    assert "m77" in kept - {each.message_id for each in results}
    a_rerun_completes(database, given, results, len(kept))
