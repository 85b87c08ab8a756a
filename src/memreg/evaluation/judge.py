"""Each decision of a stream against the gold, in order: right, a false update, a missed update, unknown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

UPDATES = frozenset({"UPDATE", "UPSERT"})


class Verdict(StrEnum):
    """What the gold says of a decision."""

    RIGHT = "right"
    FALSE_UPDATE = "false_update"
    MISSED_UPDATE = "missed_update"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided on a record, and the entity and source that it has by the gold. `score`: the best candidate's,
    or the target's where a key answered."""

    record_id: str
    entity_id: str
    source: str
    action: str
    basis: str
    memory_id: str | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome with its verdict. `homes`: the memories that held earlier records of the entity, the one with most
    first. Of the memory that was updated, before this record: `first` and `majority` entity. `identical`: it held a
    record of the same text already."""

    outcome: Outcome
    verdict: Verdict
    homes: tuple[str, ...] = ()
    first: str | None = None
    majority: str | None = None
    identical: bool = False

    @property
    def existed(self) -> bool:
        """Whether an earlier record of the entity was kept."""
        return bool(self.homes)

    @property
    def is_wrong(self) -> bool:
        """Whether it is a false or a missed update."""
        return self.verdict in (Verdict.FALSE_UPDATE, Verdict.MISSED_UPDATE)


@dataclass
class Held:
    """A memory as the gold sees it: how many records of each entity, in order of arrival, and from which sources."""

    entities: Counter[str] = field(default_factory=Counter)
    sources: set[str] = field(default_factory=set)
    positions: list[int] = field(default_factory=list)

    @property
    def first(self) -> str:
        """The entity of its first record."""
        return next(iter(self.entities))

    @property
    def majority(self) -> str:
        """The entity of most of its records; of several, the one that came first."""
        return self.entities.most_common(1)[0][0]

    def is_of(self, entity: str) -> bool:
        """Whether the entity is its first or its majority's."""
        return entity in (self.first, self.majority)


@dataclass
class Ledger:
    """What a stream has left behind so far: memories by id, and where the records of each entity went."""

    dirty_sources: Collection[str] = ()
    memories: dict[str, Held] = field(default_factory=dict)
    places: dict[str, Counter[str]] = field(default_factory=dict)

    def homes(self, entity: str) -> tuple[str, ...]:
        """The memories that hold records of an entity, most first; of equals, the one that came first."""
        places = self.places.get(entity)
        return tuple(memory for memory, _ in places.most_common()) if places else ()

    def verdict_of_update(self, entity: str, source: str, memory_id: str) -> Verdict:
        """What it is to put a record into a memory."""
        held = self.memories.get(memory_id)
        if held is None or held.is_of(entity):
            return Verdict.RIGHT
        if source in self.dirty_sources and source in held.sources:
            return Verdict.UNKNOWN
        return Verdict.FALSE_UPDATE

    def keep(self, position: int, outcome: Outcome) -> None:
        """Note where a record went."""
        if outcome.memory_id is None:
            return
        held = self.memories.setdefault(outcome.memory_id, Held())
        held.entities[outcome.entity_id] += 1
        held.sources.add(outcome.source)
        held.positions.append(position)
        self.places.setdefault(outcome.entity_id, Counter())[outcome.memory_id] += 1


def walk(outcomes: Iterable[Outcome], dirty_sources: Collection[str] = ()) -> Iterator[tuple[int, Outcome, Ledger]]:
    """Each outcome with its position and what the ones before it left behind."""
    ledger = Ledger(frozenset(dirty_sources))
    for position, outcome in enumerate(outcomes):
        yield position, outcome, ledger
        ledger.keep(position, outcome)


def judge(
    outcomes: Iterable[Outcome],
    *,
    dirty_sources: Collection[str] = (),
    text_of: Callable[[int], Hashable] | None = None,
) -> Iterator[Judged]:
    """The outcomes of one pass over a stream, in order, each with its verdict.

    A false update puts a record into a memory whose first and majority entity both are others; a missed update makes a
    memory although an earlier record of the entity was kept. Where both records come from one of the `dirty_sources`,
    a false update is unknown instead. `text_of` gives the text of the record at a position, to tell updates between
    equal texts.
    """
    for position, outcome, ledger in walk(outcomes, dirty_sources):
        yield _judged(ledger, position, outcome, text_of)


def _judged(ledger: Ledger, position: int, outcome: Outcome, text_of: Callable[[int], Hashable] | None) -> Judged:
    homes = ledger.homes(outcome.entity_id)
    if outcome.memory_id is None:
        return Judged(outcome, Verdict.REJECTED, homes)
    held = ledger.memories.get(outcome.memory_id)
    if outcome.action in UPDATES and held is not None:
        verdict = ledger.verdict_of_update(outcome.entity_id, outcome.source, outcome.memory_id)
        identical = False
        if verdict is Verdict.FALSE_UPDATE and text_of is not None:
            mine = text_of(position)
            identical = any(text_of(other) == mine for other in held.positions)
        return Judged(outcome, verdict, homes, held.first, held.majority, identical)
    missed = outcome.action == "CREATE" and bool(homes)
    return Judged(outcome, Verdict.MISSED_UPDATE if missed else Verdict.RIGHT, homes)
