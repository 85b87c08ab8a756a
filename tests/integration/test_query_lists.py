"""Lists as parameters: what a statement casts to an array arrives as it was, whatever is in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import fetch_row

TEXTS = [
    "",
    " ",
    "a b",
    'say "no"',
    "back\\slash",
    "{a,b}",
    "NULL",
    "null",
    "a,b",
    "'",
    "%(x)s",
    "\n\t",
    "東京",
    "ñ\\x41",
    None,
]
IDS = [UUID(int=0), UUID("00000000-0000-7000-8000-00000000ffff")]
BYTES = [b"", b'\x00\xff\\"', bytes(range(256))]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", TEXTS),
        ("text", []),
        ("uuid", IDS),
        ("uuid", []),
        ("bigint", [0, -(2**63), 2**63 - 1]),
        ("integer", [1, None, -5]),
        ("bytea", BYTES),
        ("bytea", []),
    ],
)
def test_a_list_arrives_as_it_was(database: Database, kind: str, values: list[Any]) -> None:
    query = Query.of("same", "Gives a list back.", f"select %(values)s::{kind}[] as found")
    for _ in range(7):  # the driver prepares a statement after some uses
        row = database.run("default", lambda: fetch_row(query(values=values)))
        assert row is not None
        assert row["found"] == values
