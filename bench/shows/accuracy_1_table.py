"""The table of accuracy: every row reaches what is asked of it, beside Splink, RapidFuzz and character trigrams.

It runs in an environment of its own, which it makes where it is not there yet.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.accuracy import parser, story_of
from bench.stage import ROOT, Show, perform

PYTHON = ROOT / ".venv-accuracy" / "bin" / "python"


def main(show: Show) -> None:
    arguments = parser().parse_args()
    if not arguments.without_rivals and importlib.util.find_spec("splink") is None:
        if Path(sys.executable) == PYTHON:
            raise RuntimeError("the environment in .venv-accuracy is not whole: remove it, and run this again")
        subprocess.run(["sh", str(ROOT / "scripts" / "bootstrap.sh"), "accuracy"], check=True)
        os.execv(PYTHON, [str(PYTHON), *sys.argv])
    story_of(arguments)(show)


if __name__ == "__main__":
    perform("accuracy_1_table", main)
