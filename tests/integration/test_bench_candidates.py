"""What the show of candidates measures goes through the lookup and the tables as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from bench import candidates
from memreg.engine.record import Reader
from tests.support.engines import person

NAMES = ["Ana Lopez", "Tor Moe", "Wolfgang Schmidt", "Ana Lopez", "Tor Moe Berg"]


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with candidates.connect(database_url) as conn:
        yield conn


@pytest.mark.parametrize(("merged", "memories"), [(True, 3), (False, 5)])
def test_recall_of_a_stream(conn: psycopg.Connection[dict[str, Any]], merged: bool, memories: int) -> None:
    reader = Reader(*person())
    told = [(name.split()[0], reader.read({"name": name, "city": "Oslo"})) for name in NAMES]
    found = candidates.recall(conn, candidates.Stream("names", tuple(told)), merged=merged)
    assert (found.asked, found.found) == (2, 2)
    assert conn.execute("select count(*) as n from memreg.memories").fetchone() == {"n": memories}


def test_lookups_among_few_and_more(database_url: str) -> None:
    measured = {count: found for count, found, _ in candidates.sizes(database_url, (40, 80), 2, lambda _: None)}
    assert [(count, len(found.rounds)) for count, found in measured.items()] == [(40, 10), (80, 10)]
    assert all(found.recall == 1 for found in measured.values())
