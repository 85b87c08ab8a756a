"""What goes over the wire and comes back: modes, requests, replies, and errors in our words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from memreg.annotator.failure import ModelFailed
from memreg.annotator.reading import LONGEST_REPLY, Unreadable, clean, read_object
from memreg.core.errors import ExtractorUnavailable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from memreg.core.settings import Settings

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"  # local servers want no key, and the client wants one
_SHOWN = 200
N = TypeVar("N", int, float)
T = TypeVar("T", str, int)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a model: the instructions, the user's part, and the shape of the answer, an object of one list."""

    shape: type[BaseModel]
    system: str
    user: str

    @property
    def field(self) -> str:
        """The list that the answer must have."""
        return next(iter(self.shape.model_fields))

    def again(self, reply: Reply, reasons: Sequence[str]) -> Ask:
        """The same question with the refused answer and why it was refused."""
        refused = "\n".join(f"- {reason}" for reason in reasons)
        parts = [self.user, f"Your answer was:\n{reply.raw}", f"It was refused:\n{refused}", "Answer again in full."]
        return Ask(self.shape, self.system, "\n\n".join(parts))


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer: the object, the raw text, and its cost. Tokens are None when the server does not count them."""

    value: dict[str, Any]
    raw: str
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None
    attempts: int = 1

    def after(self, earlier: Reply) -> Reply:
        """This reply with the cost of an earlier one added."""
        return replace(
            self,
            tokens_in=_sum(earlier.tokens_in, self.tokens_in),
            tokens_out=_sum(earlier.tokens_out, self.tokens_out),
            latency_ms=_sum(earlier.latency_ms, self.latency_ms),
            attempts=earlier.attempts + self.attempts,
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to ask: from the settings, with every default made explicit."""

    base_url: str = field(repr=False)  # a password may be in it
    key: str = field(repr=False)
    model: str
    mode: str
    timeout: float
    max_retries: int

    @property
    def where(self) -> str:
        """The base URL without a user and password, for messages."""
        scheme, slashes, rest = self.base_url.partition("://")
        return scheme + slashes + rest.rpartition("@")[2]

    def told(self, text: str) -> str:
        """A foreign text as it may be shown: one line, bounded, without the key."""
        text = clean(" ".join(text.split()))
        if self.key != NO_KEY:
            text = text.replace(self.key, "…")
        return (text if len(text) <= _SHOWN else text[:_SHOWN] + "…").rstrip(".")

    @classmethod
    def of(cls, settings: Settings) -> Endpoint:
        """The endpoint that settings describe. Raises ExtractorUnavailable when no model is configured."""
        if not settings.llm_configured or settings.model is None:
            reason = "no model is configured; set MEMREG_LLM_MODEL with MEMREG_LLM_BASE_URL or MEMREG_LLM_API_KEY"
            raise ExtractorUnavailable(extractor="llm", reason=reason)
        key = settings.llm_api_key.get_secret_value().strip() if settings.llm_api_key else ""
        if not (key.isascii() and (key.isprintable() or not key)):
            reason = "MEMREG_LLM_API_KEY has characters that no key has; correct it"
            raise ExtractorUnavailable(extractor="llm", reason=reason)
        return cls(
            base_url=settings.llm_base_url or OPENAI,
            key=key or NO_KEY,
            model=settings.model,
            mode=settings.llm_mode,
            timeout=settings.llm_timeout,
            max_retries=settings.llm_max_retries,
        )


def require_extra() -> None:
    """Raises ExtractorUnavailable when the extra `llm` is not installed."""
    try:
        import instructor  # noqa: F401
        import openai  # noqa: F401
    except ImportError as exc:
        reason = f"{exc.name or 'openai'} is not installed; install memreg[llm]"
        raise ExtractorUnavailable(extractor="llm", reason=reason) from exc


def keep_messages_out_of_logs() -> None:
    """openai logs whole requests, with what people said, at debug level: an application that wants everybody's debug
    logs gets openai's from info on, unless it sets the level of `openai` itself."""
    logger = logging.getLogger("openai")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


