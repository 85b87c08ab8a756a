"""One turn: the proposals of a message against what is known: first what is read for them is scored, then they are
decided in order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from time import perf_counter
from uuid import UUID

from memreg.core.queries import Statement
from memreg.core.steps import Row, Rows, Steps, fetch, fetch_rows
from memreg.core.tracing import step
from memreg.engine.apply import Outcome, Rules, apply
from memreg.engine.decide import THRESHOLDS, Candidate, Situation, Verdict, decide
from memreg.engine.following import Following, fill_in, follow_delete, plan_delete, reached
from memreg.engine.hand import Hand, Stand
from memreg.engine.identity import partial_identity
from memreg.engine.item import Item
from memreg.engine.links import are_tied, deciding_order, unfold
from memreg.engine.model import Action, Decision, Extraction, Proposal
from memreg.engine.resolving import Resolving, records_of
from memreg.engine.score import best_score
from memreg.engine.store import SQL, Writes, class_lock
from memreg.engine.translated import translated
from memreg.engine.validate import missing_columns
from memreg.engine.workspace import KeyPlace, Workspace
from memreg.engine.written import Held, held_against, tell, write_down
from memreg.registry import versions
from memreg.registry.models import SchemaVersion

_BY_NUMBER = attrgetter("int")
"""The order of ids."""


@dataclass
class Turn:
    """`read`, `lock` where nobody else may write meanwhile, `decide`: each once and in this order. What it decides goes
    into `writes`.

    `began`: when deciding did, by `perf_counter`.
    `unresolved`: where a proposal is decided again, the row of the unresolved memory that it made, by its ordinal.
    `items`: the proposals in the message's order, `order` that in which they are decided, `looked_up` what they only
    look up.
    """

    hand: Hand
    writes: Writes
    message_id: str
    extraction: Extraction
    switched: frozenset[str]
    now: datetime
    new_id: Callable[[], UUID]
    actor: str | None = None
    began: float = field(default_factory=perf_counter)
    unresolved: Mapping[int, Row] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    order: Sequence[Item] = ()
    looked_up: Sequence[Item] = ()
    resolving: Resolving | None = None
    _followed: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        said_under = self.extraction.version
        for ordinal, proposal in enumerate(self.extraction.proposals):
            made = self.unresolved.get(ordinal)
            item = self._item(translated(proposal, self.version, said_under), self.switched, made)
            if made is not None and item.spec is not None:
                item.unresolved = self.workspace.take(made).id
                self.hand.keys_before[item.unresolved] = set()
            self.items.append(item)
        self.order = self.items
        if are_tied(self.items, self.version):
            self._unfold()
        for refused in self.extraction.refused:
            self.items.append(Item.unread(0, refused))
        for ordinal, item in enumerate(self.items):
            item.ordinal = ordinal

    @property
    def tenant(self) -> str:
        """Whose memories it is about."""
        return self.hand.tenant

    @property
    def version(self) -> SchemaVersion:
        """What its proposals are held against."""
        return self.hand.version

    @property
    def workspace(self) -> Workspace:
        """The memories in hand."""
        return self.hand.workspace

    def _item(self, proposal: Proposal, switched: Collection[str], made: Row | None = None) -> Item:
        return Item.of(0, proposal, self.version, switched, made, ids=self.extraction.ids)

    def _unfold(self) -> None:
        """Take the proposals that others hold among the items, and find the order in which all are decided."""

        def make(proposal: Proposal, only_looked_up: bool) -> Item:
            return self._item(proposal, () if only_looked_up else self.switched)

        unfolded = unfold(self.items, self.version, make, makes=self.extraction.makes)
        self.items, self.looked_up = unfolded.items, unfolded.looked_up
        self.order = deciding_order(unfolded, self.version)
        self.resolving = Resolving(self)

    @property
    def asking(self) -> Sequence[Item]:
        """What is looked up: the proposals, and what others of them only look up."""
        return [*self.items, *self.looked_up] if self.looked_up else self.items

    @cached_property
    def classes(self) -> list[str]:
        """The classes that are locked: of the proposals, of what they refer to by id, and of what refers to what they
        may delete."""
        found = {item.checked.class_name for item in self.asking if item.spec is not None}
        if self.resolving is not None:
            found |= {link.said.target for item in self.asking for link in item.links}
            deleted = [item.checked.class_name for item in self.items if item.checked.operation == "delete"]
            found |= reached(self.version.spec, deleted)
        return sorted(found & self.version.spec.by_name.keys())

    # Before the lock

    def read(self) -> Steps[Stand]:
        """Read how things stand and what may be the same objects, and score it, before anything is locked."""
        return read([self])

    def places(self) -> list[KeyPlace]:
        """The keys that are looked up."""
        return sorted({place for item in self.asking for place in item.key_places})

    def score(self) -> None:
        """Score what was found, so that it is done before anything is locked."""
        for item in self.items:
            self._score(item, (hit.memory_id for hit in self.hand.hits(item)))

    # The lock

    def lock(self, *claims: Statement) -> Steps[list[Rows]]:
        """Take the locks of the classes, run `claims` under them, and re-read only what has committed since.

        Gives the rows of each claim.
        """
        return lock_for([self], *claims)

    def likely(self) -> set[UUID]:
        """Memories that a decision may well be about."""
        found = {each.memory_id for item in self.items for each in item.scores.values() if each.score.value >= 0.5}
        for place in self.places():
            found.update(self.workspace.holders.get(place, ()))
        return found

    # Decisions

    def decide(self) -> Steps[list[Decision]]:
        """Decide the proposals; each sees what the ones before did, and what it refers to is decided before it.

        Gives the decisions in the order of the message, then what follows from them.
        """
        decisions: dict[int, Decision] = {}
        refused = self.items[len(self.order) :]
        for item in self.order:
            if self.resolving is not None:
                yield from self.resolving.settle(item)
            yield from self.hand.look_up([item])
            decisions[item.ordinal] = yield from self._decide(item)
        for item in refused:
            decisions[item.ordinal] = yield from self._decide(item)
        for item in self.order:
            if self.resolving is None:
                break
            self._followed += yield from fill_in(self, self.resolving, item)
        self.hand.turn_ends()
        return [*(decisions[ordinal] for ordinal in sorted(decisions)), *self._followed]

    def _decide(self, item: Item) -> Steps[Decision]:
        with step("decide") as span:
            decision = yield from self._decide_one(item)
            tell(span, item, decision)
        return decision

    def _decide_one(self, item: Item) -> Steps[Decision]:
        situation = self.situation(item)
        verdict = decide(situation)
        held = held_against(item, situation, self.workspace)
        outcome = Outcome()
        following: Following | None = None
        if verdict.action is Action.DELETE and verdict.target is not None and self.resolving is not None:
            following = yield from plan_delete(self, self.resolving, verdict.target)
            if following.refusal is not None:
                reasons = (*verdict.reasons, f"it is not deleted: {following.refusal}")
                verdict = replace(verdict, action=Action.REJECT, reasons=reasons)
        if item.spec is not None:
            if verdict.target is not None:
                yield from self.hand.know_keys_of([verdict.target])
            outcome = yield from self._apply(item, verdict)
            item.memory_id = outcome.memory.id if outcome.memory else verdict.target
            if outcome.absorbed is not None and item.memory_id is not None:
                self.writes.merged[outcome.absorbed.id] = item.memory_id
            if (
                following is None or following.refusal is None
            ):  # what refused a delete may be gone when it is asked again
                self.workspace.remember(item.fingerprint, item.memory_id)
        if verdict.action is Action.REJECT:
            item.memory_id, item.rejected = None, "; ".join(verdict.reasons)
        decision = write_down(self, self.writes, item, situation, verdict, outcome, held)
        if following is not None and following.refusal is None:
            self._followed += yield from follow_delete(self, following)
        return decision

    def carry_out(self, item: Item, verdict: Verdict) -> Steps[Decision]:
        """Apply a verdict that follows from other decisions, and write it down."""
        return self.write_down(item, verdict, (yield from self._apply(item, verdict)))

    def write_down(self, item: Item, verdict: Verdict, outcome: Outcome) -> Decision:
        """Write down what follows from other decisions."""
        with step("decide") as span:
            decision = write_down(self, self.writes, item, Situation(item.checked), verdict, outcome, Held())
            tell(span, item, decision)
        return decision

    def situation(self, item: Item) -> Situation:
        """What the decision about a proposal depends on, as things stand."""
        if item.spec is None:
            return Situation(item.checked)
        name = item.checked.class_name
        hits = self.hand.hits(item)
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
        class_name, memories = item.checked.class_name, self.workspace.memories
        ids = set(hits)
        if not ids:  # no rule that asks for other scores is reached
            ids = {*item.found, *self.hand.sharing(item)}
        for memory_id in sorted(ids, key=_BY_NUMBER):
            state = memories[memory_id]
            if not state.is_live or state.class_name != class_name:
                continue
            place = (memory_id, state.revision)
            candidate = item.scores.get(place)
            if candidate is None or self.resolving is not None:
                records = records_of(state, item, self.resolving)
                score = candidate.score if candidate is not None else None
                if score is None:
                    score = best_score(item.record, records, self.hand.statistics[class_name])
                partial = partial_identity(item.record.identity, records[0].payload, item.annotation)
                candidate = item.scores[place] = Candidate(memory_id, score, partial)
            found.append(candidate)
        return tuple(found)

    def _apply(self, item: Item, verdict: Verdict) -> Steps[Outcome]:
        assert item.spec is not None
        unresolved = self.workspace.memories[item.unresolved] if item.unresolved else None
        keepers = self.resolving.keepers if self.resolving is not None else {}
        rules = Rules(item.spec, item.annotation, self.version.version, self.now, self.new_id, unresolved, keepers)
        applying = apply(verdict, item.checked, self.workspace, rules)
        try:
            places = next(applying)
            while True:
                self.hand.take_holders(places, (yield from fetch_rows(self.hand.holders(places))))
                places = next(applying)
        except StopIteration as stop:
            outcome: Outcome = stop.value
        return outcome


def read(
    turns: Sequence[Turn], messages: Sequence[str] = (), fit: Callable[[], Sequence[Turn]] | None = None
) -> Steps[Stand]:
    """Read what turns that are decided together are held against, and score it. `fit` tells, once it is known how
    things stand, which of them go on. Where another version than theirs is in force by now, nothing was taken in."""
    hand = turns[0].hand
    with step("look_up", classes=len(turns[0].classes), proposals=sum(len(turn.items) for turn in turns)) as span:
        stand = yield from read_for(turns, messages)
        if not stand.is_of(hand.version):
            return stand
        turns = fit() if fit is not None else turns
        if len(turns) == 1:  # of more, each is looked up when it is known what those before it did
            yield from look_up_for(turns)
        span.tell(candidates=sum(len(item.found) for turn in turns for item in turn.asking))
    with step("score") as span:
        for turn in turns:
            turn.score()
        span.tell(scored=sum(len(item.scores) for turn in turns for item in turn.asking))
    return stand


def read_for(turns: Sequence[Turn], messages: Sequence[str] = ()) -> Steps[Stand]:
    """Read, for turns that are decided together, how things stand with them and with `messages`, and who holds their
    keys. Where another version than theirs is in force by now, nothing else was taken in.

    Of one turn alone, what proposals without keys resemble is read along: it saves a round trip.
    """
    hand = turns[0].hand
    classes = sorted({name for turn in turns for name in turn.classes})
    places = sorted({place for turn in turns for place in turn.places()})
    tied = [turn.resolving for turn in turns if turn.resolving is not None]
    alone = turns[0].asking if len(turns) == 1 else ()
    keyless = [i for i in alone if not i.key_places and i.probes and not i.is_judged_by_references]
    stands, holders, *rest = yield from fetch(
        hand.stand(classes, messages),
        hand.holders(places),
        *([hand.candidates(keyless)] if keyless else []),
        *(each.given() for each in tied),
    )
    stand = Stand.of(stands[0])
    if not stand.is_of(hand.version):
        return stand
    yield from hand.take_stand(stand)
    hand.take_holders(places, holders)
    if keyless:
        hand.take_candidates(keyless, rest.pop(0))
    for resolving, rows in zip(tied, rest, strict=True):
        resolving.take_given(rows)
    return stand


def look_up_for(turns: Sequence[Turn]) -> Steps[None]:
    """Read what the proposals of turns resemble, where no key says what they are about."""
    asking = [item for turn in turns for item in turn.asking]
    yield from turns[0].hand.look_up(item for item in asking if not item.is_judged_by_references)
    for turn in turns:
        if turn.resolving is not None:
            yield from turn.resolving.guess()


def lock_turn(turns: Sequence[Turn]) -> Statement:
    """Takes the locks of the schema, shared, and of the classes of turns, in one order for everybody."""
    hand = turns[0].hand
    schema = hand.version.name
    classes = {name for turn in turns for name in turn.classes}
    locks = sorted({class_lock(hand.tenant, schema, name) for name in classes})
    return SQL["lock_turn"](schema_lock=versions.schema_lock(schema), locks=locks)


def lock_for(turns: Sequence[Turn], *claims: Statement) -> Steps[list[Rows]]:
    """Take the locks of the classes of turns, run `claims` under them, and re-read only what has committed since the
    turns were read. Gives the rows of each claim."""
    hand = turns[0].hand
    classes = sorted({name for turn in turns for name in turn.classes})
    with step("lock", classes=len(classes)) as span:
        changed, claimed = yield from _lock(hand, turns, classes, claims)
        span.tell(changed=changed)
    return claimed


def _lock(
    hand: Hand, turns: Sequence[Turn], classes: Sequence[str], claims: Sequence[Statement]
) -> Steps[tuple[int, list[Rows]]]:
    """How many memories had changed, and the rows of each claim."""
    places = sorted({place for turn in turns for place in turn.places()})
    tied = [turn.resolving for turn in turns if turn.resolving is not None]
    likely = sorted({m for turn in turns for m in turn.likely()}) if tied else []
    results = yield from fetch(
        lock_turn(turns),
        *claims,
        hand.holders(places),
        *map(hand.changed_since, classes),
        *(each.given() for each in tied),
        *(each.families([*likely, *each.known.values()]) for each in tied),
    )
    rest = iter(results[1:])
    claimed = [next(rest) for _ in claims]
    holders = next(rest)
    changed = 0
    for name in classes:
        rows = next(rest)
        hand.take_changed(name, rows)
        changed += len(rows)
    hand.take_holders(places, holders)
    for resolving in tied:
        resolving.take_given(next(rest))
    for resolving in tied:
        resolving.take_families(next(rest))
    return changed, claimed
