"""What turns that are decided together have in hand: what was read of the database for them, and reading it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.queries import Statement
from memreg.core.steps import Row, Rows, Steps, fetch_rows
from memreg.engine.cache import Cache
from memreg.engine.candidates import CANDIDATES, LIKELY, POSTINGS, SHORTLIST, asked_by, memory_keys
from memreg.engine.identity import Hit
from memreg.engine.item import Item
from memreg.engine.state import KEPT_PAYLOADS, HeldKey, MemoryState
from memreg.engine.statistics import Statistics
from memreg.engine.store import SQL
from memreg.engine.workspace import MOST_HOLDERS, KeyPlace, Workspace
from memreg.registry import versions
from memreg.registry.models import SchemaVersion

_NONE: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Stand:
    """How things stood when a turn was read: the row of the version's head, the classes whose switch was on, the rows
    of the messages that are kept, by id, and of each class its newest snapshot and its count of writes."""

    heads: Rows
    switched: frozenset[str]
    messages: Mapping[str, Row]
    classes: Mapping[str, tuple[int | None, int]]

    def is_of(self, version: SchemaVersion) -> bool:
        """Whether this version, as it is annotated, was the one in use."""
        head = versions.head_from(self.heads)
        return head is not None and (head.version, head.annotation, head.status) == (
            version.version,
            version.annotation,
            version.status,
        )

    @classmethod
    def of(cls, row: Row) -> Stand:
        """From the row of the query `stand`."""
        head = {name: row[name] for name in ("version", "status", "annotation")}
        return cls(
            [head] if head["version"] is not None else [],
            frozenset(row["switched"]),
            {each["id"]: each for each in row["messages"]},
            {name: (snapshot, change) for name, snapshot, change in row["classes"]},
        )


@dataclass
class Hand:
    """The memories in hand, in the form of `version`, and what is known about them.

    `changes`: each class's count of writes when it was read; `keys_before`: the keys that memories held then;
    `written`: how often the turns wrote to memories that they made (True) or found (False), by class, and `nth`: which
    of these was the last one to a memory.
    """

    tenant: str
    version: SchemaVersion
    cache: Cache
    workspace: Workspace = field(default_factory=Workspace)
    statistics: dict[str, Statistics] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    keys_before: dict[UUID, set[HeldKey]] = field(default_factory=dict)
    written: Counter[tuple[str, bool]] = field(default_factory=Counter)
    nth: dict[UUID, int] = field(default_factory=dict)
    at: Stand | None = None

    def __post_init__(self) -> None:
        self.workspace.lineage = self.version.lineage

    # Statements

    def stand(self, classes: Sequence[str], messages: Sequence[str]) -> Statement:
        """Reads how things stand."""
        return SQL["stand"](
            tenant=self.tenant, schema=self.version.name, classes=list(classes), messages=list(messages)
        )

    def holders(self, places: Sequence[KeyPlace]) -> Statement:
        """Finds who holds keys."""
        return SQL["key_holders"](
            tenant=self.tenant,
            schema=self.version.name,
            version=self.version.version,
            classes=[place[0] for place in places],
            names=[place[1] for place in places],
            digests=[place[2] for place in places],
            limit=MOST_HOLDERS,
        )

    def candidates(self, items: Sequence[Item]) -> Statement:
        """Finds what proposals resemble."""
        return SQL["candidates"](
            tenant=self.tenant,
            schema=self.version.name,
            version=self.version.version,
            asked=Jsonb([asked_by(nth, item.probes) for nth, item in enumerate(items)]),
            postings=POSTINGS,
            shortlist=SHORTLIST,
            likely=LIKELY,
            limit=CANDIDATES,
        )

    def changed_since(self, class_name: str) -> Statement:
        """Reads what was written to a class since it was read."""
        return SQL["changed_since"](
            tenant=self.tenant,
            schema=self.version.name,
            class_name=class_name,
            version=self.version.version,
            change=self.changes[class_name],
        )

    # What was read

    def take_stand(self, stand: Stand) -> Steps[None]:
        """Take in how things stand, with the statistics that were the newest then."""
        self.at = stand
        for name, (snapshot, change) in stand.classes.items():
            self.changes[name] = change
            self.statistics[name] = yield from self.cache.snapshot(self.tenant, self.version.name, name, snapshot)

    def take(self, row: Row) -> MemoryState:
        """Take in a memory, with the keys that it holds where the row tells them; one that the turns changed stays as
        they left it."""
        before = self.workspace.memories.get(row["id"])
        state = self.workspace.take(row)
        if state.id not in self.workspace.changed:
            if row.get("held_keys") is not None:
                self._take_keys(state.id, row["held_keys"])
                if row.get("candidate_keys") and row["version"] == self.version.version and row["said"] is None:
                    state.indexed = row["revision"], row["candidate_keys"]
            elif state is not before:  # what was known is of before
                self.keys_before.pop(state.id, None)
        return state

    def take_holders(self, places: Sequence[KeyPlace], rows: Rows) -> None:
        """Take in who holds keys; the places are known from then on, held or not."""
        self.workspace.take_key_rows(places, rows, self.take)

    def take_changed(self, class_name: str, rows: Rows) -> None:
        """Take in what was written to a class since it was read."""
        for row in rows:
            self.workspace.index(self.take(row), row["candidate_keys"])
            self.changes[class_name] = max(self.changes[class_name], row["change"])

    def _take_keys(self, memory_id: UUID, keys: Iterable[Sequence[Any]]) -> None:
        # Those of another version, to come or gone, are a backfill's.
        known = self.version.held_keys
        held = {
            HeldKey(key, bytes.fromhex(digest), strong) for name, key, digest, strong in keys if (name, key) in known
        }
        self.keys_before[memory_id] = held
        if memory_id in self.workspace.memories:
            self.workspace.memories[memory_id].keys = set(held)

    # Reading

    def look_up(self, items: Iterable[Item]) -> Steps[None]:
        """Find the candidates of proposals. Who has a hit needs none: no rule that asks for a score is reached."""
        asking = [item for item in items if not item.looked_up and not self.hits(item) and item.probes]
        if asking:
            self.take_candidates(asking, (yield from fetch_rows(self.candidates(asking))))

    def take_candidates(self, items: Sequence[Item], rows: Rows) -> None:
        """Take in what proposals resemble."""
        for row in rows:
            memory_id = self.take(row).id
            for nth in row["nths"]:
                items[nth].found.append(memory_id)
        for item in items:
            item.looked_up = True

    def know_keys_of(self, ids: Iterable[UUID]) -> Steps[None]:
        """Read the keys of memories that were there before the turns, unless they are known."""
        unknown = [m for m in ids if m not in self.keys_before and not self.workspace.memories[m].is_new]
        if not unknown:
            return
        rows = yield from fetch_rows(SQL["keys_of"](tenant=self.tenant, ids=unknown))
        for memory_id in unknown:
            own = [row for row in rows if row["memory_id"] == memory_id]
            self._take_keys(memory_id, ((r["class"], r["key"], bytes(r["digest"]).hex(), r["strong"]) for r in own))

    # What is known

    def hits(self, item: Item) -> tuple[Hit, ...]:
        """The memories that a proposal's keys say it is about."""
        if not item.keys:
            return ()
        return tuple(self.workspace.hits(item.checked.class_name, item.keys, item.annotation, item.names))

    def sharing(self, item: Item) -> list[UUID]:
        """The memories that were changed since a proposal was looked up, and that it resembles."""
        name = item.checked.class_name
        return self.workspace.sharing(name, item.probes, self.keys_of, CANDIDATES, item.mark)

    def keys_of(self, state: MemoryState) -> tuple[int, ...]:
        """The keys that a memory is a candidate by, of its current and recent revisions."""
        spec, annotation = self.version.spec.by_name[state.class_name], self.version.annotation_of(state.class_name)
        records, known = state.records(spec, annotation), _NONE
        if state.indexed is not None and state.revision <= 1 + KEPT_PAYLOADS and not state.void:
            # None of what it was found by is too long ago: only what it says since has to be looked at.
            then, known = state.indexed
            records = records[: state.revision - then]
        return memory_keys(records, self.version.name, state.class_name, known)

    def turn_ends(self) -> None:
        """Count what a turn wrote: a memory that it changed, however often, was written to once."""
        for memory_id in self.workspace.end_turn():
            state = self.workspace.memories[memory_id]
            self.written[state.class_name, state.is_new] += 1
            self.nth[memory_id] = self.written[state.class_name, state.is_new]

    def written_out(self) -> None:
        """All that the turns decided so far is in the database now."""
        for name in self.changes:
            self.changes[name] = self.change_of(name)
        for memory_id in self.workspace.changed:
            self.keys_before[memory_id] = set(self.workspace.memories[memory_id].keys)
        self.workspace.written()
        self.written.clear()
        self.nth.clear()

    def change_of(self, class_name: str) -> int:
        """A class's count of writes after the turns."""
        return self.changes.get(class_name, 0) + self.written[class_name, True] + self.written[class_name, False]
