"""What was held back while a class was create-only, read back as the turns that it would have been."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from memreg.core.steps import Row, Rows
from memreg.engine.model import Extraction, Proposal
from memreg.registry.coerce import is_id

EXTRACTOR = "resolve"


@dataclass(frozen=True, slots=True)
class Held:
    """One proposal that was held back: its audit entry, and the unresolved memory that stands for it, if one does."""

    audit_id: UUID
    proposal: Proposal
    memory: Row | None

    @property
    def memory_id(self) -> UUID | None:
        """The unresolved memory."""
        return self.memory["id"] if self.memory else None


@dataclass(frozen=True, slots=True)
class HeldTurn:
    """What a message said about a class, in order, under a version. It is decided again as one turn, under an id of its
    own. `order_id`: the entry that stands for its place among the others."""

    first_id: UUID
    order_id: UUID
    class_name: str
    message_id: str
    version: int
    held: tuple[Held, ...]

    @property
    def resolution_id(self) -> str:
        """The id under which it is decided again, once."""
        return f"resolve:{self.first_id}"

    @property
    def text(self) -> str:
        """What stands for it among the messages."""
        return f"what message {self.message_id} said about {self.class_name}, held back or undone, decided again"

    @property
    def extraction(self) -> Extraction:
        """Its proposals, as an extractor gives them. What they refer to has its own entry, and is not made again."""
        proposals = tuple(each.proposal for each in self.held)
        return Extraction(proposals, EXTRACTOR, version=self.version, ids=True, makes=False)

    @property
    def unresolved(self) -> dict[int, Row]:
        """The rows of its unresolved memories, by the ordinal of the proposal."""
        return {ordinal: each.memory for ordinal, each in enumerate(self.held) if each.memory is not None}


def referred_again(rows: Rows) -> set[UUID]:
    """The memories that undone proposals were found to refer to: some of them may have been undone as well."""
    return {
        UUID(each)
        for row in rows
        if row["again"]
        for value in (row["decided_values"] or {}).values()
        if _are_ids(value)
        for each in (value if isinstance(value, list) else [value])
    }


def turns_from(rows: Rows, gone: Collection[UUID] = ()) -> list[HeldTurn]:
    """The turns of the rows of `held_back`. A memory that was settled otherwise since is left out. What refers to one
    of the memories that are `gone` is looked up again, as it was said."""
    lost = {str(each) for each in gone}
    found = []
    for (first_id, order_id), group in groupby(rows, key=lambda row: (row["first_id"], row["order_id"])):
        members = list(group)
        held = tuple(_held(row, lost) for row in members if row["stood_as"] is None or row["id"] is not None)
        first = members[0]
        found.append(HeldTurn(first_id, order_id, first["said_class"], first["message_id"], first["said_under"], held))
    return found


def _held(row: Row, lost: Set[str]) -> Held:
    decided = {
        name: value
        for name, value in (row["decided_values"] or {}).items()
        if _are_ids(value) and lost.isdisjoint(value if isinstance(value, list) else [value])
    }
    proposal = _proposal(row["said_class"], row["proposal"], decided)
    return Held(row["audit_id"], proposal, row if row["id"] is not None else None)


def _proposal(class_name: str, given: Mapping[str, Any], decided: Mapping[str, Any]) -> Proposal:
    """The proposal as the audit kept it. What it refers to is what that was found to be; an id that was not found, or
    that it had no right to name, is left out."""
    values = given["values"]
    if isinstance(values, Mapping):
        values = {
            name: decided.get(name, value) for name, value in values.items() if name in decided or not _are_ids(value)
        }
    return Proposal(class_name, values, given["operation"], given.get("evidence"), given.get("confidence"))


def _are_ids(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, str) and is_id(item) for item in items)
