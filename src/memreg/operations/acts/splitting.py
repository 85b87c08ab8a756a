"""Splitting: what two objects said into one memory is taken apart, by revisions or by columns, into it and a new one;
the identity keys go with the values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Steps
from memreg.engine.model import Action
from memreg.engine.state import HeldKey, MemoryState
from memreg.engine.validate import missing_columns, with_defaults
from memreg.operations.acts.act import Act, Actor, begin
from memreg.operations.acts.division import Division, Share, Step, by_columns, by_revisions, divide_keys
from memreg.operations.acts.given import column_of, read_given
from memreg.operations.acts.hands import Hands
from memreg.operations.acts.keys import refuse_rivals
from memreg.operations.acts.outcome import ActResult, Affected, Seen, need_live, refuse, values_of
from memreg.operations.acts.referring import check_referred
from memreg.operations.acts.steps import Made, decisions_behind, read_steps, take_back
from memreg.operations.monitor.judgements import Judged, judge
from memreg.registry.models import ClassSpec


@dataclass(frozen=True, slots=True)
class Splitting:
    """What of a memory is another object: what some `revisions` said, or the values of some `columns`. `values`: what
    else the new memory says, such as a required column that stays with the old one."""

    memory_id: UUID
    revisions: Collection[int] = ()
    columns: Collection[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False

    def __post_init__(self) -> None:
        if bool(self.revisions) is bool(self.columns):
            given = "both" if self.revisions else "empty"
            raise ArgumentInvalid(name="split", value=given, reason="name either revisions or columns")


def split(actor: Actor, wanted: Splitting) -> Steps[ActResult]:
    """Split a memory. Raises MemoryNotFound, ActRefused, ArgumentInvalid, NoUsableVersion."""
    act = yield from begin(actor, "split")
    hands = Hands(act)
    state = (yield from hands.take([wanted.memory_id]))[wanted.memory_id]
    need_live(act, state)
    spec, annotation = act.version.spec.by_name[state.class_name], act.version.annotation_of(state.class_name)
    given, _ = read_given(spec, wanted.values)
    yield from check_referred(act, spec, given)
    made = yield from read_steps(act, state)
    if wanted.columns:
        for name in wanted.columns:
            if state.payload.get(column_of(spec, name, "columns").name) is None:
                raise refuse(act, state.id, f"it has no {name} to be taken away")
        now = Step(state.revision, state.payload, state.originals, state.pinned)
        division = by_columns(now, set(wanted.columns), given)
        judged = decisions_behind(made, wanted.columns)
    else:
        _check_revisions(act, state, made, wanted.revisions)
        division = by_revisions([each.step for each in made], set(wanted.revisions), spec, annotation, given)
        judged = [each for each in made if each.step.revision in wanted.revisions and each.joined]
    _check_sides(act, state, division, spec)

    seen = Seen((state,))
    keys = divide_keys(state.keys, division, annotation, (each.step.payload for each in made), set(wanted.columns))
    held = set(state.keys)
    advice = "if it is one object with that, merge them instead: memreg merge"
    yield from refuse_rivals(hands, state, keys.stay - held, advice)
    state.hold_only(keys.stay)
    _give(act, state, division.stays)
    take_back(state, made, _mixed(made, wanted))
    new = hands.new(state.class_name, with_defaults(division.goes.payload, spec), division.goes.originals)
    new.pinned = dict(division.goes.pinned)
    yield from refuse_rivals(hands, new, keys.go, f"{advice}, or leave that column out")
    new.hold_only(keys.go)

    notes = tuple(
        [f"both have the key {key.key.partition('@')[0]}, which stays with {state.id}" for key in _in_order(keys.both)]
        + [f"nobody has the key {key.key.partition('@')[0]} of both together any more" for key in _in_order(keys.gone)]
    )
    by = f"revisions {_listed(sorted(wanted.revisions))}" if wanted.revisions else f"columns {_listed(wanted.columns)}"
    audit_id = hands.record(
        Action.SPLIT,
        state,
        [new],
        # What the new one was given is in its state after, from where erasing takes it.
        given={"revisions": sorted(wanted.revisions), "columns": list(wanted.columns), "values": list(given.values)},
        reasons=[f"what {by} said is memory {new.id} now", *notes],
        details={"made": str(new.id)},
    )
    will = "would be" if wanted.dry_run else "is"
    result = ActResult(
        verb=act.verb,
        memory_id=state.id,
        audit_id=None if wanted.dry_run else audit_id,
        sentence=f"What {by} said of {state.class_name} {state.id} {will} a {new.class_name} of its own"
        + ("." if wanted.dry_run else f": {new.id}."),
        memories=(*seen.affected(state), Affected(new.id, new.class_name, None, values_of(new))),
        made=None if wanted.dry_run else new.id,
        notes=notes,
        dry_run=wanted.dry_run,
    )
    if not wanted.dry_run:
        wrong = [Judged(each.audit_id, "false_update") for each in judged if each.audit_id is not None]
        found = judge(act.tenant, wrong, act_id=audit_id, by=actor.by, now=act.now, new_id=actor.new_id)
        yield (*hands.statements(f"split of memory {state.id} by {by}"), *found)
    return result


def _check_revisions(act: Act, state: MemoryState, made: Sequence[Made], chosen: Collection[int]) -> None:
    known = {each.step.revision for each in made}
    for revision in chosen:
        if revision not in known:
            raise refuse(act, state.id, f"it has no revision {revision}, but 1 to {max(known)}; see memreg history")
        if by := next((each for each in made if revision in each.taken), None):
            reason = f"revision {revision} is memory {by.made} already; memreg undo {by.audit_id} takes that back"
            raise refuse(act, state.id, reason)


def _check_sides(act: Act, state: MemoryState, division: Division, spec: ClassSpec) -> None:
    """Raises ActRefused where a side would say nothing, or lack what its class requires."""
    if not division.goes.payload:
        raise refuse(act, state.id, "nothing would go to the new memory: what was chosen said nothing of its own")
    if not division.stays.payload:
        raise refuse(act, state.id, "nothing would stay with it: choose less")
    if missing := missing_columns(division.stays.payload, spec):
        reason = f"{_listed(missing)} would be missing there, and {_is(missing)} required; choose less"
        raise refuse(act, state.id, f"{reason}, or give the new memory a value of its own for it")
    if missing := missing_columns(division.goes.payload, spec):
        reason = f"the new memory would lack {_listed(missing)}, which {_is(missing)} required"
        raise refuse(act, state.id, f"{reason}; give it with --values {missing[0]}=...")


def _mixed(made: Sequence[Made], wanted: Splitting) -> list[int]:
    """The revisions in which two objects spoke."""
    if wanted.revisions:
        return [each.step.revision for each in made if each.step.revision >= min(wanted.revisions)]
    return [each.step.revision for each in made if any(each.step.payload.get(name) for name in wanted.columns)]


def _give(act: Act, state: MemoryState, share: Share) -> None:
    state.revise(share.payload, share.originals, act.version.version, act.now)
    state.pinned = dict(share.pinned)


def _in_order(keys: Collection[HeldKey]) -> list[HeldKey]:
    return sorted(keys, key=lambda key: (key.key, key.digest))


def _listed(items: Collection[object]) -> str:
    return ", ".join(map(str, items))


def _is(items: Collection[object]) -> str:
    return "is" if len(items) == 1 else "are"
