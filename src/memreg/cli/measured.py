"""What `memreg eval` prints for people: the figures, why the errors happened, what changed since another run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from memreg.cli.output import Col, print_table, say, tell

if TYPE_CHECKING:
    from memreg.evaluation.compare import Comparison
    from memreg.evaluation.result import Result
    from memreg.evaluation.run import Pass

SHOWN_ERRORS = 5
SHOWN_PROBLEMS = 20


def show_result(result: Result, comparison: Comparison | None) -> None:
    """The result in tables."""
    from memreg.evaluation.errors import causes, costs
    from memreg.evaluation.report import confusion, figure_rows

    say(f"{result.stream}, class {result.subject.class_name}")
    for name, value in figure_rows(result):
        say(f"  {name:<20} {value}")
    table = confusion(result.judged)
    print_table([Col(name, right=index in table.right) for index, name in enumerate(table.header)], table.rows)
    study = result.study
    if study is not None and study.keys:
        rows = [(key.key, key.strength, key.answered, _percent(key.precision)) for key in study.keys]
        print_table([Col("key"), Col("strength"), Col("answered", right=True), Col("rightly", right=True)], rows)
    if study is not None and study.errors:
        _counted("error", causes(study.errors))
        _counted("what cost the missed ones most", costs(study.errors))
        for case in result.worst(SHOWN_ERRORS):
            outcome = case.judged.outcome
            what = case.judged.verdict.replace("_", " ")
            say(f"  line {case.line}, {outcome.record_id}: {what} by {outcome.basis}: {case.cause}")
        say("Every error is explained in a report: --report FILE.html or FILE.md.")
    if comparison is not None:
        _show_comparison(comparison)


def tell_problems(done: Pass, stream: Path) -> bool:
    """What was left out of the stream, on stderr; whether nothing was."""
    for problem in done.problems[:SHOWN_PROBLEMS]:
        tell(f"{stream}, line {problem.line}: {problem.error}")
    if len(done.problems) > SHOWN_PROBLEMS:
        tell(f"{stream}: {len(done.problems) - SHOWN_PROBLEMS:,} lines more could not be read.")
    for name, (line, count) in done.unknown_fields.items():
        records = "1 record" if count == 1 else f"{count:,} records"
        tell(f"{stream}, line {line}: the schema lacks the field {name!r}, so it was left out of {records}")
    return not done.problems and not done.unknown_fields


def _show_comparison(comparison: Comparison) -> None:
    say(f"Compared with {comparison.before}:")
    for note in comparison.notes:
        say(f"  {note}")
    rows = [(each.name, f"{each.before:.4g}", f"{each.now:.4g}", each.direction) for each in comparison.changes]
    print_table([Col("figure"), Col("before", right=True), Col("now", right=True), Col("")], rows)
    for direction in ("worse", "better"):
        moved = comparison.records(direction)
        for each in moved[:SHOWN_ERRORS]:
            say(f"  {direction}: {each.record_id}: {each.before} → {each.now}")
        if len(moved) > SHOWN_ERRORS:
            say(f"  {direction}: {len(moved) - SHOWN_ERRORS:,} records more")


def _counted(name: str, counts: Mapping[str, int]) -> None:
    if counts:
        print_table([Col(name), Col("count", right=True)], list(counts.items()))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"
