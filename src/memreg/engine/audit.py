"""Audit entries: one for each decision, with what is needed to explain, replay and undo it, and what it asks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.engine.apply import Outcome
from memreg.engine.decide import Candidate, ReviewKind, Situation, Verdict
from memreg.engine.given import OFTEN_ABSENT
from memreg.engine.identity import KeyValue
from memreg.engine.kept import kept_form, worth_telling
from memreg.engine.model import Extraction, Payload
from memreg.engine.once import once
from memreg.engine.storable import storable_text
from memreg.engine.store import JsonRow, bytea

KEPT_CANDIDATES = 5
MOST_CLASS_NAME = 300
_USUAL: Mapping[str, Any] = {"originals": {}, "is_deleted": False, "unresolved": False}
"""What a state is mostly; a state whose payload is kept elsewhere says it only where it is otherwise."""


@dataclass
class Entry:
    """Everything that is known about one decision when it is written down. `given`: the proposal as it came, as JSON
    that Postgres can keep; `compared_with`: the payloads, as they were, of the memories that the proposal was held
    against; `took_ms`: from the start of deciding to here."""

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

    @once
    def memory_id(self) -> UUID | None:
        """The memory that the decision was about, if any."""
        return self.outcome.memory.id if self.outcome.memory else self.verdict.target

    @once
    def reasons(self) -> tuple[str, ...]:
        """Why it was decided so, then what happened to single columns."""
        notes = self.situation.proposal.notes
        return tuple([storable_text(reason) for reason in (*self.verdict.reasons, *self.outcome.reasons, *notes)])

    @once
    def reviews(self) -> tuple[ReviewKind, ...]:
        """The questions to a person that it makes."""
        return tuple(dict.fromkeys((*self.verdict.reviews, *self.outcome.reviews)))


def rows(entry: Entry) -> tuple[JsonRow, JsonRow]:
    """The entry as rows of `audit_log` (no values in it) and `audit_values`; the database makes their digests."""
    verdict, outcome, extraction, situation = entry.verdict, entry.outcome, entry.extraction, entry.situation
    proposal, memory_id, audit_id = situation.proposal, entry.memory_id, str(entry.id)
    candidates = situation.ranked[:KEPT_CANDIDATES]
    log: JsonRow = {
        "id": audit_id,
        "version": entry.version,
        "class": storable_text(proposal.class_name)[:MOST_CLASS_NAME],
        "message_id": entry.message_id,
        "ordinal": entry.ordinal,
        "operation": proposal.operation,
        "action": verdict.action.value,
        "basis": verdict.basis.value,
        "memory_id": str(memory_id) if memory_id else None,
        "revision": outcome.memory.revision if outcome.memory and outcome.wrote_revision else None,
        "score": verdict.score,
        "unresolved": verdict.unresolved,
        "candidates": kept_form(candidates),
        "thresholds": {"update": situation.thresholds.update, "possible": situation.thresholds.possible},
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
    given, after = entry.given, outcome.after
    details: JsonRow = {"keys": [_key_told(held, entry) for held in entry.keys]}
    # What repeats is kept once; `memreg.details_told` and `memreg.state_told` put it in its places again.
    if isinstance(given, Mapping):
        given = {name: said for name, said in given.items() if said is not None or name not in OFTEN_ABSENT}
    is_as_given = isinstance(given, Mapping) and is_same(given.get("values"), proposal.values)
    is_changed_as_said = is_as_given and {*outcome.changed} == proposal.values.keys()
    if is_as_given:
        details["as_given"] = "changed" if is_changed_as_said else True
    else:
        details["values"] = proposal.values
    if not is_changed_as_said:
        details["changed"] = list(outcome.changed)
    if not is_as_given or situation.mode != "normal":
        details["mode"] = situation.mode
    if after is not None and is_same(after["payload"], proposal.values):
        left = {name: said for name, said in after.items() if name not in _USUAL or not is_same(said, _USUAL[name])}
        after = {name: said for name, said in left.items() if name != "payload"} | {"as_said": True}
    if proposal.originals:
        details["originals"] = proposal.originals
    if outcome.conflicts:
        details["conflicts"] = outcome.conflicts
    if candidates or entry.compared_with:
        _tell_compared(details, entry, worth_telling(candidates))
    if outcome.absorbed is not None:
        details["absorbed"] = {
            "memory_id": str(outcome.absorbed.id),
            "before": outcome.absorbed_before,
            "after": outcome.absorbed.snapshot(),
        }
    values: JsonRow = {
        "audit_id": audit_id,
        "proposal": given,
        "evidence": storable_text(proposal.evidence) if proposal.evidence else None,
        "before": outcome.before,
        "after": after,
        "reasons": entry.reasons,
        "details": details,
        "salt": bytea(secrets.token_bytes(16)),
    }
    return log, values


def _key_told(held: KeyValue, entry: Entry) -> JsonRow:
    """A key of the proposal: which memory it answered with, and which ones held it."""
    name = held.key.name
    return {
        "key": name,
        "strength": held.key.strength,
        "answers": [str(hit.memory_id) for hit in entry.situation.hits if hit.key.name == name],
        "holders": [str(memory_id) for memory_id in entry.key_holders.get(name, ())],
    }


def _tell_compared(details: JsonRow, entry: Entry, told: Sequence[Candidate]) -> None:
    """What the proposal was held against: where it met the candidates that are told of, and what these and the holders
    of its keys said."""
    if told:
        details["met"] = {
            str(each.memory_id): {part.name: part.met for part in each.score.parts if part.met} for each in told
        }
    compared = {each.memory_id for each in told}.union(*entry.key_holders.values())
    payloads = {str(held): payload for held, payload in entry.compared_with.items() if held in compared}
    if payloads:
        details["compared_with"] = payloads


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are the same as JSON: unlike for Python, true is not 1, and 1.0 is not 1."""
    if type(one) is str:  # most are
        return type(other) is str and one == other
    if isinstance(one, (list, tuple)):
        return isinstance(other, (list, tuple)) and len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, Mapping):
        if not isinstance(other, Mapping) or one.keys() != other.keys():
            return False
        return all(is_same(value, other[name]) for name, value in one.items())
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
