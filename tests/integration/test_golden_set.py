"""The repository's hard pairs, through the real engine, cold and warm: what comes out right, and what does not.

`fixtures/golden/shortcomings.txt` lists each outcome that is not as expected. A listed one that comes out right fails
this test as much as an unlisted one that does not: the list is what memreg publishes, so it has to be true.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.core.database import Database
from memreg.evaluation.golden import run_golden
from memreg.evaluation.golden_file import load_golden
from memreg.evaluation.golden_report import failure_lines
from tests.support.golden import FILES

SHORTCOMINGS = Path(__file__).parents[2] / "fixtures" / "golden" / "shortcomings.txt"


def known(source: str) -> set[str]:
    lines = SHORTCOMINGS.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line.startswith(f"{source}:")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_hard_pair_comes_out_as_expected_or_is_listed(database: Database, path: Path) -> None:
    report = run_golden(load_golden(path), database)
    assert len(report.outcomes) == 2 * len(report.golden.cases)
    failed = {next(failure_lines(path.name, outcome)): outcome for outcome in report.failures}
    unlisted = [line for first in failed.keys() - known(path.name) for line in failure_lines(path.name, failed[first])]
    assert not unlisted, "not as expected, and not listed:\n" + "\n".join(unlisted)
    assert not known(path.name) - failed.keys(), "listed, and as expected by now: take them off the list"


def test_a_pair_that_must_stay_apart_hardly_ever_comes_together() -> None:
    """What is listed is mostly caution: a question instead of an update."""
    lines = [line for line in SHORTCOMINGS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = [line for line in lines if line.endswith("expected apart, got together")]
    assert len(joined) <= len(lines) / 4
