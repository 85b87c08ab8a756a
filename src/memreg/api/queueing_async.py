"""The asynchronous inbox of an engine: messages left to workers, waited for, tried again, counted and paid for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from memreg.api.arguments import as_seconds, as_text
from memreg.api.part_async import AsyncPart
from memreg.core.errors import MessageSettled, QueueFull, WaitTimeout
from memreg.core.ids import uuid7
from memreg.core.tracing import Span, span
from memreg.engine.model import IngestResult, Message

if TYPE_CHECKING:
    from memreg.api.intake_async import AsyncIntake
    from memreg.api.writers import AsyncWriter
    from memreg.engine.inbox import Stats
    from memreg.engine.ingest import Walk
    from memreg.operations.usage import Day, Usage

T = TypeVar("T")

_FIRST_LOOK, _LONGEST_LOOK = 0.01, 0.2  # seconds between two looks at what is waited for


class AsyncQueueing(AsyncPart):
    """What an engine does with messages that nobody waits for at once; a base of `AsyncEngine`."""

    _intake: AsyncIntake
    _writer: AsyncWriter

    async def submit(self, message: str | Message, *, timeout: float = 0.0) -> str:
        """Keep one message and leave it to the workers; gives its id, for `wait`.

        Returns once the message is kept. Messages of one session are decided in the order of their submits, others side
        by side. The first submit starts workers in this process (setting `workers`; 0: none, `memreg worker` does it).
        Where the queue is full, room is waited for up to `timeout` seconds.

        Raises QueueFull, MessageInvalid, MessageConflict, NoSchema, SchemaAmbiguous, NoUsableVersion, DatabaseError,
        and where workers of this process would do it, ExtractorUnavailable.
        """

        from memreg.engine.message import prepare

        prepared = prepare(message, None, uuid7)
        limit = as_seconds("timeout", timeout)
        with span("submit", kind="producer") as told:
            await self._submit(prepared, limit, told)
        return prepared.id or ""

    async def _submit(self, prepared: Message, limit: float, told: Span) -> None:
        from memreg.engine import inbox

        if self.database.settings.workers:
            self._intake.extractors.pick()  # else it would be kept, and never read
        walk = await self._walk()
        told.tell(schema=walk.schema)
        capacity = self.database.settings.queue_capacity
        ends = time.monotonic() + limit
        while True:
            try:
                await self._run(lambda: inbox.submit(walk, prepared, capacity))
                break
            except QueueFull:
                await self._writer.start()  # somebody has to make room
                if time.monotonic() >= ends:
                    raise
            await asyncio.sleep(_LONGEST_LOOK)
        await self._writer.start()

    async def wait(self, message_id: str, *, timeout: float = 30.0) -> IngestResult:
        """What became of a message that was submitted, waited for up to `timeout` seconds: `decided` or `dead`.

        What it changed can be read from then on. Raises WaitTimeout, MessageNotFound, ArgumentInvalid, DatabaseError.
        """

        from memreg.engine import inbox

        wanted, limit = as_text("message_id", message_id), as_seconds("timeout", timeout)
        walk = await self._walk()
        ends, look = time.monotonic() + limit, _FIRST_LOOK
        while True:
            found: IngestResult | str = await self._run(lambda: inbox.outcome(walk, wanted))
            if isinstance(found, IngestResult):
                return found
            left = ends - time.monotonic()
            if left <= 0:
                raise WaitTimeout(message_id=wanted, timeout=f"{limit:g}", status=found)
            await asyncio.sleep(min(look, left))
            look = min(look * 1.5, _LONGEST_LOOK)

    async def retry(self, message_id: str) -> IngestResult:
        """Ingest a kept message again, now: a dead one, or one that waits. One that is decided gives its result.

        Raises MessageNotFound, MessageSettled (a person dropped it) and what `ingest` raises.
        """

        from memreg.engine import inbox

        wanted = as_text("message_id", message_id)
        walk = await self._walk()
        kept: Message = await self._run(lambda: inbox.one_message(walk, wanted))
        result = await self._intake.take(walk, kept)
        if result.error is not None and result.status == "replayed":
            raise MessageSettled(message_id=wanted, verb="retried", status="dropped")
        return result

    def background(self, *, slots: int | None = None) -> AsyncWriter:
        """A worker of its own, for the queues of every tenant and schema: `start` it, and close it at the end.

        `slots`: messages at once; without it, the setting `workers`. `memreg worker` is made of it. Raises
        ExtractorUnavailable.
        """

        from memreg.api.writers import AsyncWriter

        self._intake.extractors.pick()
        wanted = slots if slots is not None else self.database.settings.workers
        return AsyncWriter(self._intake, self._cache, self._clock, wanted)

    async def jobs_left(self) -> int:
        """How many messages of this tenant are being worked on, or could be now, counted up to 1,000."""

        from memreg.engine import inbox

        return await self._run(inbox.jobs_left)

    async def stats(self, *, hours: float = 24.0) -> Stats:
        """The queue of this tenant and schema: how full it is, its workers, what became of the last hours' messages.

        Raises ArgumentInvalid, DatabaseError.
        """

        from memreg.engine import inbox

        walk, capacity, since = await self._walk(), self.database.settings.queue_capacity, as_seconds("hours", hours)
        return await self._run(lambda: inbox.stats(walk, capacity, since))

    async def usage(self, *, since: Day = None, until: Day = None, by: Sequence[str] = ("day", "model")) -> Usage:
        """What models cost in this tenant and schema: requests, tokens, time, and money where prices are set.

        `since`: so many days, or a date (30 days); `until`: a date, which counts (today); `by`: some of day, class,
        model.
        Raises ArgumentInvalid, DatabaseError, and `schema`'s.
        """
        from memreg.operations.usage import Prices, check_by, days, read_usage

        period, parts = days(since, until, self._clock()), check_by(by)
        schema, prices = await self.schema(), Prices.of(self.database.settings)
        return await self._run(lambda: read_usage(self.tenant, schema, period, parts, prices))

    # Parts

    async def _walk(self) -> Walk:
        from memreg.engine.ingest import Walk

        return Walk(self.tenant, await self.schema(), self._cache, self._clock, uuid7)
