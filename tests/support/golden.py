"""The golden files of this repository."""

from __future__ import annotations

from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
FILES = sorted(GOLDEN.glob("*.yaml"))
