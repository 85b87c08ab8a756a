"""What the two roles have to be allowed, table by table: no less, or something does not work, and no more."""

from __future__ import annotations

from collections.abc import Mapping

PRIVILEGES = ("select", "insert", "update", "delete", "truncate")

_READ, _ADD, _CHANGE = ("select",), ("select", "insert"), ("select", "insert", "update")
_SWAP, _ALL = ("select", "insert", "delete"), ("select", "insert", "update", "delete")

APP: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("audit_log", "audit_values", "memory_revisions", "calibrations", "model_calls"), _ADD),
    **dict.fromkeys(
        (
            "memories",
            "identity_keys",
            "messages",
            "review_items",
            "judgements",
            "kill_switches",
            "kill_switch_rules",
            "procrastinate_jobs",
        ),
        _CHANGE,
    ),
    **dict.fromkeys(("candidate_keys", "memory_references"), _SWAP),
    **dict.fromkeys(
        (
            "audit_unsealed",
            "audit_seals",
            "schemas",
            "schema_versions",
            "annotations",
            "backfills",
            "backfill_failures",
            "backfill_collisions",
            "workers",
            "procrastinate_workers",
        ),
        _READ,
    ),
    "procrastinate_events": ("insert",),
}
"""By table, what a transaction of a tenant may do, of that tenant's rows."""

OPERATOR: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("audit_log", "audit_values", "memory_revisions"), _ADD),
    **dict.fromkeys(("audit_unsealed", "audit_seals", "alembic_version"), _READ),
    **dict.fromkeys(
        (
            "schemas",
            "schema_versions",
            "annotations",
            "memories",
            "identity_keys",
            "candidate_keys",
            "memory_references",
            "messages",
            "model_calls",
            "review_items",
            "judgements",
            "kill_switches",
            "kill_switch_rules",
            "calibrations",
            "backfills",
            "backfill_parts",
            "backfill_marks",
            "backfill_keys",
            "backfill_collisions",
            "backfill_failures",
            "workers",
            "procrastinate_jobs",
            "procrastinate_workers",
            "procrastinate_events",
            "procrastinate_periodic_defers",
        ),
        _ALL,
    ),
}
"""By table, what work across tenants needs where the login owns nothing."""

FUNCTIONS: Mapping[str, tuple[bool, bool]] = {
    "search_memories": (True, True),
    "look_at_tables": (True, True),
    "turn_of_queue": (True, True),
    "others_wait": (True, True),
    "seal_audit": (True, True),
    "make_audit_partitions": (True, True),
    "drop_audit_months": (False, True),
    "drop_revision_months": (False, True),
    "erase_audit_values": (True, False),
    "erase_revisions": (True, False),
    "erase_keys": (True, False),
    "erase_identity_keys": (True, False),
    "erase_tokens": (True, False),
    "erase_notes": (True, False),
}
"""The functions that run as their owner: whether a tenant's transaction and whether an operator may call them."""

_OF_THE_TENANT = "(tenant = ( SELECT current_setting('memreg.tenant'::text, true) AS current_setting))"
_OF_THE_JOB = _OF_THE_TENANT.replace("(tenant =", "((args ->> 'tenant'::text) =")


def policies(table: str) -> dict[str, tuple[str, str, str | None, str | None]]:
    """The policies of a table with a tenant: for whom, for what, which rows are seen, and which may be written."""
    of_the_tenant = _OF_THE_JOB if table == "procrastinate_jobs" else _OF_THE_TENANT
    found: dict[str, tuple[str, str, str | None, str | None]] = {
        "of_the_tenant": ("memreg_app", "all", of_the_tenant, of_the_tenant),
        "of_every_tenant": ("memreg_operator", "all", "true", "true"),
    }
    if table in ("kill_switches", "kill_switch_rules"):
        found["of_everybody"] = ("memreg_app", "select", "(tenant = '*'::text)", None)
    return found
