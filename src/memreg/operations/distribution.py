"""Where each table lives once one machine is not enough: with its tenant, on every node, or on one alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What a table is in a cluster: `tenant` is divided by its tenant, `every_node` is small and whole on every node,
    `one_node` is on the one that people and workers speak to."""

    TENANT = "tenant"
    EVERY_NODE = "every_node"
    ONE_NODE = "one_node"


ROOT = "memories"
"""The table that the others with a tenant are kept together with."""

TABLES: Mapping[str, tuple[Kind, str]] = {
    ROOT: (Kind.TENANT, "what is known"),
    "identity_keys": (Kind.TENANT, "what memories are identified by"),
    "candidate_keys": (Kind.TENANT, "what memories are found by"),
    "memory_revisions": (Kind.TENANT, "what memories were"),
    "memory_references": (Kind.TENANT, "what memories refer to, of the same tenant"),
    "messages": (Kind.TENANT, "the inbox"),
    "model_calls": (Kind.TENANT, "what a message asked a model"),
    "audit_log": (Kind.TENANT, "every decision"),
    "audit_values": (Kind.TENANT, "the values of every decision"),
    "audit_unsealed": (Kind.TENANT, "decisions that no seal ties yet"),
    "audit_seals": (Kind.TENANT, "the chain, one for each tenant"),
    "review_items": (Kind.TENANT, "questions to a person"),
    "judgements": (Kind.TENANT, "what was found out about decisions"),
    "calibrations": (Kind.TENANT, "statistics of a class"),
    "backfill_marks": (Kind.TENANT, "how far a backfill has come in a class"),
    "backfill_keys": (Kind.TENANT, "how memories are found under the version to come"),
    "backfill_collisions": (Kind.TENANT, "memories that become one"),
    "backfill_failures": (Kind.TENANT, "memories that a backfill left"),
    "schemas": (Kind.EVERY_NODE, "the registry: read by every decision, written when a person registers"),
    "schema_versions": (Kind.EVERY_NODE, "the registry"),
    "annotations": (Kind.EVERY_NODE, "the registry"),
    "backfills": (Kind.EVERY_NODE, "changes of version: what tenants' rows of a backfill refer to"),
    "kill_switches": (
        Kind.EVERY_NODE,
        "read by every decision; a row of `*` holds for every tenant, so that a tenant reads its own and those",
    ),
    "kill_switch_rules": (Kind.EVERY_NODE, "as the switches"),
    "backfill_parts": (Kind.ONE_NODE, "ranges over every tenant, for the workers"),
    "workers": (Kind.ONE_NODE, "who works the queue off"),
    "procrastinate_jobs": (Kind.ONE_NODE, "the queue: ids alone, taken in the order of a sequence"),
    "procrastinate_events": (Kind.ONE_NODE, "the queue"),
    "procrastinate_workers": (Kind.ONE_NODE, "the queue"),
    "procrastinate_periodic_defers": (Kind.ONE_NODE, "the queue"),
    "alembic_version": (Kind.ONE_NODE, "which migrations were applied"),
}
"""Every table of memreg, what it is in a cluster, and why. Partitions are what their table is."""

FUNCTIONS: Mapping[str, str] = {
    "said": "text, uuid, integer",
    "earlier_revisions": "text, uuid, integer, integer[]",
    "keeper_of": "text, uuid",
    "is_undone": "text, uuid",
    "search_memories": "text, text, tsquery, tsquery, integer",
    "seal_audit": "text, integer",
}
"""The functions that read rows of the tenant in their first argument (`of_tenant`), with the types of all."""


def kind_of(table: str) -> Kind | None:
    """What a table of memreg is; None for one that is not memreg's. A partition is what its table is."""
    found = TABLES.get(table)
    return found[0] if found else None


def tables_of(kind: Kind) -> Iterator[str]:
    """The tables of a kind, in the order in which they are to be placed."""
    return (name for name, (of, _) in TABLES.items() if of is kind)


def citus_statements() -> Iterator[str]:
    """The statements that divide a migrated database on Citus: run once, on the coordinator, by who owns the tables."""
    yield "set citus.enable_unsafe_triggers = on;"
    for name in tables_of(Kind.EVERY_NODE):
        yield f"select create_reference_table('memreg.{name}');"
    for name in tables_of(Kind.TENANT):
        beside = "" if name == ROOT else f", colocate_with => 'memreg.{ROOT}'"
        yield f"select create_distributed_table('memreg.{name}', 'tenant'{beside});"
    for name, arguments in FUNCTIONS.items():
        yield (
            f"select create_distributed_function('memreg.{name}({arguments})', 'of_tenant',"
            f" colocate_with => 'memreg.{ROOT}');"
        )
