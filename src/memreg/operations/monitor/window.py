"""The newest decisions of a class, counted: what the monitors tell and the kill switch trips by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from memreg.core.queries import Statement
from memreg.core.steps import Row, Rows, Steps, fetch_rows
from memreg.operations.monitor.drift import BINS, Drift, drift
from memreg.operations.monitor.judgements import SQL
from memreg.operations.monitor.rates import Rate

NEWEST = 2_000
"""Decisions of a class that are read at most, however many there are."""
ANSWERS = 100
"""The newest identity updates, among which contradictions are counted."""
MERGES = 300
"""The newest merges with a score: their scores are held against those of the ones before."""
SEARCHES = 300
"""The newest searches for candidates, which are held against the ones before."""
CHANGING = frozenset({"UPDATE", "UPSERT", "DELETE"})
MERGING = frozenset({"UPDATE", "UPSERT"})


@dataclass(frozen=True, slots=True)
class Cell:
    """Decisions that are alike in everything that is counted. `bin`: of the score, 1 to 11, None without one."""

    action: str
    basis: str
    bin: int | None
    contradicts: bool
    searched: bool
    missed: bool
    in_answers: bool
    in_merges: bool
    in_searches: bool
    decisions: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """The decisions of a class in a version (None: in any), and what was found out about them, by kind."""

    cells: tuple[Cell, ...] = ()
    judged: Mapping[str, int] = field(default_factory=dict)

    @property
    def decisions(self) -> int:
        """How many."""
        return self._sum(lambda _: True)

    @property
    def first(self) -> datetime | None:
        """When the oldest was made."""
        return min((cell.first for cell in self.cells), default=None)

    @property
    def last(self) -> datetime | None:
        """When the newest was made."""
        return max((cell.last for cell in self.cells), default=None)

    @property
    def by_decision(self) -> dict[tuple[str, str], int]:
        """How many, by action and basis."""
        counts = Counter[tuple[str, str]]()
        for cell in self.cells:
            counts[cell.action, cell.basis] += cell.decisions
        return dict(sorted(counts.items()))

    @property
    def scores(self) -> tuple[int, ...]:
        """How many by score: ten tenths, and exactly 1."""
        counts = Counter[int | None]()
        for cell in self.cells:
            counts[cell.bin] += cell.decisions
        return tuple(counts[each] for each in range(1, BINS + 1))

    @property
    def false_updates(self) -> Rate:
        """Updates, upserts and deletes that turned out wrong, of all of them."""
        changes = self._sum(lambda cell: cell.action in CHANGING)
        return Rate(min(self.judged.get("false_update", 0), changes), changes)

    @property
    def missed_updates(self) -> Rate:
        """Created memories that turned out to be second ones, of all that were created."""
        created = self._sum(lambda cell: cell.action == "CREATE")
        return Rate(min(self.judged.get("missed_update", 0), created), created)

    @property
    def contradictions(self) -> Rate:
        """Of the newest 100 identity updates, those that the rest of what was said contradicts."""
        return Rate(
            self._sum(lambda cell: cell.in_answers and cell.contradicts),
            self._sum(lambda cell: cell.in_answers and cell.basis == "identity" and cell.action == "UPDATE"),
        )

    @property
    def zero_hits(self) -> Rate:
        """Searches that found no candidate at all."""
        return Rate(self._sum(lambda cell: cell.missed), self._sum(lambda cell: cell.searched))

    def zero_hits_of(self, *, newest: bool) -> Rate:
        """The same, of the newest 300 searches or of those before them."""
        return Rate(
            self._sum(lambda cell: cell.missed and cell.in_searches is newest),
            self._sum(lambda cell: cell.searched and cell.in_searches is newest),
        )

    @property
    def drift(self) -> Drift | None:
        """How far the scores of the newest 300 merges are from those of the merges before them."""
        return drift(self._merged(newest=True), self._merged(newest=False))

    def _merged(self, *, newest: bool) -> dict[int, int]:
        counts = Counter[int]()
        for cell in self.cells:
            if cell.action in MERGING and cell.bin is not None and cell.in_merges is newest:
                counts[cell.bin] += cell.decisions
        return counts

    def _sum(self, counts: Callable[[Cell], bool]) -> int:
        return sum(cell.decisions for cell in self.cells if counts(cell))


@dataclass(frozen=True, slots=True)
class Place:
    """A class of a tenant's schema, in one version or (None) in any."""

    tenant: str
    schema: str
    class_name: str
    version: int | None = None

    @property
    def asked(self) -> dict[str, object]:
        """As parameters of a statement."""
        return {
            "tenant": self.tenant,
            "schema": self.schema,
            "class_name": self.class_name,
            "version": self.version,
        }


def count_decisions(
    place: Place, *, since: datetime | None = None, after: datetime | None = None, limit: int = NEWEST
) -> Statement:
    """Counts the newest decisions of a class: `since` bounds the ids that are read, `after` what was decided later."""
    return SQL["count_decisions"](
        **place.asked, since=since, after=after, limit=limit, answers=ANSWERS, merges=MERGES, searches=SEARCHES
    )


def read_window(place: Place, counted: Rows) -> Steps[Window]:
    """The window of what `count_decisions` gave, with what was found out about these decisions."""
    cells = tuple(cell_of(row) for row in counted)
    if not cells:
        return Window()
    first = min(cell.first for cell in cells)
    judged = yield from fetch_rows(SQL["count_judgements"](**place.asked, first=first))
    return Window(cells, {row["kind"]: row["decisions"] for row in judged})


def cell_of(row: Row) -> Cell:
    """A cell from its row."""
    return Cell(**row)
