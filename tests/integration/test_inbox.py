"""The inbox in the foreground: kept before anything is asked, tried again where that helps, never lost or doubled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from memreg import recalled
from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, ExtractionFailed, MessageNotFound, MessageSettled
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.engine.model import Call, Extraction, Message, Proposal, Refused
from memreg.registry.models import SchemaVersion
from tests.support.engines import every, register
from tests.support.replay import rows
from tests.support.scripted import ANSWERED, CALLS, COSTS, Scripted, inbox, named

LIMITED = Call("http 429", "scripted")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses, which nobody waits for here."""
    pauses: list[float] = []
    monkeypatch.setattr("memreg.api.intake.time.sleep", pauses.append)
    return pauses


def engine_of(database: Database, extractor: Any, tenant: str = "default") -> Engine:
    if not Registry(database).versions():
        register(database)
    return Engine(database, tenant=tenant, schema="people", extractor=extractor)


def failing(times: int, *, transient: bool = True, retry_after: float | None = None) -> Callable[[Message], Any]:
    """Fails so many times, then says the name."""
    left = [times]

    def answer(message: Message) -> Sequence[Proposal]:
        if left[0]:
            left[0] -= 1
            raise ExtractionFailed(
                extractor="scripted",
                reason="too many requests",
                transient=transient,
                retry_after=retry_after,
                calls=(LIMITED,),
                reply="slow down",
            )
        return named(message)

    return answer


# Tried again


def test_a_failure_that_passes_is_tried_again_and_every_request_is_in_the_books(
    database: Database, slept: list[float]
) -> None:
    engine = engine_of(database, Scripted(failing(2)))
    result = engine.ingest(Message("Ana Lopez", "m1"))
    assert result.status == "decided"
    assert len(slept) == 2
    (row,) = inbox(database)
    assert (row["status"], row["error"], row["attempts"]) == ("decided", None, 1)
    calls = rows(database, CALLS, "default")
    assert [(call["ordinal"], call["outcome"], call["tokens_in"]) for call in calls] == [
        (0, "http 429", None),
        (1, "http 429", None),
        (2, "ok", 100),
    ]
    assert [cost["attempts"] for cost in rows(database, COSTS, "default")] == [3]
    (entry,) = engine.audit()
    assert (entry.attempts, entry.tokens_in, entry.tokens_out, entry.latency_ms) == (3, 100, 20, 5.0)
    (line,) = engine.usage().lines
    assert (line.model, line.requests, line.failed, line.tokens_in, line.tokens_out) == ("scripted", 3, 2, 100, 20)
    with pytest.raises(ArgumentInvalid):
        engine.usage(by=["phase of the moon"])


def test_after_the_last_try_it_is_dead_with_the_reason_and_the_reply(database: Database, slept: list[float]) -> None:
    engine = engine_of(database, Scripted(failing(3)))
    result = engine.ingest(Message("Ana Lopez", "m1"))
    assert (result.status, result.error) == ("dead", "The extractor scripted gave nothing usable: too many requests.")
    assert len(slept) == 2
    (row,) = inbox(database)
    assert (row["status"], row["reply"]) == ("dead", "slow down")
    assert len(rows(database, CALLS, "default")) == 3
    assert engine.retry("m1").status == "decided"
    assert inbox(database)[0]["error"] is None


def test_a_failure_that_does_not_pass_is_not_tried_again(database: Database, slept: list[float]) -> None:
    extractor = Scripted(failing(1, transient=False))
    assert engine_of(database, extractor).ingest(Message("Ana", "m1")).status == "dead"
    assert (len(extractor.asked), slept) == (1, [])


def test_a_server_is_obeyed_when_it_asks_to_wait_and_nobody_waits_for_minutes(
    database: Database, slept: list[float]
) -> None:
    engine = engine_of(database, Scripted(failing(1, retry_after=7.0)))
    assert engine.ingest(Message("Ana", "m1")).status == "decided"
    assert 7.0 <= slept[0] <= 7.5
    patient = engine_of(database, Scripted(failing(1, retry_after=300.0)), "other")
    assert patient.ingest(Message("Ana", "m1")).status == "dead"
    assert len(slept) == 1


