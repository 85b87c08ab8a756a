"""What a tenant's calls read hardly grows when its neighbour does: with a thousand memories, or a hundred thousand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.engine.candidates import memory_keys, probes
from memreg.engine.many import Turn
from memreg.engine.model import Message, Proposal
from memreg.engine.record import Record
from memreg.engine.text import scope_token, searchable_columns, tsvector
from tests.support.engines import person, register
from tests.support.server import Server

SPEC, ANNOTATION = person()
ME, OTHER = "acme", "umbrella"
FEW, MANY = 1_000, 100_000
TABLES = [sql.Identifier(name) for name in ("memories", "candidate_keys", "identity_keys", "messages")]
TOLD = {"name": "Ana Lopez", "born": "1990-05-01", "city": "Oslo"}

_FILL = b"""
insert into memreg.memories (tenant, id, schema, class, version, payload, search, candidate_keys, revision,
    change, created_at, updated_at, last_seen_at)
select %(tenant)s, memreg.uuid_from(now() - (n + 10) * interval '1 s'), 'people', 'Person', 1,
    %(payload)s, %(search)s::tsvector, %(keys)s::bigint[], 1, n, now(), now(), now()
from generate_series(1, %(count)s) as n
"""
# What a lookup asks a neighbour's memories for is under the same keys in both; no more of these are needed.
_KEYS = b"""
insert into memreg.candidate_keys (tenant, key, memory_id)
select tenant, unnest(candidate_keys), id from memreg.memories where tenant = %(tenant)s
"""
_IDENTITIES = b"""
insert into memreg.identity_keys (tenant, schema, class, key, digest, memory_id, strong, created_at)
select tenant, schema, class, 'email', sha256(convert_to(tenant || id::text, 'UTF8')), id, true, now()
from memreg.memories where tenant = %(tenant)s
"""
_MESSAGES = b"""
insert into memreg.messages (tenant, schema, id, role, text, digest, status, arrival, received_at)
select tenant, schema, id::text, 'user', 'Ana Lopez is in Oslo', sha256('x'), 'decided', id, created_at
from memreg.memories where tenant = %(tenant)s
"""


def fill(conn: psycopg.Connection[Any], tenant: str, count: int) -> None:
    """So many memories of one text, the same as everybody's."""
    record = Record.of(TOLD, SPEC, ANNOTATION)
    asked = set(probes(record, "people", "Person"))
    keys = [key for key in memory_keys([record], "people", "Person") if key in asked][:3]
    search = tsvector(scope_token(tenant, "people", "Person"), searchable_columns(TOLD, dict(ANNOTATION.searchable)))
    values = {"tenant": tenant, "payload": Jsonb(TOLD), "search": search, "keys": keys, "count": count}
    for statement in (_FILL, _KEYS, _IDENTITIES, _MESSAGES):
        conn.execute(statement, values)
    for table in TABLES:
        conn.execute(sql.SQL("vacuum (analyze) memreg.{}").format(table))


@pytest.fixture(scope="module")
def worlds(server: Server) -> Iterator[dict[int, str]]:
    """Databases by how many memories the neighbour has."""
    made: dict[int, str] = {}
    for count in (FEW, MANY):
        name = server.create(server.template)
        made[count] = name
        with Database.connect(Settings(database_url=server.dsn_of(name))) as database:
            register(database)
        with psycopg.connect(server.dsn_of(name), autocommit=True) as conn:
            conn.execute("alter table memreg.candidate_keys disable trigger user")
            for table in TABLES:  # what autovacuum reads is told as everybody's
                conn.execute(sql.SQL("alter table memreg.{} set (autovacuum_enabled = off)").format(table))
            fill(conn, OTHER, count)
            fill(conn, ME, 300)
            conn.execute("alter table memreg.candidate_keys enable trigger user")
    yield {count: server.dsn_of(name) for count, name in made.items()}
    for name in made.values():
        server.drop(name)


def calls(engine: Engine, turn: str) -> None:
    """What an application does in a day."""

    def say(number: int, **values: Any) -> Any:
        message = Message(f"said {turn} {number}", f"{turn}-{number}")
        return engine.ingest(message, proposals=[Proposal("Person", values)]).decisions[0]

    made = [say(n, name=f"Bo Berg{turn}{n}", email=f"bo{n}@{turn}.se") for n in range(3)]
    assert [each.action.value for each in made] == ["CREATE"] * 3
    for n in range(3):
        assert say(10 + n, email=f"bo{n}@{turn}.se", city="Bergen").basis == "identity"
    assert say(20, **TOLD).basis in ("score", "identity")
    assert say(21, name="Ana Lopez", city="Rome").action.value in ("UPDATE", "CREATE")
    many = [Turn([Proposal("Person", {"email": f"bo{n}@{turn}.se", "mood": "calm"})], f"{turn}-t{n}") for n in range(3)]
    assert len(list(engine.ingest_many(many))) == 3
    memory = made[0].memory_id
    engine.get(memory)
    engine.history(memory)
    engine.explain(made[0].audit_id)
    assert len(engine.list("Person", limit=20)) == 20
    assert len(engine.search("ana oslo", limit=10)) == 10
    engine.audit(limit=10)


def blocks(url: str) -> dict[str, int]:
    """Blocks of each table and its indexes that were read, from the disk or not, since the statistics began."""
    with psycopg.connect(url, autocommit=True) as conn:
        rows = conn.execute(
            "select coalesce(parent.relname, own.relname)::text, sum(coalesce(heap_blks_read + heap_blks_hit, 0)"
            " + coalesce(idx_blks_read + idx_blks_hit, 0))::int"
            " from pg_statio_user_tables as told join pg_class as own on own.oid = told.relid"
            " left join pg_inherits on inhrelid = own.oid left join pg_class as parent on parent.oid = inhparent"
            " where schemaname = 'memreg' group by 1"
        ).fetchall()
        return dict(rows)


def cost(url: str) -> dict[str, int]:
    """What the calls read of each table, after others have warmed the engine up."""
    with Database.connect(Settings(database_url=url, pool_size=1)) as database:
        engine = Engine(database, tenant=ME, schema="people", extractor="patterns")
        calls(engine, "warm")
    before = blocks(url)
    with Database.connect(Settings(database_url=url, pool_size=1)) as database:
        engine = Engine(database, tenant=ME, schema="people", extractor="patterns")
        calls(engine, "cold")
    after = blocks(url)
    return {name: after[name] - before[name] for name in after if after[name] > before[name]}


def test_what_a_tenant_reads_hardly_grows_with_its_neighbour(worlds: dict[int, str]) -> None:
    few, many = cost(worlds[FEW]), cost(worlds[MANY])
    assert {"memories", "candidate_keys", "identity_keys", "messages", "audit_log", "calibrations"} <= few.keys()
    # A level more of an index is a block more for each look into it.
    assert {name: (few.get(name, 0), by) for name, by in many.items() if by > few.get(name, 0) * 1.5 + 20} == {}
    assert sum(many.values()) < sum(few.values()) * 1.3
