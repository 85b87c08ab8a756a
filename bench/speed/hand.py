"""The floor: the rows of one decision, read and written by hand-written SQL in one transaction, as fast as can be.

Two round trips: what is read is known beforehand (a key's digest, or the ids of the candidates), and everything that
is written goes out with the commit. The statements are prepared, the values ready-made text, and the rows are those
that the engine wrote, so that nothing but the database is measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection, sql
from psycopg.rows import tuple_row

from bench.speed import world
from bench.speed.capture import Texts, Written
from memreg.core.ids import uuid7

Parameters = Sequence[object]
Asked = tuple[bytes, Parameters]
_MEMORY = """
    m.id, m.class, m.version, m.payload, m.originals, m.is_deleted, m.unresolved, m.revision, m.change, m.created_at,
    m.updated_at, m.last_seen_at
"""
_BY_KEY = f"""
    select {_MEMORY}
    from memreg.identity_keys k
    join memreg.memories m on m.tenant = k.tenant and m.id = k.memory_id
    where k.tenant = %s and k.schema = %s and k.class = %s and k.key = %s and k.digest = %s and k.released_at is null
"""
# Not `id = any(...)`: after some calls its generic plan reads the whole tenant by another index and throws it away.
_BY_ID = f"""
    select {_MEMORY}
    from unnest(%s::uuid[]) as wanted (id)
    cross join lateral (
        select * from memreg.memories where tenant = %s and memories.id = wanted.id limit 1
    ) as m
