"""The model of what memreg needs as the load grows: its arithmetic, and that the page has the kept figures."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import pairwise

import pytest

from bench.scale_model import FIGURES, PAGE, STEPS, Figures, Habits, Machine, between, count, need, page, rate, size

ONE = Figures(
    payload=300, bytes_created=4000, bytes_updated=1500, hot_bytes=500, rows_created=20, rows_updated=3,
    wal_created=6000, wal_updated=3000, server_ms=2, client_ms=3, answer_ms=4, class_rate=200,
)  # fmt: skip
ALL_CHANGE = Habits(updates=2, changing=1, days=100, peak=10, active=1)


def test_what_is_made_and_changed_is_added_up() -> None:
    found = need(1000, 10, ONE, ALL_CHANGE)
    assert found.bytes == 1000 * 4000 + 2000 * 1500
    assert found.rows == 1000 * 20 + 2000 * 3
    assert found.hot == 1000 * 500
    assert need(1000, 10, ONE, replace(ALL_CHANGE, active=0.1)).hot == pytest.approx(1000 * 50)
    assert found.wal_a_day == (1000 * 6000 + 2000 * 3000) / 100


def test_what_changes_nothing_leaves_two_thirds() -> None:
    none = need(900, 1, ONE, replace(ALL_CHANGE, changing=0))
    assert none.rows == 900 * 20 + 900 * 2 * 3 * 2 / 3


def test_the_rate_is_of_all_decisions_and_the_peak_a_multiple() -> None:
    found = need(8_640_000, 10, ONE, ALL_CHANGE)
    assert found.mean == pytest.approx(8_640_000 * 3 / (100 * 86_400))
    assert found.peak == pytest.approx(10 * found.mean)
    assert found.server_cores == pytest.approx(found.peak * 0.002)
    assert found.client_cores == pytest.approx(found.peak * 0.003)


def test_connections_are_those_that_are_busy_at_once() -> None:
    """As many as decisions come in the time that one takes (Little), and one more."""
    assert need(864_000_000, 10, ONE, ALL_CHANGE).connections == 12 + 1  # 3,000 a second, 4 ms each
    assert need(10, 1, ONE).connections == 2


def test_machines_are_as_many_as_what_is_full_first_asks_for() -> None:
    small = Machine(cores=1000, memory=1e15, disk=1e9, full=0.5)
    found = need(1_000_000, 1, ONE, ALL_CHANGE, small)
    assert found.first == "disk"
    assert found.machines == 14  # 7 GB at half a GB each
    assert need(1, 1, ONE).machines == 1


@pytest.mark.parametrize(
    ("machine", "first"),
    [
        (Machine(cores=1, memory=1e15, disk=1e18), "processors"),
        (Machine(cores=10_000, memory=1e6, disk=1e18), "memory for the indexes"),
    ],
)
def test_what_is_full_first_is_told(machine: Machine, first: str) -> None:
    assert need(1e8, 1e5, ONE, machine=machine).first == first


def test_backup_and_vacuum_are_of_one_machine() -> None:
    one = Machine(disk=1e12, full=1, copies=1e6, vacuums=2e6, memory=1e18, cores=10_000)
    found = need(1e9, 1, ONE, ALL_CHANGE, one)
    assert found.machines == 7
    assert found.backup_hours == pytest.approx(1e12 / 1e6 / 3600)
    assert found.vacuum_hours == pytest.approx(found.backup_hours / 2)


def test_everything_grows_with_the_memories_and_nothing_with_the_tenants() -> None:
    for (few, tenants), (many, more) in pairwise(STEPS):
        less, grown = need(few, tenants, ONE), need(many, more, ONE)
        assert grown.bytes == pytest.approx(10 * less.bytes)
        assert grown.peak == pytest.approx(10 * less.peak)
        assert grown.machines >= less.machines
    assert replace(need(1e6, 1, ONE), tenants=1e6) == need(1e6, 1e6, ONE)


def test_figures_in_words() -> None:
    assert [count(x) for x in (100, 1e5, 1e6, 2.5e9)] == ["100", "100,000", "1 million", "2.5 billion"]
    assert [size(x) for x in (5e4, 7.7e8, 1.24e12, 2.34e14)] == ["50 kB", "770 MB", "1.2 TB", "230 TB"]
    assert [rate(x) for x in (0.0123, 3.14, 1234)] == ["0.012", "3.1", "1,200"]


def test_a_page_without_a_place_for_the_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="the page has no"):
        between("# Scale", "| a |")


def test_the_kept_figures_are_whole() -> None:
    told = json.loads(FIGURES.read_text("utf-8"))["figures"]
    assert told.keys() == {field.name for field in fields(Figures)}
    assert all(value > 0 for value in told.values())


def test_the_page_is_of_the_kept_figures() -> None:
    """`python bench/scale_model.py --write` makes it so."""
    text = PAGE.read_text("utf-8")
    assert between(text, page(Figures.read(json.loads(FIGURES.read_text("utf-8"))))) == text
