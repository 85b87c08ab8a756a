"""Correcting: a person's values take the place of what a memory says, and are pinned: no message changes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Steps
from memreg.engine.model import Action
from memreg.engine.state import MemoryState
from memreg.operations.acts.act import Act, Actor, begin
from memreg.operations.acts.division import Given
from memreg.operations.acts.given import column_of, read_given
from memreg.operations.acts.hands import Hands
from memreg.operations.acts.keys import completed, refuse_rivals, strong
from memreg.operations.acts.outcome import ActResult, Seen, need_live, refuse
from memreg.operations.acts.referring import check_referred
from memreg.operations.acts.steps import Made, decisions_behind, read_steps, take_back
from memreg.operations.monitor.judgements import Judged, judge


@dataclass(frozen=True, slots=True)
class Correction:
    """What is right of a memory: `values` by column, null where there is none. `pin`: no message changes them later;
    `unpin`: columns that messages may change again. `keep_keys`: what it said until now was right then, so that it
    keeps the identity keys of that and is known by it."""

    memory_id: UUID
    values: Mapping[str, Any] = field(default_factory=dict)
    pin: bool = True
    unpin: Collection[str] = ()
    keep_keys: bool = False
    dry_run: bool = False


def correct(actor: Actor, wanted: Correction) -> Steps[ActResult]:
    """Correct a memory. Raises MemoryNotFound, ActRefused, ArgumentInvalid, NoUsableVersion."""
    if not wanted.values and not wanted.unpin:
        raise ArgumentInvalid(name="values", value="empty", reason="say what is right, as in city=Oslo")
    act = yield from begin(actor, "correct")
    hands = Hands(act)
    state = (yield from hands.take([wanted.memory_id]))[wanted.memory_id]
    need_live(act, state)
    spec, annotation = act.version.spec.by_name[state.class_name], act.version.annotation_of(state.class_name)
    given, emptied = read_given(spec, wanted.values)
    unpinned = [column_of(spec, name, "unpin").name for name in wanted.unpin]
    if both := [name for name in unpinned if name in wanted.values]:
        raise ArgumentInvalid(name="unpin", value=both[0], reason="it is corrected as well: do it without pinning")
    for name in unpinned:
        if name not in state.pinned:
            raise refuse(act, state.id, f"{name} is not pinned")
    yield from check_referred(act, spec, given)

    seen = Seen((state,))
    was, pinned_before = dict(state.payload), dict(state.pinned)
    payload = {name: each for name, each in {**was, **given.values}.items() if name not in emptied}
    pinned = _pinned(act, state, wanted, unpinned)
    if payload == was and pinned.keys() == pinned_before.keys():
        raise refuse(act, state.id, "it says so already, so there is nothing to correct")
    before, now = completed(was, annotation), completed(payload, annotation)
    wrong = set() if wanted.keep_keys else strong(before - now)
    keys = (strong(state.keys) - wrong) | now
    yield from refuse_rivals(hands, state, keys - state.keys, "if they are one object, merge them: memreg merge")
    state.hold_only(keys)
    originals = {n: text for n, text in state.originals.items() if n not in given.values and n not in emptied}
    state.revise(payload, {**originals, **given.originals}, act.version.version, act.now)
    state.pinned = pinned

    changed = [name for name in {**was, **payload} if was.get(name) != payload.get(name)]
    made = (yield from read_steps(act, state)) if changed else []
    if changed and not wanted.keep_keys:
        take_back(state, made, _with_wrong(made, {name: was[name] for name in changed if name in was}))
    newly = [name for name in pinned if pinned[name] != pinned_before.get(name)]
    told = [*(f"{name} is corrected" for name in changed), *(f"{name} is pinned" for name in newly)]
    told += [f"{name} may be changed by messages again" for name in pinned_before if name not in pinned]
    released = sorted({key.key.partition("@")[0] for key in wrong})
    notes = tuple(f"it is not found by its former {name} any more" for name in released)
    audit_id = hands.record(
        Action.CORRECT,
        state,
        given=_given(given, emptied),
        reasons=[*told, *notes],
        details={"pinned": newly, "unpinned": unpinned},
    )
    result = ActResult(
        verb=act.verb,
        memory_id=state.id,
        audit_id=None if wanted.dry_run else audit_id,
        sentence=_sentence(state, changed, newly, unpinned, wanted.dry_run),
        memories=seen.affected(state),
        notes=notes,
        dry_run=wanted.dry_run,
    )
    if not wanted.dry_run:
        behind = decisions_behind(made, [name for name in changed if name in was])
        judged = [Judged(each.audit_id, "false_update") for each in behind if each.audit_id is not None]
        found = judge(act.tenant, judged, act_id=audit_id, by=actor.by, now=act.now, new_id=actor.new_id)
        yield (*hands.statements(f"correction of memory {state.id}"), *found)
    return result


def _pinned(act: Act, state: MemoryState, wanted: Correction, unpinned: Collection[str]) -> dict[str, dict[str, Any]]:
    kept = {name: pin for name, pin in state.pinned.items() if name not in unpinned and name not in wanted.values}
    if not wanted.pin:
        return kept
    pin = {"by": act.actor.by, "at": act.now.isoformat(), "why": act.actor.why}
    return kept | {name: dict(pin) for name in wanted.values}


def _with_wrong(made: Sequence[Made], wrong: Mapping[str, Any]) -> list[int]:
    """The revisions that said what is wrong."""
    return [each.step.revision for each in made if any(each.step.payload.get(n) == value for n, value in wrong.items())]


def _given(given: Given, emptied: Collection[str]) -> dict[str, Any]:
    return {**given.values, **dict.fromkeys(emptied)}


def _sentence(
    state: MemoryState, changed: Collection[str], newly: Collection[str], unpinned: Collection[str], dry_run: bool
) -> str:
    will = "would be" if dry_run else "is"
    parts = []
    if changed:
        parts.append(f"{', '.join(changed)} {will} corrected")
    if newly:
        parts.append(f"{', '.join(newly)} {will} pinned")
    if unpinned:
        parts.append(f"{', '.join(unpinned)} {will} no longer pinned")
    return f"{state.class_name} {state.id}: {', '.join(parts) or f'{will} corrected'}."
