"""What other thresholds would have done, from the scores of one pass: an approximation, and said to be one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memreg.evaluation.judge import Outcome, Verdict, walk

NOTE = (
    "An approximation: the scores are those of one pass, in which the memories were made at 0.80 and 0.55; another "
    "threshold would have made other memories, and so other scores. Decisions by identity stay as they were."
)
BY_SCORE = frozenset({"score", "partial_identity", "possible_duplicate", "new"})
THRESHOLDS = tuple(step / 100 for step in range(5, 101))

Best = Mapping[str, tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold: how many false and missed updates there would be, and their rates as shares in [0, 1]."""

    threshold: float
    false_updates: int
    missed_updates: int
    false_update_rate: float
    missed_update_rate: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One decision as a threshold sees it: its best score (None: nothing resembled it), and what an update of that
    memory and what none would be. `by_score` false: it is as it is at every threshold, by `otherwise`."""

    score: float | None
    update: Verdict
    otherwise: Verdict
    existed: bool
    by_score: bool


def trials(outcomes: Iterable[Outcome], best: Best, dirty_sources: Collection[str] = ()) -> Iterator[Trial]:
    """The decisions of a pass for `sweep`; `best`: by record id, the best candidate's memory and score."""
    for _, outcome, ledger in walk(outcomes, dirty_sources):
        existed = bool(ledger.homes(outcome.entity_id))
        none = Verdict.MISSED_UPDATE if existed else Verdict.RIGHT
        found = best.get(outcome.record_id)
        if outcome.basis in BY_SCORE:
            update = Verdict.RIGHT
            if found is not None:
                update = ledger.verdict_of_update(outcome.entity_id, outcome.source, found[0])
            yield Trial(None if found is None else found[1], update, none, existed, True)
            continue
        fixed = none if outcome.action == "CREATE" else Verdict.RIGHT
        if outcome.action not in ("CREATE", "REJECT") and outcome.memory_id is not None:
            fixed = ledger.verdict_of_update(outcome.entity_id, outcome.source, outcome.memory_id)
        yield Trial(None, fixed, fixed, existed, False)


def sweep(tried: Sequence[Trial], thresholds: Iterable[float] = THRESHOLDS) -> tuple[Point, ...]:
    """What each threshold alone would have done: an update from it on, a new memory below."""
    existing = sum(trial.existed for trial in tried)
    return tuple(_point(tried, threshold, existing) for threshold in thresholds)


def _point(tried: Sequence[Trial], threshold: float, existing: int) -> Point:
    verdicts = [
        trial.update if trial.score is not None and trial.score >= threshold else trial.otherwise for trial in tried
    ]
    wrong, missed = verdicts.count(Verdict.FALSE_UPDATE), verdicts.count(Verdict.MISSED_UPDATE)
    return Point(
        threshold,
        wrong,
        missed,
        wrong / len(tried) if tried else 0.0,
        missed / existing if existing else 0.0,
    )


def scores_by_truth(tried: Iterable[Trial]) -> dict[str, list[float]]:
    """The best scores, by whether the best candidate was the same entity."""
    found: dict[str, list[float]] = {"the same": [], "another": [], "unknown": []}
    names = {Verdict.RIGHT: "the same", Verdict.FALSE_UPDATE: "another", Verdict.UNKNOWN: "unknown"}
    for trial in tried:
        if trial.by_score and trial.score is not None:
            found[names[trial.update]].append(trial.score)
    return {label: scores for label, scores in found.items() if scores}
