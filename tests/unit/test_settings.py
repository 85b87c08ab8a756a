"""Settings: read once from the environment, frozen, and a wrong one named without its secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from memreg.annotator.wire import Endpoint
from memreg.core.errors import SettingsInvalid, TenantInvalid
from memreg.core.settings import Settings, variable


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMREG_HOME", raising=False)


def test_defaults() -> None:
    settings = Settings()
    assert settings.database_url is None
    assert settings.tenant == "default"
    assert settings.schema_ is None
    assert settings.pool_size == 10
    assert settings.auto_approve is None
    assert settings.llm_mode == "tools"


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREG_DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv("MEMREG_SCHEMA", "assistant")
    monkeypatch.setenv("MEMREG_TENANT", "acme; '")
    monkeypatch.setenv("MEMREG_HOME", "/srv/memreg")
    monkeypatch.setenv("MEMREG_POOL_SIZE", "3")
    monkeypatch.setenv("MEMREG_PREPARE_THRESHOLD", "none")
    monkeypatch.setenv("MEMREG_AUTO_APPROVE", "0.9")
    settings = Settings()
    assert settings.database_url == "postgresql://u:p@h/d"
    assert settings.schema_ == "assistant"
    assert settings.tenant == "acme; '"
    assert settings.home == Path("/srv/memreg")
    assert settings.pool_size == 3
    assert settings.prepare_threshold is None
    assert settings.auto_approve == 0.9


def test_what_is_passed_wins_and_empty_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREG_TENANT", "from-outside")
    monkeypatch.setenv("MEMREG_SCHEMA", "from_outside")
    monkeypatch.setenv("MEMREG_DATABASE_URL", "")
    settings = Settings(tenant="given", schema_="given")
    assert settings.tenant == "given"
    assert settings.schema_ == "given"
    assert settings.database_url is None


def test_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().tenant = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("MEMREG_POOL_SIZE", "many", "valid integer"),
        ("MEMREG_POOL_SIZE", "0", "greater than or equal to 1, not '0'"),
        ("MEMREG_STATEMENT_TIMEOUT", "-1", "greater than 0"),
        ("MEMREG_AUTO_APPROVE", "1.5", "less than or equal to 1"),
        ("MEMREG_LLM_MODE", "telepathy", "'tools', 'json_schema', 'json' or 'md_json'"),
        ("MEMREG_LOG_LEVEL", "loud", "'debug', 'info'"),
    ],
)
def test_names_what_is_wrong(monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid, match=complaint) as refused:
        Settings()
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="tenantt is not usable: there is no such setting"):
        Settings(tenantt="x")


def test_a_tenant_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREG_TENANT", "*")
    with pytest.raises(TenantInvalid):
        Settings()


def test_secrets_stay_out_of_messages_and_representations() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        Settings(database_url=b"\xffhunter2", llm_api_key=3)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
    settings = Settings(
        database_url="postgresql://u:hunter2@h/d",
        llm_base_url="http://u:hunter2@h/v1",
        llm_api_key=SecretStr("sk-hunter2"),
        llm_model="m",
    )
    assert "hunter2" not in f"{settings!r} {settings} {Endpoint.of(settings)!r}"


def test_the_model_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Settings().llm_configured
    assert Settings(llm_api_key=SecretStr("k")).model == "gpt-4.1-mini"
    assert Settings(llm_api_key=SecretStr("k")).llm_configured
    assert not Settings(llm_base_url="http://localhost:1/v1").llm_configured
    assert Settings(llm_base_url="http://localhost:1/v1", llm_model="small").llm_configured
    monkeypatch.setenv("OPENAI_API_KEY", "theirs")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://theirs/v1")
    settings = Settings(llm_model="small")
    assert settings.llm_base_url == "http://theirs/v1"
    assert settings.llm_api_key == SecretStr("theirs")
    monkeypatch.setenv("MEMREG_LLM_API_KEY", "ours")
    assert Settings().llm_api_key == SecretStr("ours")


def test_every_setting_is_described_and_has_a_variable() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert variable("schema_") == "MEMREG_SCHEMA"
    assert variable("llm_model") == "MEMREG_LLM_MODEL"
