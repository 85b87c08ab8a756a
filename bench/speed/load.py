"""Tenants filled by COPY with the rows that the engine would have written, indexes built anew where that is quicker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import psycopg
from psycopg import sql

from bench.speed import world
from bench.speed.capture import ORDER
from bench.speed.forms import Forms, learn
from memreg import Engine

Chunk = tuple[str, Sequence[int]]
"""A tenant, and the numbers of some of its memories."""
CHUNK = 1_000
PROCESSES = 2
REBUILT_FROM = 50_000
"""From so many memories on, it is quicker to build the indexes of random keys afterwards."""
_REBUILT = ("memories_search",)
KEPT_OF_A_KEY = 200
"""Of a key that many memories have, the newest so many are kept, and some more until they are trimmed."""
_NEWEST_KEYS = b"""
    insert into memreg.candidate_keys (tenant, key, memory_id)
    select %(tenant)s, key, id
    from (
        select own.key, memories.id, row_number() over (partition by own.key order by memories.id desc) as place
        from memreg.memories
        cross join lateral unnest(memories.candidate_keys) as own (key)
        where memories.tenant = %(tenant)s
    ) as ranked
    where place <= %(most)s
"""
_PLAIN, _BESIDE = 150, 4_000
_LEARNED = 50


def copy(
    conn: psycopg.Connection[Any], forms: Forms, tenant: str, numbers: Sequence[int], without: Collection[str] = ()
) -> None:
    """Write the rows of the memories of some numbers, as one transaction, but those of the tables `without`."""
    lines: dict[str, list[str]] = defaultdict(list)
    for number in numbers:
        for table, each in forms.lines(tenant, number, number + 1).items():
            if table not in without:
                lines[table] += each
    with conn.transaction(), conn.cursor() as cursor:
        for table in (*ORDER, *sorted(lines.keys() - set(ORDER))):
            if table not in lines:
                continue
            statement = sql.SQL("copy memreg.{} ({}) from stdin").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, forms.columns[table]))
            )
            with cursor.copy(statement) as out:
                out.write("".join(lines[table]))


def learned(engine: Engine, conn: psycopg.Connection[Any]) -> Forms:
    """The forms of memories that are decided among some thousand others, as most memories of a large tenant are."""
    first = engine.for_tenant("speed forms")
    plain = learn(first, conn, range(world.NEVER, world.NEVER + _PLAIN))
    copy(conn, plain, first.tenant, range(_BESIDE))
    conn.execute("analyze")
    start = 2 * world.NEVER
    return learn(first, conn, range(start, start + _LEARNED))


def fill(dsn: str, forms: Forms, chunks: Sequence[Chunk], without: Collection[str] = ()) -> None:
    """Write chunks, with the indexes that there are, but the rows of the tables `without`."""
    with ProcessPoolExecutor(PROCESSES, get_context("spawn"), _begin, (dsn, forms, without)) as workers:
        for _ in workers.map(_copy_chunk, chunks):
            pass


def load(dsn: str, forms: Forms, sizes: dict[str, int]) -> None:
    """Fill tenants (name to size) with the first memories of the world; meant for an idle database."""
    chunks: list[Chunk] = [
        (tenant, range(start, min(size, start + CHUNK)))
        for tenant, size in sizes.items()
        for start in range(0, size, CHUNK)
    ]
    with psycopg.connect(dsn, autocommit=True) as conn:
        if sum(sizes.values()) < REBUILT_FROM:
            fill(dsn, forms, chunks)
        else:
            rebuild = _drop(conn)
            fill(dsn, forms, chunks, without=("candidate_keys",))
            conn.execute("set maintenance_work_mem = '1GB'")
            conn.execute("set work_mem = '1GB'")
            for tenant in sizes:
                conn.execute(_NEWEST_KEYS, {"tenant": tenant, "most": KEPT_OF_A_KEY})
            for statement in rebuild:
                conn.execute(statement.encode())
        conn.execute("vacuum (analyze)")


_connection: psycopg.Connection[Any]
_forms: Forms
_without: Collection[str]


def _begin(dsn: str, forms: Forms, without: Collection[str]) -> None:
    global _connection, _forms, _without
    _connection, _forms, _without = psycopg.connect(dsn, autocommit=True), forms, without
    _connection.execute("set synchronous_commit = off")


def _copy_chunk(chunk: Chunk) -> None:
    copy(_connection, _forms, *chunk, without=_without)


def _drop(conn: psycopg.Connection[Any]) -> list[str]:
    """Drop the indexes whose keys come in no order; the statements that make them again."""
    found = conn.execute(
        "select indexname, indexdef from pg_indexes where schemaname = 'memreg' and indexname = any(%s)",
        (list(_REBUILT),),
    ).fetchall()
    for name, _ in found:
        conn.execute(sql.SQL("drop index memreg.{}").format(sql.Identifier(name)))
    made = [str(statement) for _, statement in found]
    keys = conn.execute(
        "select conname, pg_get_constraintdef(oid) from pg_constraint"
        " where contype = 'p' and conrelid = to_regclass('memreg.candidate_keys')"
    ).fetchall()
    for name, definition in keys:
        conn.execute(sql.SQL("alter table memreg.candidate_keys drop constraint {}").format(sql.Identifier(name)))
        made.append(f'alter table memreg.candidate_keys add constraint "{name}" {definition}')
    return made
