"""The memories as the audit alone tells them, and as the tables hold them (invariant 1)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import Rows, Steps, fetch_rows
from memreg.engine.references import reference_rows
from memreg.operations.audit.replay import Replay
from memreg.registry.models import SchemaSpec, SchemaVersion

ENTRIES = Query(
    "entries",
    "The audit in the order it was written.",
    "select log.id, log.action, log.class, log.memory_id, log.message_id, log.ordinal, log.revision, said.before,"
    " memreg.state_told(said.after, said.proposal, said.details) as after, said.details"
    " from memreg.audit_log as log join memreg.audit_values as said"
    " on said.tenant = log.tenant and said.audit_id = log.id where log.tenant = %(tenant)s order by log.id",
)
MEMORIES = Query("memories", "Every memory.", "select * from memreg.memories where tenant = %(tenant)s order by id")
HELD = Query(
    "held",
    "Every key that is held.",
    "select memory_id, key, digest, strong from memreg.identity_keys"
    " where tenant = %(tenant)s and released_at is null order by memory_id, key, digest",
)

REFERENCES = Query(
    "references",
    "Which memories refer to which.",
    'select target_id, memory_id, "column" from memreg.memory_references where tenant = %(tenant)s',
)
OFTEN_ABSENT = ("pinned", "merged_into", "void")
Reference = tuple[str, str, str]
"""Who refers, by which column, to which memory."""


def rows(database: Database, query: Query, tenant: str, **params: Any) -> Rows:
    """The rows of a query about a tenant, or of what it changes, whatever the policies of tables say."""

    def plan() -> Steps[Rows]:
        return fetch_rows(query(tenant=tenant, **params))

    return database.run_admin(plan)


def rebuilt(database: Database, tenant: str, backfilled: SchemaVersion | None = None) -> dict[UUID, dict[str, Any]]:
    """Every memory's last state, by replaying the audit's `after`; checks that each `before` is the state before.

    `backfilled`: the version that live memories were taken to, which makes no entries.
    """

    def version_of(number: int) -> SchemaVersion:
        assert backfilled is not None
        assert number == backfilled.version
        return backfilled

    replay = Replay(version_of)
    for entry in rows(database, ENTRIES, tenant):
        replay.read(entry)
    replay.end(is_cut=False)
    assert replay.misfits == []
    states = {memory_id: (each.class_name, each.state) for memory_id, each in replay.memories.items()}
    if backfilled is not None:
        for memory_id, (name, state) in states.items():
            if not state["is_deleted"] and state["version"] < backfilled.version:
                states[memory_id] = replay.converted(name, state, backfilled.version)
    return {
        memory_id: {part: value for part, value in state.items() if value or part not in OFTEN_ABSENT}
        for memory_id, (_, state) in states.items()
    }


def referred(states: dict[UUID, dict[str, Any]], spec: SchemaSpec, classes: dict[UUID, str]) -> set[Reference]:
    """What the memories of rebuilt states refer to."""
    return {
        (row["memory_id"], row["column"], row["target_id"])
        for memory_id, state in states.items()
        if not state["is_deleted"]
        for row in reference_rows(memory_id, state["payload"], spec.by_name[classes[memory_id]])
    }


def check_replay(database: Database, tenant: str, spec: SchemaSpec) -> None:
    """The audit alone rebuilds payload, keys, flags and references of every memory."""
    states = rebuilt(database, tenant)
    assert states == stored(database, tenant)
    classes = {row["id"]: row["class"] for row in rows(database, MEMORIES, tenant)}
    kept = {(str(row["memory_id"]), row["column"], str(row["target_id"])) for row in rows(database, REFERENCES, tenant)}
    assert kept == referred(states, spec, classes)


def stored(database: Database, tenant: str) -> dict[UUID, dict[str, Any]]:
    """Every memory's state in the tables, in the form of the audit's snapshots."""
    keys: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows(database, HELD, tenant):
        keys.setdefault(row["memory_id"], []).append(
            {"key": row["key"], "digest": bytes(row["digest"]).hex(), "strong": row["strong"]}
        )
    return {
        row["id"]: {
            name: row[name] for name in ("payload", "originals", "version", "revision", "is_deleted", "unresolved")
        }
        | {"keys": keys.get(row["id"], [])}
        | ({"pinned": row["pinned"]} if row["pinned"] else {})
        | ({"void": row["void_revisions"]} if row["void_revisions"] else {})
        | ({"merged_into": str(row["merged_into"])} if row["merged_into"] else {})
        for row in rows(database, MEMORIES, tenant)
    }


def proposals_without_one_entry(database: Database, tenant: str, message_id: str, proposals: int) -> list[int]:
    """The ordinals of a message's proposals that do not have exactly one entry."""
    found = [entry["ordinal"] for entry in rows(database, ENTRIES, tenant) if entry["message_id"] == message_id]
    return [n for n in range(max([proposals, *[n + 1 for n in found]])) if (found.count(n) != 1)]
