"""Times of calls, their percentiles, and what a process and the server's backends spent on them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_TICK = 0.01


@dataclass
class Times:
    """Seconds of calls by the clock and by this process's CPU."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def take(self, call: Callable[[], object]) -> None:
        """Run one call and note what it took."""
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    def figures(self) -> dict[str, float]:
        """Milliseconds: median, 95th percentile, and the mean of this process's CPU."""
        return {
            "p50_ms": round(statistics.median(self.wall) * 1000, 3),
            "p95_ms": round(p95(self.wall) * 1000, 3),
            "cpu_ms": round(statistics.fmean(self.cpu) * 1000, 3),
        }


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def ratio(mine: float, least: float) -> float:
    """How many times as much."""
    return round(mine / least, 3)


def in_turns(*calls: tuple[Times, Callable[[], object]], first: int = 0) -> None:
    """Run calls one after the other; whose turn comes first goes around with `first`."""
    for place in range(len(calls)):
        times, call = calls[(first + place) % len(calls)]
        times.take(call)


class Backends:
    """The CPU that the server's processes for some connections spend, where the server runs on this machine."""

    def __init__(self, pids: Iterable[int]) -> None:
        self.pids = tuple(pids)
        self._before = self._spent()

    @classmethod
    def of_others(cls, conn: psycopg.Connection[Any]) -> Backends:
        """Those of every connection to this database but this one's."""
        found = conn.execute(
            "select pid from pg_stat_activity"
            " where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"
        ).fetchall()
        return cls(_first(row) for row in found)

    def seconds(self) -> float | None:
        """What they spent since this was made; None where the server is out of sight."""
        after = self._spent()
        return None if after is None or self._before is None else after - self._before

    def _spent(self) -> float | None:
        spent = [cpu_of(pid) for pid in self.pids]
        known = [each for each in spent if each is not None]
        return sum(known) if known and len(known) == len(spent) else None


def _first(row: Any) -> int:
    return int(next(iter(row.values())) if isinstance(row, dict) else row[0])


def cpu_of(pid: int) -> float | None:
    """The CPU seconds of a process of this machine: by the scheduler's count of nanoseconds, else by its ticks."""
    place = Path("/proc") / str(pid)
    try:
        if "postgres" not in (place / "comm").read_text():
            return None
        try:
            return int((place / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) * _TICK
    except OSError:
        return None
