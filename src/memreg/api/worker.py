"""A worker of the inbox, and of the backfills left to workers: takes jobs, a few at once, and what others left behind.

procrastinate runs the jobs: one for each message, those of a session in order, those of a worker that was killed taken
over once its heartbeat is missing. What is to be done with a message is the caller's `handle`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from memreg.core.backoff import pause
from memreg.core.clock import Clock
from memreg.core.errors import DatabaseError, MemregError, MessageNotFound
from memreg.core.ids import uuid7
from memreg.core.logs import get_logger
from memreg.core.pooler_async import Pooling, configure
from memreg.core.steps import Steps
from memreg.engine import inbox
from memreg.engine.inbox import QUEUE, TASK

if TYPE_CHECKING:
    from procrastinate import App
    from psycopg import AsyncConnection

    from memreg.operations.backfill.work import Work

BEAT = 5.0
"""Seconds between two heartbeats, and between two looks for what was left behind."""
STALLED = 20.0
"""Seconds without a heartbeat after which a worker's jobs are taken over."""
_POLL = 0.5
_POLL_UNTOLD = 0.1
"""Seconds between two looks for jobs: where the server tells of new ones, and where it cannot."""
_TRIES_TO_WRITE = 5
_MONTHS = timedelta(hours=1)
"""How often it is looked whether the audit of the months to come has its partitions."""
_PART_PAUSE = 10.0
"""Seconds until a part of a backfill that failed is tried again."""
_log = get_logger(__name__)

Handle = Callable[[str, str, UUID], Awaitable[datetime | None]]
"""What a job is given to: tenant, schema, arrival. Gives when it is to be done again, or None: it is done."""


class RunAdmin(Protocol):
    """Drives a plan with no tenant set, in one transaction."""

    def __call__(self, plan: Callable[[], Steps[Any]]) -> Awaitable[Any]:
        """Give the plan's value. Raises DatabaseError."""
        ...


