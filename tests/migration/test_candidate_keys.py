"""Memories of before 0003 are found by their words from then on; what was deleted or unresolved is not."""

from __future__ import annotations

import psycopg
import pytest

from memreg.engine.candidates import numbers
from memreg.engine.text import scope_token, tsvector
from memreg.migrations import runner

INSERT = b"""
insert into memreg.memories (tenant, id, schema, class, version, payload, search, is_deleted, unresolved, revision,
    change, created_at, updated_at, last_seen_at)
values (%s, gen_random_uuid(), 'people', 'Person', 1, '{}', %s::tsvector, %s, %s, 1, 1, now(), now(), now())
"""


def vector(*words: str) -> str:
    """The searchable text of a memory, as it was written before."""
    return tsvector(scope_token("acme", "people", "Person"), [("A", words)])


@pytest.mark.parametrize("words", [("ana", "lopez"), ("东京", "it's", "back\\slash", "ål", "x1"), ()])
def test_old_memories_have_the_keys_of_their_words(empty_database_url: str, words: tuple[str, ...]) -> None:
    runner.upgrade(empty_database_url, to="0002")
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(INSERT, ("acme", vector(*words), False, False))
        conn.execute(INSERT, ("acme", vector(*words), True, False))
        conn.execute(INSERT, ("acme", vector(*words), False, True))
    runner.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        rows = conn.execute("select is_deleted or unresolved, candidate_keys from memreg.memories").fetchall()
        posted = conn.execute("select tenant, key from memreg.candidate_keys").fetchall()
    wanted = sorted(numbers("people", "Person", [f"t{word}" for word in words]))
    assert sorted((dead, sorted(keys)) for dead, keys in rows) == [(False, wanted), (True, []), (True, [])]
    assert sorted(posted) == [("acme", key) for key in wanted]


def test_a_long_old_text_has_its_heaviest_longest_words(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url, to="0002")
    light = [("C", [f"{'b' * n}" for n in range(10, 60)]), ("A", ["name"])]
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(INSERT, ("acme", tsvector("=scope", light), False, False))
    runner.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        posted = {row[0] for row in conn.execute("select key from memreg.candidate_keys")}
    wanted = ["tname", *(f"t{'b' * n}" for n in range(59, 36, -1))]
    assert posted == set(numbers("people", "Person", wanted))
