"""Of a key that many memories have, only the newest are kept in the index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from memreg.core.ids import uuid7
from memreg.engine.candidates import POSTINGS

Conn = psycopg.Connection[Any]
KEPT = 2 * POSTINGS
"""As the trigger has it."""
COMMON, RARE = 7, 8


@pytest.fixture
def owner(database_url: str) -> Iterator[Conn]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield conn


def post(conn: Conn, tenant: str, key: int, ids: list[UUID]) -> None:
    conn.execute(
        "insert into memreg.candidate_keys (tenant, key, memory_id) select %s, %s, unnest(%s::uuid[])",
        (tenant, key, ids),
    )


def posted(conn: Conn, tenant: str, key: int) -> list[UUID]:
    rows = conn.execute(
        "select memory_id from memreg.candidate_keys where tenant = %s and key = %s order by memory_id", (tenant, key)
    ).fetchall()
    return [row[0] for row in rows]


def test_the_newest_of_a_common_key_stay(owner: Conn) -> None:
    come = [uuid7() for _ in range(3_000)]
    post(owner, "a", RARE, come[:KEPT])
    post(owner, "b", COMMON, come[:KEPT])
    for start in range(0, len(come), 50):
        post(owner, "a", COMMON, come[start : start + 50])
    left = posted(owner, "a", COMMON)
    assert left[-KEPT:] == come[-KEPT:]
    assert len(left) < 2.5 * KEPT
    assert posted(owner, "a", RARE) == posted(owner, "b", COMMON) == come[:KEPT]


def test_as_a_tenant_that_may_not_update_them(owner: Conn) -> None:
    come = [uuid7() for _ in range(1_000)]
    with owner.transaction():
        owner.execute("set local role memreg_app")
        owner.execute("select set_config('memreg.tenant', 'a', true)")
        for start in range(0, len(come), 50):
            post(owner, "a", COMMON, come[start : start + 50])
        left = posted(owner, "a", COMMON)
    assert left[-KEPT:] == come[-KEPT:]
    assert len(left) < len(come)


def test_nobody_waits_for_who_is_at_an_old_one(owner: Conn, database_url: str) -> None:
    come = [uuid7() for _ in range(2_000)]
    post(owner, "a", COMMON, come[:KEPT])
    with psycopg.connect(database_url) as other:
        other.execute("delete from memreg.candidate_keys where memory_id = any(%s)", (come[:50],))
        owner.execute("set lock_timeout = '1s'")
        for start in range(KEPT, len(come), 50):
            post(owner, "a", COMMON, come[start : start + 50])
        other.rollback()
    assert len(posted(owner, "a", COMMON)) < 2.5 * KEPT


def test_all_at_once(owner: Conn) -> None:
    owner.execute("alter table memreg.candidate_keys disable trigger trim")
    come = [uuid7() for _ in range(700)]
    for tenant in ("a", "b"):
        post(owner, tenant, COMMON, come)
        post(owner, tenant, RARE, come[:KEPT])
    assert owner.execute("select memreg.trim_all_candidate_keys()").fetchone() == (2 * (len(come) - KEPT),)
    for tenant in ("a", "b"):
        assert posted(owner, tenant, COMMON) == come[-KEPT:]
        assert posted(owner, tenant, RARE) == come[:KEPT]
