"""Everything that anybody logs while personal values are taken, changed, refused and asked about: none is in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import psycopg
import pytest

from memreg import AsyncEngine, Engine, Message, Proposal
from memreg.core.database import Database
from memreg.core.errors import DatabaseError, MemregError, MessageConflict, WaitTimeout
from memreg.core.settings import Settings
from memreg.testing import ScriptedServer, answer, content, delay, disconnect, error, raw

SCHEMA = Path(__file__).parents[2] / "fixtures" / "schemas" / "assistant.yaml"
SECRETS = ("xanthippe", "quux", "1971-03-09")
LOGGERS = (
    "",
    "memreg",
    "openai",
    "httpx2",
    "httpcore2",
    "instructor",
    "psycopg",
    "psycopg.pool",
    "procrastinate",
    "asyncio",
)
EMAIL, OTHER, BORN = "xanthippe@quux.io", "quux@xanthippe.io", "1971-03-09"


def leaks(text: str) -> bool:
    """Whether a text has a personal value."""
    return any(secret in text.casefold() for secret in SECRETS)


class Everything(logging.Handler):
    """Keeps each record as any formatter might show it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = logging.Formatter("%(name)s %(message)s").format(record)  # with the traceback, if there is one
        self.lines.append(f"{line} {record.__dict__!r}")

    def of(self, name: str) -> list[str]:
        return [line for line in self.lines if line.startswith(name)]

    def leaks(self) -> list[str]:
        return [line for line in self.lines if leaks(line)]


