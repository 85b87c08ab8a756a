"""The figures of one pass: rates of false and missed updates, pairwise and B-cubed scores of the assignment. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from memreg.evaluation.judge import Judged, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, recall and their harmonic mean, each in [0, 1]; 1.0 where there is nothing to be wrong about."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, precision: float, recall: float) -> Agreement:
        """With the harmonic mean of the two."""
        total = precision + recall
        return cls(precision, recall, 2 * precision * recall / total if total else 0.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a pass came to. Rates are shares in [0, 1]: of all decisions, and of the records whose entity was kept
    before. `false_updates_identical_text` are among the `false_updates`; `errors_by_basis` counts both kinds.
    `pairwise` and `bcubed` take the gold as it is; `known_pairwise` and `known_bcubed` leave out the pairs that a dirty
    source makes unknown (the same where there is none)."""

    decisions: int
    false_updates: int
    false_updates_identical_text: int
    false_update_rate: float
    missed_updates: int
    missed_update_rate: float
    existing: int
    unknown: int
    rejected: int
    pairwise: Agreement
    bcubed: Agreement
    known_pairwise: Agreement
    known_bcubed: Agreement
    errors_by_basis: dict[str, int]
    decided: dict[str, int]
    memories: int
    entities: int
    memories_per_entity: float


def measure(judged: Sequence[Judged], dirty_sources: Collection[str] = ()) -> Figures:
    """The figures of a judged pass."""
    outcomes = [each.outcome for each in judged]
    count = Counter(each.verdict for each in judged)
    existing = sum(each.existed for each in judged)
    wrong = [each for each in judged if each.is_wrong]
    memories = {each.memory_id for each in outcomes if each.memory_id is not None}
    entities = {each.entity_id for each in outcomes}
    return Figures(
        decisions=len(judged),
        false_updates=count[Verdict.FALSE_UPDATE],
        false_updates_identical_text=sum(each.identical for each in wrong),
        false_update_rate=_share(count[Verdict.FALSE_UPDATE], len(judged)),
        missed_updates=count[Verdict.MISSED_UPDATE],
        missed_update_rate=_share(count[Verdict.MISSED_UPDATE], existing),
        existing=existing,
        unknown=count[Verdict.UNKNOWN],
        rejected=count[Verdict.REJECTED],
        pairwise=pairwise(outcomes),
        bcubed=bcubed(outcomes),
        known_pairwise=pairwise(outcomes, dirty_sources),
        known_bcubed=bcubed(outcomes, dirty_sources),
        errors_by_basis=dict(Counter(each.outcome.basis for each in wrong).most_common()),
        decided=dict(Counter(f"{each.action} {each.basis}" for each in outcomes).most_common()),
        memories=len(memories),
        entities=len(entities),
        memories_per_entity=_share(len(memories), len(entities)),
    )


def pairwise(outcomes: Iterable[Outcome], dirty_sources: Collection[str] = ()) -> Agreement:
    """Over pairs of records: those in one memory against those of one entity.

    Two records of one of the dirty sources and of different entities are left out, as nobody knows what they are. A
    record without a memory stands alone.
    """
    cells = _Cells(outcomes, dirty_sources)
    together = sum(map(_pairs, cells.clusters.values())) - cells.unknown_pairs()
    same = sum(map(_pairs, cells.entities.values()))
    both = sum(map(_pairs, cells.both.values()))
    return Agreement.of(_share(both, together, 1.0), _share(both, same, 1.0))


def bcubed(outcomes: Iterable[Outcome], dirty_sources: Collection[str] = ()) -> Agreement:
    """Over records: the share of its memory that is its entity, and of its entity that is in its memory, averaged.

    Bagga and Baldwin, Entity-Based Cross-Document Coreferencing Using the Vector Space Model (1998). Of its memory, a
    record of a dirty source leaves out what is of that source and another entity.
    """
    cells = _Cells(outcomes, dirty_sources)
    precision = recall = records = 0.0
    for (cluster, entity, source), count in cells.by_source.items():
        both = cells.both[cluster, entity]
        unknown = cells.sources[cluster, source] - count if source in cells.dirty else 0
        precision += count * both / (cells.clusters[cluster] - unknown)
        recall += count * both / cells.entities[entity]
        records += count
    return Agreement.of(_share(precision, records, 1.0), _share(recall, records, 1.0))


class _Cells:
    """How many records each memory, entity and source hold, alone and together."""

    def __init__(self, outcomes: Iterable[Outcome], dirty_sources: Collection[str]) -> None:
        self.dirty = frozenset(dirty_sources)
        self.clusters: Counter[str | int] = Counter()
        self.entities: Counter[str] = Counter()
        self.both: Counter[tuple[str | int, str]] = Counter()
        self.sources: Counter[tuple[str | int, str]] = Counter()
        self.by_source: Counter[tuple[str | int, str, str]] = Counter()
        for position, each in enumerate(outcomes):
            cluster = position if each.memory_id is None else each.memory_id
            self.clusters[cluster] += 1
            self.entities[each.entity_id] += 1
            self.both[cluster, each.entity_id] += 1
            self.sources[cluster, each.source] += 1
            self.by_source[cluster, each.entity_id, each.source] += 1

    def unknown_pairs(self) -> int:
        """Pairs in one memory, of one dirty source and different entities."""
        of_source = sum(_pairs(count) for (_, source), count in self.sources.items() if source in self.dirty)
        known = sum(_pairs(count) for (_, _, source), count in self.by_source.items() if source in self.dirty)
        return of_source - known


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least this share of the values do not exceed (nearest rank); 0.0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _share(part: float, whole: float, of_nothing: float = 0.0) -> float:
    return part / whole if whole else of_nothing
