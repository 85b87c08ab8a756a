"""Every walk file of `fixtures/walks` holds: the decision table and the paragraphs under it, as situations."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.core.database import Database
from memreg.testing.walks import load_walk, run_walk, walk_files

WALKS = Path(__file__).parents[2] / "fixtures" / "walks"


@pytest.mark.parametrize("path", walk_files(WALKS), ids=lambda path: path.stem)
def test_the_walk_holds(path: Path, database: Database) -> None:
    differences = run_walk(load_walk(path), database).differences
    assert not differences, "\n".join(differences)


def test_every_row_of_the_table_has_a_walk_that_ends_in_it() -> None:
    assert {load_walk(path).ends_in for path in walk_files(WALKS)} >= set(range(1, 15))
