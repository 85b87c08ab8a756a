"""A database that forgets: everything done through it is one transaction, which is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import Connection

from memreg.core.database import Database
from memreg.core.queries import Queries, Query
from memreg.core.steps import Row, Rows, Steps
from memreg.core.tenant import check_tenant
from memreg.core.translate import translate

T = TypeVar("T")

_SQL = Queries.load("memreg.core", "session.sql")


class Rehearsal(Database):
    """A view of an open database whose plans all run in one transaction. Made by `rehearse`; for one thread."""

    def __init__(self, database: Database, conn: Connection[Row]) -> None:
        super().__init__(database.settings)
        self.where = database.where
        self._conn = conn

    def _run(self, tenant: str, plan: Callable[[], Steps[T]]) -> T:
        """Drive a plan without a commit. After an error of the database nothing more can be done in this rehearsal."""
        steps = plan()
        opening = self._first(tenant)
        results: list[Rows] | None = None
        try:
            while True:
                batch = next(steps) if results is None else steps.send(results)
                asked = opening + [(statement.query, dict(statement.params)) for statement in batch]
                results = self._ask(asked)[len(opening) :]
                opening = []
        except StopIteration as stop:
            value: T = stop.value
        finally:
            steps.close()
        return value

    @contextmanager
    def transaction(self, tenant: str) -> Iterator[Connection[Row]]:
        """The connection of the rehearsal, with the tenant named."""
        self._ask(self._first(check_tenant(tenant)))
        try:
            yield self._conn
        except psycopg.Error as exc:
            raise translate(exc, self.where, broken=self._conn.broken) from exc

    def _first(self, tenant: str) -> list[tuple[Query, dict[str, object]]]:
        limit = str(max(1, round(self.settings.statement_timeout * 1000)))
        if tenant:
            return [(_SQL["be_tenant"], {"tenant": tenant, "statement_timeout": limit})]
        return [(_SQL["leave_tenant"], {}), (_SQL["be_login"], {"statement_timeout": limit})]

    def _ask(self, asked: list[tuple[Query, dict[str, object]]]) -> list[Rows]:
        try:
            with self._conn.pipeline():
                cursors = [self._conn.execute(query.sql.encode(), params) for query, params in asked]
            return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
        except psycopg.Error as exc:
            raise translate(exc, self.where, broken=self._conn.broken) from exc


@contextmanager
def rehearse(database: Database, tenant: str) -> Iterator[Rehearsal]:
    """Try things out in an open database: what is done through the rehearsal is seen in it, and gone afterwards.

    Raises TenantInvalid, DatabaseError.
    """
    with database.transaction(tenant) as conn:
        try:
            yield Rehearsal(database, conn)
        finally:
            conn.rollback()
