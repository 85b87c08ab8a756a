"""Two runs over one stream side by side: which figures changed, and which records came out better or worse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from memreg.core.errors import EvaluationRefused
from memreg.evaluation.judge import Judged
from memreg.evaluation.result import Result, result_data

Direction = Literal["better", "worse", "same"]

# Path in the JSON document, what it is called, and whether less of it is better.
COMPARED: tuple[tuple[tuple[str, ...], str, bool], ...] = (
    (("false_updates",), "false updates", True),
    (("false_update_rate",), "false update rate", True),
    (("missed_updates",), "missed updates", True),
    (("missed_update_rate",), "missed update rate", True),
    (("unknown",), "unknown", True),
    (("pairwise", "precision"), "pairwise precision", False),
    (("pairwise", "recall"), "pairwise recall", False),
    (("pairwise", "f1"), "pairwise F1", False),
    (("bcubed", "f1"), "B-cubed F1", False),
    (("memories_per_entity",), "memories per entity", True),
    (("latency_ms", "p50"), "latency p50, ms", True),
    (("latency_ms", "p95"), "latency p95, ms", True),
)
# What `is_worse` looks at: time depends on the machine, and the other figures follow from these.
DECIDING = ("false update rate", "missed update rate")


@dataclass(frozen=True, slots=True)
class Change:
    """One figure before and now."""

    name: str
    before: float
    now: float
    direction: Direction


@dataclass(frozen=True, slots=True)
class Moved:
    """A record that is judged otherwise than before."""

    record_id: str
    before: str
    now: str
    direction: Direction


@dataclass(frozen=True)
class Run:
    """A run by its name and its JSON document; `judged` is None where only the document is known."""

    name: str
    data: Mapping[str, Any]
    judged: Sequence[Judged] | None = None


@dataclass(frozen=True)
class Comparison:
    """The run before, by its name, against this one. `notes`: what else differs between them; `moved`: the records that
    are judged otherwise, None where the run before was given without its decisions."""

    before: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    moved: tuple[Moved, ...] | None = None

    @property
    def is_worse(self) -> bool:
        """Whether there are more false or missed updates, by rate."""
        return any(change.direction == "worse" for change in self.changes if change.name in DECIDING)

    def records(self, direction: Direction) -> tuple[Moved, ...]:
        """The records that came out better, or worse."""
        return tuple(each for each in self.moved or () if each.direction == direction)


def run_of(result: Result, name: str) -> Run:
    """A result as a run."""
    return Run(name, result_data(result), result.judged)


def compare(before: Run, now: Run) -> Comparison:
    """Two runs; a figure that one of them lacks is left out."""
    moved = None
    if before.judged is not None and now.judged is not None:
        moved = compare_judged(before.judged, now.judged)
    return Comparison(before.name, tuple(_changes(before.data, now.data)), tuple(_notes(before.data, now.data)), moved)


def compare_judged(before: Sequence[Judged], now: Sequence[Judged]) -> tuple[Moved, ...]:
    """The records of two judged passes whose verdict differs."""
    verdicts = {each.outcome.record_id: each for each in before}
    return tuple(
        Moved(each.outcome.record_id, _told(old), _told(each), _direction(old.is_wrong, each.is_wrong))
        for each in now
        if (old := verdicts.get(each.outcome.record_id)) is not None and old.verdict != each.verdict
    )


def read_run(path: Path) -> dict[str, Any] | None:
    """The result in a file that `--json` wrote; None where it holds decisions instead. Raises EvaluationRefused."""
    try:
        text = path.read_text("utf-8")
        data = json.loads(text)
    except OSError as error:
        raise EvaluationRefused(source=path, reason=f"it cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError):
        return None
    if isinstance(data, dict) and "false_update_rate" in data:
        return data
    if isinstance(data, dict) and "record_id" in data:
        return None  # a single decision
    reason = "it is neither what `memreg eval --json` printed nor what --decisions wrote"
    raise EvaluationRefused(source=path, reason=reason)


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON has it."""
    data: dict[str, Any] = {
        "with": comparison.before,
        "worse": comparison.is_worse,
        "notes": list(comparison.notes),
        "figures": {
            change.name: {"before": change.before, "now": change.now, "direction": change.direction}
            for change in comparison.changes
        },
    }
    if comparison.moved is not None:
        data["records"] = [
            {"record_id": each.record_id, "before": each.before, "now": each.now, "direction": each.direction}
            for each in comparison.moved
        ]
    return data


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    for path, name, less_is_better in COMPARED:
        old, new = _at(before, path), _at(now, path)
        if old is None or new is None:
            continue
        direction: Direction = "same"
        if old != new:
            direction = "better" if (new < old) == less_is_better else "worse"
        yield Change(name, old, new, direction)


def _notes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What was not the same beside the decisions, so that a change may come from it."""
    for key in ("stream", "class", "memreg", "records"):
        if key in before and before[key] != now.get(key):
            yield f"{key}: {before[key]} before, {now.get(key)} now"
    if "annotation" in before and before["annotation"] != now.get("annotation"):
        yield "the annotation was another"


def _at(data: Any, path: tuple[str, ...]) -> float | None:
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return float(data) if isinstance(data, int | float) and not isinstance(data, bool) else None


def _told(judged: Judged) -> str:
    return f"{judged.outcome.action} {judged.outcome.basis}, {judged.verdict.replace('_', ' ')}"


def _direction(was_wrong: bool, is_wrong: bool) -> Direction:
    if was_wrong == is_wrong:
        return "same"
    return "worse" if is_wrong else "better"
