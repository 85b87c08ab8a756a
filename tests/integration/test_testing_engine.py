"""An application's tests on memreg without a key: rules, recordings and faults, through the whole engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from memreg import AsyncEngine, Engine, Message, Proposal
from memreg.core.settings import Settings
from memreg.testing import (
    AsyncRecordedExtractor,
    AsyncScriptedExtractor,
    FaultSchedule,
    NotRecorded,
    RecordedExtractor,
    ScriptedExtractor,
    ScriptedServer,
    answers_by,
    item,
)

SCHEMA = Path(__file__).parents[2] / "examples" / "assistant.yaml"
KEY = "sk-nobody-may-see-this"
ANA = Message("Ana Lopez moved to Oslo, ana@lopez.io", id="m1")
RULES: Any = {"Ana Lopez": [item("Person", {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo"})]}


@pytest.fixture
def approved(settings: Settings) -> Settings:
    """Settings whose database has an approved schema."""
    with Engine.connect(settings=settings) as engine:
        engine.registry.register(SCHEMA, annotate="heuristic", by="test")
        engine.registry.approve("assistant", by="test")
    return settings


def asking(settings: Settings, server: ScriptedServer, **more: Any) -> Settings:
    changes = {"llm_base_url": server.base_url, "llm_model": "test-model", "llm_max_retries": 0}
    return Settings.model_validate({**settings.model_dump(), **changes, "llm_api_key": KEY, **more})


def test_the_scripted_extractor_in_an_engine(approved: Settings) -> None:
    extractor = ScriptedExtractor({"Ana": [Proposal("Person", {"name": "Ana Lopez", "city": "Oslo"})]})
    with Engine.connect(settings=approved, extractor=extractor) as engine:
        (decision,) = engine.ingest("Ana moved to Oslo").decisions
        assert (str(decision.action), engine.get(decision.memory_id or "").values["city"]) == ("CREATE", "Oslo")
        assert engine.explain(decision.audit_id).facts["evidence"] == "Ana"
        assert engine.ingest("nothing").decisions == ()


async def test_the_asynchronous_scripted_extractor_in_an_engine(approved: Settings) -> None:
    extractor = AsyncScriptedExtractor({"Ana": [Proposal("Person", {"name": "Ana Lopez"})]})
    async with AsyncEngine.connect(settings=approved, extractor=extractor) as engine:
        assert [str(each.action) for each in (await engine.ingest("Ana called")).decisions] == ["CREATE"]


def test_recorded_from_a_server_and_replayed_without_it(
    approved: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "answers.yaml"
    with ScriptedServer(answers_by(RULES)) as server:
        monkeypatch.setenv("MEMREG_LLM_BASE_URL", server.base_url)
        monkeypatch.setenv("MEMREG_LLM_API_KEY", KEY)
        monkeypatch.setenv("MEMREG_LLM_MODEL", "test-model")
        monkeypatch.setenv("MEMREG_RECORDING", "record")
        with Engine.connect(settings=approved, tenant="a", extractor=RecordedExtractor(file)) as engine:
            recorded = engine.ingest(ANA)
        assert len(server.requests) == 1
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        port = server.base_url.removesuffix("/v1").removeprefix("http://127.0.0.1")
    for name in ("MEMREG_LLM_BASE_URL", "MEMREG_LLM_API_KEY", "MEMREG_LLM_MODEL", "MEMREG_RECORDING"):
        monkeypatch.delenv(name)
    assert KEY not in file.read_text()
    assert port not in file.read_text()

    with Engine.connect(settings=approved, tenant="b", extractor=RecordedExtractor(file)) as engine:
        replayed = engine.ingest(ANA)
        assert [(d.action, d.basis) for d in replayed.decisions] == [(d.action, d.basis) for d in recorded.decisions]
        (memory,) = engine.list("Person")
        assert memory.values == {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo"}
        facts = engine.explain(replayed.decisions[0].audit_id).facts
        assert (facts["model"], facts["tokens_in"], facts["tokens_out"]) == ("scripted-model", 100, 20)
        with pytest.raises(NotRecorded, match="'Bo moved': it was never recorded"):
            engine.ingest("Bo moved")


async def test_a_recording_of_the_blocking_engine_is_one_for_the_asynchronous_one(
    approved: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "answers.json"
    with ScriptedServer(answers_by(RULES)) as server:
        extractor = RecordedExtractor(file, "auto", settings=asking(approved, server))
        with Engine.connect(settings=approved, tenant="a", extractor=extractor) as engine:
            engine.ingest(ANA)
    async with AsyncEngine.connect(settings=approved, tenant="b", extractor=AsyncRecordedExtractor(file)) as engine:
        assert [str(each.action) for each in (await engine.ingest(ANA)).decisions] == ["CREATE"]


async def test_faults_of_a_schedule_reach_the_real_client(approved: Settings) -> None:
    script = FaultSchedule(
        answers_by(RULES), rate_limited=0.25, server_error=0.25, slow=0, malformed=0, per="message", retry_after=0
    )
    messages = [Message(f"Ana Lopez called, number {number}, ana@lopez.io", id=f"m{number}") for number in range(24)]
    with ScriptedServer(script) as server:
        settings = asking(approved, server, llm_max_retries=3, pool_size=4, breaker_failures=1000)
        async with AsyncEngine.connect(settings=settings, extractor="llm") as engine:
            results = await asyncio.gather(*(engine.ingest(message) for message in messages))
    assert {result.status for result in results} == {"decided"}
    faults = sum(count for kind, count in script.given.items() if kind != "ok")
    assert faults > 0
    assert script.given["ok"] == len(messages)
    assert server.statuses[200] == len(messages)
    assert server.statuses[429] == script.given["rate limited"]
