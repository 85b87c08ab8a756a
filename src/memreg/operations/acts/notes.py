"""Entries without a memory: what a person or a monitor did that the audit has to tell, such as turning a switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.queries import Statement
from memreg.engine.identity import digest
from memreg.engine.model import Action, Basis
from memreg.engine.storable import storable_text
from memreg.engine.store import SQL as ENGINE_SQL
from memreg.operations.acts.act import ROLE, SQL
from memreg.operations.acts.entry import ActEntry


@dataclass(frozen=True, slots=True)
class Note:
    """One entry about no memory. `text` says in a few words what was done; `schema` and `tenant` may be `*`, with the
    version 0."""

    tenant: str
    schema: str
    class_name: str
    action: Action
    basis: Basis
    by: str
    text: str
    why: str | None = None
    version: int = 0
    annotation: int = 0
    undoes: UUID | None = None
    details: Mapping[str, Any] | None = None
    reasons: Sequence[str] = ()


def note(about: Note, now: datetime, new_id: Callable[[], UUID]) -> tuple[UUID, list[Statement]]:
    """The id of the entry, and the statements that write it with the message that stands for it."""
    act_id = f"{str(about.action).lower()}:{new_id()}"
    entry = ActEntry(
        id=new_id(),
        act_id=act_id,
        ordinal=0,
        action=about.action,
        basis=about.basis,
        class_name=about.class_name,
        version=about.version,
        annotation=about.annotation,
        by=about.by,
        why=about.why,
        now=now,
        undoes=about.undoes,
        reasons=about.reasons,
        details=about.details or {},
    )
    log, values = entry.rows
    text = storable_text(f"{about.text}, by {about.by}" + (f": {about.why}" if about.why else ""))
    place = {"tenant": about.tenant, "schema": about.schema}
    return entry.id, [
        SQL["keep_act"](**place, id=act_id, arrival=new_id(), role=ROLE, text=text, digest=digest([text]), now=now),
        ENGINE_SQL["insert_audit_values"](tenant=about.tenant, rows=Jsonb([values]), revisions=Jsonb([])),
        ENGINE_SQL["insert_audit"](**place, rows=Jsonb([log])),
    ]
