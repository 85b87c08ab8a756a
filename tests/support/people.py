"""A small schema of people, engines on it, and what its memories come to, for tests of operations."""

from __future__ import annotations

from typing import Any

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.queries import Queries
from memreg.core.steps import Row, fetch_rows
from memreg.engine.model import IngestResult, Message, Proposal

SCHEMA = "people"
ONE = """
schema: people
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, normalize: [email]}
      city:  {dtype: string}
      notes: {dtype: text, merge: append}
      tags:  {dtype: "list[string]"}
    annotation:
      searchable: {name: 3, city: 1}
      identity: [{columns: [email], strength: strong}]
  Place:
    columns:
      name: {dtype: string, required: true}
    annotation: {searchable: {name: 3}, identity: [{columns: [name], strength: strong}]}
"""

_SQL = Queries(
    """-- memories --
-- Every memory, deleted ones too.
select * from memreg.memories where tenant = %(tenant)s order by class, payload ->> 'name', id

-- keys --
-- Every key that is held.
select memory_id, class, key, digest, strong from memreg.identity_keys
where tenant = %(tenant)s and released_at is null order by class, key, digest

-- revisions --
-- Every revision.
select * from memreg.memory_revisions where tenant = %(tenant)s order by memory_id, revision

-- audit --
-- Every audit entry with its values.
select
    audit_log.*, audit_values.reasons, audit_values.before,
    memreg.details_told(audit_values.proposal, audit_values.details) as details,
    memreg.state_told(audit_values.after, audit_values.proposal, audit_values.details) as after
from memreg.audit_log join memreg.audit_values on audit_values.tenant = audit_log.tenant and audit_id = id
where audit_log.tenant = %(tenant)s order by id

-- reviews --
-- Every review item.
select * from memreg.review_items where tenant = %(tenant)s order by created_at, id

-- messages --
-- Every message.
select * from memreg.messages where tenant = %(tenant)s order by received_at, id
""",
    "the tests' people",
)


def rows(database: Database, query: str, tenant: str = "default") -> list[Row]:
    """The rows of one of the queries above."""
    return database.run(tenant, lambda: fetch_rows(_SQL[query](tenant=tenant)))


def register(database: Database, text: str = ONE, *, approve: bool = True) -> int:
    """Register a version, and approve it; its number."""
    registry = Registry(database)
    version = registry.register(text, annotate="heuristic").version
    if approve:
        registry.approve(version.name, version.version, by="ana")
    return version.version


def engine_of(database: Database, tenant: str = "default") -> Engine:
    """An engine on the schema."""
    return Engine(database, tenant=tenant, schema=SCHEMA)


def person(**values: Any) -> Proposal:
    """A proposal about somebody."""
    return Proposal("Person", values)


def forget(**values: Any) -> Proposal:
    """A proposal to delete somebody."""
    return Proposal("Person", values, "delete")


def say(engine: Engine, message_id: str, *proposals: Proposal) -> IngestResult:
    """One message with its proposals."""
    return engine.ingest(Message(f"message {message_id}", message_id), proposals=proposals)


def final_state(database: Database, tenant: str = "default") -> list[dict[str, Any]]:
    """The live memories by what they say and which keys they hold, without ids and times."""
    keys: dict[Any, list[str]] = {}
    for row in rows(database, "keys", tenant):
        keys.setdefault(row["memory_id"], []).append(f"{row['key']} {bytes(row['digest']).hex()}")
    found = [
        {
            "class": row["class"],
            "payload": row["payload"],
            "version": row["version"],
            "search": [lexeme for lexeme in row["search"].split(" ") if not lexeme.startswith("'=")],
            "unresolved": row["unresolved"],
            "keys": sorted(keys.get(row["id"], [])),
        }
        for row in rows(database, "memories", tenant)
        if not row["is_deleted"]
    ]
    return sorted(found, key=repr)
