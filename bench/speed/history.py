"""The results of the benchmark, one line of JSON each, oldest first; they stay on the machine that they are of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.stage import ROOT

FOLDER = ROOT / "bench" / "results"
FILE = FOLDER / "history.jsonl"


def append(result: dict[str, Any], path: Path = FILE) -> None:
    """Keep a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result, ensure_ascii=False) + "\n")


def read(path: Path = FILE) -> list[dict[str, Any]]:
    """Every result that was kept."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
