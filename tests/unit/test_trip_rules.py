"""The rules of the automatic trip, from windows made by hand: what passes a limit, what does not, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from memreg.operations.monitor.rates import Rate
from memreg.operations.monitor.window import Cell, Window
from memreg.operations.trip.look import sentence
from memreg.operations.trip.rules import DEFAULTS, NAMES, RULES, Finding, Limit, Seen, findings, rule_sentence

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
UPDATE = Cell("UPDATE", "identity", 9, False, False, False, True, True, True, 1, NOW, NOW)
AGAINST = replace(UPDATE, contradicts=True, bin=1)
SEARCH = Cell("CREATE", "new", None, False, True, False, True, True, True, 1, NOW, NOW)


def window(*cells: tuple[Cell, int], judged: dict[str, int] | None = None) -> Window:
    return Window(tuple(replace(cell, decisions=count) for cell, count in cells if count), judged or {})


def found(rule: str, seen: Seen, **limit: Any) -> Finding:
    limits = {**DEFAULTS, rule: replace(DEFAULTS[rule], **limit)}
    return next(each for each in findings(seen, limits) if each.rule == rule)


@pytest.mark.parametrize(
    ("against", "of", "passes"),
    [
        (19, 19, False),
        (20, 20, True),
        (7, 20, True),
        (6, 20, False),
        (5, 100, False),
        (21, 100, False),
        (23, 100, True),
    ],
)
def test_contradictions(against: int, of: int, passes: bool) -> None:
    told = found("contradictions", Seen(window((AGAINST, against), (UPDATE, of - against))))
    assert (told.passes, told.counted, told.of) == (passes, against, of)


def test_only_the_newest_identity_updates_count() -> None:
    older = replace(AGAINST, in_answers=False)
    assert found("contradictions", Seen(window((older, 500), (UPDATE, 50)))).of == 50


@pytest.mark.parametrize(("wrong", "of", "passes"), [(29, 29, False), (5, 30, True), (3, 30, False), (40, 1000, False)])
def test_false_updates(wrong: int, of: int, passes: bool) -> None:
    assert found("false_updates", Seen(window((UPDATE, of), judged={"false_update": wrong}))).passes is passes


def test_more_judgements_than_decisions_are_no_more_than_all() -> None:
    told = found("false_updates", Seen(window((UPDATE, 40), judged={"false_update": 90})))
    assert (told.counted, told.of) == (40, 40)


def test_identity_confidence_names_the_worst_key() -> None:
    seen = Seen(window((UPDATE, 1)), {"email": Rate(98, 100), "first": Rate(30, 100), "rare": Rate(0, 3)})
    told = found("identity_confidence", seen)
    assert told.passes
    assert "70 of 100 answers of the key first are contradicted" in told.said
    assert not found("identity_confidence", replace(seen, keys={"email": Rate(90, 100)})).passes
    few = found("identity_confidence", replace(seen, keys={"rare": Rate(0, 3)}))
    assert (few.passes, few.value, few.of) == (False, None, 3)


def test_drift_needs_enough_on_both_sides() -> None:
    near, far = replace(UPDATE, bin=11), replace(UPDATE, bin=2, in_merges=False)
    assert found("drift", Seen(window((near, 300), (far, 300)))).passes
    assert not found("drift", Seen(window((near, 300), (far, 299)))).passes
    assert not found("drift", Seen(window((near, 300), (replace(near, in_merges=False), 900)))).passes
    assert not found("drift", Seen(window((near, 300)))).passes


def test_candidate_failures_are_a_rise() -> None:
    none, some = replace(SEARCH, missed=True), SEARCH
    before = replace(some, in_searches=False)
    assert found("candidate_failures", Seen(window((none, 270), (some, 30), (before, 400)))).passes
    always = replace(none, in_searches=False)
    assert not found("candidate_failures", Seen(window((none, 270), (some, 30), (always, 400)))).passes
    assert not found("candidate_failures", Seen(window((none, 300)))).passes


def test_a_rule_that_is_off_finds_nothing() -> None:
    told = findings(Seen(Window()), {**DEFAULTS, "drift": Limit(1.0, 1, is_on=False)})
    assert [each.rule for each in told] == [name for name in NAMES if name != "drift"]


def test_nothing_seen_passes_nothing() -> None:
    assert not any(each.passes for each in findings(Seen(Window()), DEFAULTS))


def test_every_rule_has_a_default_and_a_sentence() -> None:
    assert set(DEFAULTS) == set(NAMES) == {rule.__name__ for rule in RULES}
    for name in NAMES:
        assert rule_sentence(name).endswith(".")


def test_the_reason_tells_the_figures() -> None:
    told = found("contradictions", Seen(window((AGAINST, 19), (UPDATE, 3))))
    assert sentence(told) == (
        "19 of 22 identity updates are contradicted by the rest of what was said: 0.86, 0.67 to 0.95;"
        " the limit of contradictions is 0.15"
    )
