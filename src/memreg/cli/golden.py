"""`memreg eval` on a golden file: pairs that must stay apart or come together, and which of them did not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from click.exceptions import Exit

from memreg.cli.options import Access
from memreg.cli.output import Col, print_json, print_table, say
from memreg.cli.progress import bar

if TYPE_CHECKING:
    from memreg.evaluation.golden import GoldenReport


def check_golden(access: Access, path: Path, schema: Path | None) -> None:
    """Run the cases of a golden file and print what came of them; ends with status 1 where one is not as expected."""
    from memreg.core.database import Database
    from memreg.evaluation.golden import Outcome, run_golden
    from memreg.evaluation.golden_file import load_golden
    from memreg.evaluation.golden_report import golden_data
    from memreg.evaluation.place import throwaway

    golden = load_golden(path, schema)
    settings = access.settings()
    done: list[Outcome] = []
    with (
        throwaway(settings) as dsn,
        Database.connect(settings, dsn=dsn) as database,
        bar("trying", "outcomes") as show,
    ):

        def tell(outcome: Outcome) -> None:
            done.append(outcome)
            show(len(done), golden.outcomes, len(done))

        report = run_golden(golden, database, tell=tell)
    if access.as_json:
        print_json(golden_data([report]))
    else:
        _show(report)
    if report.failures:
        raise Exit(1)


def _show(report: GoldenReport) -> None:
    from memreg.evaluation.golden_report import failure_lines, kind_counts

    for outcome in report.failures:
        for line in failure_lines(report.golden.source, outcome):
            say(line)
        say()
    kinds = kind_counts([report])
    rows = [(kind, count["passed"], count["failed"]) for kind, count in kinds.items()]
    print_table([Col("kind"), Col("passed", right=True), Col("failed", right=True)], rows)
    failed = sum(count["failed"] for count in kinds.values())
    cases = f"{len(report.golden.cases):,} cases" if len(report.golden.cases) != 1 else "1 case"
    settings = ", each in an empty tenant and in one with the background" if report.background else ""
    say(f"{cases}{settings}: " + (f"{failed:,} failed" if failed else "all as expected"))
