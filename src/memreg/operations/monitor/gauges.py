"""What the monitors tell, as gauges: the same names whatever is wrong, and no word of a memory in a label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from memreg.operations.gauge import Metric, Sample
from memreg.operations.monitor.figures import ClassFigures, Monitored
from memreg.operations.monitor.rates import Rate

Labels = tuple[tuple[str, str], ...]
Group = tuple[Labels, Sequence[ClassFigures]]

RATES: tuple[tuple[str, str, Callable[[ClassFigures], Rate]], ...] = (
    (
        "memreg_false_update_rate",
        "Updates, upserts and deletes that turned out wrong, of all of them",
        lambda each: each.false_updates,
    ),
    (
        "memreg_missed_update_rate",
        "Created memories that turned out to be second ones, of all that were created",
        lambda each: each.missed_updates,
    ),
    (
        "memreg_zero_hit_rate",
        "Searches for candidates that found none, of all of them",
        lambda each: each.zero_hits,
    ),
    (
        "memreg_contradiction_rate",
        "Of the newest identity updates, those that the rest of what was said contradicts",
        lambda each: each.contradictions,
    ),
)


def monitor_gauges(found: Monitored, *, by_tenant: bool = False) -> Iterator[Metric]:
    """The gauges of the classes, by schema, class and version (and tenant), then those of the tables. Pure.

    Over several tenants counts and rates are added up; a drift or a latency is that of the tenant where it is worst.
    """
    groups = _groups(found.classes, by_tenant)
    yield Metric(
        "memreg_decisions",
        "The newest decisions within the window, by action and basis; at most 2,000 of a class",
        tuple(
            Sample(dict((*labels, ("action", action), ("basis", basis))), count)
            for labels, members in groups
            for (action, basis), count in _decisions(members).items()
        ),
    )
    for name, text, rate_of in RATES:
        yield Metric(
            name,
            f"{text}: as observed, and from low to high what that stands for with 95 % confidence",
            tuple(_rate_samples(groups, rate_of)),
        )
        yield Metric(
            name.removesuffix("_rate") + "_trials",
            f"Of how many {name} is",
            tuple(Sample(dict(labels), _sum(members, rate_of).of) for labels, members in groups),
        )
    yield Metric(
        "memreg_score_drift",
        "Population stability index of the scores of the newest 300 merges against those before; 0.25 is much",
        tuple(_worst(groups, lambda each: each.drift.index if each.drift else 0.0)),
    )
    yield Metric(
        "memreg_score_drift_beyond_chance",
        "What of it few scores cannot explain",
        tuple(_worst(groups, lambda each: each.drift.beyond_chance if each.drift else 0.0)),
    )
    yield Metric(
        "memreg_decision_milliseconds",
        "How long the newest decisions took, from the start of deciding to the writing, by quantile",
        tuple(_latencies(groups)),
    )
    yield Metric(
        "memreg_table_bytes",
        "Bytes of the rows of a table with its partitions",
        tuple(Sample({"table": each.table}, each.table_bytes) for each in found.sizes),
    )
    yield Metric(
        "memreg_index_bytes",
        "Bytes of the indexes of a table with its partitions",
        tuple(Sample({"table": each.table}, each.index_bytes) for each in found.sizes),
    )
    yield Metric("memreg_window_seconds", "How far back decisions count", (Sample({}, found.window.total_seconds()),))


def _groups(classes: Sequence[ClassFigures], by_tenant: bool) -> list[Group]:
    groups: dict[Labels, list[ClassFigures]] = defaultdict(list)
    for each in classes:
        labels = (("schema", each.schema), ("class", each.class_name), ("version", str(each.version)))
        groups[(("tenant", each.tenant), *labels) if by_tenant else labels].append(each)
    return list(groups.items())


def _decisions(members: Sequence[ClassFigures]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for each in members:
        for action, basis, count in each.by_decision:
            counts[action, basis] += count
    return counts


def _sum(members: Sequence[ClassFigures], rate_of: Callable[[ClassFigures], Rate]) -> Rate:
    return sum(map(rate_of, members), Rate(0, 0))


def _rate_samples(groups: Sequence[Group], rate_of: Callable[[ClassFigures], Rate]) -> Iterator[Sample]:
    for labels, members in groups:
        rate = _sum(members, rate_of)
        if rate.share is None:
            continue
        values = (("observed", rate.share), ("low", rate.interval.low), ("high", rate.interval.high))
        for bound, value in values:
            yield Sample(dict((*labels, ("bound", bound))), value)


def _worst(groups: Sequence[Group], value_of: Callable[[ClassFigures], float]) -> Iterator[Sample]:
    for labels, members in groups:
        yield Sample(dict(labels), max(map(value_of, members)))


def _latencies(groups: Sequence[Group]) -> Iterator[Sample]:
    for labels, members in groups:
        timed = [each.latency for each in members if each.latency is not None]
        if not timed:
            continue
        quantiles = (
            ("0.5", max(each.median for each in timed)),
            ("0.95", max(each.p95 for each in timed)),
            ("0.99", max(each.p99 for each in timed)),
        )
        for quantile, value in quantiles:
            yield Sample(dict((*labels, ("quantile", quantile))), value)
