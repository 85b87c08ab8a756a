"""Plans driven by hand: run one to just before a batch, let another commit, go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import psycopg
from psycopg.rows import dict_row

from memreg.core.queries import Statement
from memreg.core.steps import Row, Rows, Steps

T = TypeVar("T")


class Paused(Generic[T]):
    """A plan on a connection of its own, one batch at a time; `result` once it has ended."""

    def __init__(self, conn: psycopg.Connection[Row], steps: Steps[T]) -> None:
        self.conn = conn
        self.steps = steps
        self.batch: tuple[Statement, ...] | None = None
        self.result: T | None = None
        conn.execute(b"begin")
        self._advance(None)

    def _advance(self, results: list[Rows] | None) -> None:
        try:
            self.batch = next(self.steps) if results is None else self.steps.send(results)
        except StopIteration as stop:
            self.batch, self.result = None, stop.value

    def step(self) -> None:
        """Run the batch at hand."""
        assert self.batch is not None
        with self.conn.pipeline():
            cursors = [self.conn.execute(each.query.sql.encode(), dict(each.params)) for each in self.batch]
        self._advance([cursor.fetchall() if cursor.description else [] for cursor in cursors])

    def until(self, query: str) -> None:
        """Run up to, and without, the batch that asks the query."""
        while self.batch is not None and all(each.query.name != query for each in self.batch):
            self.step()
        assert self.batch is not None, f"the plan ended without {query}"

    def finish(self) -> T:
        """Run the rest and commit."""
        while self.batch is not None:
            self.step()
        self.conn.execute(b"commit")
        return self.result  # type: ignore[return-value]


@contextmanager
def paused(url: str, plan: Callable[[], Steps[Any]]) -> Iterator[Paused[Any]]:
    """A plan that has not run yet, on a connection of its own."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn:
        yield Paused(conn, plan())
