"""What erasing came to: what was removed, and where the values are still, in other memories' own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StillSaid:
    """A place where something that the erased memories said is still: the data of another memory (`id`), the id of a
    message, the class or the actor that an audit entry names, or an example in a schema (`id`: its name and version).

    `whole`: the column has just that value, as another person may have the same name; otherwise its text quotes it.
    """

    where: Literal["memory", "message", "audit", "schema"]
    id: str
    class_name: str | None = None
    column: str | None = None
    whole: bool = False

    @property
    def sentence(self) -> str:
        """The place in words, without the value."""
        if self.where == "message":
            return f"the id of message {self.id} quotes it; ids are part of the audit's chain and stay"
        if self.where == "audit":
            return f"audit entry {self.id} names it as its class or as who acted; the chain keeps these"
        if self.where == "schema":
            return f"{self.id} quotes it, as an example or a description"
        how = "has the same value in" if self.whole else "quotes it in"
        return f"memory {self.id} {how} {self.class_name}.{self.column}"


@dataclass(frozen=True, slots=True)
class Removed:
    """How much was taken away, or would be. `memories`: the one that was meant and those merged into it; `revisions`
    theirs; `entries`: audit entries that lost values; `messages`: those that lost their text, `dropped` of them before
    anybody decided them; `reviews`: questions that lost their reason; `keys`: identity keys, candidate keys, references
    and what backfills noted; `tokens`: words taken out of the statistics; `notes`: reasons that people had given;
    `others`: other memories that lost something of their own, where that was asked for."""

    memories: int = 0
    revisions: int = 0
    entries: int = 0
    messages: int = 0
    dropped: int = 0
    reviews: int = 0
    keys: int = 0
    tokens: int = 0
    notes: int = 0
    others: int = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """The figures by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Erased:
    """What `erase` did, or (`dry_run`) would do. `memories`: the one that was meant first, then those merged into it.

    `audit_id`: the entry; None where it is a dry run. `already`: it was erased before (by that entry), and nothing was
    done. `still_said`: the first 100 places where the values are still, of `still_said_in` in all. `referring`: how
    many memories refer to it, which keep the ids of what is no more.
    """

    memory_id: UUID
    memories: tuple[UUID, ...]
    audit_id: UUID | None
    removed: Removed = field(default_factory=Removed)
    still_said: tuple[StillSaid, ...] = ()
    still_said_in: int = 0
    referring: int = 0
    already: bool = False
    dry_run: bool = False

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if self.already:
            return f"Memory {self.memory_id} was erased before."
        more = len(self.memories) - 1
        what = f"Memory {self.memory_id}" + (f" and {more} merged into it" if more else "")
        removed = self.removed
        told = [
            _count(removed.revisions, "revision"),
            _count(removed.entries, "audit entry", "audit entries"),
            _count(removed.messages, "message"),
            _count(removed.reviews, "question"),
        ]
        verb = "would be" if self.dry_run else "are" if more else "is"
        return f"{what} {verb} erased for good, in {', '.join(told)}."


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"
