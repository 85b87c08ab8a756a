"""Writes the figures of docs/reference/performance.md from a result of `make bench`.

python bench/performance_page.py [--result FILE]      (default: the newest of bench/results/history.jsonl)
python bench/performance_page.py --check              (fails where the page is not of the result that it names)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.speed import history, page
from bench.stage import ROOT

PAGE = ROOT / "docs" / "reference" / "performance.md"


def newest(path: Path) -> dict[str, Any]:
    """The newest result of a file. Ends the program where there is none."""
    results = history.read(path)
    if not results:
        sys.exit(f"There is no result in {path}. Run `make bench` first.")
    return results[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--result", type=Path, default=history.FILE, help="a file of results, one JSON object a line")
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args()
    before = PAGE.read_text("utf-8")
    after = page.between(before, page.figures(newest(given.result)))
    if given.check:
        sys.exit(0 if before == after else f"{PAGE.name} is of another result; run bench/performance_page.py")
    PAGE.write_text(after, "utf-8")


if __name__ == "__main__":
    main()