def test_an_extractor_that_breaks_leaves_the_message_to_be_taken_again(database: Database) -> None:
    def broken(_message: Message) -> Sequence[Proposal]:
        raise RuntimeError("a bug at ana@lopez.io")

    engine = engine_of(database, Scripted(broken))
    with pytest.raises(RuntimeError, match="a bug"):
        engine.ingest(Message("Ana", "m1"))
    (row,) = inbox(database)
    assert (row["status"], row["error"]) == (
        "accepted",
        "The extractor scripted gave nothing usable: it raised RuntimeError.",
    )


# What is not extracted


@pytest.mark.parametrize("role", ["assistant", "System", " tool "])
def test_what_an_assistant_says_is_kept_but_is_nobodys_statement(database: Database, role: str) -> None:
    extractor = Scripted(named)
    result = engine_of(database, extractor).ingest(Message("Ana Lopez", "m1", role=role))
    assert (result.status, result.decisions, extractor.asked) == ("decided", (), [])
    assert "MEMREG_IGNORED_ROLES" in inbox(database)[0]["error"]


def test_which_roles_are_heard_is_a_setting(settings: Settings) -> None:
    for ignored, heard in (("nobody", True), ("ana, assistant", False)):
        with Database.connect(settings.model_copy(update={"ignored_roles": ignored})) as database:
            extractor = Scripted(named)
            engine_of(database, extractor).ingest(Message("Ana Lopez", role="assistant"))
            assert bool(extractor.asked) is heard


def test_text_recalled_from_memory_is_not_extracted_again(database: Database) -> None:
    extractor = Scripted(named)
    engine = engine_of(database, extractor)
    engine.ingest("Ana Lopez")
    block = recalled(engine.list("Person"))
    assert engine.ingest(Message(block, "only")).decisions == ()
    engine.ingest(Message(f"Thanks!\n{block}\nBob Stone", "around"))
    assert len(extractor.asked) == 2
    assert "Ana" not in extractor.asked[-1].text
    assert "Bob Stone" in extractor.asked[-1].text


def test_a_message_without_a_time_has_the_one_it_was_received_at(database: Database) -> None:
    extractor = Scripted(named)
    engine = engine_of(database, extractor)
    at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    engine.ingest(Message("Ana Lopez", at=at))
    engine.ingest(Message("Bob Stone", "b"))
    assert extractor.asked[0].at == at
    received = rows(database, Query("r", "When.", "select received_at from memreg.messages where id = 'b'"), "default")
    assert extractor.asked[1].at == received[0]["received_at"]


# Context


class Listening(Scripted):
    """Wants the two turns before."""

    context_turns = 2

    def __init__(self) -> None:
        super().__init__(named)
        self.before: list[list[str]] = []

    def extract_in_context(self, message: Message, version: SchemaVersion, before: Sequence[Message]) -> Extraction:
        self.before.append([f"{turn.role}: {turn.text}" for turn in before])
        return self.extract(message, version)


def test_the_turns_before_are_those_of_the_session_and_tenant_in_order(database: Database) -> None:
    extractor = Listening()
    engine = engine_of(database, extractor)
    engine.for_tenant("other").ingest(Message("Eve", session="s"))
    engine.ingest(Message("Zoe", session="t"))
    engine.ingest(Message("Nobody in particular"))
    for text, role in (("Ana", "user"), ("Hello", "assistant"), ("Bob", "user"), ("Cy", "user")):
        engine.ingest(Message(text, session="s", role=role))
    assert extractor.before == [[], [], [], [], ["user: Ana", "assistant: Hello"], ["assistant: Hello", "user: Bob"]]


def test_what_was_recalled_is_no_context_either(database: Database) -> None:
    extractor = Listening()
    engine = engine_of(database, extractor)
    engine.ingest(Message("Ana Lopez", session="s"))
    block = recalled(engine.list("Person"))
    engine.ingest(Message(f"Hello\n{block}", session="s", role="assistant"))
    engine.ingest(Message(block, session="s", role="assistant"))
    engine.ingest(Message("Bob", session="s"))
    assert [each.strip() for each in extractor.before[-1]] == ["assistant: Hello"]


