"""Holding the memories that a replay built against those that are stored. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from memreg.engine.references import reference_rows
from memreg.operations.audit.replay import PARTS, Rebuilt, Replay, State, differing


@dataclass(frozen=True, slots=True)
class Difference:
    """A memory that is not stored as the audit tells it. `parts`: what of it; `class`, `references`, `memory` (one that
    is stored and no entry tells of) and `row` (one that entries tell of and is not stored) among them."""

    memory_id: UUID
    parts: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """It in one sentence, without values."""
        if self.parts == ("row",):
            return f"the memory {self.memory_id} is gone, and the audit tells of it"
        if self.parts == ("memory",):
            return f"the memory {self.memory_id} is there, and no entry of the audit tells of it"
        return f"the memory {self.memory_id} has another {', '.join(self.parts)} than the audit tells"


@dataclass
class Comparison:
    """Memories compared so far. `tombstones`: erased ones; `older`: those whose
    entries retention removed."""

    replay: Replay
    is_cut: bool
    compared: int = 0
    tombstones: int = 0
    older: int = 0
    differences: list[Difference] = field(default_factory=list)
    _seen: set[UUID] = field(default_factory=set)

    def take(self, row: Mapping[str, Any]) -> None:
        """One stored memory, as `replayed_memories` gives it."""
        memory_id: UUID = row["id"]
        known = self.replay.memories.get(memory_id)
        self._seen.add(memory_id)
        if known is None:
            if self.is_cut:
                self.older += 1
            else:
                self.differences.append(Difference(memory_id, ("memory",)))
            return
        self.compared += 1
        parts = self._parts(known, row)
        if parts:
            self.differences.append(Difference(memory_id, tuple(parts)))

    def end(self) -> None:
        """No more memories: those that only the audit knows are missing."""
        missing = [memory_id for memory_id in self.replay.memories if memory_id not in self._seen]
        self.differences += [Difference(memory_id, ("row",)) for memory_id in missing]

    def _parts(self, known: Rebuilt, row: Mapping[str, Any]) -> list[str]:
        stored: State = {part: row[part] for part in PARTS}
        stored["merged_into"] = str(row["merged_into"]) if row["merged_into"] else None
        if (row["erased_at"] is not None) != known.is_erased:
            return ["erasing"]
        if known.is_erased:
            self.tombstones += 1
            return differing(known.state, stored) + (["references"] if row["refers"] else [])
        name, state = known.class_name, known.state
        if stored["version"] > state["version"]:
            name, state = self.replay.converted(name, state, stored["version"])
            parts = differing(state, stored, [part for part in PARTS if part != "keys"])
            parts += _keys_after_backfill(known.state, state, stored)
        else:
            parts = differing(state, stored)
        if name != row["class"]:
            parts.append("class")
        if self._refers(name, state) != {(column, target) for column, target in row["refers"]}:
            parts.append("references")
        return parts

    def _refers(self, class_name: str, state: State) -> set[tuple[str, str]]:
        """What a memory of this state refers to, by column."""
        spec = self.replay.versions(state["version"]).spec.by_name.get(class_name)
        if spec is None or state["is_deleted"]:
            return set()
        return {(each["column"], each["target_id"]) for each in reference_rows(UUID(int=0), state["payload"], spec)}


def _keys_after_backfill(before: State, now: State, stored: State) -> list[str]:
    """A memory that a backfill took along holds keys that its values complete, or held one of before; none is foreign.

    Which of them it holds where another memory has the same, the backfill decided by its policy.
    """
    known = {(key["key"], key["digest"]) for state in (before, now) for key in state["keys"]}
    foreign = [key for key in stored["keys"] if (key["key"], key["digest"]) not in known]
    return ["keys"] if foreign else []
