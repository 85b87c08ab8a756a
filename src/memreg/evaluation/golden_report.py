"""What a golden set came to: as data for machines, and as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from memreg.evaluation.golden import Evidence, GoldenReport, Outcome, counts

_NEUTRAL = {0.0, 1.0}


def golden_data(reports: Sequence[GoldenReport]) -> dict[str, Any]:
    """The reports as JSON can hold them: counts, counts by kind, and every outcome that is not as expected."""
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    kinds = kind_counts(reports)
    failed = sum(each["failed"] for each in kinds.values())
    return {
        "files": [report.golden.source for report in reports],
        "cases": sum(len(report.golden.cases) for report in reports),
        "passed": sum(each["passed"] for each in kinds.values()),
        "failed": failed,
        "outcomes": len(outcomes),
        "wrong": {
            "joined": sum(not o.passed and o.got == "together" for o in outcomes),
            "separated": sum(not o.passed and o.case.expect == "together" for o in outcomes),
            "other": sum(not o.passed and o.got != "together" and o.case.expect != "together" for o in outcomes),
        },
        "kinds": kinds,
        "failures": [
            {"file": report.golden.source, **failure_data(outcome)} for report in reports for outcome in report.failures
        ],
    }


def kind_counts(reports: Sequence[GoldenReport]) -> dict[str, dict[str, int]]:
    """How many cases passed and failed by kind, over all reports, in the order of the files."""
    found: dict[str, dict[str, int]] = {}
    for report in reports:
        for kind, each in counts(report.outcomes).items():
            total = found.setdefault(kind, {"passed": 0, "failed": 0})
            for name, number in each.items():
                total[name] += number
    return found


def failure_data(outcome: Outcome) -> dict[str, Any]:
    """One outcome with everything needed to see why it came."""
    case = outcome.case
    return {
        "line": case.line,
        "kind": case.kind,
        "setting": outcome.setting,
        "class": case.class_name,
        "records": [dict(values) for values in case.records],
        "expected": case.expect,
        "got": outcome.got,
        "action": outcome.action,
        "basis": outcome.basis,
        "score": outcome.score,
        "reviews": list(outcome.reviews),
        "reasons": list(outcome.reasons),
        "parts": [{"name": e.name, "amount": e.amount, "met": list(e.met)} for e in outcome.evidence],
        "why": case.why,
    }


def failure_lines(source: str, outcome: Outcome) -> Iterator[str]:
    """One outcome that is not as expected, in words: where it is written, the records, and what decided."""
    case = outcome.case
    yield f"{source}:{case.line}: {case.kind}, {outcome.setting}: expected {case.expect}, got {outcome.got}"
    for values in case.records:
        yield f"    {case.class_name} " + "{" + ", ".join(f"{k}: {v!r}" for k, v in values.items()) + "}"
    if case.why:
        yield f"    expected because {case.why}"
    score = "" if outcome.score is None else f", score {outcome.score:.4f}"
    reasons = f": {'; '.join(outcome.reasons)}" if outcome.reasons else ""
    yield f"    {outcome.action} by {outcome.basis}{score}{reasons}" if outcome.action else f"    error{reasons}"
    for part in outcome.evidence:
        if part.met or part.amount not in _NEUTRAL:
            yield f"      {_amount(part)}  {part.name}" + (f"  [{'; '.join(part.met)}]" if part.met else "")


def _amount(part: Evidence) -> str:
    return f"{part.amount:+.3f}"
