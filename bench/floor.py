"""The floor: the rows of one decision, read and written by hand-written SQL in one transaction, as fast as can be.

Two round trips: what is read is known beforehand (a key's digest, or the ids of the candidates), and everything that
is written goes out with the commit. The values are ready-made text, so that nothing but the database is measured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection, Cursor, sql
from psycopg.rows import dict_row, tuple_row

from memreg.core.ids import uuid7

Values = dict[str, Any]

_MEMORY = """
    m.id, m.class, m.version, m.payload, m.originals, m.is_deleted, m.unresolved, m.revision, m.change, m.created_at,
    m.updated_at, m.last_seen_at
"""
_BY_KEY = f"""
    select {_MEMORY}
    from memreg.identity_keys k
    join memreg.memories m on m.tenant = k.tenant and m.id = k.memory_id
    where k.tenant = %(tenant)s and k.schema = %(schema)s and k.class = %(class)s and k.key = %(key)s
        and k.digest = %(digest)s and k.released_at is null
"""
# Not `id = any(...)`: after some calls its generic plan reads the whole tenant by another index and throws it away.
_BY_ID = f"""
    select {_MEMORY}
    from unnest(%(read)s::uuid[]) as wanted (id)
    cross join lateral (
        select * from memreg.memories where tenant = %(tenant)s and memories.id = wanted.id limit 1
    ) as m
"""
# Those of the decision alone: an update adds to what is there.
_KEYS_WRITTEN = """
    select array_agg(k.key)::text as keys
    from memreg.memories m
    cross join lateral unnest(m.candidate_keys) as own (key)
    join memreg.candidate_keys k on k.tenant = m.tenant and k.key = own.key and k.memory_id = m.id
    where m.tenant = %(tenant)s and m.id = %(id)s and k.xmin = m.xmin
    having count(*) > 0
