"""What a doctor says of the monitors: a line for each class whose decisions somebody should look at. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memreg.operations.check import Check, counted
from memreg.operations.monitor.figures import ClassFigures
from memreg.operations.monitor.rates import Rate
from memreg.operations.trip.rules import DEFAULTS

WRONG = 0.02
CONTRADICTED = 0.05
MISSED = 0.05
FEWEST = 30
MUCH_DRIFT = 0.25
"""From here on the scores moved much (Siddiqi, 2006)."""


def monitor_checks(classes: Sequence[ClassFigures]) -> Iterator[Check]:
    """How the decisions within the window fare, from well below where a kill switch trips."""
    decisions = sum(each.decisions for each in classes)
    if not decisions:
        yield Check("decisions", "ok", "none within the last day")
        return
    bad = [check for each in classes for check in _findings(each)]
    yield from bad
    if not bad:
        yield Check(
            "decisions", "ok", f"{counted(decisions, 'decision')} within the last day, and nothing against them"
        )


def _findings(each: ClassFigures) -> Iterator[Check]:
    name = f"{each.class_name} of {each.schema}@{each.version} in tenant {each.tenant}"
    if _surely(each.false_updates, WRONG, FEWEST):
        text = f"{name}: {_told(each.false_updates)} updates turned out wrong"
        yield Check(
            "decisions", "warn", text, "memreg monitor; memreg audit --action UPDATE, memreg explain the newest"
        )
    if _surely(each.contradictions, CONTRADICTED, DEFAULTS["contradictions"].minimum):
        text = f"{name}: {_told(each.contradictions)} identity updates are contradicted by the rest of what was said"
        advice = f"memreg annotations {each.schema} tells which key; make it shared, add a column or drop it"
        yield Check("decisions", "warn", text, advice)
    if _surely(each.missed_updates, MISSED, FEWEST):
        text = f"{name}: {_told(each.missed_updates)} new memories were known already"
        yield Check("decisions", "warn", text, "give the class another identity key, or memreg calibrate it")
    if each.drift is not None and each.drift.beyond_chance > MUCH_DRIFT:
        text = f"{name}: memories are merged at other scores than before (stability index {each.drift.index:.2f})"
        advice = "look whether the source of the messages, the model or the schema changed"
        yield Check("decisions", "warn", text, advice)


def _surely(rate: Rate, limit: float, fewest: int) -> bool:
    return rate.of >= fewest and rate.interval.low > limit


def _told(rate: Rate) -> str:
    return f"{rate.count:,} of {rate.of:,}"
