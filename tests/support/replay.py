"""The memories as the audit alone tells them, and as the tables hold them (invariant 1)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import Rows, Steps, fetch_rows
from memreg.engine.identity import key_values
from memreg.engine.references import reference_rows
from memreg.registry.models import SchemaSpec, SchemaVersion

ENTRIES = Query(
    "entries",
    "The audit in the order it was written.",
    "select log.id, log.action, log.class, log.memory_id, log.message_id, log.ordinal, log.revision, said.before,"
    " said.after, said.details from memreg.audit_log as log join memreg.audit_values as said"
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
    classes: dict[UUID, str] = {}
    states: dict[UUID, dict[str, Any]] = {}
    for entry in rows(database, ENTRIES, tenant):
        changes = [(entry["memory_id"], entry["before"], entry["after"])]
        absorbed = entry["details"].get("absorbed")
        if absorbed:
            changes.append((UUID(absorbed["memory_id"]), absorbed["before"], absorbed["after"]))
        others = entry["details"].get("others", ())
        changes += [(UUID(other["memory_id"]), other["before"], other["after"]) for other in others]
        for memory_id, before, after in changes:
            if after is None:
                continue
            if before is not None and before["version"] > states[memory_id]["version"]:
                assert backfilled is not None
                states[memory_id] = converted(states[memory_id], classes[memory_id], backfilled)
            classes[memory_id] = entry["class"]
            assert before == states.get(memory_id), f"audit {entry['id']}: before is not what was"
            states[memory_id] = after
    if backfilled is not None:
        for memory_id, state in states.items():
            if not state["is_deleted"] and state["version"] < backfilled.version:
                states[memory_id] = converted(state, classes[memory_id], backfilled)
    return states


def converted(state: dict[str, Any], class_name: str, version: SchemaVersion) -> dict[str, Any]:
    """A state in the form of a version, with the keys that it has under that; nobody else has one of them."""
    assert version.lineage is not None
    read = version.lineage.upcast(class_name, state["version"], state["payload"], state["originals"])
    keys = [] if state["unresolved"] else key_values(read.payload, version.annotation_of(read.class_name or ""))
    held = [
        {"key": each.key.held_as, "digest": each.digest.hex(), "strong": each.key.strength == "strong"} for each in keys
    ]
    form = {"payload": read.payload, "originals": read.originals, "version": version.version}
    return state | form | {"keys": sorted(held, key=lambda key: (key["key"], key["digest"]))}


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
