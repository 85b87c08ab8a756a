"""A decision written down: what it was held against, kept before it changes that, and its entry with all that goes with
it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.core.json_codec import dumps
from memreg.core.tracing import Span
from memreg.engine import audit
from memreg.engine.apply import Outcome
from memreg.engine.decide import Situation, Verdict
from memreg.engine.identity import KeyValue
from memreg.engine.item import Item
from memreg.engine.model import Decision, Payload
from memreg.engine.store import Writes
from memreg.engine.workspace import Workspace

if TYPE_CHECKING:
    from memreg.engine.turn import Turn


@dataclass(frozen=True, slots=True)
class Held:
    """What a proposal was held against: who held each of its keys, the first few, and the payloads of these and of the
    best candidates, as they were."""

    key_holders: Mapping[str, Sequence[UUID]] = field(default_factory=dict)
    payloads: Mapping[UUID, Payload] = field(default_factory=dict)


def held_against(item: Item, situation: Situation, workspace: Workspace) -> Held:
    """What a proposal is held against, before the decision changes it."""
    holders: dict[str, list[UUID]] = {}
    ids: dict[UUID, None] = {}
    for held, place in zip(item.keys, item.key_places, strict=True):
        held_by = workspace.live_holders(place)[: audit.KEPT_CANDIDATES]
        holders.setdefault(held.key.name, []).extend(held_by)
        ids.update(dict.fromkeys(held_by))
    ids.update(dict.fromkeys([candidate.memory_id for candidate in situation.ranked[: audit.KEPT_CANDIDATES]]))
    # Whoever changes a memory gives it another payload: these stay as they are.
    return Held(holders, {memory_id: workspace.memories[memory_id].payload for memory_id in ids})


def write_down(
    turn: Turn, writes: Writes, item: Item, situation: Situation, verdict: Verdict, outcome: Outcome, held: Held
) -> Decision:
    """The entry of a decision among what the turn writes, with the revisions that it made and the questions that it
    asks. What nobody asks of the proposal any more is let go: a batch holds many."""
    name = situation.proposal.class_name
    # Of turns that are decided together, one may have read the statistics of a class that this one has no part in.
    statistics = turn.hand.statistics.get(name) if name in turn.classes else None
    keys: Sequence[KeyValue] = item.keys
    if item.links and len(keys) > 1:  # a key with a reference is looked up in several forms
        keys = list({each.key.name: each for each in reversed(keys)}.values())[::-1]
    entry = audit.Entry(
        id=turn.new_id(),
        version=turn.version.version,
        annotation=turn.version.annotation,
        message_id=turn.message_id,
        ordinal=item.ordinal,
        given=item.given,
        situation=situation,
        verdict=verdict,
        outcome=outcome,
        extraction=turn.extraction,
        snapshot=statistics.snapshot if statistics is not None else 0,
        now=turn.now,
        actor=turn.actor,
        keys=keys,
        compared_with=held.payloads,
        key_holders=held.key_holders,
        took_ms=round((perf_counter() - turn.began) * 1000, 3),
    )
    log, values = audit.rows(entry)
    writes.audit.append(dumps(log))
    writes.values.append(dumps(values))
    if outcome.memory is not None and outcome.wrote_revision:
        writes.revision(outcome.memory, entry.id)
    if outcome.absorbed is not None:
        writes.revision(outcome.absorbed, entry.id)
    for kind in entry.reviews:
        writes.reviews.append(audit.review(kind, entry, turn.new_id()))
    item.scores.clear()
    item.given = None
    if not item.looked_up:  # else what it was looked up by is told to the claim
        item.record = None
    elif item.record is not None:
        item.record.findings.clear()
    return Decision(
        verdict.action, verdict.basis, log["class"], entry.memory_id, verdict.score, entry.id, entry.reasons
    )


def tell(span: Span, item: Item, decision: Decision) -> None:
    """Tell a trace what was decided. A class that the schema does not have may be anything that somebody said."""
    if not span.is_recorded:
        return
    if item.spec is not None:
        span.tell(class_=item.spec.name, operation=item.checked.operation)
    span.tell(action=decision.action, basis=decision.basis, score=decision.score, audit_id=decision.audit_id)
