"""Forgetting: a memory is deleted, softly, by a person; what refers to it is dealt with as its column declares."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.following import MOST_FOLLOWING
from memreg.engine.model import Action
from memreg.engine.references import ids_in, without
from memreg.engine.state import MemoryState
from memreg.engine.store import REFERENCES
from memreg.operations.acts.act import Act, Actor, begin
from memreg.operations.acts.hands import Hands
from memreg.operations.acts.keys import completed, strong
from memreg.operations.acts.outcome import ActResult, Seen, need_live, refuse
from memreg.registry.models import Column, OnDelete


@dataclass(frozen=True, slots=True)
class Forgetting:
    """A memory that is to be forgotten."""

    memory_id: UUID
    dry_run: bool = False


@dataclass
class Plan:
    """What goes with a memory: those deleted with it and those that lose references to it, by column; each with why."""

    taken: dict[UUID, str] = field(default_factory=dict)
    cleared: dict[UUID, dict[str, set[str]]] = field(default_factory=dict)
    why: dict[UUID, str] = field(default_factory=dict)
    refusing: dict[UUID, str] = field(default_factory=dict)


def forget(actor: Actor, wanted: Forgetting) -> Steps[ActResult]:
    """Forget a memory. Raises MemoryNotFound, ActRefused, NoUsableVersion."""
    act = yield from begin(actor, "forget")
    hands = Hands(act)
    state = (yield from hands.take([wanted.memory_id]))[wanted.memory_id]
    need_live(act, state, unresolved=True)
    plan = yield from _plan(hands, state)
    others = [hands.states[each] for each in (*plan.taken, *plan.cleared)]
    seen = Seen((state, *others))
    for each in (state, *(hands.states[memory_id] for memory_id in plan.taken)):
        each.hold_only(())
        each.mark(is_deleted=True, now=act.now)
    for memory_id, columns in plan.cleared.items():
        _clear(act, hands.states[memory_id], columns)
    notes = (*plan.taken.values(), *plan.why.values())
    audit_id = hands.record(Action.FORGET, state, others, reasons=[f"memory {state.id} is forgotten", *notes])
    will = "would be" if wanted.dry_run else "is"
    result = ActResult(
        verb=act.verb,
        memory_id=state.id,
        audit_id=None if wanted.dry_run else audit_id,
        sentence=f"{state.class_name} {state.id} {will} forgotten.",
        memories=seen.affected(state, *others),
        notes=notes,
        dry_run=wanted.dry_run,
    )
    if not wanted.dry_run:
        yield tuple(hands.statements(f"forgetting of memory {state.id}"))
    return result


def _plan(hands: Hands, state: MemoryState) -> Steps[Plan]:
    """What the delete of a memory does to those that refer to it. Raises ActRefused where one of them refuses it."""
    act, plan = hands.act, Plan()
    doomed, waiting = {state.id}, [state.id]
    while waiting:
        keepers, rows = yield from _referring(hands, waiting)
        if len(rows) > MOST_FOLLOWING:
            raise refuse(act, state.id, f"more than {MOST_FOLLOWING:,} memories refer to it: forget those first")
        yield from hands.take(row["id"] for row in rows)
        deleted, waiting = {str(each) for each in waiting}, []
        for referrer, column, ids in _by_column(hands, rows, keepers, deleted):
            why = f"{referrer.class_name}.{column.name} of memory {referrer.id} refers to memory {ids[0]}"
            if column.on_delete is OnDelete.REFUSE:
                plan.refusing.setdefault(referrer.id, f"{why}, and refuses its delete")
            elif column.on_delete is OnDelete.CASCADE and referrer.id not in doomed:
                doomed.add(referrer.id)
                waiting.append(referrer.id)
                plan.taken[referrer.id] = f"{why} and goes with it (on_delete: cascade)"
            elif column.on_delete is OnDelete.CLEAR:
                plan.cleared.setdefault(referrer.id, {}).setdefault(column.name, set()).update(ids)
                plan.why.setdefault(referrer.id, f"{why} and is cleared there (on_delete: clear)")
    refusing = {memory_id: why for memory_id, why in plan.refusing.items() if memory_id not in doomed}
    if refusing:
        more = f", and {len(refusing) - 1} more" if len(refusing) > 1 else ""
        raise refuse(act, state.id, next(iter(refusing.values())) + more, refusing)
    for memory_id in doomed:
        plan.cleared.pop(memory_id, None)
        plan.why.pop(memory_id, None)
    if len(plan.taken) + len(plan.cleared) > MOST_FOLLOWING:
        raise refuse(act, state.id, f"more than {MOST_FOLLOWING:,} memories would change with it: forget some first")
    return plan


def _referring(hands: Hands, ids: Sequence[UUID]) -> Steps[tuple[dict[str, str], list[Row]]]:
    """The memories that refer to some, or to what went into these, which is known by the keepers given first."""
    act = hands.act
    classes = {hands.states[each].class_name for each in ids}
    referring = [each for name in classes for each in act.version.spec.referring.get(name, ())]
    acting = {column.name for _, column in referring if column.on_delete is not OnDelete.KEEP}
    if not acting:
        return {}, []
    family = yield from fetch_rows(REFERENCES["gone_into"](tenant=act.tenant, ids=list(ids)))
    keepers = {str(row["id"]): str(row["keeper_id"]) for row in family}
    rows = yield from fetch_rows(
        REFERENCES["referring"](
            tenant=act.tenant,
            schema=act.schema,
            version=act.version.version,
            ids=[*ids, *map(UUID, keepers)],
            idle=sorted({column.name for _, column in referring} - acting),
            limit=MOST_FOLLOWING + 1,
        )
    )
    return keepers, [row for row in rows if _class_now(act, row) in act.version.spec.by_name]


def _class_now(act: Act, row: Row) -> str | None:
    lineage = act.version.lineage
    name: str = row["class"]
    return name if lineage is None else lineage.class_now(name, row["version"])


def _by_column(
    hands: Hands, rows: Sequence[Row], keepers: dict[str, str], deleted: Collection[str]
) -> Iterator[tuple[MemoryState, Column, list[str]]]:
    """The references to deleted memories, by the ids that they are stored under."""
    for state in (hands.states[row["id"]] for row in rows):
        for column in hands.act.version.spec.by_name[state.class_name].references if not state.is_deleted else ():
            ids = [each for each in ids_in(state.payload, column) if keepers.get(each, each) in deleted]
            if ids:
                yield state, column, ids


def _clear(act: Act, state: MemoryState, columns: dict[str, set[str]]) -> None:
    spec, annotation = act.version.spec.by_name[state.class_name], act.version.annotation_of(state.class_name)
    payload = state.payload
    for name, ids in columns.items():
        payload = without(payload, spec.by_name[name], ids)
    originals = {name: said for name, said in state.originals.items() if name not in columns}
    state.hold_only(strong(state.keys) | (state.keys & completed(payload, annotation)))
    state.revise(payload, originals, act.version.version, act.now)
