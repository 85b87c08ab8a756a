"""From a verdict to the next state of a memory: what CREATE, UPDATE, UPSERT and DELETE do. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.engine.decide import ReviewKind, Verdict
from memreg.engine.identity import KeyValue, columns_of, key_values
from memreg.engine.merge import Merged, merge
from memreg.engine.model import Action, Basis, Payload
from memreg.engine.references import as_held
from memreg.engine.state import HeldKey, MemoryState
from memreg.engine.validate import Checked, with_defaults
from memreg.engine.workspace import KeyPlace, Workspace
from memreg.registry.models import ClassAnnotation, ClassSpec


@dataclass(slots=True)
class Rules:
    """What applying depends on besides the verdict: the class, its annotation and version, the time, new ids.

    `unresolved`: the memory that the proposal made while its class was create-only, decided again now. `keepers`:
    memories that went into others, by id.
    """

    spec: ClassSpec
    annotation: ClassAnnotation
    version: int
    now: datetime
    new_id: Callable[[], UUID]
    unresolved: MemoryState | None = None
    keepers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What a verdict did: the memory, its state before and after, and what has to be said about it.

    `absorbed`: an unresolved memory that went into this one, with its state before.
    """

    memory: MemoryState | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    wrote_revision: bool = False
    changed: tuple[str, ...] = ()
    conflicts: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    reviews: tuple[ReviewKind, ...] = ()
    rivals: tuple[UUID, ...] = ()
    absorbed: MemoryState | None = None
    absorbed_before: dict[str, Any] | None = None


KeysNeeded = Generator[list[KeyPlace], None, Outcome]


def apply(verdict: Verdict, proposal: Checked, workspace: Workspace, rules: Rules) -> KeysNeeded:
    """Carry out a verdict on the workspace. A generator: it yields keys whose holders must be taken in before it
    goes on (only where merging, or a default, completes a key that the proposal alone did not)."""
    outcome = yield from _carry_out(verdict, proposal, workspace, rules)
    if verdict.action in _INTO_ANOTHER and verdict.target is not None and rules.unresolved is not None:
        _absorb(rules.unresolved, verdict.target, outcome, workspace, rules)
    return outcome


_INTO_ANOTHER = (Action.UPDATE, Action.UPSERT, Action.SKIP)


def _carry_out(verdict: Verdict, proposal: Checked, workspace: Workspace, rules: Rules) -> KeysNeeded:
    match verdict.action:
        case Action.CREATE if rules.unresolved is not None:
            return (yield from _promote(rules.unresolved, workspace, rules))
        case Action.CREATE:
            return (yield from _create(verdict, proposal, workspace, rules))
        case Action.UPDATE | Action.UPSERT:
            return (yield from _merge(verdict, proposal, workspace, rules))
        case Action.DELETE:
            return _delete(verdict, workspace, rules)
        case _:
            return Outcome()


def _create(verdict: Verdict, proposal: Checked, workspace: Workspace, rules: Rules) -> KeysNeeded:
    # An unresolved memory stands for what was said alone; its defaults come when it is decided.
    payload, outcome = dict(proposal.values), Outcome(wrote_revision=True)
    if not verdict.unresolved:
        payload = yield from _with_defaults(payload, workspace, rules, outcome)
    state = MemoryState(
        id=rules.new_id(),
        class_name=rules.spec.name,
        version=rules.version,
        payload=payload,
        originals=dict(proposal.originals),
        is_deleted=False,
        unresolved=verdict.unresolved,
        revision=1,
        change=0,
        created_at=rules.now,
        updated_at=rules.now,
        last_seen_at=rules.now,
        is_new=True,
    )
    if not state.unresolved:
        take_keys(state, workspace, rules.annotation)
    workspace.touch(state, changed=True)
    outcome.memory, outcome.after, outcome.changed = state, state.snapshot(), tuple(state.payload)
    return outcome


def _promote(state: MemoryState, workspace: Workspace, rules: Rules) -> KeysNeeded:
    """An unresolved memory becomes a live one under its own id."""
    outcome = Outcome(state, state.snapshot(), wrote_revision=True)
    state.payload = yield from _with_defaults(state.payload, workspace, rules, outcome)
    state.mark(unresolved=False, now=rules.now)
    take_keys(state, workspace, rules.annotation)
    workspace.touch(state, changed=True)
    outcome.after = state.snapshot()
    return outcome


def _with_defaults(
    said: Payload, workspace: Workspace, rules: Rules, outcome: Outcome
) -> Generator[list[KeyPlace], None, Payload]:
    """What was said, with its defaults, but for those that would complete a strong key that another live memory holds:
    nobody said that it is this object. The outcome has the reasons."""
    payload = with_defaults(said, rules.spec)
    if payload == said:
        return payload
    known = set(key_values(said, rules.annotation))
    while True:
        places = {
            complete: (rules.spec.name, complete.key.held_as, complete.digest)
            for complete in key_values(payload, rules.annotation)
            if complete.key.strength == "strong" and complete not in known
        }
        unknown = [place for place in places.values() if place not in workspace.known_keys]
        if unknown:
            yield unknown
        holders = ((each, workspace.live_holders(place)) for each, place in places.items())
        taken = next(((each, held[0]) for each, held in holders if held), None)
        if taken is None:
            break
        complete, rival = taken
        without = [name for name in complete.key.columns if said.get(name) is None]
        payload = {name: value for name, value in payload.items() if name not in without}
        outcome.reasons += (
            f"{complete.key.held_as} would become the key of memory {rival}, so {', '.join(without)} has no default",
        )
        outcome.reviews += ("identity_conflict",)
        outcome.rivals += (rival,)
    outcome.reasons = (*_given(said, payload), *outcome.reasons)
    return payload


