"""Errors explained from audit entries, keys by the gold, other thresholds, and two runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memreg.core.errors import EvaluationRefused
from memreg.evaluation.compare import Run, compare, compare_judged, comparison_data, read_run
from memreg.evaluation.errors import Cause, ErrorCase, causes, costs, explain_error, told, worst
from memreg.evaluation.judge import Judged, Outcome, Verdict, judge
from memreg.evaluation.key_truth import key_truths
from memreg.evaluation.sweep import scores_by_truth, sweep, trials


def candidate(memory: str, score: float, **parts: float) -> dict[str, Any]:
    return {
        "memory_id": memory,
        "score": score,
        "parts": [{"name": name, "amount": amount} for name, amount in parts.items()],
    }


def entry(*candidates: dict[str, Any], met: dict[str, dict[str, list[str]]] | None = None) -> dict[str, Any]:
    details = {"met": met or {}, "compared_with": {c["memory_id"]: {"name": "ana"} for c in candidates}, "values": {}}
    return {"candidates": list(candidates), "details": details, "reasons": ["because"]}


def miss(homes: tuple[str, ...] = ("m1",), basis: str = "new") -> Judged:
    outcome = Outcome("r", "e", "s", "CREATE", basis, "m9", 0.4)
    return Judged(outcome, Verdict.MISSED_UPDATE, homes)


def false(basis: str = "score", *, identical: bool = False, score: float = 0.9) -> Judged:
    outcome = Outcome("r", "e", "s", "UPDATE", basis, "m1", score)
    return Judged(outcome, Verdict.FALSE_UPDATE, (), "other", "other", identical)


@pytest.mark.parametrize(
    ("judged", "candidates", "cause"),
    [
        (false(), [candidate("m1", 0.9)], Cause.SCORE),
        (false("identity"), [candidate("m1", 0.3)], Cause.KEY),
        (false("identity_conflict"), [], Cause.KEY),
        (false(identical=True), [candidate("m1", 1.0)], Cause.IDENTICAL),
        (miss(), [], Cause.NO_CANDIDATE),
        (miss(), [candidate("m2", 0.3)], Cause.NO_CANDIDATE),
        (miss(), [candidate(f"x{n}", 0.3) for n in range(5)], Cause.NOT_KEPT),
        (miss(), [candidate("m2", 0.5), candidate("m1", 0.3)], Cause.BELOW),
        (miss(), [candidate("m1", 0.7)], Cause.REVIEW),
    ],
)
def test_causes(judged: Judged, candidates: list[dict[str, Any]], cause: Cause) -> None:
    assert explain_error(judged, entry(*candidates), line=1, kept=5).cause is cause


def test_a_missed_update_is_about_the_best_of_the_true_memories() -> None:
    found = explain_error(miss(("m1", "m2")), entry(candidate("m2", 0.5), candidate("m1", 0.3)), line=1, kept=5)
    assert found.about is not None
    assert found.about.memory_id == "m2"
    assert found.about.values == {"name": "ana"}


def parts_of(*parts: tuple[str, float, bool]) -> dict[str, Any]:
    """A candidate whose parts all saw something but the first, and bound the score where it is said."""
    found = candidate("m1", 0.5)
    found["parts"] = [{"name": name, "amount": amount, "bounds": bounds} for name, amount, bounds in parts]
    return entry(found, met={"m1": {name: ["a", "b"] for name, _, _ in parts[1:]}})


@pytest.mark.parametrize(
    ("parts", "costliest"),
    [
        ([("prior", -9.0, False), ("naming", 4.0, False), ("codes", -3.0, False), ("siblings", -1.0, False)], "codes"),
        (
            [("prior", -1.0, False), ("naming", 4.0, False), ("told_apart", 0.0, True), ("codes", -3.0, False)],
            "told_apart",
        ),
        ([("prior", -9.0, False), ("naming", 4.0, False)], None),
    ],
)
def test_the_costliest_feature(parts: list[tuple[str, float, bool]], costliest: str | None) -> None:
    found = explain_error(miss(), parts_of(*parts), line=1, kept=5)
    assert found.cost == costliest
    assert costs([found]) == ({costliest: 1} if costliest else {})


def test_features_as_lines() -> None:
    parts = parts_of(("prior", -1.25, False), ("naming", 4.0, False), ("told_apart", 0.0, True))
    found = explain_error(miss(), parts, line=1, kept=5)
    assert found.about is not None
    assert [told(part) for part in found.about.parts] == [
        "−1.250 prior",
        "+4.000 naming [a; b]",
        "decides: told_apart [a; b]",
    ]


def cases(*judged: Judged) -> list[ErrorCase]:
    return [ErrorCase(each, number, Cause.SCORE, {}) for number, each in enumerate(judged)]


def test_the_worst_leave_room_for_both_kinds() -> None:
    mixed = cases(*[false(score=0.9)] * 30, *[miss()] * 30)
    chosen = worst(mixed, 10)
    assert [each.judged.verdict for each in chosen].count(Verdict.FALSE_UPDATE) == 5
    assert len(worst(cases(*[false()] * 30), 10)) == 10
    assert len(worst(cases(false(), *[miss()] * 30), 10)) == 10
    assert worst([], 10) == ()
    assert causes(mixed) == {str(Cause.SCORE): 60}


# Keys and thresholds


def three() -> list[Outcome]:
    """a makes m1; b joins it wrongly by score; a is missed; c joins m1 by identity, wrongly."""
    return [
        Outcome("1", "a", "s", "CREATE", "new", "m1", None),
        Outcome("2", "b", "s", "UPDATE", "score", "m1", 0.85),
        Outcome("3", "a", "s", "CREATE", "possible_duplicate", "m2", 0.7),
        Outcome("4", "c", "s", "UPDATE", "identity", "m1", 0.1),
    ]


def test_keys_by_the_gold() -> None:
    def key(holders: list[str], answers: list[str]) -> list[dict[str, Any]]:
        return [{"key": "phone", "strength": "shared", "holders": holders, "answers": answers}]

    asked = {"1": key([], []), "2": key(["m1"], []), "3": key(["m1"], ["m1"]), "4": key(["m1"], ["m1"])}
    (found,) = key_truths(three(), asked)
    assert (found.held, found.held_right, found.answered, found.answered_right) == (3, 1, 2, 1)
    assert found.precision == 0.5
    assert found.held_precision == pytest.approx(1 / 3)
    assert found.facts()["precision"] == 0.5


def test_other_thresholds() -> None:
    tried = list(trials(three(), {"2": ("m1", 0.85), "3": ("m1", 0.7)}))
    points = {point.threshold: (point.false_updates, point.missed_updates) for point in sweep(tried, [0.6, 0.8, 0.9])}
    # what came by identity stays an error at every threshold
    assert points == {0.6: (2, 0), 0.8: (2, 1), 0.9: (1, 1)}
    assert scores_by_truth(tried) == {"the same": [0.7], "another": [0.85]}


def test_at_the_thresholds_own_the_sweep_says_what_happened() -> None:
    judged = list(judge(three()))
    (point,) = sweep(list(trials(three(), {"2": ("m1", 0.85), "3": ("m1", 0.7)})), [0.8])
    assert point.false_updates == sum(each.verdict is Verdict.FALSE_UPDATE for each in judged)
    assert point.missed_updates == sum(each.verdict is Verdict.MISSED_UPDATE for each in judged)


# Two runs


def figures(false_rate: float, missed_rate: float, p95: float | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {"false_update_rate": false_rate, "missed_update_rate": missed_rate, "pairwise": {"f1": 0.9}}
    return data | ({"latency_ms": {"p95": p95}} if p95 is not None else {})


@pytest.mark.parametrize(
    ("before", "now", "worse"),
    [
        (figures(0.1, 0.1), figures(0.1, 0.1), False),
        (figures(0.1, 0.1), figures(0.0, 0.1), False),
        (figures(0.1, 0.1), figures(0.0, 0.2), True),
        (figures(0.0, 0.1), figures(0.1, 0.0), True),
        (figures(0.1, 0.1, 5.0), figures(0.1, 0.1, 50.0), False),  # time alone is the machine's
    ],
)
def test_worse_is_more_false_or_missed_updates(before: dict[str, Any], now: dict[str, Any], worse: bool) -> None:
    assert compare(Run("before", before), Run("now", now)).is_worse is worse


def test_a_figure_that_one_run_lacks_is_left_out() -> None:
    found = compare(Run("before", figures(0, 0)), Run("now", figures(0, 0, 5.0)))
    assert {change.name for change in found.changes} == {"false update rate", "missed update rate", "pairwise F1"}


def test_records_that_moved() -> None:
    before = list(judge(three()))
    now = list(judge([*three()[:1], Outcome("2", "b", "s", "CREATE", "new", "m3"), *three()[2:3]]))
    (moved,) = compare_judged(before, now)
    assert (moved.record_id, moved.direction) == ("2", "better")
    assert moved.before == "UPDATE score, false update"
    assert compare_judged(now, before)[0].direction == "worse"


def test_the_comparison_as_json() -> None:
    before = Run("before.json", figures(0.1, 0.1) | {"memreg": "0.1", "annotation": {}})
    data = comparison_data(compare(before, Run("now", figures(0.2, 0.1) | {"memreg": "0.2", "annotation": {"a": 1}})))
    assert (data["with"], data["worse"]) == ("before.json", True)
    assert data["figures"]["false update rate"] == {"before": 0.1, "now": 0.2, "direction": "worse"}
    assert "records" not in data
    assert data["notes"] == ["memreg: 0.1 before, 0.2 now", "the annotation was another"]


def test_a_run_is_told_from_decisions(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text(json.dumps(figures(0.1, 0.1)))
    assert read_run(path) == figures(0.1, 0.1)
    decision = {"record_id": "1", "action": "CREATE", "basis": "new", "memory_id": "m", "score": None}
    for text in (json.dumps(decision), f"{json.dumps(decision)}\n{json.dumps(decision)}\n"):
        path.write_text(text)
        assert read_run(path) is None
    path.write_text('{"something": "else"}')
    with pytest.raises(EvaluationRefused, match="neither"):
        read_run(path)
