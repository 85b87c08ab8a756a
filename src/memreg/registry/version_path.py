"""Which way memories of each version go to the newest one: along what each version is based on. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from memreg.registry.models import ClassAnnotation, SchemaSpec


@dataclass(frozen=True)
class Ancestor:
    """A version of the schema, with the number of the version that its `from:` speak of (`base`), and of the earlier
    one with the same content that it brings back, if it does."""

    spec: SchemaSpec
    version: int
    base: int | None = None
    restores: int | None = None
    annotations: Mapping[str, ClassAnnotation] = field(default_factory=dict)


class Way(Enum):
    """How one version is reached from another: from its base, back to its base, or by names where both are the same."""

    FORWARD = "forward"
    BACK = "back"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Hop:
    """From one version to the next one on the way."""

    way: Way
    start: int
    end: int


_COSTS = {Way.FORWARD: 1, Way.SAME: 0, Way.BACK: 1_000}
_FAR = (
    100_000  # a version that brings back another than the one before its base knows only part of the way by its `from:`
)


def hops_to_newest(newest: Ancestor, earlier: Iterable[Ancestor]) -> Mapping[int, Hop]:
    """The first hop from each earlier version on its way to the newest one.

    Turning back is for versions beside the way: one that was rejected, say, after memories had been written under it.
    """
    versions = {each.version: each for each in (*earlier, newest)}
    ends: dict[int, list[tuple[int, Hop]]] = {number: [] for number in versions}
    for each in versions.values():
        for cost, hop in _hops_of(each, versions):
            ends[hop.end].append((cost, hop))
    found: dict[int, Hop] = {}
    seen: set[int] = set()
    # By cost; of equal ones the newer version first, and of its hops the one that was found first.
    queue: list[tuple[int, int, int, Hop | None]] = [(0, -newest.version, 0, None)]
    pushed = 0
    while queue:
        cost, negative, _, reached = heapq.heappop(queue)
        if -negative in seen:
            continue
        seen.add(-negative)
        if reached is not None:
            found[reached.start] = reached
        for more, hop in ends[-negative]:
            if hop.start not in seen:
                pushed += 1
                heapq.heappush(queue, (cost + more, -hop.start, pushed, hop))
    for number in versions.keys() - seen:
        found[number] = Hop(Way.SAME, number, _next_base(number, versions, seen, newest.version))
    return found


def _hops_of(each: Ancestor, versions: Mapping[int, Ancestor]) -> Iterable[tuple[int, Hop]]:
    base = versions.get(each.base) if each.base is not None else None
    if base is not None and base.version < each.version:
        known = each.restores is None or each.restores == base.base
        yield _COSTS[Way.FORWARD] if known else _FAR, Hop(Way.FORWARD, base.version, each.version)
        yield _COSTS[Way.BACK], Hop(Way.BACK, each.version, base.version)
        for other in versions.values():
            if other.base == each.base and other.version < each.version and other.spec.classes == each.spec.classes:
                yield from _same(other.version, each.version)
    if each.restores is not None and each.restores in versions:
        yield from _same(each.restores, each.version)


def _same(one: int, other: int) -> Iterable[tuple[int, Hop]]:
    yield _COSTS[Way.SAME], Hop(Way.SAME, one, other)
    yield _COSTS[Way.SAME], Hop(Way.SAME, other, one)


def _next_base(number: int, versions: Mapping[int, Ancestor], reached: set[int], newest: int) -> int:
    """The base of the next version on the way: a version without a base is read as if it were that."""
    following = min((each for each in reached if each > number), default=newest)
    base = versions[following].base
    return base if base in reached and base is not None and base != number else following
