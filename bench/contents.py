"""What is in the tables of a tenant, as values that can be compared between two tenants or two runs."""

from __future__ import annotations

from typing import Any

import psycopg

_MEMORIES = """
    select class, version, payload, originals, is_deleted, unresolved, revision, search::text,
        (select jsonb_agg(jsonb_build_array(key, digest, strong, released_at is null) order by key, digest)
            from memreg.identity_keys k where k.tenant = m.tenant and k.memory_id = m.id),
        (select jsonb_agg(jsonb_build_array(revision, payload, originals, is_deleted, unresolved) order by revision)
            from memreg.memory_revisions r where r.tenant = m.tenant and r.memory_id = m.id)
    from memreg.memories m
    where tenant = %s
    order by id
"""
_LIVE = """
    select class, version, payload, unresolved,
        (select jsonb_agg(jsonb_build_array(key, digest, strong) order by key, digest) from memreg.identity_keys k
            where k.tenant = m.tenant and k.memory_id = m.id and released_at is null)
    from memreg.memories m
    where tenant = %s and not is_deleted
    order by class, payload
"""
_AUDIT = """
    select message_id, ordinal, class, operation, action, basis, audit_id is not null
    from memreg.audit_log left join memreg.audit_values on (audit_values.tenant, audit_id) = (audit_log.tenant, id)
    where audit_log.tenant = %s
    order by message_id, ordinal
"""


def memories(dsn: str, tenant: str) -> list[Any]:
    """Everything about the memories of a tenant but ids and times: states, full text, keys and revisions, by age."""
    # The lexeme of the scope carries the tenant, which is the one thing that differs.
    return [
        (*row[:7], [word for word in row[7].split() if not word.startswith("'=")], *row[8:])
        for row in _rows(dsn, _MEMORIES, tenant)
    ]


def live_memories(dsn: str, tenant: str) -> list[Any]:
    """Class, version, values, `unresolved` and keys held of the memories that are not deleted, by class and values."""
    return _rows(dsn, _LIVE, tenant)


def audit(dsn: str, tenant: str) -> list[Any]:
    """The decisions of a tenant, without ids, scores and times; last, whether the entry has its values."""
    return _rows(dsn, _AUDIT, tenant)


def first_difference(found: list[Any], expected: list[Any]) -> str:
    """Where two lists part."""
    for mine, theirs in zip(found, expected, strict=False):
        if mine != theirs:
            return f"{mine} instead of {theirs}"
    return f"{len(found)} instead of {len(expected)}"


def _rows(dsn: str, query: str, tenant: str) -> list[Any]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(query.encode(), (tenant,)).fetchall()
