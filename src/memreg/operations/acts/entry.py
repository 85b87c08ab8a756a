"""The audit entry of an act, as rows of `audit_log` and `audit_values`. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.engine.change import Change
from memreg.engine.decide import THRESHOLDS
from memreg.engine.model import Action, Basis
from memreg.engine.storable import storable, storable_text
from memreg.engine.store import JsonRow, bytea


@dataclass(frozen=True, slots=True)
class ActEntry:
    """One entry of an act: what it did to memories (`changes`, the one that it is about first), why, and what it undid.

    `given`: what the person gave, as values. `details`: what else `explain` shows.
    """

    id: UUID
    act_id: str
    ordinal: int
    action: Action
    basis: Basis
    class_name: str
    version: int
    annotation: int
    by: str
    why: str | None
    now: datetime
    changes: Sequence[Change] = ()
    undoes: UUID | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[JsonRow, JsonRow]:
        """Its rows of `audit_log` and `audit_values`."""
        verb = str(self.action).lower()
        main = self.changes[0] if self.changes else None
        log: JsonRow = {
            "id": str(self.id),
            "version": self.version,
            "class": self.class_name,
            "message_id": self.act_id,
            "ordinal": self.ordinal,
            "operation": verb,
            "action": str(self.action),
            "basis": str(self.basis),
            "memory_id": str(main.memory_id) if main else None,
            "revision": main.after["revision"] if main and main.has_effect else None,
            "score": None,
            "unresolved": bool(main and main.after["unresolved"]),
            "candidates": [],
            "thresholds": {"update": THRESHOLDS.update, "possible": THRESHOLDS.possible},
            "snapshot": 0,
            "annotation": self.annotation,
            "extractor": str(self.basis),
            "actor": storable_text(self.by),
            "undoes": str(self.undoes) if self.undoes else None,
            "created_at": self.now.isoformat(),
        }
        given = {"class": self.class_name, "operation": verb, "values": storable(dict(self.given))}
        reasons = [*self.reasons, *([self.why] if self.why else [])]
        values: JsonRow = {
            "audit_id": str(self.id),
            "proposal": given | {"evidence": None, "confidence": None},
            "evidence": None,
            "before": dict(main.before) if main and main.before else None,
            "after": dict(main.after) if main else None,
            "reasons": [storable_text(reason) for reason in reasons],
            "details": {
                **self.details,
                "why": storable_text(self.why) if self.why else None,
                "changed": _changed(main),
                "others": [
                    {
                        "memory_id": str(other.memory_id),
                        "class": other.class_name,
                        "before": other.before,
                        "after": other.after,
                    }
                    for other in self.changes[1:]
                ],
            },
            "salt": bytea(secrets.token_bytes(16)),
        }
        return log, values


def _changed(change: Change | None) -> list[str]:
    """The columns of the main memory that have another value, or none any more."""
    if change is None:
        return []
    before, after = (change.before or {}).get("payload", {}), change.after["payload"]
    return [name for name in {**after, **before} if before.get(name) != after.get(name)]
