"""How memreg fares now: for each class and version the rates, and beside them the backlog, the inbox and the sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Row, Steps, fetch, fetch_rows
from memreg.operations.inbox import lease_of
from memreg.operations.kill_switch import Switch
from memreg.operations.monitor.drift import Drift
from memreg.operations.monitor.judgements import SQL
from memreg.operations.monitor.rates import Rate
from memreg.operations.monitor.window import NEWEST, Place, Window, count_decisions, read_window
from memreg.operations.state import Backlog, State, read_state
from memreg.operations.store import EVERY
from memreg.registry import versions

DAY = timedelta(days=1)
LONGEST = timedelta(days=3650)
MOST_TENANTS = 200
"""Schemas of tenants that one look tells of."""
PARTS = 20
"""Into how many parts the time of the decisions is divided."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long decisions took, in milliseconds, from the start of deciding to the writing of the entry: of `timed` ones
    the median, the 95th and the 99th percentile."""

    timed: int
    median: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """A class of a tenant in a version: its newest decisions within the window, at most 2,000, and how they fared.

    `decisions` by action and basis; `scores`: how many by score, ten tenths and exactly 1; `over_time`: how many in
    each twentieth of the time from `first` to `last`. Rates are of the window: see `Rate`.
    """

    tenant: str
    schema: str
    class_name: str
    version: int
    decisions: int
    by_decision: tuple[tuple[str, str, int], ...]
    false_updates: Rate
    missed_updates: Rate
    zero_hits: Rate
    contradictions: Rate
    drift: Drift | None
    latency: Latency | None
    scores: tuple[int, ...]
    over_time: tuple[int, ...]
    first: datetime | None
    last: datetime | None
    switched: Switch | None = None

    @property
    def is_cut(self) -> bool:
        """Whether there were more decisions within the window than are read."""
        return self.decisions >= NEWEST


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table with its partitions: bytes of its rows, bytes of its indexes, and about how many rows it holds."""

    table: str
    table_bytes: int
    index_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Monitored:
    """Everything of one moment, `now`, over the `window` before it. `is_cut`: there are more than 200 schemas of
    tenants, and only the first of them are told of. `state`: the inbox, the workers, the questions and switches."""

    now: datetime
    window: timedelta
    classes: tuple[ClassFigures, ...]
    is_cut: bool
    state: State
    sizes: tuple[TableSize, ...]

    @property
    def backlog(self) -> tuple[Backlog, ...]:
        """Open questions to a person, by schema and kind."""
        return self.state.reviews

    @property
    def inbox_age(self) -> timedelta | None:
        """How long the oldest message waits, or is worked on."""
        return None if self.state.oldest is None else self.now - self.state.oldest


def monitor(
    database: Database,
    tenant: str,
    schema: str,
    *,
    window: timedelta = DAY,
    sizes: bool = True,
    clock: Clock = utc_now,
) -> Monitored:
    """How a tenant and schema fare, or every one (`*`).

    Reads at most 2,000 decisions of a class, and the classes of 200 schemas of tenants.
    Raises SchemaNotFound, ArgumentInvalid, TenantInvalid, DatabaseError.
    """
    check_window(window)
    one_tenant, one_schema = (None if name == EVERY else name for name in (tenant, schema))
    lease = lease_of(database)

    def state_plan() -> Steps[State]:
        if one_schema is not None:
            yield from versions.resolve_name(one_schema)
        return (yield from read_state(one_tenant, one_schema, lease, clock))

    state = database.run_admin(state_plan)  # the queue, its workers and the backfills are of every tenant

    def plan() -> Steps[tuple[list[ClassFigures], bool]]:
        return read_classes(one_tenant, one_schema, state, state.now - window)

    found, is_cut = database.run_admin(plan) if one_tenant is None else database.run(one_tenant, plan)
    return Monitored(state.now, window, tuple(found), is_cut, state, database.run_admin(table_sizes) if sizes else ())


def check_window(window: timedelta) -> None:
    """Raises ArgumentInvalid for a window that none can be."""
    if not isinstance(window, timedelta) or not timedelta(seconds=1) <= window <= LONGEST:
        raise ArgumentInvalid(name="window", value=str(window)[:80], reason="it must be from a second to ten years")


def read_classes(
    tenant: str | None, schema: str | None, state: State, since: datetime
) -> Steps[tuple[list[ClassFigures], bool]]:
    """The figures of every class and version with decisions, and whether there are more than are read."""
    _, places = yield from fetch(
        SQL["read_in_order"](),
        SQL["classes_decided"](tenant=tenant, schema=schema, since=since, limit=MOST_TENANTS + 1, decisions=NEWEST),
    )
    found = []
    for row in places:
        for version in row["versions"] or () if row["place"] <= MOST_TENANTS else ():
            place = Place(row["tenant"], row["schema"], row["class"], version)
            figures = yield from class_figures(place, since, state.now, state.switches)
            found += [] if figures is None else [figures]
    return found, any(row["place"] > MOST_TENANTS for row in places)


def class_figures(
    place: Place, since: datetime, now: datetime, switches: Sequence[Switch] = ()
) -> Steps[ClassFigures | None]:
    """The figures of a class in a version; None where nothing was decided within the window."""
    counted = yield from fetch_rows(count_decisions(place, since=since))
    window = yield from read_window(place, counted)
    if not window.decisions:
        return None
    (timed,) = yield from fetch(
        SQL["time_decisions"](**place.asked, since=since, first=window.first, last=now, limit=NEWEST)
    )
    return _figures(place, window, timed[0], switches)


def table_sizes() -> Steps[tuple[TableSize, ...]]:
    """What the tables and indexes of memreg take, the largest first."""
    rows = yield from fetch_rows(SQL["table_sizes"]())
    return tuple(TableSize(**row) for row in rows)


def _figures(place: Place, window: Window, timed: Row, switches: Sequence[Switch]) -> ClassFigures:
    parts = Counter[int](min(part, PARTS) for part in timed["parts"] or ())
    latency = None
    if timed["timed"]:
        latency = Latency(timed["timed"], *(round(timed[name], 3) for name in ("median", "slow", "slowest")))
    return ClassFigures(
        tenant=place.tenant,
        schema=place.schema,
        class_name=place.class_name,
        version=place.version or 0,
        decisions=window.decisions,
        by_decision=tuple((action, basis, count) for (action, basis), count in window.by_decision.items()),
        false_updates=window.false_updates,
        missed_updates=window.missed_updates,
        zero_hits=window.zero_hits,
        contradictions=window.contradictions,
        drift=window.drift,
        latency=latency,
        scores=window.scores,
        over_time=tuple(parts[part] for part in range(1, PARTS + 1)),
        first=window.first,
        last=window.last,
        switched=next((each for each in switches if _covers(each, place)), None),
    )


def _covers(switch: Switch, place: Place) -> bool:
    said, meant = (switch.tenant, switch.schema, switch.class_name), (place.tenant, place.schema, place.class_name)
    return switch.is_on and all(one in (EVERY, other) for one, other in zip(said, meant, strict=True))
