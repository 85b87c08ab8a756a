"""The example programs run as they are, against a fresh database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Command

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTED = {
    "remember.py": ["CREATE new", "UPDATE identity", "climber"],
    "background.py": ["decided UPDATE identity", "'name': 'Bo Erik Chen'", "3 of 3 decided, 0 failed, 0 pending"],
}


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_runs(name: str, database_url: str, tmp_path: Path) -> None:
    settings = {"MEMREG_DATABASE_URL": database_url}
    memreg = Command(tmp_path, settings)
    memreg("register", str(EXAMPLES / "assistant.yaml"))
    memreg("approve", "assistant", "--by", "ana")
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        env={**os.environ, **settings},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [words for words in PRINTED[name] if words not in done.stdout] == []
