"""Everything that anybody logs while personal values are taken, changed, refused and asked about: none is in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memreg import AsyncEngine, Engine, Message, Proposal
from memreg.core.database import Database
from memreg.core.errors import MemregError
from memreg.core.settings import Settings
from memreg.testing import ScriptedServer, answer, content

SCHEMA = Path(__file__).parents[2] / "fixtures" / "schemas" / "assistant.yaml"
SECRETS = ("xanthippe", "quux", "1971-03-09")
EMAIL, OTHER, BORN = "xanthippe@quux.io", "quux@xanthippe.io", "1971-03-09"


class Everything(logging.Handler):
    """Keeps each record as any formatter might show it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = logging.Formatter("%(name)s %(message)s").format(record)
        self.lines.append(f"{line} {getattr(record, 'memreg', '')}")

    def of(self, name: str) -> list[str]:
        return [line for line in self.lines if line.startswith(name)]

    def leaks(self) -> list[str]:
        return [line for line in self.lines if any(secret in line.casefold() for secret in SECRETS)]


@pytest.fixture
def logged() -> Iterator[Everything]:
    """An application that wants everybody's debug logs, and has said nothing about openai."""
    root, openai = logging.getLogger(), logging.getLogger("openai")
    handler, before = Everything(), (root.level, openai.level)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    openai.setLevel(logging.NOTSET)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before[0])
    openai.setLevel(before[1])


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
    assert len(logged.of("memreg.api.engine decided")) == len(turns())
    assert logged.leaks() == []


def test_of_messages_and_a_model(settings: Settings, logged: Everything) -> None:
    said = f"Xanthippe Quux, born {BORN}, is at {EMAIL}"
    item = {"class": "Person", "operation": "upsert", "evidence": said}
    item["values"] = {"name": "Xanthippe Quux", "email": EMAIL}  # type: ignore[assignment]
    with ScriptedServer([answer({"items": [item]}), content(f"I know {EMAIL}.")]) as server:
        asking = settings.model_copy(update={"llm_base_url": server.base_url, "llm_model": "m", "llm_max_retries": 0})
        with Engine.connect(extractor="llm", settings=asking) as engine:
            engine.registry.register(SCHEMA, annotate="heuristic")
            engine.registry.approve("assistant")
            assert engine.ingest(Message(said, "m1")).status == "decided"
            assert engine.ingest(Message(said + "!", "m2")).status == "dead"
    assert len(server.requests) == 2
    assert logged.of("memreg.api.engine decided")
    assert logged.of("memreg.api.engine extraction_failed")
    assert logged.of("httpx")  # what openai rests on is heard: the handler would have seen a request's body
    assert logged.leaks() == []


async def test_of_coroutines(settings: Settings, logged: Everything) -> None:
    async with AsyncEngine.connect(schema="assistant", extractor="patterns", settings=settings) as engine:
        await engine.registry.register(SCHEMA, annotate="heuristic")
        await engine.registry.approve("assistant")
        for proposals in turns():
            await engine.ingest(proposals=proposals)
    assert len(logged.of("memreg.api.engine_async decided")) == len(turns())
    assert logged.leaks() == []


def test_a_value_that_is_logged_is_found(logged: Everything) -> None:
    logging.getLogger("anybody").debug("took %s", EMAIL)
    assert len(logged.leaks()) == 1
