"""Running a backfill: its chunks are jobs of procrastinate, worked off in the foreground until it is at its end.

The state is in the tables, not in the worker: killed at any moment, the next run goes on after the last chunk that was
committed. Two runs at once share the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import DatabaseUnavailable
from memreg.core.ids import uuid7
from memreg.core.steps import fetch
from memreg.operations import backfills
from memreg.operations.backfills import CHUNK, TASK, Backfill, Failure, queue_of

if TYPE_CHECKING:
    from procrastinate import App

Progress = Callable[[int, int], None]

SHOWN_FAILURES = 20
_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What running a backfill came to.

    `backfill` None: the version was active already. `joined`: it had been begun before. `failures`: the first 20.
    """

    schema: str
    version: int
    backfill: Backfill | None
    joined: bool = False
    failures: tuple[Failure, ...] = ()

    @property
    def activated(self) -> bool:
        """Whether the version is active now."""
        return self.backfill is None or self.backfill.status == "done"

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        name = f"{self.schema}@{self.version}"
        if self.backfill is None:
            return f"{name} is active already; there is nothing to do"
        if self.activated:
            count = self.backfill.converted
            return f"{name} is active; {count} {'memory was' if count == 1 else 'memories were'} converted"
        return f"{self.backfill.error}; `memreg backfill status` says why"


def backfill(
    database: Database,
    schema: str,
    to: int,
    *,
    progress: Progress | None = None,
    clock: Clock = utc_now,
    new_id: Callable[[], UUID] = uuid7,
    chunk: int = CHUNK,
) -> Backfilled:
    """Convert the live memories of every tenant to an approved version and make it the active one.

    Begins a backfill, or goes on with the one that was begun before and perhaps killed. Commits every `chunk` memories
    and calls `progress` with the memories converted and their number (which grows when messages arrive). Where some do
    not fit, the version is not activated; run again, those are tried again.
    Raises BackfillRefused, VersionNotFound, SchemaNotFound, DatabaseError. Not to be called from a running event loop.
    """
    begun = database.run_admin(lambda: backfills.begin(schema, to, clock, new_id))
    if begun is None:
        return Backfilled(schema, to, None)
    backfill_id = begun.backfill_id
    worker = _Worker(database, backfill_id, progress, clock, new_id, chunk)
    asyncio.run(worker.run())
    database.run_admin(lambda: backfills.forget_jobs(backfill_id))
    done = database.run_admin(lambda: backfills.one_backfill(backfill_id))
    failed = database.run_admin(lambda: backfills.list_failures(backfill_id, SHOWN_FAILURES))
    return Backfilled(schema, to, done, begun.joined, failed)


def status(database: Database, schema: str | None = None) -> tuple[Backfill, ...]:
    """The backfills of a schema, or of all, the newest first. Raises SchemaNotFound, DatabaseError."""
    return database.run_admin(lambda: backfills.list_backfills(schema))


def failures(database: Database, backfill_id: UUID, limit: int = 1000) -> tuple[Failure, ...]:
    """Up to `limit` memories that a backfill could not convert. Raises DatabaseError."""
    return database.run_admin(lambda: backfills.list_failures(backfill_id, limit))


@dataclass
class _Worker:
    database: Database
    backfill_id: UUID
    progress: Progress | None
    clock: Clock
    new_id: Callable[[], UUID]
    chunk: int
    error: BaseException | None = None

    async def run(self) -> None:
        """Work until the backfill is at its end, by this worker or another."""
        from procrastinate.exceptions import ConnectorException

        app = self._app()
        try:
            async with app.open_async():
                while self.error is None:
                    await app.run_worker_async(
                        queues=[queue_of(self.backfill_id)],
                        wait=False,
                        concurrency=1,
                        listen_notify=False,
                        install_signal_handlers=False,
                        delete_jobs="always",
                    )
                    if self.error is None and await asyncio.to_thread(self._is_at_its_end):
                        break
                    # Another worker has the job, or was killed with it: see to it that there is one for us.
                    await asyncio.sleep(_PAUSE)
        except ConnectorException as exc:
            reason = f"the job queue lost it ({exc.__cause__ or exc})"
            raise self.error or DatabaseUnavailable(where=self.database.where, reason=reason) from exc
        if self.error is not None:
            raise self.error

    def _app(self) -> App:
        from procrastinate import App
        from procrastinate.psycopg_connector import PsycopgConnector

        app = App(
            connector=PsycopgConnector(
                conninfo=self.database.conninfo,
                kwargs={"options": "-c search_path=memreg"},
                min_size=1,
                max_size=2,
                timeout=self.database.settings.connect_timeout,
            )
        )

        @app.task(name=TASK)
        async def backfill_chunk(backfill_id: str) -> None:
            try:
                await asyncio.to_thread(self._step, UUID(backfill_id))
                self._report()
            except Exception as exc:  # told by `run`: procrastinate keeps no error
                self.error = exc

        return app

    def _step(self, backfill_id: UUID) -> None:
        run = self.database.run_admin
        done = run(lambda: backfills.convert_chunk(backfill_id, self.chunk, self.clock, self.new_id))
        if done is not None and done.found < self.chunk:
            run(lambda: backfills.finish(backfill_id, self.clock, self.new_id))

    def _report(self) -> None:
        if self.progress is not None:
            now = self.database.run_admin(lambda: backfills.one_backfill(self.backfill_id))
            self.progress(now.converted, max(now.total, now.converted))

    def _is_at_its_end(self) -> bool:
        now = self.database.run_admin(lambda: backfills.one_backfill(self.backfill_id))
        if now.status != "running":
            return True
        self.database.run_admin(lambda: fetch(backfills.defer_chunk(self.backfill_id)))
        return False