class _Again(Exception):
    """Tells procrastinate when a job is to be done again."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at.isoformat())
        self.at = at


@dataclass
class InboxWorker:
    """Works in the event loop that `run` is awaited in.

    `conninfo`: where the job queue is; `slots`: messages at once; `requeue`: leaves a message (tenant, schema, id) to
    the workers again; `lease`: after how long a message that somebody else began with counts as left behind;
    `backfills`: works on the backfills that were left to the workers, too (None: others do). `look`: looks after the
    kill switches of what was decided here.
    `prepare_threshold` holds behind a pooler, too, that loses prepared statements where it `prepares_as_told`.
    """

    conninfo: str
    run_admin: RunAdmin
    handle: Handle
    requeue: Callable[[str, str, str], Awaitable[Any]]
    slots: int
    lease: timedelta
    clock: Clock
    prepare_threshold: int | None = 5
    prepares_as_told: bool = False
    backfills: Work | None = None
    look: Callable[[], Awaitable[Any]] | None = None
    id: UUID = field(default_factory=uuid7)
    parts: int = 0
    """Parts of backfills that were done so far."""
    _troubled: set[UUID] = field(default_factory=set)
    _working: asyncio.Task[None] | None = None
    _is_open: bool = False
    _pooling: Pooling = Pooling.NONE
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _months_at: datetime | None = None

    async def run(self) -> None:
        """Work until `stop`.

        A lost connection, and whatever else happens, is waited out. What is being worked on when it stops is ended
        first.
        """
        side = asyncio.create_task(self._look_after())
        failures = 0
        try:
            while not self._stop.is_set():
                self._working = asyncio.create_task(self._work())
                try:
                    await self._working
                    failures = 0
                except asyncio.CancelledError:
                    if not self._stop.is_set():
                        raise
                except Exception as exc:  # a worker that ends by itself would leave the queue to nobody, unseen
                    failures += 1
                    _log.warning("worker_lost_the_queue", error=type(exc).__name__)
                    await self._rest(pause(failures, first=0.2, longest=10.0))
                await self._rest(_POLL)  # procrastinate stopped by itself
        finally:
            side.cancel()
            with suppress(asyncio.CancelledError):
                await side
            with suppress(DatabaseError):
                await self.run_admin(lambda: inbox.forget_worker(self.id, self.clock))

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def goes_on(self) -> bool:
        """Whether it was not told to stop."""
        return not self._stop.is_set()

    def stop(self) -> None:
        """Take no further job and end those at hand; `run` returns then. To be called in the loop of `run`."""
        self._stop.set()
        if self._working is not None and self._is_open:
            # Which procrastinate takes for a graceful shutdown. Not while its pool is being opened: that would leave a
            # task behind that swallows its cancellation, and the loop would never end.
            self._working.cancel()

    async def drain(self, seconds: float) -> int:
        """Wait until no job is left that could be done now, at most so long; gives how many are left, up to 1,000."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while True:
            try:
                left: int = await self.run_admin(inbox.jobs_left)
            except DatabaseError:
                return 0
            if not left or loop.time() >= ends:
                return left
            await asyncio.sleep(0.05)

    async def _work(self) -> None:
        app = self._app()
        async with app.open_async():
            await self._take_over()
            if self._stop.is_set():
                return
            # What the server tells a connection that listens, a pooler in transaction mode tells another, or nobody.
            listens = self._pooling is Pooling.NONE
            self._is_open = True
            try:
                await app.run_worker_async(
                    queues=self._queues,
                    name=f"memreg {self.id}",
                    concurrency=self.slots,
                    fetch_job_polling_interval=_POLL if listens else _POLL_UNTOLD,
                    listen_notify=listens,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    update_heartbeat_interval=BEAT,
                    stalled_worker_timeout=STALLED,
                )
            finally:
                self._is_open = False

    def _app(self) -> App:
        from procrastinate import App, BaseRetryStrategy, RetryDecision
        from procrastinate.exceptions import ConnectorException
        from procrastinate.jobs import Job
        from procrastinate.manager import JobManager

        from memreg.core.job_queue import job_connector

        class When(BaseRetryStrategy):
            def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:  # noqa: ARG002
                return RetryDecision(retry_at=exception.at) if isinstance(exception, _Again) else None

        class Insistent(JobManager):
            """A job whose end is not written down would hold its session back for as long as this worker lives."""

            async def finish_job(self, *arguments: Any, **more: Any) -> None:
                await insist(lambda: JobManager.finish_job(self, *arguments, **more))

            async def retry_job(self, *arguments: Any, **more: Any) -> None:
                await insist(lambda: JobManager.retry_job(self, *arguments, **more))

        async def insist(write: Callable[[], Awaitable[None]]) -> None:
            for tries in range(1, _TRIES_TO_WRITE):
                try:
                    await write()
                    return
                except ConnectorException as exc:
                    _log.warning("job_not_written", error=type(exc).__name__)
                await asyncio.sleep(pause(tries, first=0.2))
            await write()

        app = App(
            connector=job_connector(
                self.conninfo, configure=self._configure, most=3, prepare_threshold=self.prepare_threshold
            )
        )

        app.job_manager = Insistent(app.connector)

        def raise_again(at: datetime | None) -> None:
            if at is not None:
                raise _Again(at) from None

        @app.task(name=TASK, retry=When())
        async def ingest(tenant: str, schema: str, arrival: str) -> None:
            try:
                again = await self.handle(tenant, schema, UUID(arrival))
            except asyncio.CancelledError:  # the loop ends; procrastinate would forget the job
                again = self.clock()
            except Exception as exc:  # whatever it was, the message is kept and taken up again
                _log.warning("job_failed", error=type(exc).__name__)
                again = self.clock() + timedelta(seconds=pause(4, first=1.0, longest=30.0))
            raise_again(again)

        if self.backfills is not None:
            from memreg.operations.backfill.life import TASK as BACKFILL_TASK

            work = self.backfills

            # A retry keeps the one job until the backfill is at its end or halted, whoever is killed meanwhile.
            @app.task(name=BACKFILL_TASK, retry=When())
            async def backfill_chunk(backfill_id: str, queue: str) -> None:  # noqa: ARG001
                raise_again(await self._chunk(work, UUID(backfill_id)))

        return app

    async def _configure(self, conn: AsyncConnection[Any]) -> None:
        self._pooling = await configure(conn, as_told=self.prepares_as_told)

    async def _chunk(self, work: Work, backfill_id: UUID) -> datetime | None:
        """Do the next part of a backfill; gives when the one after it is to be done, or None: there is none."""
        from memreg.operations.backfill.work import Next
        from memreg.operations.backfill_trouble import note

        try:
            following, at = await asyncio.to_thread(work.chunk, backfill_id)
        except asyncio.CancelledError:  # the loop ends; procrastinate would forget the job
            return self.clock()
        except Exception as exc:  # a full disk, a server that went: what was done is kept, and somebody may help
            _log.warning("backfill_part_failed", backfill_id=backfill_id, error=type(exc).__name__)
            told = str(exc) if isinstance(exc, MemregError) else f"a part failed: {type(exc).__name__}"
            self._troubled.add(backfill_id)
            with suppress(DatabaseError):
                await self.run_admin(lambda: note(backfill_id, told))
            return self.clock() + timedelta(seconds=_PART_PAUSE)
        self.parts += 1
        if backfill_id in self._troubled:
            await self.run_admin(lambda: note(backfill_id, None))
            self._troubled.discard(backfill_id)
        return None if following is Next.NOTHING else at or self.clock()

    async def _take_over(self) -> None:
        for queue in self._queues:
            await self.run_admin(partial(inbox.take_over, STALLED, queue))

    @property
    def _queues(self) -> list[str]:
        if self.backfills is None:
            return [QUEUE]
        from memreg.operations.backfill.life import BACKGROUND

        return [QUEUE, BACKGROUND]

    async def _seal(self) -> None:
        """Tie what was written to the audit meanwhile, of every tenant; another worker may do so as well."""
        from memreg.operations.audit import seal

        if self._months_at is None or self.clock() >= self._months_at:
            await self.run_admin(seal.make_partitions)
            self._months_at = self.clock() + _MONTHS
        for tenant in await self.run_admin(seal.tenants_waiting):
            while await self.run_admin(partial(seal.seal_batch, tenant)) == seal.BATCH and self.goes_on():
                pass

    async def _look_after(self) -> None:
        """Say that this worker is alive, find what others left behind, look after the kill switches, seal the audit."""
        while True:
            try:
                await self.run_admin(
                    lambda: inbox.see_worker(self.id, socket.gethostname(), os.getpid(), self.slots, self.clock)
                )
                await self._take_over()
                for each in await self.run_admin(lambda: inbox.left_behind(self.clock() - self.lease)):
                    with suppress(MessageNotFound):  # it was erased since
                        await self.requeue(each.tenant, each.schema, each.message_id)
                if self.look is not None:
                    await self.look()
                await self._seal()
            except Exception as exc:  # it would never be seen again, and nobody would know
                _log.warning("worker_not_seen", error=type(exc).__name__)
            await asyncio.sleep(BEAT)
