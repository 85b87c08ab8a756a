"""Replaying an audit: from what its entries say they did to memories, the memories are built anew. Pure.

Entries may come in any order: what was done to a memory is put in the order of its revisions. A change fits where the
state before it is the state that was reached; a backfill takes memories to another version without an entry, which the
lineage of versions repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from memreg.engine.change import Change, Snapshot, changes_of
from memreg.engine.identity import key_values
from memreg.engine.state import pins_at_newest
from memreg.registry.models import SchemaVersion

State = dict[str, Any]
Versions = Callable[[int], SchemaVersion]
"""Gives a version of the schema by its number."""
PARTS = (
    "payload", "originals", "version", "revision", "is_deleted", "unresolved", "keys", "pinned", "merged_into", "void",
)  # fmt: skip
"""The parts of a state, as `MemoryState.snapshot` names them; the last two are absent where there is nothing."""


@dataclass(slots=True)
class Rebuilt:
    """A memory as its entries tell it. `is_erased`: what it held was taken away for good, in all of its entries; its
    state tells only that it was there."""

    class_name: str
    state: State
    is_erased: bool = False


@dataclass(frozen=True, slots=True)
class Misfit:
    """An entry that does not fit what the entries before it say of a memory."""

    memory_id: UUID
    audit_id: UUID
    reason: str


@dataclass(slots=True)
class _Step:
    audit_id: UUID
    change: Change
    is_erased: bool


@dataclass
class Replay:
    """What the entries that were read so far make of memories.

    `versions`: gives the version of a number, for memories that a backfill took to it between two entries.
    """

    versions: Versions
    memories: dict[UUID, Rebuilt] = field(default_factory=dict)
    misfits: list[Misfit] = field(default_factory=list)
    entries: int = 0
    _waiting: dict[UUID, dict[int, _Step]] = field(default_factory=dict)

    def read(self, row: Mapping[str, Any]) -> None:
        """One entry: its row with `id`, `class`, `memory_id`, `before`, `after`, `details`."""
        self.entries += 1
        for change in changes_of(row):
            after = int(change.before["revision"]) if change.before is not None else 0
            waiting = self._waiting.setdefault(change.memory_id, {})
            # An entry may have lost what it says of another memory than this one.
            step = _Step(row["id"], change, bool(change.after.get("erased")))
            if after in waiting:
                self._misfit(step, f"another entry goes on from revision {after} as well")
                continue
            waiting[after] = step
            self._go_on(change.memory_id)

    def end(self, *, is_cut: bool) -> None:
        """No more entries. What waits for one that did not come starts from the first state known, where the audit is
        cut (`is_cut`: retention removed old entries), and else does not fit."""
        for memory_id, waiting in list(self._waiting.items()):
            while waiting:
                first = min(waiting)
                step = waiting[first]
                known = self.memories.get(memory_id)
                if known is not None or not is_cut:
                    reached = known.state["revision"] if known else 0
                    self._misfit(step, f"it goes on from revision {first}, and the entries before reach {reached}")
                self.memories[memory_id] = Rebuilt(step.change.class_name, dict(step.change.before or {}))
                self._go_on(memory_id)
        self._waiting.clear()

    def _go_on(self, memory_id: UUID) -> None:
        """Apply what waits for the state that was reached."""
        waiting = self._waiting[memory_id]
        while True:
            known = self.memories.get(memory_id)
            step = waiting.pop(int(known.state["revision"]) if known else 0, None)
            if step is None:
                break
            self._apply(step, known)
        if not waiting:
            del self._waiting[memory_id]

    def _apply(self, step: _Step, known: Rebuilt | None) -> None:
        change = step.change
        if known is not None and change.before is not None and not (step.is_erased or known.is_erased):
            state, said = known.state, change.before
            moved = said["version"] > state["version"]
            if moved:
                _, state = self.converted(known.class_name, state, said["version"])
            # Which keys a backfill left it is not told by the audit: they are those of the next entry.
            parts = differing(state, said, PARTS if not moved else [part for part in PARTS if part != "keys"])
            if parts:
                self._misfit(step, f"it says of the state before another {', '.join(parts)} than the entries before")
        self.memories[change.memory_id] = Rebuilt(change.class_name, dict(change.after), step.is_erased)

    def converted(self, class_name: str, state: State, number: int) -> tuple[str, State]:
        """A state in the form of a later version, with its class there and the keys that its values complete."""
        version = self.versions(number)
        if version.lineage is None:
            return class_name, state
        read = version.lineage.upcast(class_name, state["version"], state["payload"], state["originals"])
        name = read.class_name or class_name
        keys = [] if state["unresolved"] else key_values(read.payload, version.annotation_of(name))
        held = [
            {"key": each.key.held_as, "digest": each.digest.hex(), "strong": each.key.strength == "strong"}
            for each in keys
        ]
        pinned = pins_at_newest(version.lineage, class_name, state["version"], state.get("pinned") or {})
        form = {"payload": read.payload, "originals": read.originals, "pinned": pinned, "version": number}
        return name, state | form | {"keys": sorted(held, key=_key_order)}

    def _misfit(self, step: _Step, reason: str) -> None:
        self.misfits.append(Misfit(step.change.memory_id, step.audit_id, reason))


def differing(one: Mapping[str, Any], other: Snapshot, parts: Iterable[str] = PARTS) -> list[str]:
    """The parts in which two states differ."""
    return [part for part in parts if (one.get(part) or None) != (other.get(part) or None)]


def _key_order(key: Mapping[str, Any]) -> tuple[str, str]:
    return key["key"], key["digest"]
