"""Which statements the database is asked, by the name of their query: for tests of what a call may ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg

import memreg
from memreg.core.queries import Queries

ROOT = Path(memreg.__file__).parent


def named() -> dict[str, str]:
    """The name (`file:query`) of every named statement by its text."""
    found = {}
    for path in sorted(ROOT.rglob("*.sql")):
        file = path.relative_to(ROOT).as_posix()
        if not file.startswith("migrations/sql/"):
            found.update(
                {query.sql: f"{file}:{query.name}" for query in Queries(path.read_text("utf-8"), file).values()}
            )
    return found


@contextmanager
def recorded() -> Iterator[set[str]]:
    """The statements that synchronous connections run from here on: by name, and what has none by its text."""
    names, asked = named(), set[str]()
    execute, executemany = psycopg.Cursor.execute, psycopg.Cursor.executemany

    def note(query: Any) -> None:
        if isinstance(query, psycopg.sql.Composable):
            query = query.as_string()
        text = query.decode() if isinstance(query, bytes) else str(query)
        if text.strip():
            asked.add(names.get(text, text))

    def one(self: psycopg.Cursor[Any], query: Any, *rest: Any, **named: Any) -> Any:
        note(query)
        return execute(self, query, *rest, **named)

    def many(self: psycopg.Cursor[Any], query: Any, *rest: Any, **named: Any) -> None:
        note(query)
        executemany(self, query, *rest, **named)

    with patch.object(psycopg.Cursor, "execute", one), patch.object(psycopg.Cursor, "executemany", many):
        yield asked
