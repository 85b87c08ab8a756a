"""What follows from decisions: references that close a circle are filled in, and what refers to a deleted memory is
dealt with as its column declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from memreg.core.steps import Steps, fetch_rows
from memreg.engine.apply import Outcome, take_keys
from memreg.engine.decide import Verdict
from memreg.engine.item import Item
from memreg.engine.model import Action, Basis, Decision
from memreg.engine.references import ids_in, without
from memreg.engine.state import MemoryState
from memreg.engine.storable import storable
from memreg.engine.store import REFERENCES
from memreg.engine.validate import Checked
from memreg.registry.models import Column, OnDelete, SchemaSpec

if TYPE_CHECKING:
    from memreg.engine.resolving import Resolving
    from memreg.engine.turn import Turn

MOST_FOLLOWING = 1_000
"""The memories that one delete may clear or take along; a delete of more is refused."""
_NAMED = 3


@dataclass
class Following:
    """What a delete does to the memories that refer to the deleted one. `taken`: those deleted with it, and `cleared`:
    those that lose references, by column; each with why. `refusal`: why nothing is deleted."""

    taken: dict[UUID, str] = field(default_factory=dict)
    cleared: dict[UUID, dict[str, set[str]]] = field(default_factory=dict)
    why: dict[UUID, str] = field(default_factory=dict)
    refusal: str | None = None


def reached(spec: SchemaSpec, classes: Iterable[str]) -> set[str]:
    """The classes whose memories may be written to when one of these classes is deleted."""
    found: set[str] = set()
    waiting = list(classes)
    while waiting:
        for name, column in spec.referring.get(waiting.pop(), ()):
            if column.on_delete is not OnDelete.KEEP and name not in found:
                found.add(name)
                if column.on_delete is OnDelete.CASCADE:
                    waiting.append(name)
    return found


def plan_delete(turn: Turn, resolving: Resolving, target: UUID) -> Steps[Following]:
    """What the delete of a memory does to those that refer to it, or why it is refused. Nothing is done yet."""
    found = Following()
    refusing: dict[UUID, str] = {}
    doomed, waiting = {target}, [target]
    while waiting:
        states = yield from _referring(turn, resolving, waiting)
        if states is None:
            found.refusal = f"more than {MOST_FOLLOWING:,} memories refer to it: delete those first"
            return found
        deleted, waiting = waiting, []
        for state, column, ids in _by_column(turn, resolving, states, deleted):
            why = f"{state.class_name}.{column.name} of memory {state.id} refers to memory {ids[0]}"
            if column.on_delete is OnDelete.REFUSE:
                refusing.setdefault(state.id, f"{why}, and refuses its delete")
            elif (turn.switched & {"*", state.class_name}) and column.on_delete is not OnDelete.KEEP:
                found.refusal = f"{why}, and the kill switch of its class is on"
                return found
            elif column.on_delete is OnDelete.CASCADE and state.id not in doomed:
                doomed.add(state.id)
                waiting.append(state.id)
                found.taken[state.id] = f"{why}, which is deleted, and goes with it (on_delete: cascade)"
            elif column.on_delete is OnDelete.CLEAR:
                found.cleared.setdefault(state.id, {}).setdefault(column.name, set()).update(map(str, ids))
                found.why.setdefault(state.id, f"{why}, which is deleted, so that it is cleared (on_delete: clear)")
    left = [why for memory_id, why in refusing.items() if memory_id not in doomed]
    if left:
        more = f", as do {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        found.refusal = "; ".join(left[:_NAMED]) + more
    elif len(found.taken) + len(found.cleared) > MOST_FOLLOWING:
        found.refusal = f"more than {MOST_FOLLOWING:,} memories would change with it: delete some of those first"
    for memory_id in doomed:
        found.cleared.pop(memory_id, None)
    return found


def _referring(turn: Turn, resolving: Resolving, deleted: Sequence[UUID]) -> Steps[list[MemoryState] | None]:
    """The memories that may refer to deleted ones, stored or made in this turn; None where they are too many."""
    classes = {turn.workspace.memories[memory_id].class_name for memory_id in deleted}
    referring = [each for name in classes for each in turn.version.spec.referring.get(name, ())]
    if all(column.on_delete is OnDelete.KEEP for _, column in referring):
        return []
    unread = [memory_id for memory_id in deleted if not resolving.knows_family(memory_id)]
    if unread:
        resolving.take_families((yield from fetch_rows(resolving.families(unread))))
    gone = [UUID(each) for each, keeper in resolving.keepers.items() if UUID(keeper) in deleted]
    columns = {column.name for _, column in referring}
    acting = {column.name for _, column in referring if column.on_delete is not OnDelete.KEEP}
    rows = yield from fetch_rows(
        REFERENCES["referring"](
            tenant=turn.tenant,
            schema=turn.version.name,
            version=turn.version.version,
            ids=[*deleted, *gone],
            idle=sorted(columns - acting),
            limit=MOST_FOLLOWING + 1,
        )
    )
    if len(rows) > MOST_FOLLOWING:
        return None
    found = {state.id: state for state in map(turn.workspace.take, rows)}
    for memory_id in turn.workspace.changed:
        found.setdefault(memory_id, turn.workspace.memories[memory_id])
    return [state for _, state in sorted(found.items()) if not state.is_deleted]


def _by_column(
    turn: Turn, resolving: Resolving, states: Iterable[MemoryState], deleted: Sequence[UUID]
) -> Iterator[tuple[MemoryState, Column, list[UUID]]]:
    """The references to deleted memories, by the id that each is stored under."""
    of = {str(memory_id) for memory_id in deleted}
    for state in states:
        spec = turn.version.spec.by_name.get(state.class_name)
        for column in spec.references if spec is not None else ():
            ids = [UUID(each) for each in ids_in(state.payload, column) if resolving.keepers.get(each, each) in of]
            if ids:
                yield state, column, ids


def follow_delete(turn: Turn, following: Following) -> Steps[list[Decision]]:
    """Clear and take along what a delete was planned to."""
    yield from turn.hand.know_keys_of([*following.taken, *following.cleared])
    made = []
    for memory_id, why in following.taken.items():
        state = turn.workspace.memories[memory_id]
        item = _item(turn, state, Checked(state.class_name, "delete"), why)
        made.append((yield from turn.carry_out(item, Verdict(Action.DELETE, Basis.IDENTITY, state.id, reasons=(why,)))))
    for memory_id, columns in following.cleared.items():
        state, why = turn.workspace.memories[memory_id], following.why[memory_id]
        item = _item(turn, state, Checked(state.class_name, "delete"), why)
        verdict = Verdict(Action.UPDATE, Basis.IDENTITY, state.id, reasons=(why,))
        made.append(turn.write_down(item, verdict, _clear(turn, state, columns)))
    return made


def _clear(turn: Turn, state: MemoryState, columns: dict[str, set[str]]) -> Outcome:
    before, payload = state.snapshot(), dict(state.payload)
    spec = turn.version.spec.by_name[state.class_name]
    for name, ids in columns.items():
        payload = without(payload, spec.by_name[name], ids)
    originals = {name: said for name, said in state.originals.items() if name not in columns}
    state.revise(payload, originals, turn.version.version, turn.now)
    take_keys(state, turn.workspace, turn.version.annotation_of(state.class_name))
    turn.workspace.touch(state, changed=True)
    return Outcome(state, before, state.snapshot(), wrote_revision=True, changed=tuple(columns))


def fill_in(turn: Turn, resolving: Resolving, item: Item) -> Steps[list[Decision]]:
    """Fill in the references of a proposal that close a circle, now that what they lead to is decided."""
    late = [link for link in item.links if link.is_late]
    if not late or item.memory_id is None or turn.workspace.memories[item.memory_id].is_deleted:
        return []
    state = turn.workspace.memories[item.memory_id]
    for link in late:
        link.is_late = False
    ids: dict[str, dict[str, str | None]] = {}
    problems = []
    for link in late:
        found = resolving.found(link)
        if found is not None:
            ids.setdefault(link.said.column, {})[str(found)] = link.said.text
        else:
            problems.append(f"{link.said.column} was left empty: {link.problem}")
    spec = turn.version.spec.by_name[state.class_name]
    values, originals = dict[str, Any](), dict[str, Any]()
    for name, found_ids in ids.items():
        is_list = spec.by_name[name].dtype.is_list
        texts = list(found_ids.values())
        values[name] = list(found_ids) if is_list else next(iter(found_ids))
        if all(texts):
            originals[name] = texts if is_list else texts[0]
    why = f"{', '.join(values)} refers to what came later in the message, which refers back to it"
    item = _item(turn, state, Checked(state.class_name, "upsert", values, originals, tuple(problems)), why)
    if not values:
        refusal = "; ".join(problems)
        item.checked = Checked(state.class_name, "upsert", refusal=refusal)
        return [turn.write_down(item, Verdict(Action.REJECT, Basis.INVALID, reasons=(refusal,)), Outcome())]
    yield from turn.hand.know_keys_of([state.id])
    return [(yield from turn.carry_out(item, Verdict(Action.UPDATE, Basis.IDENTITY, state.id, reasons=(why,))))]


def _item(turn: Turn, state: MemoryState, checked: Checked, why: str) -> Item:
    """What follows from decisions about others is written down as a proposal that nobody made."""
    said = {"class": checked.class_name, "operation": checked.operation, "values": checked.values, "because": why}
    given = {**storable(said), "evidence": None, "confidence": None}
    spec = turn.version.spec.by_name[state.class_name]
    item = Item(len(turn.items), given, checked, spec=spec, annotation=turn.version.annotation_of(state.class_name))
    turn.items.append(item)
    return item