def request(ask: Ask, endpoint: Endpoint) -> dict[str, Any]:
    """The arguments of a chat completion in the endpoint's mode.

    instructor prepares them; it neither sends nor parses: its retries would ask again for a whole list because of one
    item, its logs would quote users, and with `context=` it would render a user's braces as a template.
    """
    from instructor.v2 import Mode, Provider, mode_registry

    mode = {"tools": Mode.TOOLS, "json_schema": Mode.JSON_SCHEMA, "md_json": Mode.MD_JSON}[endpoint.mode]
    messages = [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.user}]
    handlers = mode_registry.get_handlers(Provider.OPENAI, mode)
    _, arguments = handlers.request_handler(ask.shape, {"model": endpoint.model, "messages": messages})
    return dict(arguments)


def reply_of(completion: Any, ask: Ask, latency_ms: float) -> Reply:
    """The reply in a completion. Raises ModelFailed with the reason and the raw text."""
    choice = next(iter(getattr(completion, "choices", None) or ()), None)
    message = getattr(choice, "message", None)
    if choice is None or message is None:
        raise ModelFailed("the server's answer is not a chat completion", reply=_kept(str(completion)))
    calls = getattr(message, "tool_calls", None) or []
    arguments = getattr(getattr(calls[0], "function", None), "arguments", None) if calls else None
    raw = _typed(arguments, str) or _typed(getattr(message, "content", None), str) or ""
    usage = getattr(completion, "usage", None)
    cost: dict[str, Any] = {
        "model": _typed(getattr(completion, "model", None), str) or None,
        "tokens_in": _typed(getattr(usage, "prompt_tokens", None), int),
        "tokens_out": _typed(getattr(usage, "completion_tokens", None), int),
        "latency_ms": latency_ms,
    }
    if refusal := getattr(message, "refusal", None):
        raise ModelFailed("it refused to answer", reply=_kept(str(refusal)), **cost)
    try:
        value = read_object(raw, ask.field, cut_off=choice.finish_reason == "length")
    except Unreadable as exc:
        raise ModelFailed(str(exc), reply=_kept(raw), **cost) from exc
    return Reply(value, _kept(raw), **cost)


def failure_of(exc: Exception, endpoint: Endpoint, latency_ms: float) -> ModelFailed:
    """An error of the client in our words: unreachable, time-out, or the HTTP status with what to correct."""
    import openai

    where = endpoint.where
    if isinstance(exc, openai.APITimeoutError):
        reason = f"{where} did not answer within {endpoint.timeout:g} s; raise MEMREG_LLM_TIMEOUT or ask a faster model"
    elif isinstance(exc, openai.APIStatusError):
        reason = (
            f"{where} answered HTTP {exc.status_code}{_said(exc.body, endpoint)}{_advice(exc.status_code, endpoint)}"
        )
    elif isinstance(exc, openai.APIConnectionError):
        cause = f" ({endpoint.told(str(exc.__cause__))})" if str(exc.__cause__ or "") else ""
        reason = f"{where} cannot be reached{cause}; start the server or correct MEMREG_LLM_BASE_URL"
    elif isinstance(exc, UnicodeError):
        reason = "the message cannot be sent, because it has characters that are not Unicode"
    else:
        reason = f"{where} gave no chat completion ({type(exc).__name__}); it may be no OpenAI-compatible server"
    return ModelFailed(reason, model=endpoint.model, latency_ms=latency_ms)


def _advice(status: int, endpoint: Endpoint) -> str:
    if status in (401, 403):
        return "; correct MEMREG_LLM_API_KEY"
    if status == 404:
        return f"; it may not know the model {endpoint.model!r}: correct MEMREG_LLM_MODEL or MEMREG_LLM_BASE_URL"
    return ""


def _said(body: object, endpoint: Endpoint) -> str:
    said = (body.get("message") or body.get("detail")) if isinstance(body, dict) else None
    return f": {endpoint.told(said)}" if isinstance(said, str) and said.strip() else ""


def _typed(value: object, kind: type[T]) -> T | None:
    """A server may send anything under any name."""
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _sum(first: N | None, second: N | None) -> N | None:
    return first if second is None else second if first is None else first + second


def _kept(raw: str) -> str:
    return clean(raw[:LONGEST_REPLY])
