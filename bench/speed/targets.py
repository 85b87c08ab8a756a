"""What memreg promises of its speed, held against a result of the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Sections = Mapping[str, Any]
SMALL, LARGE = 10_000, 1_000_000
"""The sizes between which a scored decision must not become slower."""


@dataclass(frozen=True)
class Target:
    """A figure that must be at most (`is_most`) or at least the limit; `figure`: None where it was not measured."""

    name: str
    limit: float
    figure: Callable[[Sections], float | None]
    is_most: bool = True

    @property
    def sign(self) -> str:
        """How the figure must stand to the limit."""
        return "≤" if self.is_most else "≥"


@dataclass(frozen=True)
class Outcome:
    """A target with its figure; `is_met` None where it was not measured."""

    name: str
    sign: str
    limit: float
    figure: float | None
    is_met: bool | None

    def to_json(self) -> dict[str, Any]:
        """As part of a result."""
        return {
            "target": self.name,
            "limit": f"{self.sign} {self.limit:g}",
            "figure": self.figure,
            "met": self.is_met,
        }


def outcomes(sections: Sections) -> list[Outcome]:
    """Every target with its figure in a result."""
    found = []
    for target in TARGETS:
        figure = target.figure(sections)
        is_met = None
        if figure is not None:
            is_met = figure <= target.limit if target.is_most else figure >= target.limit
        found.append(Outcome(target.name, target.sign, target.limit, figure, is_met))
    return found


def _lines(sections: Sections, section: str, kind: str) -> list[dict[str, Any]]:
    return [line for line in sections.get(section, ()) if line["kind"] == kind]


def _worst(values: Iterable[float | None], *, is_most: bool = True) -> float | None:
    found = [value for value in values if value is not None]
    if not found:
        return None
    return max(found) if is_most else min(found)


def _single(kind: str) -> Callable[[Sections], float | None]:
    return lambda sections: _worst(line["ratio_p50"] for line in _lines(sections, "single", kind))


def _growth(sections: Sections) -> float | None:
    p95 = {line["size"]: line["engine"]["p95_ms"] for line in _lines(sections, "single", "score")}
    return round(p95[LARGE] / p95[SMALL], 3) if SMALL in p95 and LARGE in p95 else None


def _batch(sections: Sections) -> float | None:
    return _worst((line["share"] for line in _lines(sections, "batch", "identity")), is_most=False)


def _cpu(sections: Sections) -> float | None:
    return _worst(line["cpu_ratio"] for line in _lines(sections, "single", "identity"))


def _duplicates(sections: Sections) -> float | None:
    found = sections.get("workers")
    return None if found is None else float(found["duplicates"])


def _imports(sections: Sections) -> float | None:
    lines = sections.get("starting", {"lines": ()})["lines"]
    return next((line["ratio"] for line in lines if line["what"] == "import memreg"), None)


def _bytes(sections: Sections) -> float | None:
    found = sections.get("space")
    return None if found is None else float(found["ratio"])


TARGETS = (
    Target("single ingest by identity / floor by hand", 1.6, _single("identity")),
    Target("single scored decision / floor by hand (primary-key read in place of candidates)", 3, _single("score")),
    Target("scored p95 at 1M memories / at 10k", 1.5, _growth),
    Target(
        "batch by identity / the same by COPY + one set-wise statement, rows per second", 0.25, _batch, is_most=False
    ),
    Target("client CPU per 1,000 identity decisions / Postgres CPU for them", 1, _cpu),
    Target("duplicates after workers told of the same people at once", 0, _duplicates),
    Target("`import memreg` / `import psycopg` + `import pydantic`", 1.5, _imports),
    Target("bytes on disk per memory of 300 bytes / payload bytes", 12, _bytes),
)
"""Where a figure was taken at several sizes, the worst of them counts."""
