"""What an act came to: the memories that it changed, in words and as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from memreg.core.errors import ActRefused
from memreg.core.queries import Queries
from memreg.engine.state import MemoryState
from memreg.operations.acts.act import Act
from memreg.operations.acts.winners import Winner

SQL = Queries.load("memreg.operations.acts", "verbs.sql")


@dataclass(frozen=True, slots=True)
class Affected:
    """A memory that an act changed: its values before (None: there was no such memory, or it was deleted) and after
    (None: it is deleted)."""

    memory_id: UUID
    class_name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def changed(self) -> tuple[str, ...]:
        """The columns that have another value."""
        before, after = self.before or {}, self.after or {}
        return tuple(name for name in {**before, **after} if before.get(name) != after.get(name))


@dataclass(frozen=True, slots=True)
class ActResult:
    """What a merge, split, correction, forget or restore came to, or (`dry_run`) would come to.

    `audit_id` is its entry, which `undo` takes back; None in a dry run. `memory_id` is the memory that it was about,
    `memories` every one that it changed, that one first. `made`: the memory that a split made (in a dry run its id is
    not kept). `winners`: whose value each column of a merge has. `notes`: what else there is to know.
    """

    verb: str
    memory_id: UUID
    audit_id: UUID | None
    sentence: str
    memories: tuple[Affected, ...] = ()
    made: UUID | None = None
    winners: tuple[Winner, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False


class Seen:
    """The values of memories before an act, to tell what became of them."""

    def __init__(self, states: Iterable[MemoryState]) -> None:
        self._before = {state.id: values_of(state) for state in states}

    def affected(self, *states: MemoryState) -> tuple[Affected, ...]:
        """What became of memories."""
        return tuple(Affected(s.id, s.class_name, self._before.get(s.id), values_of(s)) for s in states)


def values_of(state: MemoryState) -> dict[str, Any] | None:
    """The values of a memory, None where it is deleted."""
    return None if state.is_deleted else dict(state.payload)


def refuse(act: Act, memory_id: UUID, reason: str, blockers: Iterable[Any] = ()) -> ActRefused:
    """The refusal of an act on a memory."""
    return ActRefused(verb=act.verb, what=f"memory {memory_id}", reason=reason, blockers=tuple(blockers))


def need_live(act: Act, state: MemoryState, *, unresolved: bool = False) -> None:
    """Raises ActRefused where a memory is deleted, or unresolved (unless these are meant too)."""
    if state.merged_into is not None:
        raise refuse(act, state.id, f"it went into memory {state.merged_into}, so do it to that one")
    if state.is_deleted:
        raise refuse(act, state.id, f"it is deleted; bring it back first with memreg restore {state.id}")
    if state.unresolved and not unresolved:
        raise refuse(act, state.id, "it is unresolved; let memreg resolve decide it first")