"""
_COME = b"insert into memreg.candidate_keys (tenant, key, memory_id) select %s, unnest(%s::bigint[]), %s"
_GONE = b"delete from memreg.candidate_keys where tenant = %s and key = any(%s::bigint[]) and memory_id = %s"
_RELEASED = b"update memreg.identity_keys set released_at = %s where tenant = %s and memory_id = %s"
_CHANGED = (
    "payload", "originals", "search", "candidate_keys", "revision", "change", "updated_at", "last_seen_at",
    "is_deleted", "deleted_at",
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """What a call is about: a memory of a tenant, as it was and as it is then; `before` None where it is new."""

    tenant: str
    memory: UUID
    before: world.Payload | None
    after: world.Payload


@dataclass(frozen=True)
class Call:
    """One call of the floor, with every value ready: a statement to read by, and the statements that write."""

    read: Asked
    writes: tuple[Asked, ...]


def by_key(tenant: str, email: str) -> Asked:
    """Reads the person with an e-mail."""
    digest = world.digests("Person", {"email": email})["email"]
    return _BY_KEY.encode(), (tenant, world.SCHEMA_NAME, "Person", "email", digest)


def by_ids(tenant: str, ids: Sequence[UUID]) -> Asked:
    """Reads memories by their ids."""
    return _BY_ID.encode(), (list(ids), tenant)


def rows_of(written: Written, target: Target) -> dict[str, list[Texts]]:
    """The rows that the engine wrote for a decision, as it would have written them about another memory; without the
    keys that it is found by, which are rows of their own."""
    audit, message = str(uuid7()), str(uuid7())
    memory, payload = str(target.memory), json.dumps(target.after)
    own: dict[str, Texts] = {
        "messages": {"id": message, "arrival": str(uuid7())},
        "memories": {"id": memory, "payload": payload},
        "memory_revisions": {"memory_id": memory, "audit_id": audit, "payload": payload},
        "identity_keys": {"memory_id": memory},
        "audit_values": {"audit_id": audit},
        "audit_log": {"id": audit, "memory_id": memory, "message_id": message},
    }
    if changes(written):
        own["memories"]["search"] = world.search(target.tenant, "Person", target.after)
        if written.first("memories").get("candidate_keys") is not None:
            own["memories"]["candidate_keys"] = "{" + ",".join(map(str, _keys(target.after))) + "}"
    digests = {name: f"\\x{held.hex()}" for name, held in world.digests("Person", target.after).items()}
    found = {}
    for table, rows in written.rows.items():
        if table != "candidate_keys":
            found[table] = [row | {"tenant": target.tenant} | own.get(table, {}) for row in rows]
    for row in found.get("identity_keys", ()):
        row["digest"] = digests[str(row["key"])]
    return found


def action_of(written: Written) -> str:
    """What the engine had decided."""
    return str(written.first("audit_log")["action"])


def changes(written: Written) -> bool:
    """Whether the decision wrote a new state of the memory."""
    return action_of(written) != "UPDATE" or "memory_revisions" in written.rows


def changed_columns(written: Written) -> tuple[str, ...]:
    """The columns of a memory that the decision, no CREATE, may have changed."""
    row = written.first("memories")
    wanted = _CHANGED if changes(written) else ("last_seen_at",)
    return tuple(name for name in wanted if row.get(name) is not None)


def keys_to_come(target: Target) -> list[int]:
    """The keys that a memory is to be found by from then on and was not."""
    before = set(_keys(target.before)) if target.before is not None else set()
    return [key for key in _keys(target.after) if key not in before]


def make(written: Written, target: Target, read: Asked) -> Call:
    """The statements that write the rows of a decision about another memory."""
    action, writes = action_of(written), list[Asked]()
    for table, rows in rows_of(written, target).items():
        for row in rows:
            if table == "memories":
                writes += [_memory(written, row), *_posted(action, target)]
            elif table == "identity_keys" and action == "DELETE":
                writes.append((_RELEASED, (datetime.now(UTC).isoformat(), target.tenant, row["memory_id"])))
            else:
                writes.append(_insert(table, row))
    return Call(read, tuple(writes))


def _memory(written: Written, row: Texts) -> Asked:
    if action_of(written) == "CREATE":
        return _insert("memories", row)
    names = changed_columns(written)
    return _update(names), (*(row[name] for name in names), row["tenant"], row["id"])


def _posted(action: str, target: Target) -> list[Asked]:
    memory = str(target.memory)
    if action == "DELETE":
        return [(_GONE, (target.tenant, list(_keys(target.before or target.after)), memory))]
    come = keys_to_come(target)
    query = _COME if action == "CREATE" else _COME + b" on conflict do nothing"
    return [(query, (target.tenant, come, memory))] if come else []


def _keys(payload: world.Payload) -> tuple[int, ...]:
    return world.keys("Person", payload)


def _insert(table: str, row: Mapping[str, str | None]) -> Asked:
    given = {name: value for name, value in row.items() if value is not None}
    return _insertion(table, tuple(given)), tuple(given.values())


@cache
def _insertion(table: str, names: tuple[str, ...]) -> bytes:
    query = sql.SQL("insert into memreg.{} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.Placeholder() for _ in names),
    )
    return query.as_bytes(None)


@cache
def _update(names: tuple[str, ...]) -> bytes:
    query = sql.SQL("update memreg.memories set {} where tenant = %s and id = %s").format(
        sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in names)
    )
    return query.as_bytes(None)


def connect(dsn: str) -> Connection[Any]:
    """A connection that prepares and plans at first sight, and says begin and commit by itself."""
    conn = psycopg.connect(dsn, autocommit=True, prepare_threshold=0, row_factory=tuple_row)
    # To plan anew for each value takes a quarter as long as to run it; `check` looks at what comes of not doing so.
    conn.execute("set plan_cache_mode = force_generic_plan")
    conn.execute("set jit = off")
    return conn


def run(conn: Connection[Any], call: Call) -> int:
    """Read and write the rows of one decision in one transaction; the number of rows read."""
    query, parameters = call.read
    with conn.pipeline():
        conn.execute(b"begin")
        cursor = conn.execute(query, parameters)
    found = len(cursor.fetchall())
    with conn.pipeline():
        for query, parameters in call.writes:
            conn.execute(query, parameters)
        conn.execute(b"commit")
    return found


def check(conn: Connection[Any], read: Asked) -> None:
    """Raises RuntimeError where a read, as this connection has it prepared, looks at rows that it throws away.

    A floor that is slow by a bad plan would make the engine look fast.
    """
    prepared = conn.execute("select name, parameter_types::text[], statement from pg_prepared_statements").fetchall()
    for name, types, statement in prepared:
        if "m.last_seen_at" not in statement or len(types) != len(read[1]):
            continue
        query = sql.SQL("explain (analyze, format json) execute {}({})").format(
            sql.Identifier(name), sql.SQL(", ").join(map(sql.Literal, read[1]))
        )
        plan = conn.execute(query).fetchall()[0][0][0]["Plan"]
        if (wasted := _wasted(plan)) > len(read[1]) + 20:
            raise RuntimeError(f"the floor's read throws {wasted} rows away, so its time is no floor")


def _wasted(plan: dict[str, Any]) -> int:
    """The rows that a plan and its parts read and filtered out."""
    own = int(plan.get("Rows Removed by Filter", 0)) * int(plan.get("Actual Loops", 1))
    return own + sum(_wasted(each) for each in plan.get("Plans", []))
