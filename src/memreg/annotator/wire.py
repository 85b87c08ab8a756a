"""What goes over the wire and comes back: modes, requests, replies, and errors in our words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from memreg.annotator.failure import ModelFailed
from memreg.annotator.reading import LONGEST_REPLY, Unreadable, clean, read_object
from memreg.annotator.salvage import Found, read_items
from memreg.core.errors import ExtractorUnavailable
from memreg.engine.model import Call

if TYPE_CHECKING:
    from pydantic import BaseModel

    from memreg.core.settings import Settings

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"  # local servers want no key, and the client wants one
_SHOWN = 200
_SAID = {
    "json": "Answer with one JSON object and nothing else.",
    "md_json": "Answer with one JSON object in a block that starts with ```json and ends with ```, and nothing else.",
}
N = TypeVar("N", int, float)
T = TypeVar("T", str, int)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a model: the instructions, the user's part, and the shape of the answer, an object of one list.

    `items`: the instructions describe the shape in full, and of the answer every item counts that can be read.
    """

    shape: type[BaseModel]
    system: str
    user: str
    items: bool = False

    @property
    def field(self) -> str:
        """The list that the answer must have."""
        return next(iter(self.shape.model_fields))

    def again(self, reply: Reply, reasons: Sequence[str]) -> Ask:
        """The same question with the refused answer and why it was refused."""
        refused = "\n".join(f"- {reason}" for reason in reasons)
        parts = [self.user, f"Your answer was:\n{reply.raw}", f"It was refused:\n{refused}", "Answer again in full."]
        return replace(self, user="\n\n".join(parts))


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer: the object, the raw text, and its cost. Tokens are None when the server does not count them.

    `whole`: no item can be missing, as where it broke off.
    """

    value: dict[str, Any]
    raw: str
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None
    attempts: int = 1
    whole: bool = True

    @property
    def call(self) -> Call:
        """The request that this answers."""
        return Call("ok" if self.whole else "cut off", self.model, self.tokens_in, self.tokens_out, self.latency_ms)

    def listed(self, field: str) -> list[Any]:
        """The list under a name; empty where there is none."""
        found = self.value.get(field)
        return found if isinstance(found, list) else []

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
    breaker_failures: int = 5
    breaker_seconds: float = 30.0

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
            breaker_failures=settings.breaker_failures,
            breaker_seconds=settings.breaker_seconds,
        )


def require_extra() -> None:
    """Raises ExtractorUnavailable when the extra `llm` is not installed."""
    try:
        import instructor  # noqa: F401
        import openai  # noqa: F401
    except ImportError as exc:
        reason = f"{exc.name or 'openai'} is not installed; install memreg[llm]"
        raise ExtractorUnavailable(extractor="llm", reason=reason) from exc


def request(ask: Ask, endpoint: Endpoint) -> dict[str, Any]:
    """The arguments of a chat completion in the endpoint's mode.

    instructor prepares tools and schemas; it neither sends nor parses: its retries would ask again for a whole list
    because of one item, its logs would quote users, and with `context=` it would render a user's braces as a template.
    Where only the prompt says so it would add the whole schema to it, in a form of twice the size.
    """
    system, more = ask.system, {}
    if endpoint.mode in _SAID:
        shape = "" if ask.items else f"\nThe object's JSON schema: {json.dumps(ask.shape.model_json_schema())}"
        system += f"\n{_SAID[endpoint.mode]}{shape}"
    if endpoint.mode == "json":
        more = {"response_format": {"type": "json_object"}}
    messages = [{"role": "system", "content": system}, {"role": "user", "content": ask.user}]
    arguments = {"model": endpoint.model, "messages": messages, **more}
    if endpoint.mode in _SAID:
        return arguments
    from instructor.v2 import Mode, Provider, mode_registry

    mode = {"tools": Mode.TOOLS, "json_schema": Mode.JSON_SCHEMA}[endpoint.mode]
    _, prepared = mode_registry.get_handlers(Provider.OPENAI, mode).request_handler(ask.shape, arguments)
    return dict(prepared)


def reply_of(completion: Any, ask: Ask, latency_ms: float) -> Reply:
    """The reply in a completion. Raises ModelFailed with the reason and the raw text."""
    choice = next(iter(getattr(completion, "choices", None) or ()), None)
    message = getattr(choice, "message", None)
    if choice is None or message is None:
        reason = "the server's answer is not a chat completion"
        raise ModelFailed(reason, reply=_kept(str(completion)), latency_ms=latency_ms, outcome="no completion")
    called, said = _texts(message)
    texts = called or said
    raw = "\n".join([*called, *said])
    usage = getattr(completion, "usage", None)
    cost: dict[str, Any] = {
        "model": _typed(getattr(completion, "model", None), str) or None,
        "tokens_in": _typed(getattr(usage, "prompt_tokens", None), int),
        "tokens_out": _typed(getattr(usage, "completion_tokens", None), int),
        "latency_ms": latency_ms,
    }
    if refusal := getattr(message, "refusal", None):
        raise ModelFailed("it refused to answer", reply=_kept(str(refusal)), **cost, outcome="refused")
    if choice.finish_reason == "content_filter" and not texts:
        raise ModelFailed("a filter of the server withheld its answer", **cost, outcome="refused")
    cut_off = choice.finish_reason == "length"
    try:
        if ask.items:
            found = _items(called, said, ask.field, cut_off=cut_off)
            return Reply({ask.field: list(found.items)}, _kept(raw), **cost, whole=found.whole)
        return Reply(read_object(texts[0] if texts else "", ask.field, cut_off=cut_off), _kept(raw), **cost)
    except Unreadable as exc:
        outcome = "cut off" if cut_off else "unreadable"
        raise ModelFailed(str(exc), reply=_kept(raw), **cost, outcome=outcome) from exc


def _texts(message: Any) -> tuple[list[str], list[str]]:
    """What a message says: the arguments of every call of a tool, and its text, which may come in parts."""
    functions = [getattr(call, "function", None) for call in getattr(message, "tool_calls", None) or ()]
    functions.append(getattr(message, "function_call", None))
    given = [getattr(function, "arguments", None) for function in functions]
    called = [json.dumps(each) if isinstance(each, dict) else _typed(each, str) for each in given]
    content = getattr(message, "content", None)
    parts = content if isinstance(content, list) else [content]
    said = "".join(_typed(part.get("text") if isinstance(part, dict) else part, str) or "" for part in parts)
    return [text for text in called if text], [said] if said else []


def _items(called: list[str], said: list[str], name: str, *, cut_off: bool) -> Found:
    """The items of a tool's calls, else those of the text: some servers call the tool with nothing and answer beside
    it. Raises Unreadable with the reason for what should have been the answer."""
    try:
        return read_items(called or said, name, cut_off=cut_off)
    except Unreadable:
        if called and said:
            with suppress(Unreadable):
                return read_items(said, name, cut_off=cut_off)
        raise


def _typed(value: object, kind: type[T]) -> T | None:
    """A server may send anything under any name."""
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _sum(first: N | None, second: N | None) -> N | None:
    return first if second is None else second if first is None else first + second


def _kept(raw: str) -> str:
    return clean(raw[:LONGEST_REPLY])