def _given(said: Mapping[str, Any], payload: Mapping[str, Any]) -> tuple[str, ...]:
    """A reason for each column that has its default."""
    return tuple(f"{name} has its default, as nothing was said of it" for name in payload if name not in said)


def _absorb(state: MemoryState, target: UUID, outcome: Outcome, workspace: Workspace, rules: Rules) -> None:
    """What an unresolved memory said is in another one now, so it is deleted; its revisions keep its values."""
    outcome.absorbed, outcome.absorbed_before = state, state.snapshot()
    outcome.reasons += (f"the unresolved memory {state.id} went into {target} and is deleted",)
    state.mark(is_deleted=True, now=rules.now)
    state.merged_into = target
    workspace.touch(state, changed=True)


def take_keys(state: MemoryState, workspace: Workspace, annotation: ClassAnnotation) -> None:
    """Let a memory hold the keys that its payload completes and no other live memory holds; of shared keys only
    these. An unresolved one holds none."""
    if state.unresolved:
        return
    _take_keys(state, workspace, state.complete_keys(annotation))


def _take_keys(state: MemoryState, workspace: Workspace, keys: Sequence[KeyValue]) -> None:
    complete = [HeldKey(k.key.held_as, k.digest, k.key.strength == "strong") for k in keys]
    if len(complete) == len(state.keys) and state.keys.issuperset(complete):
        return
    for held in sorted(state.keys - set(complete), key=lambda held: (held.key, held.digest)):
        if not held.strong:
            workspace.release(state, held)
    for held in complete:
        place = (state.class_name, held.key, held.digest)
        if held not in state.keys and not (held.strong and workspace.holder_of(place, state.id)):
            workspace.hold(state, held)


def _merge(verdict: Verdict, proposal: Checked, workspace: Workspace, rules: Rules) -> KeysNeeded:
    assert verdict.target is not None
    state = workspace.memories[verdict.target]
    before = state.snapshot()
    fill_only = rules.annotation.identity_columns if verdict.basis in _BY_SCORE else frozenset()
    without = set(verdict.without)
    outcome = Outcome(state, before)
    while True:
        values: Mapping[str, Any] = proposal.values
        if without:
            values = {name: value for name, value in values.items() if name not in without}
        if rules.keepers:
            values = as_held(values, state.payload, [c.name for c in rules.spec.references], rules.keepers)
        merged = merge(verdict.action, state.payload, values, rules.spec.by_name, fill_only, state.pinned)
        keys = key_values(merged.payload, rules.annotation)
        taken = None if state.unresolved else (yield from _taken_key(keys, merged, state, workspace))
        if taken is None:
            break
        place, rival = taken
        columns = columns_of(place[1])
        without.update(column for column in columns if column in merged.changed)
        outcome.reasons += (
            f"{place[1]} would become the key of memory {rival}, so {', '.join(columns)} stayed as it was",
        )
        outcome.reviews += ("identity_conflict",)
        outcome.rivals += (rival,)
    outcome.changed, outcome.conflicts = merged.changed, merged.conflicts
    outcome.reasons += state.left_out if merged.changed else ()
    outcome.reasons += tuple(_stayed(state, name) for name in merged.conflicts)
    state.see(rules.now)
    if merged.changed:
        originals = {n: text for n, text in state.originals.items() if n not in merged.changed}
        originals |= {n: text for n, text in proposal.originals.items() if n in merged.changed}
        state.revise(merged.payload, originals, rules.version, rules.now)
        if not state.unresolved:
            _take_keys(state, workspace, keys)
        outcome.wrote_revision = True
    workspace.touch(state, changed=bool(merged.changed))
    outcome.after = state.snapshot()
    return outcome


def _stayed(state: MemoryState, column: str) -> str:
    """Why a column has not the value that was said."""
    pin = state.pinned.get(column)
    if pin is None:
        return f"{column} kept its old value, against what was said"
    return f"{column} keeps what {pin['by']} set on {pin['at'][:10]}, against what was said"


_BY_SCORE = frozenset({Basis.SCORE, Basis.PARTIAL_IDENTITY})


def _taken_key(
    keys: Sequence[KeyValue], merged: Merged, state: MemoryState, workspace: Workspace
) -> Generator[list[KeyPlace], None, tuple[KeyPlace, UUID] | None]:
    """Of the `keys` that a merge completes, a strong one that another live memory holds.

    Asks for the holders of every complete strong key that the memory does not hold yet, so that `take_keys` knows them.
    """
    held = {(key.key, key.digest) for key in state.keys}
    places = [
        (complete.key.columns, (state.class_name, complete.key.held_as, complete.digest))
        for complete in keys
        if complete.key.strength == "strong" and (complete.key.held_as, complete.digest) not in held
    ]
    if not places:
        return None
    unknown = [place for _, place in places if place not in workspace.known_keys]
    if unknown:
        yield unknown
    for columns, place in places:
        rival = workspace.holder_of(place, state.id)
        if rival is not None and not set(columns).isdisjoint(merged.changed):
            return place, rival
    return None


def _delete(verdict: Verdict, workspace: Workspace, rules: Rules) -> Outcome:
    assert verdict.target is not None
    state = workspace.memories[verdict.target]
    before = state.snapshot()
    for held in sorted(state.keys, key=lambda held: (held.key, held.digest)):
        workspace.release(state, held)
    state.see(rules.now)
    state.mark(is_deleted=True, now=rules.now)
    workspace.touch(state, changed=True)
    return Outcome(state, before, state.snapshot(), wrote_revision=True)
