"""The asynchronous LLM annotator: one call per schema version, refused answers asked again once with the reasons."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from memreg.annotator.answers import SOURCE, annotations_of
from memreg.annotator.client_async import AsyncLLMClient
from memreg.annotator.failure import ModelFailed
from memreg.annotator.model import Annotated
from memreg.annotator.question import SampleRows, question, question_hash
from memreg.annotator.wire import Ask, Reply
from memreg.core.backoff import LONGEST, pause
from memreg.registry.models import SchemaSpec


class AsyncLLMAnnotator:
    """Asks a language model which columns to search, to compare and to identify by, and checks what it says."""

    def __init__(
        self,
        client: AsyncLLMClient,
        model: str = "",
        *,
        retries: int = 0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Ask `model` through `client`; a call that failed for a moment is repeated up to `retries` times.

        `chance` gives numbers in [0, 1): how much of the pause before a repetition is waited.
        """
        self.client = client
        self.model = model
        self.retries = retries
        self._chance = chance

    async def annotate(self, spec: SchemaSpec, samples: SampleRows | None = None) -> Annotated:
        """The annotation of every class of a schema, in one call, or two when the first answer was refused.

        `samples`: rows by class that the model may see. Raises ModelFailed: no usable answer, or one that was refused
        twice, the reasons naming classes and columns.
        """
        ask = question(spec, samples)
        reply = await self._reply(ask)
        classes, reasons = annotations_of(spec, reply.value[ask.field])
        if reasons:
            reply = await self._second(ask, reply, reasons)
            classes, reasons = annotations_of(spec, reply.value[ask.field])
        if reasons:
            raise _failed("its answer was refused twice: " + "; ".join(reasons), reply)
        return Annotated(
            classes,
            source=SOURCE,
            model=reply.model,
            prompt_hash=question_hash(ask, self.model),
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
        )

    async def _second(self, ask: Ask, refused: Reply, reasons: list[str]) -> Reply:
        """The second answer, with the cost of both; so has the failure to give one."""
        try:
            return (await self._reply(ask.again(refused, reasons))).after(refused)
        except ModelFailed as failure:
            both = Reply({}, failure.reply or refused.raw, failure.model, failure.tokens_in, failure.tokens_out)
            said = f"{failure.reason}, after its first answer was refused: {'; '.join(reasons)}"
            raise _failed(said, both.after(refused)) from failure

    async def _reply(self, ask: Ask) -> Reply:
        """An answer; where it failed for a moment, asked again after a pause, as often as is allowed."""
        attempt = 1
        while True:
            try:
                return await self.client.ask(ask)
            except ModelFailed as failure:
                wait = pause(attempt, failure.retry_after, chance=self._chance)
                if not failure.transient or attempt > self.retries or wait > LONGEST:
                    raise
            await asyncio.sleep(wait)
            attempt += 1


def _failed(reason: str, reply: Reply) -> ModelFailed:
    return ModelFailed(
        reason,
        reply=reply.raw,
        model=reply.model,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        latency_ms=reply.latency_ms,
    )
