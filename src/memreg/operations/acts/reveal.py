"""Showing masked values: that somebody saw them is an entry of its own."""

from __future__ import annotations

from uuid import UUID

from memreg.core.steps import Steps
from memreg.engine.model import Action, Basis
from memreg.operations.acts.act import Actor
from memreg.operations.acts.notes import Note, note


def reveal(actor: Actor, what: str, class_name: str | None = None) -> Steps[UUID]:
    """Write down that somebody is shown values of columns marked `pii`. `what`: in which listing, without any value.

    To be run in the transaction of the read, or before it, so that nothing is shown that is not written down. Gives the
    id of the entry.
    """
    about = Note(
        tenant=actor.tenant,
        schema=actor.schema,
        class_name=class_name or "*",
        action=Action.REVEAL,
        basis=Basis.PERSON,
        by=actor.by,
        why=actor.why,
        text=f"masked values were shown in {what}",
        reasons=(f"masked values were shown in {what}",),
    )
    entry_id, statements = note(about, actor.clock(), actor.new_id)
    yield tuple(statements)
    return entry_id
