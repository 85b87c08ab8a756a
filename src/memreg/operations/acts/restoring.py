"""Restoring: a deleted memory is there again, with the keys that it had, unless another one has them now."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from memreg.core.steps import Steps
from memreg.engine.change import Change
from memreg.engine.model import Action
from memreg.engine.state import HeldKey, MemoryState
from memreg.operations.acts.act import Act, Actor, begin
from memreg.operations.acts.hands import Hands
from memreg.operations.acts.keys import completed, refuse_rivals
from memreg.operations.acts.outcome import ActResult, Seen, refuse
from memreg.operations.acts.steps import read_steps
from memreg.operations.acts.undo_read import Entry, read_entries


@dataclass(frozen=True, slots=True)
class Restoring:
    """A deleted memory that is to be there again."""

    memory_id: UUID
    dry_run: bool = False


def restore(actor: Actor, wanted: Restoring) -> Steps[ActResult]:
    """Bring a deleted memory back. Raises MemoryNotFound, ActRefused, NoUsableVersion."""
    act = yield from begin(actor, "restore")
    hands = Hands(act)
    state = (yield from hands.take([wanted.memory_id]))[wanted.memory_id]
    entry = yield from _deleted_by(act, state)
    if state.merged_into is not None:
        undo = f"; memreg undo {entry.id} takes them apart" if entry is not None else ""
        raise refuse(act, state.id, f"it is not deleted, it went into memory {state.merged_into}{undo}")
    if not state.is_deleted:
        raise refuse(act, state.id, "it is not deleted")

    seen = Seen(())
    keys = set() if state.unresolved else _keys(act, state, entry)
    yield from refuse_rivals(hands, state, keys, "correct that one first, or merge what this one says into it")
    state.hold_only(keys)
    state.mark(is_deleted=False, now=act.now)
    with_it = [each for each in entry.changes if each.memory_id != state.id] if entry is not None else []
    notes = _notes(entry, with_it)
    audit_id = hands.record(Action.RESTORE, state, reasons=[f"memory {state.id} is there again", *notes])
    will = "would be" if wanted.dry_run else "is"
    result = ActResult(
        verb=act.verb,
        memory_id=state.id,
        audit_id=None if wanted.dry_run else audit_id,
        sentence=f"{state.class_name} {state.id} {will} there again.",
        memories=seen.affected(state),
        notes=notes,
        dry_run=wanted.dry_run,
    )
    if not wanted.dry_run:
        yield tuple(hands.statements(f"restoring of memory {state.id}"))
    return result


def _deleted_by(act: Act, state: MemoryState) -> Steps[Entry | None]:
    """The entry since which a memory is deleted."""
    if not state.is_deleted:
        return None
    made = yield from read_steps(act, state)
    audit_id = None
    for each in reversed(made):
        if not each.is_deleted:
            break
        audit_id = each.audit_id
    found = (yield from read_entries(act.tenant, act.schema, [audit_id])) if audit_id is not None else []
    return found[0] if found else None


def _keys(act: Act, state: MemoryState, entry: Entry | None) -> set[HeldKey]:
    """The keys that it had until it was deleted, and those that its values complete under the version in use."""
    annotation, held_keys = act.version.annotation_of(state.class_name), act.version.held_keys
    own = [change for change in entry.changes if change.memory_id == state.id] if entry is not None else []
    had = [each for change in own for each in _before(change)]
    now = completed(state.payload, annotation)
    return now | {key for key in had if key.strong and (state.class_name, key.key) in held_keys}


def _before(change: Change) -> list[HeldKey]:
    held = change.before["keys"] if change.before is not None else ()
    return [HeldKey(each["key"], bytes.fromhex(each["digest"]), each["strong"]) for each in held]


def _notes(entry: Entry | None, with_it: list[Change]) -> tuple[str, ...]:
    if entry is None or not with_it:
        return ()
    others = "another memory" if len(with_it) == 1 else f"{len(with_it)} other memories"
    return (f"{others} changed when it was deleted; instead of this, memreg undo {entry.id} takes all of it back",)
