"""What memreg needs as the load grows, from measured figures: rows, bytes, log, processors, connections, machines.

    python bench/scale_model.py             (the tables of docs/explanation/scale.md, from bench/scale_figures.json)
    python bench/scale_model.py --write     (puts them into that page)

The arithmetic is all here and simple on purpose; `bench/scale_weigh.py` measures the figures anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "bench" / "scale_figures.json"
PAGE = ROOT / "docs" / "explanation" / "scale.md"
BEGIN, END = "<!-- model: begin (made by bench/scale_model.py) -->", "<!-- model: end -->"
SECONDS_A_DAY = 86_400
DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, for a memory or a decision.

    `bytes_created`, `bytes_updated`: of tables and indexes, that a CREATE and an UPDATE leave; `hot_bytes`: of the
    indexes that every decision looks into, for each memory; `rows_created`, `rows_updated`: rows that each leaves;
    `wal_created`, `wal_updated`: bytes of log; `server_ms`, `client_ms`: milliseconds of a processor for one decision,
    of Postgres and of Python; `answer_ms`: how long one takes; `class_rate`: decisions a second that one class of one
    tenant takes at most, from many workers.
    """

    payload: float
    bytes_created: float
    bytes_updated: float
    hot_bytes: float
    rows_created: float
    rows_updated: float
    wal_created: float
    wal_updated: float
    server_ms: float
    client_ms: float
    answer_ms: float
    class_rate: float

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Figures:
        """From the JSON of `bench/scale_weigh.py`."""
        return cls(**{name: float(told["figures"][name]) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Habits:
    """What is assumed of those who use it: `updates` that a memory gets in its life, of which `changing` change
    something; `days` in which all of it came; `peak` times the mean rate is what has to be carried; `active`: the share
    of the tenants that somebody speaks for within hours, whose pages have to be at hand."""

    updates: float = 2.0
    changing: float = 0.5
    days: float = DAYS_A_YEAR
    peak: float = 5.0
    active: float = 0.25


@dataclass(frozen=True, slots=True)
class Machine:
    """One server: cores, of which `busy` may be taken at the peak; bytes of memory, of which `cache` is left for pages;
    bytes of disk, of which `full` may be taken; bytes a second that it copies elsewhere, and that vacuum reads."""

    cores: int = 16
    busy: float = 0.6
    memory: float = 128e9
    cache: float = 0.6
    disk: float = 4e12
    full: float = 0.7
    copies: float = 250e6
    vacuums: float = 100e6


@dataclass(frozen=True, slots=True)
class Need:
    """What so many memories of so many tenants need. Rates are decisions a second; times are hours."""

    memories: float
    tenants: float
    rows: float
    bytes: float
    hot: float
    mean: float
    peak: float
    server_cores: float
    client_cores: float
    connections: int
    wal_a_day: float
    backup_hours: float
    vacuum_hours: float
    shares: Mapping[str, float]

    @property
    def machines(self) -> int:
        """Servers, so that none has more than it may."""
        return max(1, ceil(max(self.shares.values())))

    @property
    def first(self) -> str:
        """What is full first."""
        return max(self.shares, key=lambda name: self.shares[name])


def need(
    memories: float, tenants: float, figures: Figures, habits: Habits = Habits(), machine: Machine = Machine()
) -> Need:
    """The model. Pure."""
    decisions = memories * (1 + habits.updates)
    changed = memories * habits.updates * habits.changing
    same = decisions - memories - changed
    # What changes nothing leaves an audit entry and no revision: counted as two thirds of what changes something.
    updates = changed + same * 2 / 3
    size = memories * figures.bytes_created + updates * figures.bytes_updated
    rows = memories * figures.rows_created + updates * figures.rows_updated
    hot = memories * figures.hot_bytes * habits.active
    mean = decisions / (habits.days * SECONDS_A_DAY)
    peak = mean * habits.peak
    server, client = peak * figures.server_ms / 1000, peak * figures.client_ms / 1000
    wal = (memories * figures.wal_created + updates * figures.wal_updated) / habits.days
    shares = {
        "disk": size / (machine.disk * machine.full),
        "memory for the indexes": hot / (machine.memory * machine.cache),
        "processors": server / (machine.cores * machine.busy),
    }
    machines = max(1, ceil(max(shares.values())))
    return Need(
        memories, tenants, rows, size, hot, mean, peak, server, client,
        connections=ceil(peak * figures.answer_ms / 1000) + 1,
        wal_a_day=wal,
        backup_hours=size / machines / machine.copies / 3600,
        vacuum_hours=size / machines / machine.vacuums / 3600,
        shares=shares,
    )  # fmt: skip


STEPS = ((1e5, 1e2), (1e6, 1e3), (1e7, 1e4), (1e8, 1e5), (1e9, 1e6))
"""Memories and tenants of each line."""


def page(figures: Figures, machine: Machine = Machine(), steps: Sequence[tuple[float, float]] = STEPS) -> str:
    """The tables of the page, as Markdown."""
    needs = [need(memories, tenants, figures, machine=machine) for memories, tenants in steps]
    loads = [
        (
            count(each.memories), count(each.tenants), count(each.rows), size(each.bytes), size(each.hot),
            f"{rate(each.mean)} / {rate(each.peak)}", rate(each.server_cores), rate(each.client_cores),
            str(each.connections), size(each.wal_a_day), str(each.machines), each.first,
        )
        for each in needs
    ]  # fmt: skip
    upkeep = [
        (count(each.memories), str(each.machines), size(each.bytes / each.machines), rate(each.backup_hours),
         rate(each.vacuum_hours))
        for each in needs
    ]  # fmt: skip
    ready = (
        f"For one memory of {figures.payload:.0f} bytes: {figures.bytes_created:,.0f} bytes in"
        f" {figures.rows_created:.0f} rows when it is made and {figures.bytes_updated:,.0f} in"
        f" {figures.rows_updated:.1f} with each change of it, {figures.wal_created:,.0f} and {figures.wal_updated:,.0f}"
        f" bytes of log, {figures.hot_bytes:,.0f} bytes of the indexes that every decision looks into. A decision takes"
        f" {figures.server_ms:.1f} ms of a processor in Postgres and {figures.client_ms:.1f} ms in Python, and is there"
        f" after {figures.answer_ms:.1f} ms; one class of one tenant takes {figures.class_rate:,.0f} a second."
    )
    return "\n".join([ready, "", *_table(LOAD, loads), "", *_table(UPKEEP, upkeep)])


LOAD = (
    "memories", "tenants", "rows", "on disk", "indexes in use", "decisions a second, mean / peak", "Postgres cores",
    "workers' cores", "connections", "log a day", "machines", "full first",
)  # fmt: skip
UPKEEP = ("memories", "machines", "on one of them", "backup or restore of it, hours", "reading it by vacuum, hours")


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (names, ["---"] * len(names), *rows)]


def count(number: float) -> str:
    """A number of things, in words that fit a table."""
    for unit, name in ((1e12, " trillion"), (1e9, " billion"), (1e6, " million")):
        if number >= unit:
            return f"{_digits(number / unit)}{name}"
    return f"{number:,.0f}"


def size(number: float) -> str:
    """A number of bytes."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= unit:
            return f"{_digits(number / unit)} {name}"
    return f"{_digits(number / 1e3)} kB"


def rate(number: float) -> str:
    """A number with two digits that count."""
    return _digits(number)


def _digits(number: float) -> str:
    if number >= 100:
        return f"{float(f'{number:.2g}'):,.0f}"
    return f"{number:.2g}"


def between(text: str, tables: str) -> str:
    """A page with other tables between its marks. Raises ValueError where it has none."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n\n{tables.strip()}\n\n{END}{tail}"


def main() -> int:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path, default=FIGURES, help="what bench/scale_weigh.py measured")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/explanation/scale.md")
    given = parser.parse_args()
    tables = page(Figures.read(json.loads(given.figures.read_text("utf-8"))))
    if given.write:
        PAGE.write_text(between(PAGE.read_text("utf-8"), tables), "utf-8")
    else:
        print(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
