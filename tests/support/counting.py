"""A database that counts what it is asked: round trips, commits among them, and statements."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from memreg.core.database import Database
from memreg.core.queries import Statement
from memreg.core.steps import Row, Rows


@dataclass(frozen=True)
class Count:
    """Round trips to the server, and statements in them (a commit is one)."""

    trips: int
    statements: int


class CountingDatabase(Database):
    """`transactions` holds what was asked by the thread that made it, since that was last emptied: of each transaction
    the round trips, and of each of these the names of its statements."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.transactions: list[list[tuple[str, ...]]] = []
        self._thread = threading.get_ident()

    def asked(self, besides: frozenset[str] = frozenset(), cached: frozenset[str] = frozenset()) -> Count:
        """How much was asked, without transactions that ask for one of `besides` and round trips for what is `cached`
        alone; a commit counts with the transaction."""
        counting = [
            trip
            for transaction in self.transactions
            if besides.isdisjoint(name for trip in transaction for name in trip)
            for trip in transaction
            if not cached.issuperset(trip)
        ]
        return Count(len(counting), sum(map(len, counting)))

    def _send(self, conn: Connection[Row], asked: Sequence[Statement], commits: bool) -> list[Rows]:
        self._note(tuple(each.query.name for each in asked))
        return super()._send(conn, asked, commits)

    def _commit(self, conn: Connection[Row]) -> None:
        self._note(("commit",))
        super()._commit(conn)

    def _note(self, trip: tuple[str, ...]) -> None:
        if threading.get_ident() != self._thread:
            return
        if trip[0] == "begin":
            self.transactions.append([])
        self.transactions[-1].append(trip)