@pytest.fixture
def logged() -> Iterator[Everything]:
    """An application that wants everybody's debug logs, openai's among them."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    handler, before = Everything(), [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield handler
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def turns() -> list[Any]:
    """Creates, updates, a contradiction, an identity conflict, bad values and a delete, all of personal values."""
    person = {"name": "Xanthippe Quux", "email": EMAIL, "born": BORN}
    return [
        [Proposal("Person", person, evidence=f"write to {EMAIL}")],
        [Proposal("Person", {"name": "Somebody Else", "email": EMAIL})],
        [Proposal("Person", {"name": "Quux", "email": OTHER, "phone": "+47 22 33 44 55"})],
        [Proposal("Person", {"name": "Quux", "email": "xanthippe at quux"})],
        [Proposal("Person", {"name": "Quux", "born": "1971-03-09 or so", EMAIL: "x"})],
        [Proposal("Person", {"email": EMAIL}, "delete")],
        [Proposal("Person", {"name": "Xanthippe Quux"}, "delete")],
    ]


def test_of_proposals(database: Database, logged: Everything) -> None:
    engine = Engine(database, schema="assistant", extractor="patterns")
    engine.registry.register(SCHEMA, annotate="heuristic")
    engine.registry.approve("assistant")
    for proposals in turns():
        made = engine.ingest(proposals=proposals)
        for decision in made.decisions:
            engine.explain(decision.audit_id)
    engine.search("xanthippe")
    with pytest.raises(MemregError):
        engine.ingest(Message(f"{EMAIL}\0"))
    assert len(logged.of("memreg.api.intake decided")) == len(turns())
    assert logged.leaks() == []


def test_of_messages_and_a_model(settings: Settings, logged: Everything) -> None:
    said = f"Xanthippe Quux, born {BORN}, is at {EMAIL}"
    item = {"class": "Person", "operation": "upsert", "evidence": said}
    item["values"] = {"name": "Xanthippe Quux", "email": EMAIL}  # type: ignore[assignment]
    with ScriptedServer([answer({"items": [item]}), *[content(f"I know {EMAIL}.")] * 2]) as server:
        asking = settings.model_copy(update={"llm_base_url": server.base_url, "llm_model": "m", "llm_max_retries": 0})
        with Engine.connect(extractor="llm", settings=asking) as engine:
            engine.registry.register(SCHEMA, annotate="heuristic")
            engine.registry.approve("assistant")
            assert engine.ingest(Message(said, "m1")).status == "decided"
            assert engine.ingest(Message(said + "!", "m2")).status == "dead"
    assert len(server.requests) == 3  # asked once more for what could not be read
    assert logged.of("memreg.api.intake decided")
    assert logged.of("memreg.api.intake extraction_failed")
    assert logged.of("httpx2")  # what openai rests on is heard: the handler would have seen a request's body
    assert logged.leaks() == []


def failing_replies() -> list[Any]:
    """What goes wrong at a model, each quoting what people said."""
    said = {"error": {"message": f"no answer for {EMAIL}, born {BORN}", "type": "x", "code": None}}
    bad = {"class": "Person", "operation": "upsert", "evidence": f"{EMAIL} it is", "values": {"email": EMAIL}}
    return [
        error(400, said),
        error(500, said),
        error(429, said, {"Retry-After": "0"}),
        raw(f"<html>{EMAIL}</html>", 200),
        raw({"choices": [], "said": EMAIL}),
        content(f"I know {EMAIL}, born {BORN}."),
        answer('{"items": [{"class": "Person", "values": {"email": "' + EMAIL),
        answer({"items": [bad, {**bad, "class": EMAIL}, {**bad, "operation": EMAIL}, {**bad, "values": EMAIL}, EMAIL]}),
        disconnect(),
        delay(3.0),
    ]


@pytest.mark.parametrize("mode", ["tools", "json_schema", "json", "md_json"])
def test_of_a_model_that_fails(settings: Settings, logged: Everything, mode: str) -> None:
    said = f"Xanthippe Quux, born {BORN}, is at {EMAIL}"
    changes = {"llm_model": "m", "llm_max_retries": 0, "llm_timeout": 1.0, "llm_mode": mode, "breaker_failures": 1000}
    replies = failing_replies()
    with ScriptedServer() as server:
        asking = settings.model_copy(update={"llm_base_url": server.base_url, **changes})
        with Engine.connect(extractor="llm", settings=asking) as engine:
            engine.registry.register(SCHEMA, annotate="heuristic")
            engine.registry.approve("assistant")
            for number, reply in enumerate(replies):
                server.script([reply] * 2)
                engine.ingest(Message(f"{said}, {number}", f"m{number}"))
            with pytest.raises(MessageConflict) as raised:
                engine.ingest(Message("another text", "m1"))
            assert not leaks(str(raised.value))
    assert len(server.requests) >= len(replies)
    assert logged.of("memreg.api.intake extraction_failed")
    assert logged.of("httpcore2")
    assert logged.leaks() == []


def test_of_the_background(settings: Settings, logged: Everything) -> None:
    said = f"Xanthippe Quux, born {BORN}, is at {EMAIL}"
    item = {
        "class": "Person",
        "operation": "upsert",
        "evidence": said,
        "values": {"name": "Xanthippe Quux", "email": EMAIL},
    }
    script = [answer({"items": [item]}), error(500, {"error": {"message": EMAIL}}), content(f"I know {EMAIL}.")]
    with ScriptedServer([*script, script[-1]]) as server:
        changes = {"llm_base_url": server.base_url, "llm_model": "m", "inbox_attempts": 1, "workers": 1}
        with Engine.connect(extractor="llm", settings=settings.model_copy(update=changes)) as engine:
            engine.registry.register(SCHEMA, annotate="heuristic")
            engine.registry.approve("assistant")
            ids = [engine.submit(Message(f"{said}{'!' * number}", f"m{number}", session=EMAIL)) for number in range(3)]
            assert [engine.wait(each).status for each in ids] == ["decided", "dead", "dead"]
    assert logged.of("procrastinate")
    assert logged.of("memreg.api.intake decided")
    assert logged.leaks() == []


def test_of_a_database_that_refuses_a_row(settings: Settings, logged: Everything) -> None:
    """Postgres quotes the whole row in the detail of its error."""
    refusing = "alter table memreg.memories add constraint nobody check (payload->>'email' is null)"
    with psycopg.connect(settings.database_url or "") as conn:
        conn.execute(refusing)
    changes = {"workers": 1}
    with Engine.connect(
        schema="assistant", extractor="patterns", settings=settings.model_copy(update=changes)
    ) as engine:
        engine.registry.register(SCHEMA, annotate="heuristic")
        engine.registry.approve("assistant")
        with pytest.raises(DatabaseError) as raised:
            engine.ingest(proposals=[Proposal("Person", {"name": "Xanthippe Quux", "email": EMAIL})])
        message_id = engine.submit(Message(f"Xanthippe Quux moved to Oslo, {EMAIL}.", "m1"))
        with pytest.raises(WaitTimeout) as waited:
            engine.wait(message_id, timeout=2.0)
        assert not leaks(str(raised.value) + str(waited.value))
        engine._close(0.0)
    assert logged.of("memreg.api.intake message_postponed")
    assert logged.leaks() == []


def test_a_dead_letter_of_ours_quotes_no_personal_value(settings: Settings) -> None:
    said = f"Xanthippe Quux, born {BORN}, is at {EMAIL} or {OTHER}"
    given = {"evidence": said, "class": "Person"}
    items: list[Any] = [
        {**given, "values": {"name": "Xanthippe Quux", "email": "xanthippe at quux"}},
        {**given, "values": {"name": "Xanthippe Quux", "email": "xanthippe@nowhere.io"}},
        {**given, "values": {"name": "Xanthippe Quux"}, "evidence": "Xanthippe it was"},
        {**given, "values": {"name": "Xanthippe Quux"}, "class": "Xanthippe"},
        {**given, "values": "Xanthippe"},
        "Xanthippe",
    ]
    with ScriptedServer(lambda _: answer({"items": items})) as server:
        asking = settings.model_copy(update={"llm_base_url": server.base_url, "llm_model": "m"})
        with Engine.connect(extractor="llm", settings=asking) as engine:
            engine.registry.register(SCHEMA, annotate="heuristic")
            engine.registry.approve("assistant")
            made = engine.ingest(Message(said, "m1"))
            with engine.database.transaction("default") as conn:
                rows = conn.execute("select reason from memreg.review_items").fetchall()
    assert [str(decision.basis) for decision in made.decisions] == ["invalid"] * len(items)
    assert len(rows) == len(items)
    assert not leaks(" ".join(row["reason"] for row in rows))


def test_an_applications_own_requests_are_its_own_to_log(logged: Everything) -> None:
    with ScriptedServer([content("yes")]) as server, openai.OpenAI(base_url=server.base_url, api_key="none") as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": EMAIL}])
    assert logged.leaks()


async def test_of_coroutines(settings: Settings, logged: Everything) -> None:
    async with AsyncEngine.connect(schema="assistant", extractor="patterns", settings=settings) as engine:
        await engine.registry.register(SCHEMA, annotate="heuristic")
        await engine.registry.approve("assistant")
        for proposals in turns():
            await engine.ingest(proposals=proposals)
    assert len(logged.of("memreg.api.intake_async decided")) == len(turns())
    assert logged.leaks() == []


def test_a_value_that_is_logged_is_found(logged: Everything) -> None:
    logging.getLogger("anybody").debug("took %s", EMAIL)
    assert len(logged.leaks()) == 1
