"""What can go wrong on the way to a model, in our words: with what to correct, and whether another try may help."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

from memreg.annotator.failure import NOT_ASKED, ModelFailed
from memreg.annotator.wire import Endpoint
from memreg.core.clock import utc_now

MOST_RETRY_AFTER = 3600.0
"""Seconds that a server is obeyed at most when it asks to wait."""


def failure_of(exc: Exception, endpoint: Endpoint, latency_ms: float) -> ModelFailed:
    """An error of the client in our words: unreachable, time-out, or the HTTP status with what to correct.

    Whether another try may help: after a time-out, an unreachable server, a rate limit, and errors of the server.
    """
    import openai

    where, transient, retry_after = endpoint.where, False, None
    if isinstance(exc, openai.APITimeoutError):
        reason = f"{where} did not answer within {endpoint.timeout:g} s; raise MEMREG_LLM_TIMEOUT or ask a faster model"
        outcome, transient = "timeout", True
    elif isinstance(exc, openai.APIStatusError):
        reason = (
            f"{where} answered HTTP {exc.status_code}{_said(exc.body, endpoint)}{_advice(exc.status_code, endpoint)}"
        )
        outcome, transient = f"http {exc.status_code}", _may_pass(exc.status_code, exc.code)
        retry_after = _retry_after(exc.response.headers) if transient else None
    elif isinstance(exc, openai.APIConnectionError):
        cause = f" ({endpoint.told(str(exc.__cause__))})" if str(exc.__cause__ or "") else ""
        reason = f"{where} cannot be reached{cause}; start the server or correct MEMREG_LLM_BASE_URL"
        outcome, transient = "unreachable", True
    elif isinstance(exc, UnicodeError):
        reason = "the message cannot be sent, because it has characters that are not Unicode"
        outcome = NOT_ASKED
    else:
        reason = f"{where} gave no chat completion ({type(exc).__name__}); it may be no OpenAI-compatible server"
        outcome = "no completion"
    return ModelFailed(
        reason,
        model=endpoint.model,
        latency_ms=latency_ms,
        outcome=outcome,
        transient=transient,
        retry_after=retry_after,
    )


def left_alone(endpoint: Endpoint, failures: int, seconds: float) -> ModelFailed:
    """A question that is not asked, because the server failed so many times in a row."""
    reason = f"{endpoint.where} failed {failures} times in a row, so it is left alone for {max(1, round(seconds))} s"
    return ModelFailed(reason, model=endpoint.model, outcome=NOT_ASKED, transient=True, retry_after=seconds)


def _may_pass(status: int, code: str | None) -> bool:
    """Whether an HTTP status says "later". A used-up budget is also told as 429, and waiting does not fill it."""
    return (status in (408, 409, 429) and code != "insufficient_quota") or status >= 500


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait: `retry-after-ms`, or `retry-after` as a number or an HTTP date (RFC 9110)."""
    with suppress(ValueError):
        return _seconds(float(headers.get("retry-after-ms", "")) / 1000)
    asked = headers.get("retry-after", "")
    with suppress(ValueError):
        return _seconds(float(asked))
    with suppress(ValueError):
        return _seconds((parsedate_to_datetime(asked) - utc_now()).total_seconds())
    return None


def _seconds(number: float) -> float | None:
    """A pause that makes sense: a server that asks for a day is asked again after an hour."""
    return min(max(0.0, number), MOST_RETRY_AFTER) if math.isfinite(number) else None


def _advice(status: int, endpoint: Endpoint) -> str:
    if status in (401, 403):
        return "; correct MEMREG_LLM_API_KEY"
    if status == 404:
        return f"; it may not know the model {endpoint.model!r}: correct MEMREG_LLM_MODEL or MEMREG_LLM_BASE_URL"
    return ""


def _said(body: object, endpoint: Endpoint) -> str:
    said = (body.get("message") or body.get("detail")) if isinstance(body, dict) else None
    return f": {endpoint.told(said)}" if isinstance(said, str) and said.strip() else ""
