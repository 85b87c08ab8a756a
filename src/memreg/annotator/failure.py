"""The one error of the language model's side: it gave nothing usable, with the reason and what it did say."""

from __future__ import annotations

from memreg.core.errors import MemregError
from memreg.engine.model import Call

NOT_ASKED = "not asked"


class ModelFailed(MemregError):
    """The language model gave nothing usable: {reason}."""

    reason: str
    reply: str | None
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    latency_ms: float | None
    outcome: str
    transient: bool
    retry_after: float | None

    def __init__(
        self,
        reason: str,
        reply: str | None = None,
        model: str | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        latency_ms: float | None = None,
        outcome: str = "unreadable",
        transient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """`outcome`: a word or two for the books; `transient`: the same may work later, by the server's own word after
        `retry_after` seconds."""
        super().__init__(
            reason=reason,
            reply=reply,
            model=model,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            latency_ms=latency_ms,
            outcome=outcome,
            transient=transient,
            retry_after=retry_after,
        )

    @property
    def call(self) -> Call | None:
        """The request that failed; None where none was made."""
        if self.outcome == NOT_ASKED:
            return None
        return Call(self.outcome, self.model, self.tokens_in, self.tokens_out, self.latency_ms)
