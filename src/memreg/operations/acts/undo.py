"""Undo: the state before an entry comes back, as a new revision and a new entry, unless something was built on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from memreg.core.errors import ActRefused, AuditNotFound
from memreg.core.queries import Statement
from memreg.core.steps import Rows, Steps, fetch_rows
from memreg.engine.change import Change, Snapshot
from memreg.engine.identity import key_values
from memreg.engine.model import Action, Payload
from memreg.engine.standing import standing, standing_on
from memreg.engine.state import KEPT_PAYLOADS, HeldKey, MemoryState, name_at, pins_at_newest
from memreg.operations.acts.act import SQL, Act
from memreg.operations.acts.hands import Hands
from memreg.operations.acts.undo_read import Entry, gained_by, read_entries
from memreg.operations.monitor.judgements import Judged, judge, withdraw

_PROPOSED = ("upsert", "delete")
_ERASED = "its values were erased for good"


@dataclass(frozen=True, slots=True)
class Restored:
    """A memory that an undo gave another state: its values before and after, None where it is no live memory."""

    memory_id: UUID
    class_name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Undone:
    """One entry that was undone (`undoes`, with its action and basis), by the entry `audit_id`."""

    audit_id: UUID
    undoes: UUID
    action: str
    basis: str
    message_id: str
    memories: tuple[Restored, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """An entry that cannot be undone: why, and the entries that stand in the way, newest first."""

    audit_id: UUID
    reason: str
    blockers: tuple[UUID, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Whether it is because there is nothing left to bring back: nobody can do anything about it."""
        return self.reason == _ERASED and not self.blockers


