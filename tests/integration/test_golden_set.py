"""The repository's hard pairs, through the real engine: every case comes out as expected, cold and warm."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.core.database import Database
from memreg.evaluation.golden import run_golden
from memreg.evaluation.golden_file import load_golden
from memreg.evaluation.golden_report import failure_lines
from tests.support.golden import FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_hard_pair_comes_out_as_expected(database: Database, path: Path) -> None:
    report = run_golden(load_golden(path), database)
    assert len(report.outcomes) == 2 * len(report.golden.cases)
    failed = ["\n".join(failure_lines(path.name, outcome)) for outcome in report.failures]
    assert not failed, f"{len(failed)} of {len(report.outcomes)} outcomes:\n" + "\n".join(failed)
