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
    """An outcome with its verdict. `existed`: an earlier record of the entity was kept; `home`: the memory that held
    most of those. Of the memory that was updated, before this record: `first` and `majority` entity. `identical`: it
    held a record of the same text already."""

    outcome: Outcome
    verdict: Verdict
    existed: bool
    home: str | None = None
    first: str | None = None
    majority: str | None = None
    identical: bool = False


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

    def home(self, entity: str) -> str | None:
        """The memory that holds most records of an entity; of several, the one that came first."""
        places = self.places.get(entity)
        return places.most_common(1)[0][0] if places else None

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
    ledger = Ledger(frozenset(dirty_sources))
    for position, outcome in enumerate(outcomes):
        yield _judged(ledger, position, outcome, text_of)
        ledger.keep(position, outcome)


def _judged(ledger: Ledger, position: int, outcome: Outcome, text_of: Callable[[int], Hashable] | None) -> Judged:
    home = ledger.home(outcome.entity_id)
    existed = home is not None
    if outcome.memory_id is None:
        return Judged(outcome, Verdict.REJECTED, existed, home)
    held = ledger.memories.get(outcome.memory_id)
    if outcome.action in UPDATES and held is not None:
        verdict = ledger.verdict_of_update(outcome.entity_id, outcome.source, outcome.memory_id)
        identical = False
        if verdict is Verdict.FALSE_UPDATE and text_of is not None:
            mine = text_of(position)
            identical = any(text_of(other) == mine for other in held.positions)
        return Judged(outcome, verdict, existed, home, held.first, held.majority, identical)
    missed = outcome.action == "CREATE" and existed
    return Judged(outcome, Verdict.MISSED_UPDATE if missed else Verdict.RIGHT, existed, home)
