"""Undoing as plans: one entry, or the decisions of a bad hour in parts of one act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from memreg.core.steps import Steps
from memreg.operations.acts.act import Actor, begin
from memreg.operations.acts.hands import Hands
from memreg.operations.acts.undo import Blocked, Undoing, Undone
from memreg.operations.acts.undo_read import Selection, select

CHUNK = 200
"""Entries that one transaction undoes: the classes that it writes to wait for it."""


@dataclass(frozen=True, slots=True)
class UndoResult:
    """What undoing came to, or would come to. `act_id`: the message id of the act, by which it can be undone itself.

    `blocked`: what cannot be undone. A dry run tells all of it; otherwise nothing is undone and ActRefused is raised,
    except for decisions of a selection whose values were erased: nothing is left of these, and the rest is undone.
    """

    act_id: str | None
    undone: tuple[Undone, ...]
    blocked: tuple[Blocked, ...] = ()
    dry_run: bool = False

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if not self.undone and not self.blocked:
            return "There is nothing to undo."
        memories = len({each.memory_id for undone in self.undone for each in undone.memories})
        what = f"{_counted(len(self.undone), 'decision')} about {_counted(memories, 'memory', 'memories')}"
        kept = f"; {_counted(len(self.blocked), 'decision')} cannot be" if self.blocked else ""
        return f"{what} {'would be ' if self.dry_run else ''}undone{kept}."

    def __add__(self, other: UndoResult) -> UndoResult:
        return replace(self, undone=self.undone + other.undone, blocked=self.blocked + other.blocked)


@dataclass(frozen=True, slots=True)
class Undo:
    """What is to be undone, and how: `cascade` undoes what was built on it, `again` has the proposals decided anew by
    `memreg resolve`. `text` says in a few words what is undone."""

    targets: tuple[UUID, ...]
    text: str
    cascade: bool = False
    again: bool = False
    dry_run: bool = False
    act_id: str | None = None
    first_ordinal: int = 0
    among: frozenset[UUID] = frozenset()


def undo(actor: Actor, wanted: Undo) -> Steps[UndoResult]:
    """Undo entries in one transaction. Raises AuditNotFound, ActRefused, NoUsableVersion, SchemaNotFound."""
    act = yield from begin(actor, "undo")
    if wanted.act_id is not None:
        act = replace(act, id=wanted.act_id)
    hands = Hands(act, wanted.first_ordinal, only_looks=wanted.dry_run)
    allowed = None if wanted.cascade else wanted.among | frozenset(wanted.targets)
    undoing = Undoing(hands, allowed, wanted.again)
    yield from undoing.run(wanted.targets)
    if wanted.dry_run:
        return UndoResult(None, tuple(undoing.undone), tuple(undoing.blocked), dry_run=True)
    undoing.check(wanted.text)
    statements = undoing.statements(f"undo of {wanted.text}")
    if statements:
        yield tuple(statements)
    return UndoResult(act.id if statements else None, tuple(undoing.undone))


def undo_selected(actor: Actor, selection: Selection, wanted: Undo) -> Steps[UndoResult]:
    """What undoing the decisions of a selection comes to, as a dry run. Those that were undone already are left out."""
    targets = yield from select(actor.tenant, actor.schema, selection)
    found = yield from undo(actor, replace(wanted, targets=tuple(targets), dry_run=True))
    blocked = tuple(each for each in found.blocked if not each.reason.startswith("it was undone already"))
    return replace(found, blocked=blocked)


def parts(planned: UndoResult, wanted: Undo) -> Sequence[Undo]:
    """The transactions in which a dry run is carried out: its entries in their order, so that each part can stand."""
    order = [each.undoes for each in planned.undone]
    return [
        replace(wanted, targets=tuple(order[start : start + CHUNK]), first_ordinal=start, among=frozenset(order))
        for start in range(0, len(order), CHUNK)
    ]


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
