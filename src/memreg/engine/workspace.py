"""What a turn knows: memories read from the database and changed since, found again by identity key and by
candidate key. No I/O."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from memreg.engine.alignment import names_agree
from memreg.engine.candidates import summed_worth
from memreg.engine.identity import Hit, KeyValue
from memreg.engine.state import HeldKey, MemoryState
from memreg.registry.lineage import Lineage
from memreg.registry.models import ClassAnnotation

KeyPlace = tuple[str, str, bytes]
KeysOf = Callable[[MemoryState], Iterable[int]]
"""The keys that a memory is a candidate by."""
MOST_HOLDERS = 50
"""The memories read for one key. A shared key that so many live memories hold identifies none of them."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A proposal decided earlier in the turn: the memory it was about, and the turn's count of touches right after."""

    memory_id: UUID | None
    touches: int


@dataclass
class Workspace:
    """The memories in hand, in the form of the version that `lineage` leads to. `touched` ones are candidates of later
    proposals without another look at the database."""

    lineage: Lineage | None = None
    memories: dict[UUID, MemoryState] = field(default_factory=dict)
    revisions: dict[UUID, int] = field(default_factory=dict)
    """The revisions that are in the database, as far as is known."""
    holders: dict[KeyPlace, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    released: dict[KeyPlace, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    known_keys: set[KeyPlace] = field(default_factory=set)
    crowded: set[KeyPlace] = field(default_factory=set)
    changed: dict[UUID, None] = field(default_factory=dict)
    seen: dict[UUID, None] = field(default_factory=dict)
    _by_key: dict[int, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _to_index: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _touches: int = 0
    last_loss: int = -1
    """The touch by which a memory was a candidate no more."""
    _last_touch: dict[UUID, int] = field(default_factory=dict)
    _last_change: dict[UUID, int] = field(default_factory=dict)
    _decided: dict[str, Repeat] = field(default_factory=dict)
    _changed_now: dict[UUID, None] = field(default_factory=dict)

    def take(self, row: Mapping[str, Any]) -> MemoryState:
        """Take a memory in from a row, unless a newer state of it is in hand."""
        held = self.memories.get(row["id"])
        if held is None or held.revision < row["revision"]:
            held = MemoryState.from_row(row, self.lineage)
            self.memories[held.id] = held
            self.revisions[held.id] = held.revision
        return held

    def take_key_rows(
        self, places: Iterable[KeyPlace], rows: Iterable[dict[str, Any]], take: Callable[[dict[str, Any]], MemoryState]
    ) -> None:
        """Take in who holds the keys; the places asked for are known from then on, held or not. `take`: takes in the
        memory of a row."""
        wanted = list(places)
        for place in wanted:
            for known in (self.holders, self.released):
                if place in known:
                    known[place].clear()
        self.known_keys.update(wanted)
        for row in rows:
            state = take(row)
            place = (state.class_name, row["key"], bytes(row["digest"]))
            (self.released if row["released"] else self.holders)[place].add(state.id)
        self.crowded.difference_update(wanted)
        self.crowded.update([place for place in wanted if len(self.holders.get(place, ())) >= MOST_HOLDERS])

    def hits(
        self, class_name: str, keys: Iterable[KeyValue], annotation: ClassAnnotation, names: frozenset[str]
    ) -> list[Hit]:
        """The keys that answer with exactly one live memory; a shared key asks for an equal name token too,
        and for no word of either name that stands against the other.

        A shared key of more memories than were read answers with none: another of the same name may be among the rest.
        """
        found = []
        for held in keys:
            place = (class_name, held.key.held_as, held.digest)
            answers = self.live_holders(place)
            if not answers:
                continue
            if held.key.strength == "shared":
                if place in self.crowded:
                    continue
                answers = [m for m in answers if names_agree(names, self.memories[m].name_tokens(annotation))]
            if len(answers) == 1:
                found.append(Hit(held.key, answers[0]))
        return found

    def released_by(self, class_name: str, keys: Iterable[KeyValue]) -> tuple[UUID, ...]:
        """Deleted memories that held one of the keys, where no live memory holds it."""
        found: dict[UUID, None] = {}
        for held in keys:
            place = (class_name, held.key.held_as, held.digest)
            if not self.live_holders(place):
                deleted = (m for m in self.released.get(place, ()) if self.memories[m].is_deleted)
                found.update(dict.fromkeys(sorted(deleted)))
        return tuple(found)

    def holder_of(self, place: KeyPlace, other_than: UUID) -> UUID | None:
        """The live memory that holds a key, if it is another one."""
        return next((m for m in self.live_holders(place) if m != other_than), None)

    def live_holders(self, place: KeyPlace) -> list[UUID]:
        """The live memories that hold a key, by id."""
        holders = self.holders.get(place)
        if not holders:
            return []
        live = [m for m in holders if self.memories[m].is_live]
        return sorted(live) if len(live) > 1 else live

    def sharing(
        self, class_name: str, probes: Mapping[int, float], keys_of: KeysOf, limit: int, mark: int = -1
    ) -> list[UUID]:
        """The live ones among the memories of a class that were changed after `mark` and are kept under one of the
        keys: the `limit` best, by the rule that the database has for the others."""
        for memory_id in self._to_index.pop(class_name, ()):
            for key in keys_of(self.memories[memory_id]):
                self._by_key[key].add(memory_id)
        changed = self._last_change
        posted = {
            key: [m for m in self._by_key[key] if changed.get(m, 0) > mark and self.memories[m].is_live]
            for key in probes
            if key in self._by_key
        }
        found = summed_worth(posted, probes)
        return heapq.nsmallest(limit, found, key=lambda memory_id: (-found[memory_id], -memory_id.int))

    def index(self, state: MemoryState, keys: Iterable[int] | None = None) -> None:
        """Let later proposals of the turn find a memory by the keys that it is stored under; without them, by those of
        its content, made when somebody asks."""
        if keys is None:
            self._to_index[state.class_name].add(state.id)
        else:
            for key in keys:
                self._by_key[key].add(state.id)

    def touch(self, state: MemoryState, *, changed: bool) -> None:
        """A decision was about this memory; `changed`: it has another state than before."""
        self._touches += 1
        self._last_touch[state.id] = self._touches
        self.memories[state.id] = state
        if changed:
            self.changed[state.id] = None
            self._changed_now[state.id] = None
            self._last_change[state.id] = self._touches
            if not state.is_live:
                self.last_loss = self._touches
            self.index(state)
        else:
            self.seen[state.id] = None

    @property
    def touches(self) -> int:
        """How often a decision was about a memory."""
        return self._touches

    def written(self) -> None:
        """All that was changed is in the database now."""
        for memory_id in self.changed:
            self.memories[memory_id].is_new = False
            self.revisions[memory_id] = self.memories[memory_id].revision
            self.memories[memory_id].let_go.clear()
        self.changed.clear()
        self.seen.clear()

    def end_turn(self) -> list[UUID]:
        """The next turn begins, to which nothing is a repeat; gives the memories that this one changed."""
        changed = list(self._changed_now)
        self._changed_now.clear()
        self._decided.clear()
        return changed

    def hold(self, state: MemoryState, key: HeldKey) -> None:
        """A memory holds a key from now on."""
        state.keys.add(key)
        state.let_go.discard(key)
        self.holders[state.class_name, key.key, key.digest].add(state.id)

    def release(self, state: MemoryState, key: HeldKey) -> None:
        """A memory holds a key no longer."""
        state.keys.discard(key)
        state.let_go.add(key)
        place = (state.class_name, key.key, key.digest)
        self.holders[place].discard(state.id)
        self.released[place].add(state.id)

    def remember(self, fingerprint: str, memory_id: UUID | None) -> None:
        """A proposal was decided in this turn."""
        self._decided[fingerprint] = Repeat(memory_id, self._touches)

    def repeat_of(self, fingerprint: str, keys: Iterable[KeyPlace], like: Iterable[UUID]) -> Repeat | None:
        """The same proposal decided earlier in the turn, if nothing else was decided about the object since: about the
        memory that it was about, about one that holds or held its keys, or, where it was about none, one `like` it."""
        repeat = self._decided.get(fingerprint)
        if repeat is None:
            return None
        about = {m for place in keys for known in (self.holders, self.released) for m in known.get(place, ())}
        about.update(like if repeat.memory_id is None else [repeat.memory_id])
        return None if any(self._last_touch.get(m, 0) > repeat.touches for m in about) else repeat
