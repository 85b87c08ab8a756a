"""The settings: one frozen object, read from `MEMREG_*` once at the edge; nothing below reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from memreg.core.errors import SettingsInvalid
from memreg.core.tenant import check_tenant

_SECRET = frozenset({"database_url", "llm_api_key"})


class Settings(BaseSettings):
    """Everything that can be set from outside; each field is the environment variable `MEMREG_<NAME>`.

    Raises SettingsInvalid, naming the variable.
    """

    model_config = SettingsConfigDict(
        env_prefix="MEMREG_",
        env_ignore_empty=True,
        env_parse_none_str="none",
        populate_by_name=True,
        frozen=True,
        extra="forbid",
    )

    database_url: str | None = Field(None, repr=False, description="The database; none starts the embedded Postgres")
    home: Path | None = Field(None, description="Folder of the embedded Postgres's data")
    tenant: str = Field("default", description="Whose memory")
    schema_: str | None = Field(
        None, validation_alias=AliasChoices("MEMREG_SCHEMA"), description="The schema; none means the only one"
    )

    pool_size: int = Field(10, ge=1, le=1000, description="Connections that a process opens at most")
    connect_timeout: float = Field(10.0, gt=0, description="Seconds to wait for a connection")
    statement_timeout: float = Field(30.0, gt=0, description="Seconds that a statement may take")
    prepare_threshold: int | None = Field(
        5, ge=0, description="Uses after which a statement is prepared, set: also behind a pooler; none: never"
    )

    llm_base_url: str | None = Field(
        None,
        repr=False,  # a password may be in it, as in a database's
        validation_alias=AliasChoices("MEMREG_LLM_BASE_URL", "OPENAI_BASE_URL"),
        description="Base URL of an OpenAI-compatible server",
    )
    llm_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("MEMREG_LLM_API_KEY", "OPENAI_API_KEY"), description="Its key"
    )
    llm_model: str | None = Field(None, description="Its model; gpt-4.1-mini where no base URL is given")
    llm_mode: Literal["tools", "json_schema", "json", "md_json"] = Field(
        "tools", description="How it is asked for structure"
    )
    llm_timeout: float = Field(60.0, gt=0, description="Seconds that a call may take")
    llm_max_retries: int = Field(
        2, ge=0, le=10, description="Calls again, within one ingest, after a rate limit, a server's error or a time-out"
    )
    llm_max_characters: int = Field(50_000, ge=100, description="Characters of the longest message that it is sent")
    llm_context_turns: int = Field(4, ge=0, le=100, description="Earlier messages of the session that it is shown")
    llm_pii: Literal["send", "mask"] = Field(
        "send", description="Whether e-mail addresses, phone numbers and the like are hidden from it"
    )
    llm_price_in: float | None = Field(None, ge=0, description="What a million tokens of a prompt cost")
    llm_price_out: float | None = Field(None, ge=0, description="What a million tokens of an answer cost")
    breaker_failures: int = Field(5, ge=1, description="Failures in a row after which a server is left alone")
    breaker_seconds: float = Field(30.0, gt=0, description="How long it is left alone, in seconds")

    ignored_roles: str = Field(
        "assistant,system,developer,tool,function",
        description="Roles whose messages are kept but not extracted, separated by commas; `nobody` for none",
    )
    workers: int = Field(4, ge=0, le=1000, description="Messages that a process works on at once after a submit")
    queue_capacity: int = Field(10_000, ge=1, description="Messages that may wait in a schema of a tenant")
    inbox_attempts: int = Field(10, ge=1, le=1000, description="Tries of a queued message before it is dead")
    drain_timeout: float = Field(30.0, ge=0, description="Seconds that closing waits for the queue to empty")

    min_identity_confidence: float = Field(
        0.7, ge=0, le=1, description="Confidence of an identity key below which a person must approve its class"
    )

    auto_approve: float | None = Field(
        None, ge=0, le=1, description="Confidence above which a version is approved without a person; none means never"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="What the command logs")
    traces: Literal["otlp", "console"] | None = Field(
        None, description="Where the command sends traces: to a collector or to stderr; none means nowhere"
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as exc:
            raise _settings_invalid(exc) from None  # the cause would print the value, which may be a secret

    @field_validator("tenant")
    @classmethod
    def _tenant(cls, value: str) -> str:
        return check_tenant(value)

    @property
    def prepares_as_told(self) -> bool:
        """Whether statements are prepared as it was set, and not left unprepared where a pooler would lose them."""
        return "prepare_threshold" in self.model_fields_set

    @property
    def model(self) -> str | None:
        """The model to ask: the one set, or a default where the server is OpenAI's own."""
        return self.llm_model or (None if self.llm_base_url else "gpt-4.1-mini")

    @property
    def llm_configured(self) -> bool:
        """Whether a language model can be asked: a server or a key is known, and a model."""
        return bool((self.llm_base_url or self.llm_api_key) and self.model)


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return "MEMREG_" + field.rstrip("_").upper()


def _settings_invalid(exc: ValidationError) -> SettingsInvalid:
    error = exc.errors(include_url=False, include_context=False)[0]
    place = str(error["loc"][0]) if error["loc"] else "settings"
    known = Settings.model_fields
    name = place if place.isupper() else variable(place) if place in known else place
    reason = error["msg"][:1].lower() + error["msg"][1:]
    if error["type"] == "extra_forbidden":
        reason = "there is no such setting"
    elif place.lower().removeprefix("memreg_").removeprefix("openai_") not in _SECRET | {"api_key"}:
        reason += f", not {error['input']!r}"
    return SettingsInvalid(name=name, reason=reason)
