"""One turn: the proposals of a message against what is known, first read and scored, then locked, re-read and
decided."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from time import perf_counter
from uuid import UUID

from memreg.core.queries import Statement
from memreg.core.steps import Row, Rows, Steps, fetch, fetch_rows
from memreg.core.tracing import step
from memreg.engine.apply import Outcome, Rules, apply
from memreg.engine.cache import Cache
from memreg.engine.candidates import CANDIDATES, POSTINGS, SHORTLIST, memory_keys
from memreg.engine.decide import THRESHOLDS, Candidate, Situation, Verdict, decide
from memreg.engine.following import Following, fill_in, follow_delete, plan_delete, reached
from memreg.engine.identity import Hit, partial_identity
from memreg.engine.item import Item
from memreg.engine.links import are_tied, deciding_order, unfold
from memreg.engine.model import Action, Decision, Extraction, Proposal
from memreg.engine.record import name_columns
from memreg.engine.refresh import Due
from memreg.engine.resolving import Resolving, records_of
from memreg.engine.score import best_score
from memreg.engine.state import HeldKey, MemoryState
from memreg.engine.statistics import Statistics
from memreg.engine.store import SQL, Writes, lock_classes, search_vector
from memreg.engine.translated import translated
from memreg.engine.validate import missing_columns
from memreg.engine.workspace import MOST_HOLDERS, KeyPlace, Workspace
from memreg.engine.written import Held, held_against, tell, write_down
from memreg.registry.models import SchemaVersion


@dataclass
class Turn:
    """`read`, `lock`, `decide`, then `writes`, each once and in this order.

    `began`: when deciding did, by `perf_counter`.
    `unresolved`: where a proposal is decided again, the row of the unresolved memory that it made, by its ordinal.
    `items`: the proposals in the message's order, `order` that in which they are decided, `looked_up` what they only
    look up.
    """

    tenant: str
    version: SchemaVersion
    message_id: str
    extraction: Extraction
    switched: frozenset[str]
    now: datetime
    new_id: Callable[[], UUID]
    cache: Cache
    actor: str | None = None
    began: float = field(default_factory=perf_counter)
    unresolved: Mapping[int, Row] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    workspace: Workspace = field(default_factory=Workspace)
    statistics: dict[str, Statistics] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    keys_before: dict[UUID, set[HeldKey]] = field(default_factory=dict)
    order: Sequence[Item] = ()
    looked_up: Sequence[Item] = ()
    _writes: Writes | None = None
    _resolving: Resolving | None = None
    _followed: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workspace.lineage, said_under = self.version.lineage, self.extraction.version
        for ordinal, proposal in enumerate(self.extraction.proposals):
            made = self.unresolved.get(ordinal)
            item = self._item(translated(proposal, self.version, said_under), self.switched, made)
            if made is not None and item.spec is not None:
                item.unresolved = self.workspace.take(made).id
                self.keys_before[item.unresolved] = set()
            self.items.append(item)
        self.order = self.items
        if are_tied(self.items, self.version):
            self._unfold()
        for refused in self.extraction.refused:
            self.items.append(Item.unread(0, refused))
        for ordinal, item in enumerate(self.items):
            item.ordinal = ordinal

    def _item(self, proposal: Proposal, switched: Collection[str], made: Row | None = None) -> Item:
        return Item.of(0, proposal, self.version, switched, made, ids=self.extraction.ids)

    def _unfold(self) -> None:
        """Take the proposals that others hold among the items, and find the order in which all are decided."""

        def make(proposal: Proposal, only_looked_up: bool) -> Item:
            return self._item(proposal, () if only_looked_up else self.switched)

        unfolded = unfold(self.items, self.version, make, makes=self.extraction.makes)
        self.items, self.looked_up = unfolded.items, unfolded.looked_up
        self.order = deciding_order(unfolded, self.version)
        self._resolving = Resolving(self)

    @property
    def asking(self) -> Sequence[Item]:
        """What is looked up: the proposals, and what others of them only look up."""
        return [*self.items, *self.looked_up] if self.looked_up else self.items

    @cached_property
    def _classes(self) -> list[str]:
        """The classes that are locked: of the proposals, of what they refer to by id, and of what refers to what they
        may delete."""
        found = {item.checked.class_name for item in self.asking if item.spec is not None}
        if self._resolving is not None:
            found |= {link.said.target for item in self.asking for link in item.links}
            deleted = [item.checked.class_name for item in self.items if item.checked.operation == "delete"]
            found |= reached(self.version.spec, deleted)
        return sorted(found & self.version.spec.by_name.keys())

    # Before the lock

    def read(self) -> Steps[None]:
        """Read what may be the same objects, and score it, before anything is locked."""
        if not self._classes:
            return
        with step("look_up", classes=len(self._classes), proposals=len(self.items)) as span:
            yield from self._read()
            span.tell(candidates=sum(len(item.found) for item in self.items))
        with step("score") as span:
            for item in self.items:
                self._score(item, (hit.memory_id for hit in self._hits(item)))
            span.tell(scored=sum(len(item.scores) for item in self.items))

    def _read(self) -> Steps[None]:
        schema, places = self.version.name, self._places()
        given = [self._resolving.given()] if self._resolving else []
        snapshots, holders, *known = yield from fetch(
            SQL["latest_snapshots"](tenant=self.tenant, schema=schema, classes=self._classes),
            self.holders(places),
            *given,
        )
        yield from self._take_statistics(snapshots)
        self.workspace.take_key_rows(places, holders)
        if self._resolving is not None and known:
            self._resolving.take_given(known[0])
        yield from self._look_up([i for i in self.asking if not self._hits(i) and not i.is_judged_by_references])
        if self._resolving is not None:
            yield from self._resolving.guess()

    def _look_up(self, items: Sequence[Item]) -> Steps[None]:
        """Find the candidates of proposals. Who has a hit needs none: no rule that asks for a score is reached."""
        asking = [item for item in items if item.probes and not item.looked_up]
        if not asking:
            return
        for item, rows in zip(asking, (yield from fetch(*map(self.candidates, asking))), strict=True):
            item.found += [self.workspace.take(row).id for row in rows]
            item.looked_up = True

    def _hits(self, item: Item) -> tuple[Hit, ...]:
        return tuple(self.workspace.hits(item.checked.class_name, item.keys, item.annotation, item.names))

    def _take_statistics(self, rows: Sequence[Row]) -> Steps[None]:
        for row in rows:
            name = row["class"]
            self.changes[name] = row["change"]
            self.statistics[name] = yield from self.cache.snapshot(
                self.tenant, self.version.name, name, row["snapshot"]
            )

    def _places(self) -> list[KeyPlace]:
        return sorted({place for item in self.asking for place in item.key_places})

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

    def candidates(self, item: Item) -> Statement:
        """Finds what a proposal resembles."""
        return SQL["candidates"](
            tenant=self.tenant,
            schema=self.version.name,
            version=self.version.version,
            keys=list(item.probes),
            weights=list(item.probes.values()),
            postings=POSTINGS,
            shortlist=SHORTLIST,
            limit=CANDIDATES,
        )

    def _keys_of(self, state: MemoryState) -> tuple[int, ...]:
        """The keys that a memory is a candidate by, of its current and recent revisions."""
        spec, annotation = self.version.spec.by_name[state.class_name], self.version.annotation_of(state.class_name)
        return memory_keys(state.records(spec, annotation), self.version.name, state.class_name)

    # The lock

    def lock(self, *claims: Statement) -> Steps[list[Rows]]:
        """Take the locks of the classes, run `claims` under them, and re-read only what has committed since.

        Gives the rows of each claim.
        """
        with step("lock", classes=len(self._classes)) as span:
            changes, claimed = yield from self._lock(claims)
            span.tell(changed=changes)
        return claimed

    def _lock(self, claims: Sequence[Statement]) -> Steps[tuple[int, list[Rows]]]:
        """How many memories had changed, and the rows of each claim."""
        schema, classes, places = self.version.name, self._classes, self._places()
        locks = lock_classes(self.tenant, schema, classes)
        since = [
            SQL["changed_since"](
                tenant=self.tenant,
                schema=schema,
                class_name=name,
                version=self.version.version,
                change=self.changes[name],
            )
            for name in classes
        ]
        likely = self._likely()
        keys = SQL["keys_of"](tenant=self.tenant, ids=likely)
        referred: list[Statement] = []
        if self._resolving is not None:
            referred = [self._resolving.given(), self._resolving.families([*likely, *self._resolving.known.values()])]
        results = yield from fetch(*locks, *claims, *since, self.holders(places), keys, *referred)
        end = len(locks) + len(claims) + len(since)
        for name, rows in zip(classes, results[end - len(since) : end], strict=True):
            for row in rows:
                self.workspace.index(self.workspace.take(row), row["candidate_keys"])
                self.changes[name] = max(self.changes[name], row["change"])
        self.workspace.take_key_rows(places, results[end])
        self._take_keys(likely, results[end + 1])
        if self._resolving is not None:
            self._resolving.take_given(results[end + 2])
            self._resolving.take_families(results[end + 3])
        changed = sum(map(len, results[end - len(since) : end]))
        return changed, results[len(locks) : len(locks) + len(claims)]

    def _likely(self) -> list[UUID]:
        """Memories that a decision may well be about: their keys are read along."""
        found = {m for item in self.items for (m, _), score in item.scores.items() if score.value >= 0.5}
        for item in self.items:
            found.update(m for place in item.key_places for m in self.workspace.holders.get(place, ()))
        return sorted(found)

    def _take_keys(self, ids: Iterable[UUID], rows: Iterable[Row]) -> None:
        for memory_id in ids:
            self.keys_before[memory_id] = set()
        for row in rows:
            # Those of another version, to come or gone, are a backfill's.
            if (row["class"], row["key"]) in self.version.held_keys:
                held = HeldKey(row["key"], bytes(row["digest"]), row["strong"])
                self.keys_before[row["memory_id"]].add(held)
        for memory_id in ids:
            if memory_id in self.workspace.memories:
                self.workspace.memories[memory_id].keys = set(self.keys_before[memory_id])

    # Under the lock

    def decide(self) -> Steps[list[Decision]]:
        """Decide the proposals; each sees what the ones before did, and what it refers to is decided before it.

        Gives the decisions in the order of the message, then what follows from them.
        """
        self._writes = Writes(self.tenant, self.version.name, self.now)
        decisions: dict[int, Decision] = {}
        refused = self.items[len(self.order) :]
        for item in self.order:
            if self._resolving is not None:
                yield from self._resolving.settle(item)
            yield from self.look_up_unless_hit(item)
            decisions[item.ordinal] = yield from self._decide(item)
        for item in refused:
            decisions[item.ordinal] = yield from self._decide(item)
        for item in self.order:
            if self._resolving is None:
                break
            self._followed += yield from fill_in(self, self._resolving, item)
        return [*(decisions[ordinal] for ordinal in sorted(decisions)), *self._followed]

    def _decide(self, item: Item) -> Steps[Decision]:
        with step("decide") as span:
            decision = yield from self._decide_one(item)
            tell(span, item, decision)
        return decision

    def _decide_one(self, item: Item) -> Steps[Decision]:
        assert self._writes is not None
        situation = self.situation(item)
        verdict = decide(situation)
        held = held_against(item, situation, self.workspace)
        outcome = Outcome()
        following: Following | None = None
        if verdict.action is Action.DELETE and verdict.target is not None and self._resolving is not None:
            following = yield from plan_delete(self, self._resolving, verdict.target)
            if following.refusal is not None:
                reasons = (*verdict.reasons, f"it is not deleted: {following.refusal}")
                verdict = replace(verdict, action=Action.REJECT, reasons=reasons)
        if item.spec is not None:
            if verdict.target is not None:
                yield from self.know_keys_of([verdict.target])
            outcome = yield from self._apply(item, verdict)
            item.memory_id = outcome.memory.id if outcome.memory else verdict.target
            if outcome.absorbed is not None and item.memory_id is not None:
                self._writes.merged[outcome.absorbed.id] = item.memory_id
            if (
                following is None or following.refusal is None
            ):  # what refused a delete may be gone when it is asked again
                self.workspace.remember(item.fingerprint, item.memory_id)
        if verdict.action is Action.REJECT:
            item.memory_id, item.rejected = None, "; ".join(verdict.reasons)
        decision = write_down(self, self._writes, item, situation, verdict, outcome, held)
        if following is not None and following.refusal is None:
            self._followed += yield from follow_delete(self, following)
        return decision

    def carry_out(self, item: Item, verdict: Verdict) -> Steps[Decision]:
        """Apply a verdict that follows from other decisions, and write it down."""
        return self.write_down(item, verdict, (yield from self._apply(item, verdict)))

    def write_down(self, item: Item, verdict: Verdict, outcome: Outcome) -> Decision:
        """Write down what follows from other decisions."""
        assert self._writes is not None
        with step("decide") as span:
            decision = write_down(self, self._writes, item, Situation(item.checked), verdict, outcome, Held())
            tell(span, item, decision)
        return decision

    def look_up_unless_hit(self, item: Item) -> Steps[None]:
        """Find the candidates of a proposal, where the memory that its keys matched before the lock may be gone."""
        if not self._hits(item):
            yield from self._look_up([item])

    def know_keys_of(self, ids: Iterable[UUID]) -> Steps[None]:
        """Read the keys of memories that were there before the turn, unless they are known."""
        unknown = [m for m in ids if m not in self.keys_before and not self.workspace.memories[m].is_new]
        if unknown:
            self._take_keys(unknown, (yield from fetch_rows(SQL["keys_of"](tenant=self.tenant, ids=unknown))))

    def situation(self, item: Item) -> Situation:
        """What the decision about a proposal depends on, as things stand."""
        if item.spec is None:
            return Situation(item.checked)
        name = item.checked.class_name
        hits = self._hits(item)
        candidates = self._score(item, {hit.memory_id for hit in hits})
        like = [c.memory_id for c in candidates if c.score.value >= THRESHOLDS.possible]
        repeat = self.workspace.repeat_of(item.fingerprint, item.key_places, like)
        return Situation(
            proposal=item.checked,
            mode=item.mode,
            hits=hits,
            candidates=candidates,
            repeated=repeat is not None,
            repeats=repeat.memory_id if repeat else None,
            missing=() if item.unresolved else missing_columns(item.checked.values, item.spec),
            released=self.workspace.released_by(name, item.keys),
            has_keys=bool(item.annotation.identity),
        )

    def _score(self, item: Item, hits: Iterable[UUID] = ()) -> tuple[Candidate, ...]:
        """The live candidates of a proposal with their scores; a state that was scored already is not scored again."""
        if item.record is None or item.spec is None:
            return ()
        found = []
        statistics = self.statistics[item.checked.class_name]
        name = item.checked.class_name
        ids = {*item.found, *hits, *self.workspace.sharing(name, item.probes, self._keys_of, CANDIDATES)}
        for memory_id in sorted(ids):
            state = self.workspace.memories[memory_id]
            if not state.is_live or state.class_name != item.checked.class_name:
                continue
            place = (memory_id, state.revision)
            records = records_of(state, item, self._resolving)
            if place not in item.scores:
                item.scores[place] = best_score(item.record, records, statistics)
            partial = partial_identity(item.record.identity, records[0].identity, item.annotation)
            found.append(Candidate(memory_id, item.scores[place], partial))
        return tuple(found)

    def _apply(self, item: Item, verdict: Verdict) -> Steps[Outcome]:
        assert item.spec is not None
        unresolved = self.workspace.memories[item.unresolved] if item.unresolved else None
        keepers = self._resolving.keepers if self._resolving is not None else {}
        rules = Rules(item.spec, item.annotation, self.version.version, self.now, self.new_id, unresolved, keepers)
        applying = apply(verdict, item.checked, self.workspace, rules)
        try:
            places = next(applying)
            while True:
                rows = yield from fetch_rows(self.holders(places))
                self.workspace.take_key_rows(places, rows)
                places = next(applying)
        except StopIteration as stop:
            outcome: Outcome = stop.value
        return outcome

    # The end

    def writes(self) -> list[Statement]:
        """What the decisions come to, as statements."""
        assert self._writes is not None
        for memory_id in self.workspace.changed:
            state = self.workspace.memories[memory_id]
            self.changes[state.class_name] += 1
            search = search_vector(state, self.tenant, self.version)
            self._writes.memory(state, search, self._keys_of(state), self.changes[state.class_name])
            self._writes.refer(state, self.version.spec.by_name[state.class_name])
            self._writes.keys(state, self.keys_before.get(memory_id, set()))
        self._writes.seen = [m for m in self.workspace.seen if m not in self.workspace.changed]
        return self._writes.statements()

    def due(self) -> dict[str, Due]:
        """The classes whose statistics are due for their next snapshot."""
        return {
            name: Due(change, name_columns(self.version.spec.by_name[name], self.version.annotation_of(name)))
            for name, change in self.changes.items()
            if self.statistics[name].due(change)
        }
