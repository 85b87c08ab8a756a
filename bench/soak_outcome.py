"""What a soak came to: samples, events, latencies, and the figures that are made of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WARM = 0.25
"""The part of a run that is the warm-up: caches fill, and connections prepare their statements."""
ALL = "all together"
CONTROL = "control"
_ENOUGH = 10  # calls in a third, for a median to be told
Ratios = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment: seconds since the start; resident memory in bytes of each steady process, and what the server's
    processes have for themselves; steps done; and, where counted, messages that wait, bytes on disk, audit entries."""

    at: float
    memory: dict[str, int]
    server: int
    steps: int = 0
    waiting: int | None = None
    disk: int | None = None
    entries: int | None = None


@dataclass
class Outcome:
    """What a soak came to. `broken`: what did not hold; `kept`: the folder of its data, where that was kept, and
    `look`: how to start its server."""

    broken: list[str] = field(default_factory=list)
    kept: Path | None = None
    look: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)
    latencies: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By kind: seconds since the start, seconds that it took."""

    @property
    def memory_ratio(self) -> float:
        """How much larger the steady processes are in the last third than in the first, the worst of them and all."""
        return max((each["ratio"] for each in self.figures.get("memory", {}).values()), default=0.0)

    @property
    def latency_ratio(self) -> float:
        """How much longer a decision by proposals took in the last third than in the first, by its median, beside a
        piece of work that never grows: what else the machine did meanwhile slows both. 0.0: too few to tell."""
        told = self.figures.get("latency", {})
        if "direct" not in told or CONTROL not in told:
            return 0.0
        return round(float(told["direct"]["ratio"] / told[CONTROL]["ratio"]), 3)


def memory_ratios(samples: Sequence[Sample], seconds: float, warm: float = WARM) -> Ratios:
    """By steady process, and of all together: megabytes (median) of the first and of the last third after the warm-up
    (the share `warm` of the run), and their ratio."""
    found: Ratios = {}
    for name in [*samples[-1].memory, ALL] if samples else []:
        series = [(each.at, sum(each.memory.values()) if name == ALL else each.memory.get(name, 0)) for each in samples]
        one, other = (
            [value for at, value in series if low <= at < high and value] for low, high in thirds(seconds, warm)
        )
        if one and other:
            before, after = statistics.median(one), statistics.median(other)
            found[name] = _ratio("mb", before / 1e6, after / 1e6)
    return found


def latency_ratios(latencies: dict[str, list[tuple[float, float]]], seconds: float) -> Ratios:
    """By kind: medians in milliseconds of the first and of the last third after the warm-up, and their ratio."""
    found: Ratios = {}
    for kind, series in latencies.items():
        one, other = ([took for at, took in series if low <= at < high] for low, high in thirds(seconds))
        if min(len(one), len(other)) >= _ENOUGH:
            before, after = statistics.median(one) * 1000, statistics.median(other) * 1000
            found[kind] = _ratio("ms", before, after) | {"calls": len(series)}
    return found


def bytes_per_decision(samples: Sequence[Sample], seconds: float) -> int | None:
    """Bytes on disk that an audit entry adds with all that comes with it, after the warm-up; None: too few to tell."""
    counted = [(each.disk, each.entries) for each in samples if each.disk and each.entries and each.at > seconds * WARM]
    if len(counted) < 2 or counted[-1][1] == counted[0][1]:
        return None
    return round((counted[-1][0] - counted[0][0]) / (counted[-1][1] - counted[0][1]))


def thirds(seconds: float, warm: float = WARM) -> tuple[tuple[float, float], tuple[float, float]]:
    """From when to when the first and the last third are of what is after the warm-up."""
    begin, third = seconds * warm, seconds * (1 - warm) / 3
    return (begin, begin + third), (seconds - third, seconds)


def _ratio(unit: str, before: float, after: float) -> dict[str, float]:
    return {f"first_{unit}": round(before, 2), f"last_{unit}": round(after, 2), "ratio": round(after / before, 4)}