def test_a_message_taken_again_has_the_turns_that_it_had(database: Database) -> None:
    extractor = Listening()
    engine = engine_of(database, extractor)
    engine.ingest(Message("Ana", "1", session="s"))
    fails = Engine(database, schema="people", extractor=Scripted(failing(1, transient=False)))
    assert fails.ingest(Message("Bob", "2", session="s")).status == "dead"
    engine.ingest(Message("Cy", "3", session="s"))
    engine.retry("2")
    assert extractor.before == [[], ["user: Ana", "user: Bob"], ["user: Ana"]]


# Refused items


def test_what_an_extractor_refused_is_in_the_audit_and_asked_about(database: Database) -> None:
    refused = (
        Refused("item 2: it has no class", {"values": {"a": "\0"}}, evidence="Ana"),
        Refused("the message supposes it", {"class": "Person"}, "Person", dead_letter=False),
        Refused("no class of this schema", {"class": "Robot" * 200}, "Robot" * 200, "delete"),
    )

    def answer(message: Message) -> Extraction:
        return Extraction(tuple(named(message)), "scripted", refused=refused, calls=(ANSWERED, ANSWERED), tokens_in=200)

    engine = engine_of(database, Scripted(answer))
    result = engine.ingest(Message("Ana Lopez", "m1"))
    assert [(str(each.action), str(each.basis)) for each in result.decisions] == [
        ("CREATE", "new"),
        *[("REJECT", "invalid")] * 3,
    ]
    assert result.decisions[1].reasons == ("item 2: it has no class",)
    told = engine.explain(result.decisions[1].audit_id)
    assert told.facts["proposal"] == {"refused": {"values": {"a": "\\u0000"}}}
    questions = rows(
        database,
        Query("q", "Questions.", "select kind, reason from memreg.review_items where tenant = %(tenant)s order by id"),
        "default",
    )
    assert [question["reason"] for question in questions] == ["item 2: it has no class", "no class of this schema"]
    assert {question["kind"] for question in questions} == {"dead_letter"}
    assert len(every(engine)) == 1


def test_what_could_be_read_is_decided_when_nobody_tries_again(database: Database, slept: list[float]) -> None:
    def answer(message: Message) -> Extraction:
        partial = Extraction(tuple(named(message)), "scripted", refused=(Refused("it has no class", "Eve"),))
        raise ExtractionFailed(
            extractor="scripted", reason="busy", transient=True, calls=(ANSWERED, LIMITED), partial=partial
        )

    engine = engine_of(database, Scripted(answer))
    result = engine.ingest(Message("Ana Lopez", "m1"))
    assert [str(each.action) for each in result.decisions] == ["CREATE", "REJECT"]
    assert len(slept) == 2
    assert [call["outcome"] for call in rows(database, CALLS, "default")] == ["ok", "http 429"] * 3
    assert {(cost["attempts"], cost["tokens_in"]) for cost in rows(database, COSTS, "default")} == {(6, 300)}


# Settled


def test_a_message_that_a_person_dropped_stays_dropped(database: Database) -> None:
    extractor = Scripted(failing(1, transient=False))
    engine = engine_of(database, extractor)
    engine.ingest(Message("Ana", "m1"))
    drop = "update memreg.messages set status = 'dropped', settled_by = 'bo', error = 'spam' where tenant = %(tenant)s"
    rows(database, Query("drop", "Drop all.", f"{drop} returning id"), "default")
    again = engine.ingest(Message("Ana", "m1"))
    assert (again.status, again.decisions, again.error) == ("replayed", (), "it was dropped by bo: spam")
    with pytest.raises(MessageSettled, match="cannot be retried: it is dropped already"):
        engine.retry("m1")
    assert len(extractor.asked) == 1


def test_retrying_what_never_came_says_so(database: Database) -> None:
    with pytest.raises(MessageNotFound, match="No message 'm7' was taken in tenant 'default'"):
        engine_of(database, Scripted(named)).retry("m7")