@dataclass
class Undoing:
    """Undoes entries in hand, the newest first; what was built on one is undone before it where that is allowed.

    `allowed`: entries that may be undone on the way; None: whichever is in the way (cascade).
    """

    hands: Hands
    allowed: frozenset[UUID] | None = frozenset()
    again: bool = False
    undone: list[Undone] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    _entries: dict[UUID, Entry] = field(default_factory=dict)
    _raw: dict[UUID, list[UUID]] = field(default_factory=dict)
    _undoes: dict[UUID, UUID | None] = field(default_factory=dict)
    _said: dict[UUID, dict[int, tuple[int, Payload]]] = field(default_factory=dict)
    _done: set[UUID] = field(default_factory=set)
    _referrers: dict[UUID, Rows] = field(default_factory=dict)

    @property
    def act(self) -> Act:
        """The act that it belongs to."""
        return self.hands.act

    def run(self, targets: Sequence[UUID]) -> Steps[None]:
        """Undo the targets, and what has to be undone before. What cannot be is in `blocked`, and left as it is.

        Raises AuditNotFound.
        """
        yield from self._load(targets)
        for target in targets:
            yield from self._undo_with_later(target)

    def _undo_with_later(self, target: UUID) -> Steps[None]:
        """Depth first, by a list of its own: what was built on an entry may be thousands of decisions."""
        work = [target]
        while work:
            entry = self._entries[work[-1]]
            blocked = None if entry.id in self._done else (yield from self._in_the_way(entry))
            if blocked is None:
                if entry.id not in self._done:
                    self._undo(entry)
                work.pop()
                continue
            later = [each for each in blocked.blockers if each not in self._done]
            may = self.allowed is None or set(later) <= self.allowed
            if not later or not may or later[0] in work:
                self.blocked.append(blocked if work[-1] == target else Blocked(target, blocked.reason, tuple(work[1:])))
                return
            yield from self._load(later)
            work.append(later[0])

    def _load(self, ids: Iterable[UUID]) -> Steps[None]:
        """Read entries, and take the memories that they changed in hand with all that became of them."""
        unknown = [each for each in dict.fromkeys(ids) if each not in self._entries]
        if unknown:
            found = yield from read_entries(self.act.tenant, self.act.schema, unknown)
            self._entries |= {each.id: each for each in found}
            for missing in unknown:
                if missing not in self._entries:
                    raise AuditNotFound(audit_id=missing, tenant=self.act.tenant)
            left = [change for entry in found if not entry.is_erased for change in entry.changes]
            yield from self._take({each.memory_id for each in left})
            yield from self._look_ahead(left)

    def _look_ahead(self, changes: Sequence[Change]) -> Steps[None]:
        """Read in one go what undoing changes will ask of each: who holds the keys that come back, and who refers to
        what goes."""
        places = [(self.hands.states[c.memory_id].class_name, key) for c in changes for key in self._keys_before(c)]
        yield from self.hands.look_up(places)
        yield from self._read_referrers(_gone(changes))

    def _take(self, memories: Iterable[UUID]) -> Steps[None]:
        fresh = sorted(set(memories) - self._raw.keys())
        if not fresh:
            return
        yield from self.hands.take(fresh)
        rows = yield from fetch_rows(SQL["revisions_of"](tenant=self.act.tenant, ids=fresh))
        self._raw |= {memory_id: [] for memory_id in fresh}
        self._said |= {memory_id: {} for memory_id in fresh}
        for row in rows:
            self._said[row["memory_id"]][row["revision"]] = row["version"], row["payload"]
            if row["audit_id"] is not None:
                self._raw[row["memory_id"]].append(row["audit_id"])
                self._undoes[row["audit_id"]] = row["undoes"]

    # What is in the way

    def _in_the_way(self, entry: Entry) -> Steps[Blocked | None]:
        if not entry.changes:
            return Blocked(entry.id, f"{entry.action} {entry.id} changed no memory, so there is nothing to undo")
        if entry.is_erased:
            return Blocked(entry.id, _ERASED)
        for change in entry.changes:
            later = standing_on(self._raw[change.memory_id], entry.id, self._undoes)
            undo = next((each for each in later if self._undoes.get(each) == entry.id), None)
            if undo is not None:
                return Blocked(entry.id, f"it was undone already, by {undo}; undo that one to bring it back")
            if later:
                reason = f"{_counted(later)} about memory {change.memory_id} built on it"
                return Blocked(entry.id, reason, later[::-1])
        return (yield from self._keys_taken(entry)) or (yield from self._referred_to(entry))

    def _keys_taken(self, entry: Entry) -> Steps[Blocked | None]:
        """Another live memory that holds a key which would come back."""
        back = {change.memory_id: self._keys_before(change) for change in entry.changes}
        places = [
            (state.class_name, key)
            for memory_id, keys in back.items()
            for state in [self.hands.states[memory_id]]
            for key in sorted(keys - state.keys, key=lambda key: (key.key, key.digest))
        ]
        rivals = yield from self.hands.rivals(places)
        for (_, key), rival in rivals.items():
            if rival in back and key not in back[rival]:
                continue  # it gives the key back by the same undo

            def holds(state: Snapshot, key: HeldKey = key) -> bool:
                return any((k["key"], k["digest"]) == (key.key, key.digest.hex()) for k in state["keys"])

            cause = yield from self._cause(rival, holds)
            reason = f"its key {key.key} is that of memory {rival} now"
            return Blocked(entry.id, reason, () if cause is None else (cause,))
        return None

    def _referred_to(self, entry: Entry) -> Steps[Blocked | None]:
        """A live memory that refers to one which would be gone."""
        gone = _gone(entry.changes)
        yield from self._read_referrers(gone)
        changed = {change.memory_id for change in entry.changes}
        rows = [row for each in gone for row in self._referrers.get(each, ()) if row["memory_id"] not in changed]
        yield from self._take([row["memory_id"] for row in rows])
        for row in rows:
            referrer, target, column = self.hands.states[row["memory_id"]], str(row["target_id"]), row["column"]

            def refers(state: Snapshot, target: str = target, column: str = column) -> bool:
                said = state["payload"].get(column)
                return not state["is_deleted"] and (said == target or (isinstance(said, list) and target in said))

            if refers(referrer.snapshot()):
                cause = yield from self._cause(referrer.id, refers)
                if cause is not None and cause < entry.id:
                    continue  # it did so before as well, when that was deleted
                reason = f"memory {referrer.id} refers to memory {target} by {column}"
                return Blocked(entry.id, reason, () if cause is None else (cause,))
        return None

    def _read_referrers(self, ids: Iterable[UUID]) -> Steps[None]:
        unknown = sorted(set(ids) - self._referrers.keys()) if self.act.version.spec.referring else []
        if not unknown:
            return
        self._referrers |= {each: [] for each in unknown}
        for row in (yield from fetch_rows(SQL["referrers_of"](tenant=self.act.tenant, ids=unknown))):
            self._referrers[row["target_id"]].append(row)

    def _cause(self, memory_id: UUID, has: Any) -> Steps[UUID | None]:
        """The entry since which a memory has something, of those that still stand."""
        yield from self._take([memory_id])
        still = standing(self._raw[memory_id], self._undoes)
        known = {each.id: each for each in (yield from self._read(still))}
        return gained_by([known[each] for each in still if each in known], memory_id, has)

    def _read(self, ids: Sequence[UUID]) -> Steps[list[Entry]]:
        unknown = [each for each in ids if each not in self._entries]
        found = yield from read_entries(self.act.tenant, self.act.schema, unknown)
        return [*found, *(self._entries[each] for each in ids if each in self._entries)]

    # The undo itself

    def _undo(self, entry: Entry) -> None:
        states = [self.hands.states[change.memory_id] for change in entry.changes]
        were = [_shown(state) for state in states]
        for change, state in zip(entry.changes, states, strict=True):
            if change.before is None:
                state.hold_only(())
                state.merged_into = None
                state.mark(is_deleted=True, now=self.act.now)
            else:
                state.become(self._in_form(change, change.before), self._keys_before(change), self.act.now)
                state.earlier = self._earlier(state)
        audit_id = self.hands.record(
            Action.UNDO,
            states[0],
            states[1:],
            undoes=entry.id,
            reasons=[f"{entry.action} {entry.id} is undone"],
            details={"undone": {"action": entry.action, "basis": entry.basis, "message_id": entry.message_id}}
            | ({"again": True} if self.again and entry.operation in _PROPOSED and not entry.follows else {}),
        )
        self._undoes[audit_id] = entry.id
        self._done.add(entry.id)
        changes = tuple(self.hands.entries[-1].changes)
        self._entries[audit_id] = Entry(
            audit_id, "UNDO", str(self.act.basis), "undo", entry.class_name, self.act.version.version, self.act.id,
            self.act.actor.by, entry.id, self.act.now, changes,
        )  # fmt: skip
        for state in states:
            self._raw[state.id].append(audit_id)
        memories = tuple(
            Restored(state.id, state.class_name, was, _shown(state)) for state, was in zip(states, were, strict=True)
        )
        self.undone.append(Undone(audit_id, entry.id, entry.action, entry.basis, entry.message_id, memories))

    def _earlier(self, state: MemoryState) -> list[Payload]:
        """What a memory said before, newest first, in the form of the version in use, without what was taken back."""
        said = self._said[state.id]
        counting = [each for each in sorted(said, reverse=True) if each not in state.void][:KEPT_PAYLOADS]
        return [self._payload_now(state, *said[each]) for each in counting]

    def _payload_now(self, state: MemoryState, version: int, payload: Payload) -> Payload:
        lineage = self.act.version.lineage
        if lineage is None or version >= self.act.version.version:
            return payload
        return lineage.upcast(name_at(lineage, state.class_name, version), version, payload, {}).payload

    def _in_form(self, change: Change, before: Snapshot) -> Snapshot:
        """A state before, in the form of the version in use."""
        version, state = self.act.version, self.hands.states[change.memory_id]
        if before["version"] == version.version or version.lineage is None:
            return before
        then = name_at(version.lineage, state.class_name, before["version"])
        read = version.lineage.upcast(then, before["version"], before["payload"], before["originals"])
        pinned = pins_at_newest(version.lineage, then, before["version"], before.get("pinned") or {})
        return {**before, "payload": read.payload, "originals": read.originals, "pinned": pinned}

    def _keys_before(self, change: Change) -> set[HeldKey]:
        """The keys that a memory holds once its state before is back; under a later version, those it still has."""
        before, version = change.before, self.act.version
        if before is None or before["is_deleted"] or before["unresolved"]:
            return set()
        held = {HeldKey(each["key"], bytes.fromhex(each["digest"]), each["strong"]) for each in before["keys"]}
        if before["version"] == version.version:
            return held
        state: MemoryState = self.hands.states[change.memory_id]
        held = {key for key in held if key.strong and (state.class_name, key.key) in version.held_keys}
        complete = key_values(self._in_form(change, before)["payload"], version.annotation_of(state.class_name))
        return held | {HeldKey(k.key.held_as, k.digest, k.key.strength == "strong") for k in complete}

    # The end

    def statements(self, text: str) -> list[Statement]:
        """Everything that was undone, with the questions that it answers."""
        found = self.hands.statements(text)
        if not found:
            return []
        place = {"tenant": self.act.tenant, "schema": self.act.schema}
        undone = [each.undoes for each in self.undone]
        brought_back = [
            back for each in self.undone for back in [self._entries[each.undoes].undoes] if back is not None
        ]
        by, now = self.act.actor.by, self.act.now
        found.append(SQL["reopen_acted"](**place, ids=undone))
        found.append(SQL["settle_moot"](**place, ids=undone, by=by, now=now))
        wrong = [Judged(each.undoes, "false_update", each.audit_id) for each in self.undone]
        found += judge(self.act.tenant, wrong, act_id=None, by=by, now=now)
        found += withdraw(self.act.tenant, undone, now)
        if brought_back:
            found.append(SQL["reopen_moot"](**place, ids=brought_back))
        return found

    def check(self, what: str) -> None:
        """Raises ActRefused where something could not be undone."""
        if not self.blocked:
            return
        first = self.blocked[0]
        blockers = tuple(dict.fromkeys(each for blocked in self.blocked for each in blocked.blockers))
        reason = first.reason if len(self.blocked) == 1 else f"{first.reason}; {len(self.blocked) - 1} more like it"
        if blockers:
            reason += f" ({', '.join(map(str, blockers[:5]))}{', …' if len(blockers) > 5 else ''})"
            reason += "; undo what was built on it too with --cascade" if self.allowed is not None else ""
        raise ActRefused(verb="undo", what=what, reason=reason, blockers=blockers)


def _gone(changes: Iterable[Change]) -> list[UUID]:
    """The memories that are live after changes and were not before."""
    return [c.memory_id for c in changes if _is_live(c.after) and (c.before is None or not _is_live(c.before))]


def _is_live(state: Snapshot) -> bool:
    return not state["is_deleted"]


def _shown(state: MemoryState) -> dict[str, Any] | None:
    return None if state.is_deleted else dict(state.payload)


def _counted(entries: Sequence[UUID]) -> str:
    return "a later decision" if len(entries) == 1 else f"{len(entries)} later decisions"
