"""The background writer of an engine: a worker of the inbox in a thread of its own, or as a task of the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from memreg.api.intake import Intake
from memreg.api.intake_async import AsyncIntake
from memreg.api.worker import InboxWorker
from memreg.core.clock import Clock
from memreg.core.ids import uuid7
from memreg.core.settings import Settings
from memreg.core.steps import Steps
from memreg.engine import inbox
from memreg.engine.cache import Cache
from memreg.engine.ingest import Walk

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

    async def start(self) -> None:
        """Begin to work, unless it does already. The database is open by now."""
        if self._task is not None or not self.slots:
            return
        database = self.intake.database
        self._worker = InboxWorker(
            conninfo=database.conninfo,
            run_admin=database.run_admin,
            handle=self._handle,
            requeue=self._requeue,
            slots=self.slots,
            lease=lease_of(database.settings),
            clock=self.clock,
        )
        self._task = asyncio.create_task(self._worker.run())

    async def aclose(self, drain: float) -> None:
        """Wait up to `drain` seconds until the queue is empty, end what is at hand, and stop."""
        task, self._task = self._task, None
        if task is None or self._worker is None:
            return
        await self._worker.drain(drain)
        self._worker.stop()
        await task

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
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: InboxWorker | None = None
        self._ready = threading.Event()

    def start(self) -> None:
        """Begin to work, unless it does already. The database is open by now."""
        with self._lock:
            if self._thread is not None or not self.slots:
                return
            self._ready.clear()
            self._thread = threading.Thread(target=asyncio.run, args=(self._main(),), name="memreg writer", daemon=True)
            self._thread.start()

    def close(self, drain: float) -> None:
        """Wait up to `drain` seconds until the queue is empty, end what is at hand, and stop."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        self._ready.wait()
        loop, worker = self._loop, self._worker
        assert loop is not None
        assert worker is not None
        if thread.is_alive():
            if drain > 0:
                asyncio.run_coroutine_threadsafe(worker.drain(drain), loop).result()
            loop.call_soon_threadsafe(worker.stop)
        thread.join()

    async def _main(self) -> None:
        database = self.intake.database
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(self.slots + _EXTRA_THREADS, "memreg writer"))

        async def run_admin(plan: Callable[[], Steps[Any]]) -> Any:
            return await asyncio.to_thread(database.run_admin, plan)

        self._worker = InboxWorker(
            conninfo=database.conninfo,
            run_admin=run_admin,
            handle=self._handle,
            requeue=self._requeue,
            slots=self.slots,
            lease=lease_of(database.settings),
            clock=self.clock,
        )
        self._ready.set()
        await self._worker.run()

    async def _handle(self, tenant: str, schema: str, arrival: UUID) -> datetime | None:
        self.taken += 1
        assert self._worker is not None
        return await asyncio.to_thread(self.intake.work, self._walk(tenant, schema), arrival, self._worker.goes_on)

    async def _requeue(self, tenant: str, schema: str, message_id: str) -> None:
        walk = self._walk(tenant, schema)
        await asyncio.to_thread(self.intake.database.run, tenant, lambda: inbox.requeue(walk, message_id))

    def _walk(self, tenant: str, schema: str) -> Walk:
        return Walk(tenant, schema, self.cache, self.clock, uuid7)
