"""The database: a pool, `transaction(tenant)` as the only way to tenant data, and the driver of plans."""

from __future__ import annotations

import asyncio
import random
import select
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from memreg.core.dsn import connect_string, where
from memreg.core.errors import CommitUnknown, DatabaseError, TooManyConnections
from memreg.core.json_codec import use_codec
from memreg.core.logs import get_logger
from memreg.core.pooler_async import Pooling, configure
from memreg.core.queries import Queries, Statement
from memreg.core.rollback_async import prepared_so_far, roll_back
from memreg.core.shares import AsyncSignal, Shares
from memreg.core.steps import Last, Row, Rows, Steps
from memreg.core.tenant import check_tenant
from memreg.core.tracing import step, whole
from memreg.core.translate import UNPREPARED, begins_again, is_lost, is_stale, translate, unreachable, why_again
from memreg.core.wire import ask, is_fit

if TYPE_CHECKING:
    from memreg.core.embedded import Lease
    from memreg.core.settings import Settings

T = TypeVar("T")

ATTEMPTS = 6
_BACKOFF = 0.02
_SQL = Queries.load("memreg.core", "session.sql")
_COMMIT = _SQL["commit"]()
_log = get_logger(__name__)


class AsyncDatabase:
    """One Postgres with memreg's tables, behind a pool of connections.

    The constructor does no I/O. `open` (or `connect`, or the first use) starts the embedded server where no database is
    named, and looks at the migrations.
    """

    def __init__(self, settings: Settings, *, dsn: str | None = None, migrate: bool | None = None) -> None:
        self.settings = settings
        self._dsn = dsn or settings.database_url
        self._migrate = migrate
        self._lease: Lease | None = None
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] | None = None
        self._lent: set[AsyncConnection[Row]] = set()
        self._opening = asyncio.Lock()
        self._closed = False
        self._shaken = False  # a connection was lost, so the server may be too
        self.pooling = Pooling.NONE
        self.retried = Counter[str]()
        """Transactions of this process that were begun again, by why: `changed` (what one was decided by has changed
        until it was written), `serialization`, `deadlock`."""
        self._shares = Shares[AsyncSignal](settings.pool_size)
        self.applied: tuple[str, ...] = ()
        self.where = where(self._dsn) if self._dsn else "the embedded Postgres"

    @classmethod
    async def connect(cls, settings: Settings, *, dsn: str | None = None, migrate: bool | None = None) -> Self:
        """Open the database at `dsn`, else at `settings.database_url`, else the embedded one.

        `migrate`: True applies what is missing, False only looks, None does the first for the embedded database and the
        second for any other. `applied` names the migrations that were applied.

        Raises DatabaseUnavailable, LoginRefused, TooManyConnections, DatabaseReadOnly, EmbeddedUnavailable,
        MigrationsBehind, MigrationsAhead, SettingsInvalid.
        """
        database = cls(settings, dsn=dsn, migrate=migrate)
        try:
            await database.open()
        except BaseException:
            await database.close()
            raise
        return database

    async def open(self) -> None:
        """Reach the database and look at its migrations; does nothing when that was done."""
        await self._opened()

    async def close(self) -> None:
        """Give back every connection, and the embedded server."""
        self._closed = True
        pool, self._pool = self._pool, None
        lease, self._lease = self._lease, None
        if pool is not None:
            await pool.close()
        if lease is not None:
            await asyncio.to_thread(lease.release)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncIterator[AsyncConnection[Row]]:
        """A connection inside a transaction of the tenant: committed at the end, rolled back on any error.

        Rows are dicts. Raises TenantInvalid, and psycopg's errors as DatabaseError.
        """
        opening = _opening(check_tenant(tenant), self.settings.statement_timeout)
        async with self._connection(tenant) as conn:
            try:
                await self._send(conn, opening, commits=False)
                yield conn
                await self._commit(conn)
            except psycopg.Error as exc:
                raise translate(exc, self.where, broken=conn.broken) from exc

    async def run(self, tenant: str, plan: Callable[[], Steps[T]]) -> T:
        """Drive a plan in one transaction of the tenant and give its value.

        Every yielded tuple is one round trip. After a serialization failure, a deadlock, or where another was first
        with a strong key, the transaction is rolled back and `plan` is called again, so it must build its steps anew. A
        lost connection is never retried here.

        Raises TenantInvalid, what the plan raises, and psycopg's errors as DatabaseError.
        """
        return await self._run(check_tenant(tenant), plan)

    async def run_admin(self, plan: Callable[[], Steps[T]]) -> T:
        """Drive a plan with no tenant set: for tables without tenant data, and for work across tenants."""
        return await self._run("", plan)

    async def _run(self, tenant: str, plan: Callable[[], Steps[T]]) -> T:
        attempt = 1
        while True:
            async with self._connection(tenant) as conn:
                try:
                    return await self._drive(conn, tenant, plan())
                except psycopg.Error as exc:
                    if attempt == ATTEMPTS or not begins_again(exc):
                        raise translate(exc, self.where, broken=conn.broken) from exc
                    at_once, why = attempt == 1 and is_stale(exc), why_again(exc)
            self.retried[why] += 1
            _log.info("transaction_retried", attempt=attempt, why=why)
            whole().tell(transactions_retried=attempt)
            if not at_once:
                await asyncio.sleep(random.uniform(0, _BACKOFF * 2**attempt))
            attempt += 1

    async def _drive(self, conn: AsyncConnection[Row], tenant: str, steps: Steps[T]) -> T:
        """Send each batch of the plan as one pipeline; the first carries `begin` and the tenant with it."""
        opening = _opening(tenant, self.settings.statement_timeout)
        results: list[Rows] | None = None
        try:
            while True:
                batch = next(steps) if results is None else steps.send(results)
                commits = isinstance(batch, Last)
                asked = (*opening, *batch, _COMMIT) if commits else (*opening, *batch)
                answers = await self._send(conn, asked, commits)
                results = answers[len(opening) : len(opening) + len(batch)]
                opening = ()
        except StopIteration as stop:
            value: T = stop.value
        finally:
            steps.close()
        if conn.pgconn.transaction_status != TransactionStatus.IDLE:
            with step("commit"):
                await self._commit(conn)
        return value

    async def _send(self, conn: AsyncConnection[Row], asked: Sequence[Statement], commits: bool) -> list[Rows]:
        """Send statements in one round trip; where one fails, those after it are not run. Gives the rows of each."""
        copies = next((each.query.name for each in asked if each.query.copies), None)
        if copies is not None:
            told = f"{copies} is COPY, which cannot be part of a plan, so nothing of it was sent"
            raise psycopg.NotSupportedError(f"{told}: use `cursor.copy` in a transaction")
        try:
            if is_fit(conn):
                return await conn.wait(ask(conn, asked))
            return await self._send_by_cursors(conn, asked)
        except psycopg.Error as exc:
            if exc.sqlstate in UNPREPARED:
                # What psycopg knows to be prepared is not so, and a `begin` that failed leaves nothing to roll back, at
                # which it would forget: the pool replaces the connection.
                await conn.close()
            if commits and is_lost(exc, conn.broken):
                raise CommitUnknown(where=self.where) from exc
            raise

    async def _send_by_cursors(self, conn: AsyncConnection[Row], asked: Sequence[Statement]) -> list[Rows]:
        """The same, each statement being executed as anybody's, which an instrumentation of psycopg sees."""
        failed: psycopg.Error | None = None
        try:
            async with conn.pipeline():
                try:
                    cursors = [await conn.execute(each.query.data, each.params) for each in asked]
                except psycopg.Error as exc:
                    failed = exc  # what the pipeline's end says about it tells less
        except psycopg.Error as exc:
            failed = failed or exc
        if failed is not None:
            raise failed
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]

    async def _commit(self, conn: AsyncConnection[Row]) -> None:
        if conn.info.transaction_status is TransactionStatus.INERROR:
            # Postgres would answer this commit with a silent rollback.
            raise DatabaseError(reason="a statement of this transaction had failed, so nothing of it was kept")
        try:
            await conn.commit()
        except psycopg.Error as exc:
            if is_lost(exc, conn.broken):
                raise CommitUnknown(where=self.where) from exc
            raise

    @asynccontextmanager
    async def _connection(self, tenant: str = "") -> AsyncIterator[AsyncConnection[Row]]:
        """A connection of the pool, of a tenant's share of it; what was not committed in the body is rolled back."""
        pool = await self._opened()
        await self._come_in(tenant)
        try:
            async with self._lent_by(pool) as conn:
                yield conn
        finally:
            self._shares.give_back(tenant)

    async def _come_in(self, tenant: str) -> None:
        signal = self._shares.ask(tenant, AsyncSignal)
        if signal is None:
            return
        try:
            came = await signal.wait(self.settings.connect_timeout)
        except BaseException:  # a task that is cancelled in line
            if not self._shares.withdraw(tenant, signal):
                self._shares.give_back(tenant)
            raise
        if not came and self._shares.withdraw(tenant, signal):
            raise TooManyConnections(where=self.where, reason=self._shares.reason())

    @asynccontextmanager
    async def _lent_by(self, pool: AsyncConnectionPool[AsyncConnection[Row]]) -> AsyncIterator[AsyncConnection[Row]]:
        conn = await self._take(pool)
        while not await _is_alive(conn):
            self._shaken = True
            await pool.putconn(conn)  # which replaces it
            conn = await self._take(pool)
        self._lent.add(conn)
        prepared = prepared_so_far(conn)
        try:
            yield conn
        except (DatabaseError, psycopg.Error):
            prepared = None  # it may be what was prepared that is wrong: lost in a pooler, or changed by a migration
            raise
        finally:
            self._lent.discard(conn)
            try:
                if conn.pgconn.transaction_status != TransactionStatus.IDLE:
                    with suppress(psycopg.Error):
                        await roll_back(conn, prepared)
            finally:  # a task that is cancelled in the rollback would keep the connection for good
                self._shaken |= conn.closed
                await pool.putconn(conn)

    async def _take(self, pool: AsyncConnectionPool[AsyncConnection[Row]]) -> AsyncConnection[Row]:
        if self._shaken:
            await self._renew()
        try:
            return await pool.getconn()
        except PoolTimeout as exc:
            if len(self._lent) >= self.settings.pool_size:
                raise translate(exc, self.where) from exc
        except PoolClosed as exc:
            raise translate(exc, self.where) from exc
        # The pool keeps to itself why it could not connect; asking by ourselves tells, or finds that it can now.
        await self._renew()
        async with self._probe():
            pass
        try:
            return await pool.getconn()
        except PoolTimeout as exc:
            raise translate(exc, self.where) from exc

    async def _renew(self) -> None:
        """After a connection was lost: see that the embedded server runs, and start it again where it was killed."""
        async with self._opening:  # one at a time: of two leases taken at once only one would ever be released
            self._shaken = False
            old = self._lease
            if old is not None:
                self._lease = await asyncio.to_thread(_acquire, self.settings)
                await asyncio.to_thread(old.release)

    async def _opened(self) -> AsyncConnectionPool[AsyncConnection[Row]]:
        if self._pool is not None:
            return self._pool
        async with self._opening:
            if self._closed:
                raise DatabaseError(reason=f"the connections to {self.where} are already closed")
            if self._pool is None:
                await self._reach()
                self._pool = await self._make_pool()
            return self._pool

    async def _reach(self) -> None:
        """Start the embedded server where it is asked for, then bring or hold the database to our migrations."""
        from memreg.migrations import runner

        migrate = self._migrate
        if self._dsn is None:
            self._lease = await asyncio.to_thread(_acquire, self.settings)
            self._dsn = self._lease.dsn
            self.where = where(self._dsn)
            migrate = True if migrate is None else migrate
        if migrate:
            self.applied = tuple(await asyncio.to_thread(runner.upgrade, self._dsn))
        async with self._probe() as conn:
            runner.compare(await self._drive(conn, "", runner.current_plan()))

    @asynccontextmanager
    async def _probe(self) -> AsyncIterator[AsyncConnection[Row]]:
        """A connection outside the pool, whose failure says why."""
        try:
            conn = await AsyncConnection[Row].connect(self.conninfo, **self._kwargs)
        except (psycopg.Error, OSError) as exc:
            raise unreachable(exc, self.where) from exc
        try:
            yield conn
        except psycopg.Error as exc:
            raise translate(exc, self.where, broken=conn.broken) from exc
        finally:
            await conn.close()

    async def _make_pool(self) -> AsyncConnectionPool[AsyncConnection[Row]]:
        pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            min_size=0,
            max_size=self.settings.pool_size,
            timeout=self.settings.connect_timeout,
            reconnect_timeout=self.settings.connect_timeout,  # then the next one in need tries afresh
            conninfo=self.conninfo,
            kwargs=self._kwargs,
            configure=self.configure,
            name="memreg",
            open=False,
        )
        await pool.open()
        return pool

    async def configure(self, conn: AsyncConnection[Any]) -> None:
        """Make a new connection to the database fit for transactions that leave nothing behind, also in a pooler."""
        use_codec(conn)
        self.pooling = await configure(conn, as_told=self.settings.prepares_as_told)

    @property
    def conninfo(self) -> str:
        """What another client of the opened database connects with. It holds the password."""
        assert self._dsn is not None
        return connect_string(self._dsn, connect_timeout=self.settings.connect_timeout)

    @property
    def _kwargs(self) -> dict[str, Any]:
        # We say `begin` ourselves: psycopg's own waits for an answer to it, even in a pipeline.
        threshold = self.settings.prepare_threshold
        return {"autocommit": True, "row_factory": dict_row, "prepare_threshold": threshold}


def _acquire(settings: Settings) -> Lease:
    from memreg.core.embedded import acquire

    return acquire(settings.home)


@lru_cache(1_024)
def _opening(tenant: str, statement_timeout: float) -> tuple[Statement, ...]:
    """What every transaction says first. Local to it, so that nothing leaks through a transaction pooler.

    With a tenant it is one of the role `memreg_app`, which sees and changes that tenant's rows alone; without one it is
    the login's.
    """
    limit = str(max(1, round(statement_timeout * 1000)))
    be = _SQL["be_tenant"](tenant=tenant, statement_timeout=limit) if tenant else None
    said = (_SQL["begin"](), be or _SQL["be_login"](statement_timeout=limit))
    return tuple(replace(each, is_read=False) for each in said)


async def _is_alive(conn: AsyncConnection[Row]) -> bool:
    """Whether the server has not closed a pooled connection meanwhile; costs a round trip only when it spoke up.

    The pool's own `check` would pause for a second after each one that it finds dead.
    """
    waiting = select.poll()
    waiting.register(conn.fileno(), select.POLLIN)
    if not waiting.poll(0):
        return True
    try:
        await conn.execute(b"")
    except psycopg.Error:
        await conn.close()
        return False
    return True
