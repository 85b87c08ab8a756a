"""The hard pairs: what must stay apart stays apart, what must come together does, and the ambiguous ends in review.

With names of files of `fixtures/golden` (or paths of other golden files) only these are run. `--failing` tells every
case that is not as expected with the parts of its score, not in a line each. `--cold` tries them in empty tenants only,
which is quick.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.stage import ROOT, Show, database, perform
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.evaluation.golden import Outcome, run_golden
from memreg.evaluation.golden_file import GoldenSet, load_golden
from memreg.evaluation.golden_report import failure_lines, golden_data

GOLDEN = ROOT / "fixtures" / "golden"
LEAST = 300
KINDS = (
    "room numbers", "flight numbers", "years", "same surname", "account kinds", "names a letter or two apart",
    "generations", "twins at one address", "editions", "sizes", "colours", "software versions", "negations",
    "transliterations", "initials", "nicknames, declared", "reordered names", "accents", "chinese", "japanese", "thai",
    "empty text", "one word", "equal text, other identity", "keyword stuffing",
)  # fmt: skip


def golden_sets(names: list[str]) -> list[GoldenSet]:
    """The golden sets of these names or paths; without any, all of them."""
    paths = [path if (path := Path(name)).exists() else GOLDEN / f"{path.stem}.yaml" for name in names]
    return [load_golden(path) for path in paths or sorted(GOLDEN.glob("*.yaml"))]


def one_line(outcome: Outcome) -> str:
    """A failure in a line: the records' values and what came of them."""
    case = outcome.case
    records = " | ".join(", ".join(str(value) for value in values.values()) for values in case.records)
    score = "" if outcome.score is None else f" {outcome.score:.4f}"
    return f"{case.line}, {case.kind}, {outcome.setting}: want {case.expect}, got {outcome.got}{score}: {records}"


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--failing", action="store_true")
    parser.add_argument("--cold", action="store_true")
    arguments = parser.parse_args()
    sets = golden_sets(arguments.files)
    settings = "cold" if arguments.cold else "cold and warm"
    show.say(f"{sum(len(each.cases) for each in sets)} cases in {len(sets)} files, {settings}")
    with database() as dsn, Database.connect(Settings(database_url=dsn)) as opened:
        reports = [run_golden(each, opened, warm=not arguments.cold) for each in sets]
    for report in reports:
        name = Path(report.golden.source).name
        for outcome in report.failures:
            lines = failure_lines(name, outcome) if arguments.failing else [f"{name}:{one_line(outcome)}"]
            show.say("\n".join(lines))
    data = golden_data(reports)
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    for expected, sentence in (
        ("apart", "every pair that must stay apart stays apart"),
        ("together", "every pair that must come together comes together"),
        ("review", "every pair that only a person can tell ends in review"),
    ):
        of_these = [outcome for outcome in outcomes if outcome.case.expect == expected]
        failed = [outcome for outcome in of_these if not outcome.passed]
        show.claim(sentence, not failed, f"{len(failed)} of {len(of_these)} outcomes are not")
    if not arguments.files and not arguments.cold:
        show.claim(f"there are at least {LEAST} cases", data["cases"] >= LEAST, data["cases"])
        lacking = [kind for kind in KINDS if kind not in data["kinds"]]
        show.claim("every kind that was asked for is there", not lacking, lacking)
    show.figures |= {
        "cases": data["cases"],
        "outcomes": data["outcomes"],
        "passed": data["passed"],
        "failed": data["failed"],
        "wrong": data["wrong"],
        "kinds": len(data["kinds"]),
        "failed_by_kind": {kind: count["failed"] for kind, count in data["kinds"].items() if count["failed"]},
    }


if __name__ == "__main__":
    perform("accuracy_2_hard_pairs", main)
