"""A staff of many people under an old version of their schema, loaded by COPY with the engine's own functions, and what
each of them is under the new one: converted by hand, in plain Python, without anything of memreg."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

import psycopg

from bench import crowd
from memreg.engine.candidates import memory_keys
from memreg.engine.identity import key_values
from memreg.engine.record import Record
from memreg.engine.text import scope_token, searchable_columns, tsvector
from memreg.registry.models import ClassAnnotation, ClassSpec
from memreg.registry.parse import parse_schema

SCHEMA = "staff"
TENANTS = ("acme", "globex", "initech")
OLD = """
schema: staff
compatibility: none
classes:
  Person:
    description: Somebody who works with us
    columns:
      name: {dtype: string, desc: Full name, required: true}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      badge: {dtype: string, desc: Number of the badge}
      street: {dtype: string, desc: Street and number}
      city: {dtype: string, desc: Town}
      employer: {dtype: string, desc: Company}
      born: {dtype: date, desc: Day of birth}
      level: {dtype: string, desc: Grade of pay}
    annotation:
      searchable: {name: 3, employer: 2, city: 2, street: 1}
      compare: [born]
      identity: [{columns: [email], strength: strong}]
"""
# A column under another name, another under another type, and one more identity key.
NEW = (
    OLD.replace("employer: {dtype: string, desc: Company}", "company: {dtype: string, desc: Company, from: employer}")
    .replace("level: {dtype: string,", "level: {dtype: integer,")
    .replace("employer: 2", "company: 2")
    .replace("strength: strong}]", "strength: strong}, {columns: [badge], strength: strong}]")
)
# The same, and other words to be found by.
REINDEXED = NEW.replace("street: 1", "badge: 1")
CHUNK = 10_000
_COPY_MEMORIES = (
    "copy memreg.memories (tenant, id, schema, class, version, payload, search, candidate_keys, revision, change,"
    " created_at, updated_at, last_seen_at) from stdin"
)
_COPY_REVISIONS = (
    "copy memreg.memory_revisions (tenant, memory_id, revision, version, payload, is_deleted, unresolved, created_at)"
    " from stdin"
)
_COPY_KEYS = "copy memreg.identity_keys (tenant, schema, class, key, digest, memory_id, strong, created_at) from stdin"
_AT = "2026-01-01"
Payload = dict[str, Any]


def said(number: int) -> Payload:
    """The person of a number as the old version has them, the same at every run."""
    return crowd.person(number) | {
        "email": f"p{number}@staff.example",
        "badge": f"B-{number:07d}",
        "level": str(number % 17),
    }


def by_hand(payload: Payload) -> Payload:
    """The same person under the new version."""
    now = dict(payload)
    if "employer" in now:
        now["company"] = now.pop("employer")
    if "level" in now:
        now["level"] = int(now["level"])
    return now


def digest_by_hand(value: str) -> bytes:
    """The digest of an identity key of one column whose value is in its simplest form."""
    data = value.encode()
    return hashlib.sha256(len(data).to_bytes(8, "big") + data).digest()


def tenant_of(number: int) -> str:
    """Whose person it is: the first tenant has two thirds of them."""
    return TENANTS[(0, 0, 0, 0, 1, 2)[number % 6]]


@cache
def person_class(text: str) -> tuple[ClassSpec, ClassAnnotation]:
    """The class of one of the versions, with its annotation."""
    spec = parse_schema(text, SCHEMA).by_name["Person"]
    assert spec.declared is not None
    return spec, spec.declared


def candidate_keys(payload: Payload, text: str) -> tuple[int, ...]:
    """The keys that a person is found by under one of the versions."""
    return memory_keys([Record.of(payload, *person_class(text))], SCHEMA, "Person")


def load(dsn: str, count: int) -> None:
    """Fill the tenants with the first `count` people and build the indexes anew; meant for an idle database."""
    indexes = ("memories_search", "memories_by_class", "memories_by_change", "memories_by_version")
    with psycopg.connect(dsn, autocommit=True) as conn, ProcessPoolExecutor(2) as workers:
        conn.execute("set maintenance_work_mem = '512MB'")
        made = [
            str(row[0])
            for row in conn.execute(
                "select indexdef from pg_indexes where schemaname = 'memreg' and indexname = any(%s)", [list(indexes)]
            ).fetchall()
        ]
        for name in indexes:
            conn.execute(f"drop index memreg.{name}".encode())
        conn.execute("alter table memreg.candidate_keys drop constraint candidate_keys_pkey")
        starts = range(0, count, CHUNK)
        sizes = [min(CHUNK, count - start) for start in starts]
        for statement, kind in ((_COPY_MEMORIES, 0), (_COPY_REVISIONS, 1), (_COPY_KEYS, 2)):
            with conn.cursor().copy(statement.encode()) as copy:
                for block in workers.map(_block, [kind] * len(starts), starts, sizes):
                    copy.write(block)
        conn.execute("insert into memreg.candidate_keys select tenant, unnest(candidate_keys), id from memreg.memories")
        conn.execute("alter table memreg.candidate_keys add primary key (tenant, key, memory_id)")
        for statement in made:
            conn.execute(statement.encode())
        conn.execute("select memreg.trim_all_candidate_keys()")
        conn.execute("vacuum (full) memreg.candidate_keys")
        conn.execute("vacuum (analyze) memreg.memories, memreg.candidate_keys, memreg.identity_keys")
        conn.execute("vacuum (analyze) memreg.memory_revisions")


def _block(kind: int, start: int, count: int) -> bytes:
    """Rows of COPY."""
    return "".join("\t".join(row) + "\n" for row in (_memories, _revisions, _keys)[kind](start, count)).encode()


def _memories(start: int, count: int) -> Iterator[tuple[str, ...]]:
    boosts = person_class(OLD)[1].searchable
    for number in range(start, start + count):
        payload, tenant = said(number), tenant_of(number)
        keys = ",".join(map(str, candidate_keys(payload, OLD)))
        search = tsvector(scope_token(tenant, SCHEMA, "Person"), searchable_columns(payload, boosts))
        memory = str(crowd.memory_id(number))
        row = (tenant, memory, SCHEMA, "Person", "1", json.dumps(payload), search, f"{{{keys}}}")
        yield (*row, "1", str(number + 1), _AT, _AT, _AT)


def _revisions(start: int, count: int) -> Iterator[tuple[str, ...]]:
    for number in range(start, start + count):
        yield (tenant_of(number), str(crowd.memory_id(number)), "1", "1", json.dumps(said(number)), "f", "f", _AT)


def _keys(start: int, count: int) -> Iterator[tuple[str, ...]]:
    for number in range(start, start + count):
        for held in key_values(said(number), person_class(OLD)[1]):
            memory = str(crowd.memory_id(number))
            digest = f"\\\\x{held.digest.hex()}"
            yield (tenant_of(number), SCHEMA, "Person", held.key.held_as, digest, memory, "t", _AT)
