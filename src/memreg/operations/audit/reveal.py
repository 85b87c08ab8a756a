"""The entry that says who read personal values of the audit, and why."""

from __future__ import annotations

from uuid import UUID

from memreg.core.steps import Steps, fetch
from memreg.engine.model import Action, Basis
from memreg.operations.acts.act import Actor
from memreg.operations.acts.notes import Note, note
from memreg.operations.audit.entries import EntryFilter


def reveal_audit(actor: Actor, wanted: EntryFilter) -> Steps[UUID]:
    """Write down that the audit is handed out with personal values in it; the id of the entry."""
    narrowed = {name: str(value) for name, value in wanted.parameters.items() if value is not None}
    about = Note(
        tenant=actor.tenant,
        schema=actor.schema,
        class_name=wanted.class_name or "*",
        action=Action.REVEAL,
        basis=Basis.PERSON,
        by=actor.by,
        text="the audit was handed out with personal values",
        why=actor.why,
        details={"what": "audit export", "filter": narrowed},
        reasons=["the audit was handed out with personal values"],
    )
    audit_id, statements = note(about, actor.clock(), actor.new_id)
    yield from fetch(*statements)
    return audit_id
