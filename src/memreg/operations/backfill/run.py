"""Running a backfill: its chunks are jobs of procrastinate, worked off here or by `memreg worker` until its end.

The state is in the tables, not in the worker: killed at any moment, the next run goes on after the last chunk that was
committed. Several runs at once share the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, DatabaseUnavailable
from memreg.core.ids import uuid7
from memreg.core.steps import fetch
from memreg.operations.backfill import life
from memreg.operations.backfill.life import BACKGROUND, TASK, Backfill, Failure, Policy, Wishes, queue_of
from memreg.operations.backfill.target import CHUNK
from memreg.operations.backfill.work import Next, Work

if TYPE_CHECKING:
    from procrastinate import App

Progress = Callable[[Backfill], None]

SHOWN_FAILURES = 20
MOST_SLOTS = 64
_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What running a backfill came to.

    `backfill` None: there was nothing to do. `joined`: it had been begun before. `failures`: the first 20.
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
            said = f"{name} is active; {count:,} {'memory was' if count == 1 else 'memories were'} converted"
            return f"{said}; {self.backfill.error}" if self.backfill.error else said
        if self.backfill.error:
            return f"{self.backfill.error}; `memreg backfill status` says why"
        return f"the backfill to {name} is {self.backfill.status}; `memreg backfill status` shows how far it came"


def backfill(
    database: Database,
    schema: str,
    to: int,
    *,
    collisions: Policy | None = None,
    allow: str | None = None,
    rate: float | None = None,
    slots: int = 1,
    by: str | None = None,
    why: str | None = None,
    progress: Progress | None = None,
    clock: Clock = utc_now,
    new_id: Callable[[], UUID] = uuid7,
    chunk: int = CHUNK,
) -> Backfilled:
    """Take the live memories of every tenant to an approved version, which is in force from the middle of it on.

    Begins a backfill, or goes on with the one that was begun before and perhaps halted, failed or killed. Commits
    every `chunk` memories, on `slots` connections at once, and calls `progress` after each. Where more do not fit than
    `allow` says (a count, as 25, or a share, as 3%; by default none), the version does not come into force; run again,
    those that were written to since are looked at again. `collisions`: what becomes of memories that have one strong
    key under the new version: `review` (a person is asked, as is usual), `merge`, or `refuse` (it does not come into
    force). `rate`: memories a second at most, over all that work on it. Returns at its end, or when somebody halts it.
    Raises BackfillRefused, ArgumentInvalid, VersionNotFound, SchemaNotFound, DatabaseError. Not to be called from a
    running event loop.
    """
    wishes = Wishes(collisions, allow, rate, by, why)
    check_slots(slots)
    begun = database.run_admin(lambda: life.begin(schema, to, wishes, clock, new_id))
    if begun is None:
        return Backfilled(schema, to, None)
    backfill_id = begun.backfill_id
    done = work_off(database, backfill_id, progress, clock, new_id, chunk, slots)
    failed = database.run_admin(lambda: life.list_failures(backfill_id, SHOWN_FAILURES))
    return Backfilled(schema, to, done, begun.joined, failed)


def work_off(
    database: Database,
    backfill_id: UUID,
    progress: Progress | None,
    clock: Clock,
    new_id: Callable[[], UUID],
    chunk: int,
    slots: int,
) -> Backfill:
    """Work on a backfill until it is at its end or halted."""
    worker = _Worker(database, backfill_id, progress, Work(database, clock, new_id, chunk), slots)
    asyncio.run(worker.run())
    database.run_admin(lambda: life.forget_jobs(backfill_id))
    return database.run_admin(lambda: life.one_backfill(backfill_id, clock))


def start(
    database: Database,
    schema: str,
    to: int,
    *,
    collisions: Policy | None = None,
    allow: str | None = None,
    rate: float | None = None,
    slots: int = 1,
    by: str | None = None,
    why: str | None = None,
    clock: Clock = utc_now,
    new_id: Callable[[], UUID] = uuid7,
) -> Backfill | None:
    """Begin a backfill, or go on with it, and leave it to `memreg worker`; None when there is nothing to do.

    As `backfill` otherwise. Raises BackfillRefused, ArgumentInvalid, VersionNotFound, SchemaNotFound, DatabaseError.
    """
    wishes = Wishes(collisions, allow, rate, by, why)
    check_slots(slots)
    begun = database.run_admin(lambda: life.begin(schema, to, wishes, clock, new_id))
    if begun is None:
        return None
    nudge(database, begun.backfill_id, BACKGROUND, slots)
    return database.run_admin(lambda: life.one_backfill(begun.backfill_id, clock))


def nudge(database: Database, backfill_id: UUID, queue: str, slots: int) -> None:
    """Put chunks of a backfill into a queue, whose workers take it from there."""
    for _ in range(slots):
        database.run_admin(lambda: fetch(life.defer_chunk(backfill_id, queue)))


def failures(database: Database, backfill_id: UUID, limit: int = 1000) -> tuple[Failure, ...]:
    """Up to `limit` memories that a backfill could not convert. Raises DatabaseError."""
    return database.run_admin(lambda: life.list_failures(backfill_id, limit))


def add_task(app: App, work: Work, tell: Callable[[BaseException | None], None]) -> None:
    """Let an app of procrastinate do chunks. Each chunk puts the one after it into the queue that it came from.

    `tell` is called after each with its error, if it had one: procrastinate keeps none.
    """

    @app.task(name=TASK)
    async def backfill_chunk(backfill_id: str, queue: str) -> None:
        wanted = UUID(backfill_id)
        try:
            following, at = await asyncio.to_thread(work.chunk, wanted)
            # In the foreground who waits looks again by itself.
            if following is Next.NOW or (following is Next.LATER and queue == BACKGROUND):
                await asyncio.to_thread(work.database.run_admin, lambda: fetch(life.defer_chunk(wanted, queue, at)))
        except Exception as exc:
            tell(exc)
        else:
            tell(None)


def check_slots(slots: int) -> None:
    """Raises ArgumentInvalid unless 1 ≤ slots ≤ 64."""
    if isinstance(slots, bool) or not isinstance(slots, int) or not 1 <= slots <= MOST_SLOTS:
        raise ArgumentInvalid(name="slots", value=repr(slots), reason=f"it must be from 1 to {MOST_SLOTS}")


@dataclass
class _Worker:
    database: Database
    backfill_id: UUID
    progress: Progress | None
    work: Work
    slots: int
    error: BaseException | None = None

    async def run(self) -> None:
        """Work until the backfill is at its end or halted, by this worker or another."""
        from procrastinate.exceptions import ConnectorException

        app = self._app()
        queue = queue_of(self.backfill_id)
        try:
            async with app.open_async():
                while self.error is None and not await asyncio.to_thread(self._is_at_its_end):
                    await asyncio.to_thread(nudge, self.database, self.backfill_id, queue, self.slots)
                    await app.run_worker_async(
                        queues=[queue],
                        wait=False,
                        concurrency=self.slots,
                        listen_notify=False,
                        install_signal_handlers=False,
                        delete_jobs="always",
                    )
                    if self.error is None and not await asyncio.to_thread(self._is_at_its_end):
                        # Others work on what is left, or were killed with it: see to it that somebody does it.
                        await asyncio.sleep(_PAUSE)
        except ConnectorException as exc:
            reason = f"the job queue lost it ({exc.__cause__ or exc})"
            raise self.error or DatabaseUnavailable(where=self.database.where, reason=reason) from exc
        if self.error is not None:
            raise self.error

    def _app(self) -> App:
        from procrastinate import App
        from psycopg import AsyncConnection

        from memreg.core.job_queue import job_connector
        from memreg.core.pooler_async import configure

        settings = self.database.settings

        async def fit(conn: AsyncConnection[Any]) -> None:
            await configure(conn, as_told=settings.prepares_as_told)

        app = App(
            connector=job_connector(
                self.database.conninfo,
                configure=fit,
                most=2,
                prepare_threshold=settings.prepare_threshold,
                timeout=settings.connect_timeout,
            )
        )
        add_task(app, self.work, self._tell)
        return app

    def _tell(self, error: BaseException | None) -> None:
        if error is None and self.progress is not None:
            try:
                self.progress(self._now())
            except BaseException as exc:  # procrastinate would keep it to itself
                error = exc
        if error is not None:
            self.error = error

    def _now(self) -> Backfill:
        return self.database.run_admin(lambda: life.one_backfill(self.backfill_id, self.work.clock))

    def _is_at_its_end(self) -> bool:
        return self._now().status not in ("running", "cancelling")
