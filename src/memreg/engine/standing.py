"""Which entries of a memory still stand: those that were undone, and their undos, cancel out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID


def standing_on(raw: Sequence[UUID], target: UUID, undoes: Mapping[UUID, UUID | None]) -> tuple[UUID, ...]:
    """Of the entries of a memory in order, `raw`, those after `target` that still stand, oldest first. `raw` must hold
    `target`."""
    return standing(raw[raw.index(target) + 1 :], undoes)


def standing(raw: Sequence[UUID], undoes: Mapping[UUID, UUID | None]) -> tuple[UUID, ...]:
    """Of entries of a memory in order, those that still stand, oldest first.

    An entry that was undone and its undo cancel out, since an undo is always of what stood last; the undo of an undo
    lets the entry stand again.
    """
    found: list[UUID] = []
    cancelled: dict[UUID, UUID] = {}
    brought_back: dict[UUID, UUID] = {}
    for entry in raw:
        undone = undoes.get(entry)
        undone = brought_back.get(undone, undone) if undone is not None else None
        if undone is not None and found and found[-1] == undone:
            cancelled[entry] = found.pop()
        elif undone in cancelled:
            brought_back[entry] = cancelled[undone]
            found.append(cancelled[undone])
        else:
            found.append(entry)
    return tuple(found)
