"""What a doctor says of the monitors: nothing where nothing is against the decisions, else what and what to do."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from memreg.cli.monitored import rate, size, sparkline
from memreg.operations.monitor.checks import monitor_checks
from memreg.operations.monitor.drift import Drift
from memreg.operations.monitor.figures import ClassFigures
from memreg.operations.monitor.rates import Rate

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
WELL = ClassFigures(
    "acme", "people", "Person", 2, 100, (), Rate(0, 80), Rate(0, 20), Rate(2, 4), Rate(1, 60), None, None, (0,) * 11,
    (0,) * 20, NOW, NOW,
)  # fmt: skip


def test_what_is_well_is_one_line() -> None:
    (check,) = monitor_checks([WELL, WELL])
    assert (check.health, check.text) == ("ok", "200 decisions within the last day, and nothing against them")
    assert next(monitor_checks([])).text == "none within the last day"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"false_updates": Rate(8, 80)}, "8 of 80 updates turned out wrong"),
        ({"contradictions": Rate(12, 60)}, "12 of 60 identity updates are contradicted"),
        ({"missed_updates": Rate(9, 40)}, "9 of 40 new memories were known already"),
        ({"drift": Drift(0.9, 0.1, 300, 300)}, "stability index 0.90"),
    ],
)
def test_what_is_not_well_says_what_to_do(changed: dict[str, Any], said: str) -> None:
    (check,) = monitor_checks([WELL, replace(WELL, **changed)])
    assert check.health == "warn"
    assert said in check.text
    assert check.text.startswith("Person of people@2 in tenant acme: ")
    assert check.advice


@pytest.mark.parametrize(
    "changed",
    [
        {"false_updates": Rate(8, 20)},
        {"contradictions": Rate(3, 60)},
        {"missed_updates": Rate(2, 40)},
        {"drift": Drift(0.3, 0.1, 30, 30)},
    ],
)
def test_what_little_speaks_for_is_not_told(changed: dict[str, Any]) -> None:
    (check,) = monitor_checks([replace(WELL, **changed)])
    assert check.health == "ok"


def test_sparklines() -> None:
    levels = "▁▂▃▄▅▆▇█"
    assert sparkline([0, 1, 4, 8], levels) == " ▁▄█"
    assert sparkline([0, 0], levels) == "  "
    assert sparkline([], levels) == ""
    assert sparkline([1000, 1], levels) == "█▁", "what is there is seen"


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "▁█"), ("ascii", ".@"), ("latin-1", ".@")])
def test_a_terminal_that_has_ascii_only(monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert sparkline([1, 8]) == shown


def test_rates_and_sizes_as_they_are_shown() -> None:
    assert rate(Rate(0, 0)) == "-"
    assert rate(Rate(0, 22)) == "0 % (0 % to 15 %) of 22"
    assert rate(Rate(1, 1000)) == "0.1 % (0.0 % to 0.6 %) of 1,000"
    assert [size(0), size(1023), size(8192), size(5 * 1024**3)] == ["0 B", "1023 B", "8.0 kB", "5.0 GB"]
