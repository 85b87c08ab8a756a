"""One audit entry explained: why it was decided so, what it changed, what became of that since, and what undoes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from memreg.core.errors import AuditNotFound
from memreg.core.steps import Row, Steps, fetch, fetch_row
from memreg.engine.explain_facts import Cost, facts_of
from memreg.engine.explain_store import SQL
from memreg.engine.explain_text import text_of
from memreg.engine.model import Explanation
from memreg.engine.standing import standing_on
from memreg.engine.why_not import why_not_told

MOST_BUILT_ON = 100
"""Later entries that are told one by one; the others are counted."""


def explain(
    tenant: str, schema: str, audit_id: UUID, why_not: UUID | None = None, cost: Cost | None = None
) -> Steps[Explanation]:
    """The whole story of one entry; `why_not`: and why it did not choose that memory. `cost`: what tokens cost.

    Raises AuditNotFound, MemoryNotFound.
    """
    row = yield from fetch_row(SQL["told_entry"](tenant=tenant, schema=schema, id=audit_id))
    if row is None:
        raise AuditNotFound(audit_id=audit_id, tenant=tenant)
    facts = facts_of(row, cost)
    facts["since"] = yield from _since(tenant, schema, audit_id, facts)
    if why_not is not None:
        facts["why_not"] = yield from why_not_told(tenant, schema, row, facts, why_not)
    return Explanation(audit_id, text_of(audit_id, facts), facts)


def _since(tenant: str, schema: str, audit_id: UUID, facts: Mapping[str, Any]) -> Steps[dict[str, Any]]:
    """What became of what the entry changed: by which entry it was undone, what was built on it, how to undo it; and
    what persons were asked and found out about it."""
    changes = facts["changes"]
    rows, questions, judgements = yield from fetch(
        SQL["revisions_since"](
            tenant=tenant,
            ids=[each["memory_id"] for each in changes],
            revisions=[each["revision_after"] for each in changes],
        ),
        SQL["questions_of"](tenant=tenant, schema=schema, id=audit_id),
        SQL["judgements_of"](tenant=tenant, id=audit_id),
    )
    undoes = {row["audit_id"]: row["undoes"] for row in rows if row["audit_id"] is not None}
    known = {row["audit_id"]: row for row in rows}
    later: dict[UUID, None] = {}
    for change in changes:
        entries = [row["audit_id"] for row in rows if row["memory_id"] == change["memory_id"] and row["audit_id"]]
        if audit_id in entries:
            later |= dict.fromkeys(standing_on(list(dict.fromkeys(entries)), audit_id, undoes))
    undone_by = next((each for each in later if undoes.get(each) == audit_id), None)
    built_on = sorted(each for each in later if each != undone_by and each in known)
    return {
        "undone_by": _entry(known[undone_by]) if undone_by is not None else None,
        "built_on": [_entry(known[each]) for each in built_on[:MOST_BUILT_ON]],
        "built_on_total": len(built_on),
        "undo": _undo(audit_id, facts, undone_by, bool(built_on)),
        "questions": [{**row, "asked": row["audit_id"] == audit_id} for row in questions],
        "judgements": judgements,
    }


def _entry(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("audit_id", "action", "basis", "actor", "message_id", "created_at")}


def _undo(audit_id: UUID, facts: Mapping[str, Any], undone_by: UUID | None, is_built_on: bool) -> dict[str, Any]:
    """The command that undoes the entry, or why there is none."""
    states = [facts["after"], *(other["after"] for other in facts["details"].get("others") or ())]
    # One that lost only what it said of another memory still has its own states.
    if facts["action"] == "ERASE" or any(state and state.get("erased") for state in states):
        return {"command": None, "note": "values were erased for good, so that it cannot be undone"}
    if not facts["changes"]:
        return {"command": None, "note": "it changed no memory, so there is nothing to undo"}
    if undone_by is not None:
        return {"command": f"memreg undo {undone_by}", "note": "it is undone; this brings it back"}
    if is_built_on:
        return {"command": f"memreg undo {audit_id} --cascade", "note": "this undoes what was built on it first"}
    return {"command": f"memreg undo {audit_id}", "note": None}
