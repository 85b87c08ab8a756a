"""What an act has in hand: memories under the locks of their classes, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from memreg.core.errors import ActRefused, MemoryNotFound
from memreg.core.queries import Statement
from memreg.core.steps import Rows, Steps, fetch, fetch_rows
from memreg.core.tracing import step, whole
from memreg.engine.candidates import memory_keys
from memreg.engine.change import Change, Snapshot
from memreg.engine.model import Action, Payload
from memreg.engine.state import HeldKey, MemoryState
from memreg.engine.store import SQL as ENGINE_SQL
from memreg.engine.store import Writes, lock_classes, search_vector
from memreg.operations.acts.act import SQL, Act
from memreg.operations.acts.entry import ActEntry

KeyPlace = tuple[str, HeldKey]
"""A key of a class."""


class Hands:
    """Memories in hand. `take` them, change their states, `record` each step as an entry, then `write` everything.

    Each of `MemoryState.revise`, `mark` and `become` makes one revision; `record` writes down what changed since the
    entry before.
    """

    def __init__(self, act: Act, first_ordinal: int = 0, *, only_looks: bool = False) -> None:
        self.act = act
        self._first_ordinal = first_ordinal
        self._only_looks = only_looks  # nothing will be written, so nobody has to wait
        self.states: dict[UUID, MemoryState] = {}
        self.entries: list[ActEntry] = []
        self._taken: dict[UUID, tuple[set[HeldKey], UUID | None]] = {}
        self._before: dict[UUID, Snapshot | None] = {}
        self._changes: dict[str, int] = {}
        self._locked: set[str] = set()
        self._holders: dict[KeyPlace, UUID | None] = {}
        self._writes = Writes(act.tenant, act.schema, act.now)

    def take(self, ids: Iterable[UUID]) -> Steps[dict[UUID, MemoryState]]:
        """Lock the classes of memories and read these, deleted ones too, in the form of the version in use.

        Where memories may refer to others, every class is locked, so that two acts never wait for each other.
        Raises MemoryNotFound, and ActRefused for one that was erased or whose class the version has no more.
        """
        wanted = [each for each in dict.fromkeys(ids) if each not in self.states]
        if wanted:
            with step("take", memories=len(wanted)):
                yield from self._read(wanted)
        return {each: self.states[each] for each in dict.fromkeys(ids)}

    def _read(self, wanted: Sequence[UUID]) -> Steps[None]:
        act, version = self.act, self.act.version
        asked = {"tenant": act.tenant, "schema": act.schema, "ids": wanted}
        rows = yield from fetch_rows(SQL["classes_of"](**asked))
        yield from self._lock(rows)
        held = () if self._only_looks else (ENGINE_SQL["hold_memories"](tenant=act.tenant, ids=wanted),)
        *_, rows, keys, changes = yield from fetch(
            *held,
            SQL["memories_of"](**asked, version=version.version),
            ENGINE_SQL["keys_of"](tenant=act.tenant, ids=wanted),
            SQL["newest_changes"](tenant=act.tenant, schema=act.schema, classes=sorted(self._locked)),
        )
        self._take(wanted, rows, keys)
        for row in changes:
            self._changes.setdefault(row["class"], row["change"] or 0)

    def _lock(self, rows: Rows) -> Steps[None]:
        version = self.act.version
        names = set(version.spec.by_name) if version.spec.referring else {self._class_now(row) for row in rows}
        names &= version.spec.by_name.keys()
        if fresh := names - self._locked:
            if not self._only_looks:
                yield from fetch(*lock_classes(self.act.tenant, self.act.schema, fresh))
            self._locked |= fresh

    def _class_now(self, row: Mapping[str, Any]) -> str:
        lineage = self.act.version.lineage
        name: str = row["class"]
        return (lineage.class_now(name, row["version"]) or "") if lineage is not None else name

    def _take(self, wanted: Sequence[UUID], rows: Rows, keys: Rows) -> None:
        version = self.act.version
        found = {row["id"]: row for row in rows}
        for memory_id in wanted:
            row = found.get(memory_id)
            if row is None:
                raise MemoryNotFound(memory_id=memory_id, tenant=self.act.tenant)
            if row["erased_at"] is not None:
                self._refuse(memory_id, f"its values were erased for good on {row['erased_at']:%Y-%m-%d}")
            state = MemoryState.from_row(row, version.lineage)
            if state.class_name not in version.spec.by_name:
                self._refuse(memory_id, f"its class {row['class']} is none of {version} any more")
            self.states[memory_id] = state
        for row in keys:
            # Those of another version, to come or gone, are a backfill's.
            if (row["class"], row["key"]) in version.held_keys:
                self.states[row["memory_id"]].keys.add(HeldKey(row["key"], bytes(row["digest"]), row["strong"]))
        for memory_id in wanted:
            state = self.states[memory_id]
            self._taken[memory_id] = set(state.keys), state.merged_into
            self._before[memory_id] = state.snapshot()

    def _refuse(self, memory_id: UUID, reason: str) -> None:
        raise ActRefused(verb=self.act.verb, what=f"memory {memory_id}", reason=reason)

    def new(self, class_name: str, payload: Payload, originals: Mapping[str, Any]) -> MemoryState:
        """A memory that the act makes, of a class that one in hand has."""
        state = MemoryState(
            id=self.act.new_id(),
            class_name=class_name,
            version=self.act.version.version,
            payload=payload,
            originals=dict(originals),
            is_deleted=False,
            unresolved=False,
            revision=1,
            change=0,
            created_at=self.act.now,
            updated_at=self.act.now,
            last_seen_at=self.act.now,
            is_new=True,
        )
        self.states[state.id] = state
        self._taken[state.id] = set(), None
        self._before[state.id] = None
        return state

    def rivals(self, places: Iterable[KeyPlace]) -> Steps[dict[KeyPlace, UUID]]:
        """Live memories that hold one of some strong keys, as things stand in hand."""
        wanted = [(class_name, key) for class_name, key in places if key.strong]
        yield from self.look_up(wanted)
        found = {}
        for class_name, key in wanted:
            holder = self._holders[class_name, key]
            if holder in self.states and key not in self.states[holder].keys:
                holder = None
            in_hand = (s.id for s in self.states.values() if s.class_name == class_name and key in s.keys)
            holder = next(in_hand, holder)
            if holder is not None:
                found[class_name, key] = holder
        return found

    def look_up(self, places: Iterable[KeyPlace]) -> Steps[None]:
        """Read who holds some strong keys, for `rivals` of them; nobody else can take them now, so once is enough."""
        unknown = sorted(
            {place for place in places if place[1].strong and place not in self._holders},
            key=lambda place: (place[0], place[1].key, place[1].digest),
        )
        if not unknown:
            return
        rows = yield from fetch_rows(
            SQL["holders_of"](
                tenant=self.act.tenant,
                schema=self.act.schema,
                classes=[class_name for class_name, _ in unknown],
                names=[key.key for _, key in unknown],
                digests=[key.digest for _, key in unknown],
            )
        )
        stored = {(row["class"], row["key"], bytes(row["digest"])): row["memory_id"] for row in rows}
        for class_name, key in unknown:
            self._holders[class_name, key] = stored.get((class_name, key.key, key.digest))

    def record(
        self,
        action: Action,
        main: MemoryState,
        others: Sequence[MemoryState] = (),
        *,
        reasons: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
        undoes: UUID | None = None,
    ) -> UUID:
        """Write down one step: what became of `main` and `others` since the entry before. Gives the entry's id."""
        states = [main, *others]
        changes = [Change(state.id, state.class_name, self._before[state.id], state.snapshot()) for state in states]
        entry = ActEntry(
            id=self.act.new_id(),
            act_id=self.act.id,
            ordinal=self._first_ordinal + len(self.entries),
            action=action,
            basis=self.act.basis,
            class_name=main.class_name,
            version=self.act.version.version,
            annotation=self.act.version.annotation,
            by=self.act.actor.by,
            why=self.act.actor.why,
            now=self.act.now,
            changes=changes,
            undoes=undoes,
            given=given or {},
            reasons=reasons,
            details=details or {},
        )
        self.entries.append(entry)
        for state, change in zip(states, changes, strict=True):
            if change.has_effect:
                state.version = self.act.version.version
                self._writes.revision(state, entry.id)
            self._before[state.id] = change.after
        return entry.id

    def statements(self, text: str) -> list[Statement]:
        """Everything that was recorded; `text` says in a few words what was done. Nothing where nothing was."""
        if not self.entries:
            return []
        version, writes, first = self.act.version, self._writes, self.entries[0]
        whole().tell(entries=len(self.entries), audit_id=first.id, action=first.action, class_=first.class_name)
        changed = {each.memory_id for entry in self.entries for each in entry.changes if each.has_effect}
        for memory_id in sorted(changed):
            state = self.states[memory_id]
            spec, annotation = version.spec.by_name[state.class_name], version.annotation_of(state.class_name)
            self._changes[state.class_name] = self._changes.get(state.class_name, 0) + 1
            keys = memory_keys(state.records(spec, annotation), version.name, state.class_name)
            writes.memory(state, search_vector(state, writes.tenant, version), keys, self._changes[state.class_name])
            writes.refer(state, spec)
            writes.keys(state, self._taken[memory_id][0])
        for entry in self.entries:
            log, values = entry.rows
            writes.audit.append(log)
            writes.values.append(values)
        moved = [m for m in sorted(changed) if self.states[m].merged_into != self._taken[m][1]]
        found = [self.act.message(text), *writes.statements()]
        if moved:
            keepers = [self.states[memory_id].merged_into for memory_id in moved]
            found.append(SQL["point_to"](tenant=self.act.tenant, ids=moved, keepers=keepers))
        return found
