"""Plans of database work as generators: they yield batches of statements, are sent the rows, and return a value.

The same plan is driven by a blocking or an asynchronous connection (`memreg.core.database`), and each yielded batch
is one round trip.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from memreg.core.queries import Statement

T = TypeVar("T")
Row = dict[str, Any]
Rows = list[Row]
Steps = Generator[tuple[Statement, ...], list[Rows], T]


class Last(tuple[Statement, ...]):
    """The last batch of a plan, which commits with it: no round trip of its own is made for that. Where one of its
    statements fails, nothing is kept. After it the plan returns; where the connection is lost with it, nobody knows
    whether it was committed (CommitUnknown)."""

    __slots__ = ()


def fetch(*statements: Statement) -> Steps[list[Rows]]:
    """Run the statements in one round trip; gives one list of rows (dicts) for each, empty where it returns none."""
    if not statements:
        return []
    return (yield statements)


def fetch_rows(statement: Statement) -> Steps[Rows]:
    """Run one statement and give its rows."""
    return (yield (statement,))[0]


def fetch_row(statement: Statement) -> Steps[Row | None]:
    """Run one statement and give its first row, or None."""
    rows = (yield (statement,))[0]
    return rows[0] if rows else None
