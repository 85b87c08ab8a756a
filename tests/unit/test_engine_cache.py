"""What an engine keeps between messages: the entries used last, and no more than there is room for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memreg.engine.cache import MOST_TOKENS, Cache, Recent
from memreg.engine.statistics import Statistics


def test_the_entry_not_used_for_the_longest_time_makes_room() -> None:
    recent: Recent[str, str] = Recent(2, lambda _: 1)
    recent.put("a", "1")
    recent.put("b", "2")
    assert recent.get("a") == "1"
    recent.put("c", "3")
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == ("1", None, "3")


def test_entries_count_by_their_size() -> None:
    recent: Recent[str, str] = Recent(10, len)
    recent.put("a", "x" * 4)
    recent.put("b", "x" * 6)
    assert len(recent) == 2
    recent.put("b", "x" * 7)
    assert (recent.get("a"), len(recent)) == (None, 1)


def test_the_newest_entry_stays_even_where_it_is_too_large() -> None:
    recent: Recent[str, str] = Recent(3, len)
    recent.put("a", "x")
    recent.put("b", "x" * 100)
    assert (recent.get("a"), recent.get("b")) == (None, "x" * 100)
    recent.put("c", "x")
    assert (recent.get("b"), recent.get("c")) == (None, "x")


def test_the_statistics_of_many_tenants_do_not_pile_up() -> None:
    cache, tokens = Cache(), MOST_TOKENS // 10
    frequencies = {str(number): 2 for number in range(tokens)}

    def take(tenant: str) -> Statistics:
        row = {"snapshot": 1, "documents": 100, "frequencies": frequencies, "change": 32, "model": None}
        return _answered(cache.snapshot(tenant, "people", "Person", 1), [[row]])

    for number in range(30):
        take(f"tenant-{number}")
    assert len(cache.statistics) < 10
    assert cache.statistics.get(("tenant-29", "people", "Person")) is not None
    assert cache.statistics.get(("tenant-0", "people", "Person")) is None


def _answered(steps: Any, rows: list[Any]) -> Statistics:
    """What a plan of one question comes to."""
    plan: Iterator[Any] = steps
    next(plan)
    try:
        steps.send(rows)
    except StopIteration as stop:
        found: Statistics = stop.value
        return found
    raise AssertionError("the plan asked twice")