"""
_ANY = f"select {_MEMORY} from memreg.memories m where m.tenant = %(tenant)s limit 1"
_WRITES = {
    "messages": """
        insert into memreg.messages
            (tenant, schema, id, arrival, role, text, digest, status, attempts, received_at, decided_at)
        values (%(tenant)s, %(schema)s, %(message_id)s, gen_random_uuid(), %(role)s, %(text)s, %(digest)s, 'decided', 1,
            %(now)s, %(now)s)
    """,
    "memories": """
        insert into memreg.memories
            (tenant, id, schema, class, version, payload, originals, search, candidate_keys, revision, change,
            created_at, updated_at, last_seen_at)
        values (%(tenant)s, %(memory_id)s, %(schema)s, %(class)s, %(version)s, %(payload)s, %(originals)s, %(search)s,
            %(candidate_keys)s, %(revision)s, %(change)s, %(now)s, %(now)s, %(now)s)
        on conflict (tenant, id) do nothing
    """,
    "update": """
        update memreg.memories
        set payload = %(payload)s, originals = %(originals)s, search = %(search)s,
            candidate_keys = %(candidate_keys)s, revision = %(revision)s, change = %(change)s,
            updated_at = %(now)s, last_seen_at = %(now)s
        where tenant = %(tenant)s and id = %(memory_id)s
    """,
    "candidate_keys": """
        insert into memreg.candidate_keys (tenant, key, memory_id)
        select %(tenant)s, unnest(%(keys)s::bigint[]), %(memory_id)s
        on conflict do nothing
    """,
    "memory_revisions": """
        insert into memreg.memory_revisions
            (tenant, memory_id, revision, version, payload, originals, is_deleted, unresolved, audit_id, created_at)
        values (%(tenant)s, %(memory_id)s, %(revision)s, %(version)s, %(payload)s, %(originals)s, false, false,
            %(audit_id)s, %(now)s)
    """,
    "identity_keys": """
        insert into memreg.identity_keys (tenant, schema, class, key, digest, memory_id, strong, created_at)
        values (%(tenant)s, %(schema)s, %(class)s, %(key)s, %(digest)s, %(memory_id)s, %(strong)s, %(now)s)
    """,
    "audit_log": """
        insert into memreg.audit_log
            (tenant, id, schema, version, class, message_id, ordinal, operation, action, basis, memory_id, revision,
            score, candidates, thresholds, snapshot, annotation, extractor, took_ms, digest, created_at)
        values (%(tenant)s, %(id)s, %(schema)s, %(version)s, %(class)s, %(message_id)s, %(ordinal)s, %(operation)s,
            %(action)s, %(basis)s, %(memory_id)s, %(revision)s, %(score)s, %(candidates)s, %(thresholds)s, %(snapshot)s,
            %(annotation)s, %(extractor)s, %(took_ms)s, %(digest)s, %(now)s)
    """,
    "audit_values": """
        insert into memreg.audit_values (tenant, audit_id, proposal, before, after, reasons, details, salt)
        values (%(tenant)s, %(audit_id)s, %(proposal)s, %(before)s, %(after)s, %(reasons)s, %(details)s, %(salt)s)
    """,
}


@dataclass(frozen=True)
class Example:
    """The rows that the engine wrote for one decision, by table: what the floor writes again about other memories."""

    rows: dict[str, list[Values]]

    @classmethod
    def of(cls, conn: Connection[Any], tenant: str, audit_id: UUID) -> Example:
        """The rows of a decision."""
        cursor = conn.cursor(row_factory=dict_row)

        def rows(query: str, **params: Any) -> list[Values]:
            return cursor.execute(query.encode(), {"tenant": tenant, **params}).fetchall()

        log = rows("select * from memreg.audit_log where tenant = %(tenant)s and id = %(id)s", id=audit_id)
        about = {"id": log[0]["memory_id"], "message": log[0]["message_id"], "audit": audit_id}
        by = "where tenant = %(tenant)s and"
        return cls(
            {
                "audit_log": log,
                "audit_values": rows(f"select * from memreg.audit_values {by} audit_id = %(audit)s", **about),
                "messages": rows(f"select * from memreg.messages {by} id = %(message)s", **about),
                "memories": rows(
                    f"select *, search::text, candidate_keys::text from memreg.memories {by} id = %(id)s", **about
                ),
                "candidate_keys": rows(_KEYS_WRITTEN, **about),
                "memory_revisions": rows(f"select * from memreg.memory_revisions {by} audit_id = %(audit)s", **about),
                "identity_keys": rows(f"select * from memreg.identity_keys {by} memory_id = %(id)s", **about),
            }
        )

    @property
    def creates(self) -> bool:
        """Whether the decision made a new memory."""
        return bool(self.rows["audit_log"][0]["action"] == "CREATE")


@dataclass(frozen=True)
class Call:
    """One call of the floor, with every value ready: a statement to read by, and the statements that write."""

    read: tuple[bytes, Values]
    writes: tuple[tuple[bytes, Values], ...]


def make_call(example: Example, tenant: str, target: UUID | None, read: list[UUID] | bytes) -> Call:
    """The same rows as the example's about another memory: `target`, or a new one where it created.

    `read`: the digest of the e-mail to read by, or the ids of the candidates.
    """
    memory_id, audit_id, now = target or uuid7(), uuid7(), datetime.now(UTC)
    fresh: Values = {"tenant": tenant, "memory_id": memory_id, "audit_id": audit_id, "message_id": str(uuid7())}
    fresh |= {"now": now}
    rows = {table: [_ready(row) | fresh for row in found] for table, found in example.rows.items()}
    rows["audit_log"][0]["id"] = audit_id
    if example.creates:
        tables = ["messages", "memories", "candidate_keys", "memory_revisions", "identity_keys"]
        tables += ["audit_values", "audit_log"]
    else:
        tables = ["messages", "update", "candidate_keys", "memory_revisions", "audit_values", "audit_log"]
        rows["update"] = rows["memories"]
    writes = [(_WRITES[table].encode(), row) for table in tables for row in rows[table]]
    log = rows["audit_log"][0]
    if isinstance(read, bytes):
        asked = (_BY_KEY, {"schema": log["schema"], "class": log["class"], "key": "email", "digest": read})
    elif read:
        asked = (_BY_ID, {"read": read})
    else:
        asked = (_ANY, {})
    return Call((asked[0].encode(), {"tenant": tenant, **asked[1]}), tuple(writes))


def connect(dsn: str) -> Connection[Any]:
    """A connection that prepares at first sight and says begin and commit by itself."""
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=0, row_factory=tuple_row)


def run(conn: Connection[Any], call: Call) -> int:
    """Read and write the rows of one decision in one transaction; the number of rows read."""
    query, params = call.read
    with conn.pipeline():
        conn.execute(b"begin")
        cursor: Cursor[Any] = conn.execute(query, params)
    found = len(cursor.fetchall())
    with conn.pipeline():
        for query, params in call.writes:
            conn.execute(query, params)
        conn.execute(b"commit")
    return found


def check(conn: Connection[Any], call: Call) -> None:
    """Raises RuntimeError where the read, as this connection has it prepared, looks at rows that it throws away.

    A floor that is slow by a bad plan would make the engine look fast.
    """
    prepared = conn.execute("select name, parameter_types::text[], statement from pg_prepared_statements").fetchall()
    names = [
        name for name, _, statement in prepared if "memreg.memories" in statement and "m.last_seen_at" in statement
    ]
    tenant, read = call.read[1]["tenant"], call.read[1].get("read")
    if read is None:
        return
    for name, types, _ in prepared:
        if name not in names or sorted(types) != ["text", "uuid[]"]:
            continue
        values = [sql.Literal(tenant if each == "text" else read) for each in types]
        query = sql.SQL("explain (analyze, format json) execute {}({})").format(
            sql.Identifier(name), sql.SQL(", ").join(values)
        )
        plan = conn.execute(query).fetchall()[0][0][0]["Plan"]
        if (wasted := _wasted(plan)) > len(read):
            raise RuntimeError(f"the floor's read throws {wasted} rows away, so its time is no floor")


def _wasted(plan: dict[str, Any]) -> int:
    """The rows that a plan and its parts read and filtered out."""
    own = int(plan.get("Rows Removed by Filter", 0)) * int(plan.get("Actual Loops", 1))
    return own + sum(_wasted(each) for each in plan.get("Plans", []))


def _ready(row: Values) -> Values:
    """Objects and lists of a row as JSON text."""
    return {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in row.items()}
