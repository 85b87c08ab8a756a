"""Merging: one memory goes into another one, which takes its keys and what it lacks; whoever refers to it refers to
that from then on. The entry keeps both states before, so that undoing it takes them apart exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Steps, fetch_rows
from memreg.engine.model import Action
from memreg.engine.state import MemoryState
from memreg.operations.acts.act import Actor, begin
from memreg.operations.acts.hands import Hands
from memreg.operations.acts.keys import completed, rivals_of, strong
from memreg.operations.acts.outcome import SQL, ActResult, Seen, need_live, refuse
from memreg.operations.acts.referring import keepers_of
from memreg.operations.acts.winners import Half, Joined, Side, join
from memreg.operations.monitor.judgements import Judged, judge


@dataclass(frozen=True, slots=True)
class Merging:
    """Two memories that are one object: `other` goes into `keep`. `prefer`: whose value a column shall have."""

    keep: UUID
    other: UUID
    prefer: Mapping[str, Side] = field(default_factory=dict)
    dry_run: bool = False


def merge(actor: Actor, wanted: Merging) -> Steps[ActResult]:
    """Merge two memories of one class. Raises MemoryNotFound, ActRefused, ArgumentInvalid, NoUsableVersion."""
    act = yield from begin(actor, "merge")
    if wanted.keep == wanted.other:
        raise ArgumentInvalid(name="other", value=str(wanted.other), reason="it is the same memory: name two")
    hands = Hands(act)
    states = yield from hands.take([wanted.keep, wanted.other])
    kept, other = states[wanted.keep], states[wanted.other]
    need_live(act, kept)
    need_live(act, other, unresolved=True)
    if kept.class_name != other.class_name:
        raise refuse(act, other.id, f"it is a {other.class_name}, and memory {kept.id} is a {kept.class_name}")
    spec, annotation = act.version.spec.by_name[kept.class_name], act.version.annotation_of(kept.class_name)
    keepers = yield from keepers_of(act, (kept, other), spec)
    joined = join(_half(kept), _half(other), spec, wanted.prefer, keepers)
    seen = Seen((kept, other))

    old = strong(kept.keys | other.keys)
    now = completed(joined.payload, annotation)
    other.hold_only(())
    rivals = yield from rivals_of(hands, kept, strong(now) - old)
    kept.hold_only((old | now) - rivals.keys())
    notes = tuple(
        f"the result has the key {key.key.partition('@')[0]} of memory {rival}, which keeps it: merge that one too"
        for key, rival in rivals.items()
    )
    kept.revise(joined.payload, joined.originals, act.version.version, act.now)
    kept.pinned = joined.pinned
    kept.see(other.last_seen_at)
    other.mark(is_deleted=True, now=act.now)
    other.merged_into = kept.id

    audit_id = hands.record(
        Action.MERGE,
        kept,
        [other],
        given={"other": str(other.id), "prefer": dict(wanted.prefer)},
        reasons=[f"memory {other.id} went into {kept.id} and is deleted", *_told(joined), *notes],
        # Without values: those are in the states of their own memory, from where erasing takes them.
        details={"winners": [{"column": w.column, "winner": w.winner, "why": w.why} for w in joined.winners]},
    )
    will = "would go" if wanted.dry_run else "went"
    result = ActResult(
        verb=act.verb,
        memory_id=kept.id,
        audit_id=None if wanted.dry_run else audit_id,
        sentence=f"{other.class_name} {other.id} {will} into {kept.id}.",
        memories=seen.affected(kept, other),
        winners=joined.winners,
        notes=notes,
        dry_run=wanted.dry_run,
    )
    if not wanted.dry_run:
        pair = [kept.id, other.id]
        younger = max(kept, other, key=lambda state: (state.created_at, state.id))
        rows = yield from fetch_rows(SQL["made_by"](tenant=act.tenant, id=younger.id))
        judged = [Judged(row["audit_id"], "missed_update") for row in rows if row["audit_id"] is not None]
        settled = SQL["settle_merged"](
            tenant=act.tenant, schema=act.schema, ids=pair, by=actor.by, now=act.now, why=actor.why, act_id=audit_id
        )
        found = judge(act.tenant, judged, act_id=audit_id, by=actor.by, now=act.now, new_id=actor.new_id)
        yield (*hands.statements(f"merge of memory {other.id} into {kept.id}"), settled, *found)
    return result


def _half(state: MemoryState) -> Half:
    return Half(state.payload, state.originals, state.pinned)


def _told(joined: Joined) -> tuple[str, ...]:
    """What the entry says of columns in which the two differ, without their values."""
    differ = [each for each in joined.winners if each.winner != "same" and None not in (each.kept, each.other)]
    who = {"keep": "has the value of the one that stays", "other": "has that of the other one", "both": "has both"}
    return tuple(f"{each.column} {who[each.winner]}: {each.why}" for each in differ)
