"""Audit entries: one for each decision, with what is needed to explain, replay and undo it, and what it asks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.engine.apply import Outcome
from memreg.engine.decide import ReviewKind, Situation, Verdict
from memreg.engine.given import OFTEN_ABSENT
from memreg.engine.identity import KeyValue
from memreg.engine.kept import kept_form, worth_telling
from memreg.engine.model import Extraction, Payload
from memreg.engine.storable import storable, storable_text
from memreg.engine.store import JsonRow, bytea

KEPT_CANDIDATES = 5
MOST_CLASS_NAME = 300
_USUAL: Mapping[str, Any] = {"originals": {}, "is_deleted": False, "unresolved": False}
"""What a state is mostly; a state whose payload is kept elsewhere says it only where it is otherwise."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything that is known about one decision when it is written down. `compared_with`: the payloads, as they were,
    of the memories that the proposal was held against; `took_ms`: from the start of deciding to here."""

    id: UUID
    version: int
    annotation: int
    message_id: str
    ordinal: int
    given: Any
    situation: Situation
    verdict: Verdict
    outcome: Outcome
    extraction: Extraction
    snapshot: int
    now: datetime
    actor: str | None = None
    keys: Sequence[KeyValue] = ()
    key_holders: Mapping[str, Sequence[UUID]] = field(default_factory=dict)
    compared_with: Mapping[UUID, Payload] = field(default_factory=dict)
    took_ms: float | None = None

    @property
    def memory_id(self) -> UUID | None:
        """The memory that the decision was about, if any."""
        return self.outcome.memory.id if self.outcome.memory else self.verdict.target

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it was decided so, then what happened to single columns."""
        notes = self.situation.proposal.notes
        return tuple(storable_text(reason) for reason in (*self.verdict.reasons, *self.outcome.reasons, *notes))

    @property
    def reviews(self) -> tuple[ReviewKind, ...]:
        """The questions to a person that it makes."""
        return tuple(dict.fromkeys((*self.verdict.reviews, *self.outcome.reviews)))


def rows(entry: Entry) -> tuple[JsonRow, JsonRow]:
    """The entry as rows of `audit_log` (no values in it) and `audit_values`; the database makes their digests."""
    verdict, outcome, extraction = entry.verdict, entry.outcome, entry.extraction
    candidates = sorted(entry.situation.candidates, key=lambda c: (-c.score.value, c.memory_id.int))[:KEPT_CANDIDATES]
    told = worth_telling(candidates)
    log: JsonRow = {
        "id": str(entry.id),
        "version": entry.version,
        "class": storable_text(entry.situation.proposal.class_name)[:MOST_CLASS_NAME],
        "message_id": entry.message_id,
        "ordinal": entry.ordinal,
        "operation": entry.situation.proposal.operation,
        "action": str(verdict.action),
        "basis": str(verdict.basis),
        "memory_id": str(entry.memory_id) if entry.memory_id else None,
        "revision": outcome.memory.revision if outcome.memory and outcome.wrote_revision else None,
        "score": verdict.score,
        "unresolved": verdict.unresolved,
        "candidates": kept_form(candidates),
        "thresholds": {
            "update": entry.situation.thresholds.update,
            "possible": entry.situation.thresholds.possible,
        },
        "snapshot": entry.snapshot,
        "annotation": entry.annotation,
        "extractor": extraction.extractor,
        "model": extraction.model,
        "prompt_hash": extraction.prompt_hash,
        "tokens_in": extraction.tokens_in,
        "tokens_out": extraction.tokens_out,
        "latency_ms": extraction.latency_ms,
        "attempts": len(extraction.calls) or None,
        "actor": entry.actor,
        "took_ms": entry.took_ms,
        "created_at": entry.now.isoformat(),
    }
    proposal = entry.situation.proposal
    given = storable(entry.given)
    compared = [*(str(held) for by in entry.key_holders.values() for held in by), *(str(c.memory_id) for c in told)]
    details: JsonRow = {
        "keys": [
            {
                "key": held.key.name,
                "strength": held.key.strength,
                "answers": [str(hit.memory_id) for hit in entry.situation.hits if hit.key.name == held.key.name],
                "holders": [str(memory_id) for memory_id in entry.key_holders.get(held.key.name, ())],
            }
            for held in entry.keys
        ],
    }
    # What repeats is kept once; `memreg.details_told` and `memreg.state_told` put it in its places again.
    if isinstance(given, Mapping):
        given = {name: said for name, said in given.items() if said is not None or name not in OFTEN_ABSENT}
    is_as_given = isinstance(given, Mapping) and is_same(given.get("values"), proposal.values)
    if is_as_given:
        details["as_given"] = "changed" if {*outcome.changed} == {*proposal.values} else True
    else:
        details["values"] = proposal.values
    if details.get("as_given") != "changed":
        details["changed"] = list(outcome.changed)
    if not is_as_given or entry.situation.mode != "normal":
        details["mode"] = entry.situation.mode
    after = outcome.after
    if after is not None and is_same(after["payload"], proposal.values):
        left = {name: said for name, said in after.items() if name not in _USUAL or not is_same(said, _USUAL[name])}
        after = {name: said for name, said in left.items() if name != "payload"} | {"as_said": True}
    more = {
        "originals": proposal.originals,
        "conflicts": dict(outcome.conflicts),
        "met": {
            str(candidate.memory_id): {part.name: list(part.met) for part in candidate.score.parts if part.met}
            for candidate in told
        },
        "compared_with": {
            str(memory_id): dict(payload)
            for memory_id, payload in entry.compared_with.items()
            if str(memory_id) in compared
        },
        "absorbed": _absorbed(outcome),
    }
    values: JsonRow = {
        "audit_id": str(entry.id),
        "proposal": given,
        "evidence": storable_text(proposal.evidence) if proposal.evidence else None,
        "before": outcome.before,
        "after": after,
        "reasons": list(entry.reasons),
        "details": details | {name: found for name, found in more.items() if found},
        "salt": bytea(secrets.token_bytes(16)),
    }
    return log, values


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are the same as JSON: unlike for Python, true is not 1, and 1.0 is not 1."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return type(one) is type(other) and bool(one == other)


def review(kind: ReviewKind, entry: Entry, review_id: UUID) -> JsonRow:
    """A question to a person that an entry makes, as a row of `review_items`."""
    situation = entry.situation
    memories = dict.fromkeys([entry.memory_id] if entry.memory_id else [])
    subject = f"proposal {entry.id}"
    if kind == "possible_duplicate" and situation.best is not None:
        memories[situation.best.memory_id] = None
    elif kind == "identity_conflict":
        memories.update(dict.fromkeys((*situation.hit_memories, *entry.outcome.rivals)))
    if kind != "dead_letter":
        subject = " ".join(sorted(str(memory) for memory in memories))
    return {
        "id": str(review_id),
        "class": storable_text(situation.proposal.class_name)[:MOST_CLASS_NAME],
        "kind": kind,
        "subject": subject,
        "memory_ids": [str(memory) for memory in memories],
        "message_id": entry.message_id,
        "audit_id": str(entry.id),
        "reason": "; ".join(entry.reasons),
    }


def _absorbed(outcome: Outcome) -> JsonRow | None:
    """The unresolved memory that went into the one the decision is about."""
    if outcome.absorbed is None:
        return None
    return {
        "memory_id": str(outcome.absorbed.id),
        "before": outcome.absorbed_before,
        "after": outcome.absorbed.snapshot(),
    }
