"""The statements that are of several tenants on purpose, each with the reason; no decision and no read runs one."""

from __future__ import annotations

from collections.abc import Mapping

_BACKFILL = "a backfill takes the memories of every tenant to a version, part by part, in the background"
_WORKERS = "the workers' upkeep: what was left behind, of whoever"
_AUDIT = "the sealer's upkeep, and what an operator asks about every chain"
_OPERATOR = "what an operator looks at: doctor, metrics, monitor, costs"
_REGISTRY = "a person approves a version, which every tenant is decided under"
_UPKEEP = "retention, which drops whole months, and a look at some keys of whoever"
_DEMO = "tables of the demo, made once"

CROSS_TENANT: Mapping[str, tuple[str, frozenset[str]]] = {
    "operations/backfill/collisions.sql": (
        _BACKFILL,
        frozenset(
            "keep_collisions count_collisions heirs name_keepers drop_keepers prefer_oldest open_collisions".split()
        ),
    ),
    "operations/backfill/index.sql": (
        _BACKFILL,
        frozenset(
            "forget_index index_keys index_candidates leftovers adopt_keys forget_leftovers extra_keys keep_extra_keys"
            " drop_extra_keys drop_keys keep_failures count_failures".split()
        ),
    ),
    "operations/backfill/life.sql": (_BACKFILL, frozenset({"count_merged", "list_backfills", "list_failures"})),
    "operations/backfill/parts.sql": (
        _BACKFILL,
        frozenset("keep_marks keep_parts memories_of_part memories_since move_marks forget_work".split()),
    ),
    "operations/backfill/rewrite.sql": (
        _BACKFILL,
        frozenset(
            "take_over_calibrations lock_memories rewrite_memories renumber_memories count_behind"
            " sample_memories".split()
        ),
    ),
    "engine/references.sql": (_BACKFILL, frozenset({"refer_again"})),
    "engine/workers.sql": (_WORKERS, frozenset({"left_behind"})),
    "operations/audit/queries.sql": (
        _AUDIT,
        frozenset({"tenants_waiting", "audited_tenants", "unsealed_facts", "counted_before"}),
    ),
    "operations/identity_answers.sql": (_OPERATOR, frozenset({"identity_answers", "answered_before"})),
    "operations/inbox.sql": (_OPERATOR, frozenset({"inbox_counts", "fullest_queues", "newest_failure"})),
    "operations/monitor/queries.sql": (_OPERATOR, frozenset({"classes_decided"})),
    "operations/server.sql": (_OPERATOR, frozenset({"review_backlog"})),
    "operations/upkeep.sql": (_UPKEEP, frozenset({"crowded_keys", "revision_months"})),
    "operations/usage.sql": (_OPERATOR, frozenset({"call_scopes", "count_calls", "share_calls"})),
    "registry/queries.sql": (_REGISTRY, frozenset({"memories_behind"})),
    "cli/demo/queries.sql": (_DEMO, frozenset({"make_tables", "mark_tables", "drop_tables"})),
}
"""By file, why, and the names of the statements in it."""


def is_listed(name: str) -> bool:
    """Whether a statement (`file:name`) is of several tenants on purpose."""
    path, _, query = name.rpartition(":")
    return query in CROSS_TENANT.get(path, ("", frozenset()))[1]
