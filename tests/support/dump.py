"""Everything that a database holds, as one text: what of it is a person's value is found there, however it is kept."""

from __future__ import annotations

import psycopg
from psycopg import sql

from memreg.operations.quotes import Quotes


def contents(dsn: str) -> str:
    """Every row of every table of memreg as text; bytes are in hexadecimal."""
    with psycopg.connect(dsn) as conn:
        tables = conn.execute(
            "select relname from pg_class where relnamespace = 'memreg'::regnamespace and relkind = 'r' order by 1"
        ).fetchall()
        found = []
        for (table,) in tables:
            query = sql.SQL("select told::text from memreg.{} as told").format(sql.Identifier(table))
            found += [f"{table} {told}" for (told,) in conn.execute(query).fetchall()]
    return "\n".join(found)


def lines_with(text: str, *values: str) -> list[str]:
    """The lines of a text that quote one of some values in any spelling, or have it in them as it is."""
    quotes = Quotes.of(values)
    return [
        line
        for line in text.splitlines()
        if quotes.are_in(line) or any(value.casefold() in line.casefold() for value in values)
    ]
