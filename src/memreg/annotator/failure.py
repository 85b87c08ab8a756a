"""The one error of the language model's side: it gave nothing usable, with the reason and what it did say."""

from __future__ import annotations

from memreg.core.errors import MemregError


class ModelFailed(MemregError):
    """The language model gave nothing usable: {reason}."""

    reason: str
    reply: str | None
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    latency_ms: float | None

    def __init__(
        self,
        reason: str,
        reply: str | None = None,
        model: str | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        latency_ms: float | None = None,
    ) -> None:
        super().__init__(
            reason=reason, reply=reply, model=model, tokens_in=tokens_in, tokens_out=tokens_out, latency_ms=latency_ms
        )
