"""The background writer of an engine: a worker of the inbox in a thread of its own, or as a task of the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from memreg.core.clock import Clock
from memreg.core.ids import uuid7
from memreg.core.steps import Steps
from memreg.engine import inbox
from memreg.engine.cache import Cache
from memreg.engine.ingest import Walk

if TYPE_CHECKING:
    from memreg.api.intake import Intake
    from memreg.api.intake_async import AsyncIntake
    from memreg.api.worker import InboxWorker
    from memreg.core.settings import Settings
    from memreg.operations.backfill.work import Work

_EXTRA_THREADS = 3  # for heartbeats beside the messages


def lease_of(settings: Settings) -> timedelta:
    """After how long a message that somebody began with counts as left behind: longer than any ingest can take.

    Two questions to the model for each try, each within its time-out, and the pauses between the tries.
    """
    tries = settings.llm_max_retries + 1
    return timedelta(seconds=tries * (2 * settings.llm_timeout + 45.0) + 60.0)


class AsyncWriter:
    """The writer of an asynchronous engine: tasks of the loop that it was started in."""

    def __init__(self, intake: AsyncIntake, cache: Cache, clock: Clock, slots: int) -> None:
        self.intake, self.cache, self.clock, self.slots = intake, cache, clock, slots
        self.taken = 0
        """Jobs that were taken up so far: a message, or those of a session that waited."""
        self._worker: InboxWorker | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Begin to work, unless it does already, or is being closed. Raises DatabaseError."""

        from memreg.api.worker import InboxWorker

        database = self.intake.database
        await database.open()
        if self._closed or not self.slots or (self._task is not None and not self._task.done()):
            return
        self._worker = InboxWorker(
            conninfo=database.conninfo,
            run_admin=database.run_admin,
            handle=self._handle,
            requeue=self._requeue,
            slots=self.slots,
            lease=lease_of(database.settings),
            clock=self.clock,
            prepare_threshold=database.settings.prepare_threshold,
            prepares_as_told=database.settings.prepares_as_told,
            look=partial(self.intake.watch.look_after, self.cache, self.clock),
        )
        # It works for everybody: nothing of whose submit happened to start it goes with what it does for others.
        self._task = asyncio.create_task(self._worker.run(), context=Context())

    async def aclose(self, drain: float, *, for_good: bool = False) -> None:
        """Wait up to `drain` seconds until the queue is empty, end what is at hand, and stop.

        What is submitted meanwhile does not start it again; afterwards it does, unless it was closed `for_good`.
        """
        self._closed = True
        task, worker = self._task, self._worker
        try:
            if task is not None and worker is not None:
                try:
                    if drain > 0:
                        await worker.drain(drain)
                finally:  # whoever waits may lose patience
                    worker.stop()
                    await asyncio.wait([task])
        finally:
            self._closed = for_good

    async def _handle(self, tenant: str, schema: str, arrival: UUID) -> datetime | None:
        self.taken += 1
        assert self._worker is not None
        return await self.intake.work(self._walk(tenant, schema), arrival, self._worker.goes_on)

    async def _requeue(self, tenant: str, schema: str, message_id: str) -> None:
        walk = self._walk(tenant, schema)
        await self.intake.database.run(tenant, lambda: inbox.requeue(walk, message_id))

    def _walk(self, tenant: str, schema: str) -> Walk:
        return Walk(tenant, schema, self.cache, self.clock, uuid7)


class Writer:
    """The writer of a blocking engine: a thread with a loop, which hands each message to a thread of its own."""

    def __init__(self, intake: Intake, cache: Cache, clock: Clock, slots: int) -> None:
        self.intake, self.cache, self.clock, self.slots = intake, cache, clock, slots
        self.taken = 0
        """Jobs that were taken up so far: a message, or those of a session that waited."""
        self._backfills: Work | None = None
        self._made: InboxWorker | None = None
        self._lock = threading.Lock()
        self._ending = threading.RLock()
        self._running: _Running | None = None
        self._closed = False

    def take_backfills(self) -> None:
        """Work on the backfills that were left to the workers, too, from the next start on."""
        from memreg.operations.backfill.work import Work

        self._backfills = Work(self.intake.database, self.clock, uuid7)

    @property
    def parts(self) -> int:
        """Parts of backfills that were done since the last start."""
        return 0 if self._made is None else self._made.parts

    def start(self) -> None:
        """Begin to work, unless it does already, or is being closed. Raises DatabaseError."""
        self.intake.database.open()
        with self._lock:
            if self._closed or not self.slots or (self._running is not None and self._running.is_alive()):
                return
            self._running = _Running(self._worker(), self.slots)

    def close(self, drain: float, *, for_good: bool = False) -> None:
        """Wait up to `drain` seconds until the queue is empty, end what is at hand, and stop.

        What is submitted meanwhile does not start it again; afterwards it does, unless it was closed `for_good`. Of
        several threads that close it, each waits until it has stopped.
        """
        with self._ending:
            with self._lock:
                self._closed, running = True, self._running
            try:
                if running is not None:
                    running.end(drain)
            finally:
                with self._lock:
                    self._closed, self._running = for_good, None

    def _worker(self) -> InboxWorker:
        from memreg.api.worker import InboxWorker

        database = self.intake.database

        async def run_admin(plan: Callable[[], Steps[Any]]) -> Any:
            return await asyncio.to_thread(database.run_admin, plan)

        async def handle(tenant: str, schema: str, arrival: UUID) -> datetime | None:
            self.taken += 1
            return await asyncio.to_thread(self.intake.work, self._walk(tenant, schema), arrival, worker.goes_on)

        async def look() -> None:
            await asyncio.to_thread(self.intake.watch.look_after, self.cache, self.clock)

        worker = InboxWorker(
            conninfo=database.conninfo,
            run_admin=run_admin,
            handle=handle,
            requeue=self._requeue,
            slots=self.slots,
            lease=lease_of(database.settings),
            clock=self.clock,
            prepare_threshold=database.settings.prepare_threshold,
            prepares_as_told=database.settings.prepares_as_told,
            backfills=self._backfills,
            look=look,
        )
        self._made = worker
        return worker

    async def _requeue(self, tenant: str, schema: str, message_id: str) -> None:
        walk = self._walk(tenant, schema)
        await asyncio.to_thread(self.intake.database.run, tenant, lambda: inbox.requeue(walk, message_id))

    def _walk(self, tenant: str, schema: str) -> Walk:
        return Walk(tenant, schema, self.cache, self.clock, uuid7)


class _Running:
    """A worker in a thread, from its start to its end."""

    def __init__(self, worker: InboxWorker, slots: int) -> None:
        self._worker, self._slots = worker, slots
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        # Some Pythons give a thread the context of who starts it; this one works for everybody.
        run = partial(Context().run, asyncio.run, self._main())
        self._thread = threading.Thread(target=run, name="memreg writer", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether the thread has not come to its end."""
        return self._thread.is_alive()

    def end(self, drain: float) -> None:
        """Wait up to `drain` seconds until the queue is empty, end what is at hand, and stop."""
        while not self._ready.wait(0.1):
            if not self._thread.is_alive():
                return
        assert self._loop is not None
        try:
            if drain > 0:
                with suppress(concurrent.futures.CancelledError, RuntimeError):  # it came to its end by itself
                    asyncio.run_coroutine_threadsafe(self._worker.drain(drain), self._loop).result()
        finally:  # whoever waits may lose patience
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._worker.stop)
            self._thread.join()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(self._slots + _EXTRA_THREADS, "memreg writer"))
        self._ready.set()
        await self._worker.run()
