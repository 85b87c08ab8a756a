"""The report of an evaluation: figures, confusion table, keys, thresholds, and the worst errors explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from memreg import __version__
from memreg.core.errors import EvaluationRefused
from memreg.engine.decide import THRESHOLDS
from memreg.evaluation.compare import Comparison
from memreg.evaluation.document import Block, Heading, Lines, Paragraph, Plot, Table
from memreg.evaluation.errors import ErrorCase, causes, costs, told
from memreg.evaluation.judge import Judged, Verdict
from memreg.evaluation.plots import histogram, require, sweep_plot
from memreg.evaluation.render import html_page, markdown
from memreg.evaluation.result import Result, latency_ms
from memreg.evaluation.study import Study
from memreg.evaluation.sweep import NOTE

HTML_SUFFIXES = frozenset({".html", ".htm"})
MARKDOWN_SUFFIXES = frozenset({".md", ".markdown"})
TRUTHS = ("right: the same entity", "right: a new entity", "false update", "missed update", "unknown", "rejected")
SHOWN_PROBLEMS = 20
SHOWN_RECORDS = 50
SHOWN_STEP = 5  # hundredths of a threshold
_SHORT = 200


def check_report_path(path: Path) -> None:
    """Refuse what could not be written before the work is done. Raises EvaluationRefused, PlotsUnavailable."""
    suffix = path.suffix.lower()
    if suffix not in HTML_SUFFIXES | MARKDOWN_SUFFIXES:
        raise EvaluationRefused(source=path, reason="a report is written as .md or .html, by the ending of its name")
    if suffix in HTML_SUFFIXES:
        require()


def write_report(path: Path, result: Result, comparison: Comparison | None = None) -> None:
    """Write the report as Markdown or HTML, by the name's ending. Raises EvaluationRefused, PlotsUnavailable."""
    check_report_path(path)
    as_html = path.suffix.lower() in HTML_SUFFIXES
    blocks = report(result, comparison, with_plots=as_html)
    text = html_page(blocks, f"memreg on {result.stream}") if as_html else markdown(blocks)
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise EvaluationRefused(source=path, reason=f"it cannot be written ({error.strerror or error})") from error


def report(result: Result, comparison: Comparison | None = None, *, with_plots: bool = False) -> Iterator[Block]:
    """The report as blocks, from the figures down to single errors."""
    yield Heading(1, f"memreg on {result.stream}")
    yield Paragraph(_subject(result))
    yield from _figures(result)
    if comparison is not None:
        yield from _comparison(comparison)
    yield Heading(2, "Decisions and the gold")
    yield confusion(result.judged)
    if result.study is not None:
        yield from _study(result, result.study, with_plots)
    yield from _problems(result)


def confusion(judged: tuple[Judged, ...]) -> Table:
    """How often each action and basis was what, by the gold."""
    counts: dict[str, Counter[str]] = {}
    for each in judged:
        row = counts.setdefault(f"{each.outcome.action} {each.outcome.basis}", Counter())
        row[_truth(each)] += 1
    seen = [truth for truth in TRUTHS if any(row[truth] for row in counts.values())]
    ordered = sorted(counts.items(), key=lambda item: -item[1].total())
    rows = [[name, *(f"{row[truth]:,}" for truth in seen)] for name, row in ordered]
    return Table(["decision", *seen], rows, frozenset(range(1, len(seen) + 1)))


def figure_rows(result: Result) -> list[tuple[str, str]]:
    """The main figures, each with its name."""
    figures = result.figures
    identical = figures.false_updates_identical_text
    of_equal = f", {identical:,} of them between equal texts" if identical else ""
    rows = [
        ("records", f"{len(result.done.records):,} of {figures.entities:,} entities"),
        ("false updates", f"{figures.false_updates:,} ({_percent(figures.false_update_rate)} of decisions{of_equal})"),
        (
            "missed updates",
            f"{figures.missed_updates:,} ({_percent(figures.missed_update_rate)} of {figures.existing:,} repeats)",
        ),
    ]
    if figures.unknown:
        rows.append(("unknown", f"{figures.unknown:,} (within a source that holds duplicates of its own)"))
    if figures.rejected:
        rows.append(("rejected", f"{figures.rejected:,}"))
    agreements = [("pairwise", figures.pairwise), ("B-cubed", figures.bcubed)]
    if figures.known_pairwise != figures.pairwise:
        agreements.append(("pairwise, without unknown pairs,", figures.known_pairwise))
    for name, agreement in agreements:
        of = f"precision {agreement.precision:.4f}, recall {agreement.recall:.4f}"
        rows.append((f"{name} F1", f"{agreement.f1:.4f} ({of})"))
    rows.append(("memories", f"{figures.memories:,} ({figures.memories_per_entity:.3f} an entity)"))
    if result.done.latencies:
        times = latency_ms(result.done)
        timed, taken = len(result.done.latencies), len(result.done.records)
        of = "" if timed == taken else f", of the {timed:,} taken alone"
        rows.append(("time of a decision", f"p50 {times['p50']:.1f} ms, p95 {times['p95']:.1f} ms{of}"))
    return rows


def _subject(result: Result) -> str:
    annotation = result.subject.annotation
    parts = [f"Class {result.subject.class_name}."]
    if annotation.searchable:
        parts.append("Searched: " + ", ".join(f"{name} ({b:g})" for name, b in annotation.searchable.items()) + ".")
    if annotation.compare:
        parts.append(f"Compared: {', '.join(annotation.compare)}.")
    keys = ", ".join(f"{key.name} ({key.strength})" for key in annotation.identity)
    parts.append(f"Identity: {keys or 'none'}.")
    parts.append(
        f"One pass in the order of the stream, starting empty, at {THRESHOLDS.update:.2f} and "
        f"{THRESHOLDS.possible:.2f}; memreg {__version__}."
    )
    return " ".join(parts)


def _figures(result: Result) -> Iterator[Block]:
    yield Heading(2, "Figures")
    yield Table(["figure", "value"], figure_rows(result))
    if result.figures.errors_by_basis:
        yield Table(
            ["errors by basis", "count"],
            [[basis, f"{count:,}"] for basis, count in result.figures.errors_by_basis.items()],
            frozenset({1}),
        )


def _comparison(comparison: Comparison) -> Iterator[Block]:
    yield Heading(2, f"Compared with {comparison.before}")
    if comparison.notes:
        yield Lines(comparison.notes)
    rows = [[each.name, f"{each.before:.4g}", f"{each.now:.4g}", each.direction] for each in comparison.changes]
    yield Table(["figure", "before", "now", ""], rows, frozenset({1, 2}))
    for direction in ("worse", "better"):
        moved = comparison.records(direction)
        if moved:
            yield Paragraph(f"{len(moved):,} records came out {direction}:")
            yield Lines([f"{m.record_id}: {m.before} → {m.now}" for m in moved[:SHOWN_RECORDS]])


def _study(result: Result, study: Study, with_plots: bool) -> Iterator[Block]:
    if study.keys:
        yield Heading(2, "Identity keys")
        yield Paragraph(
            "Held: a memory had the same value; answered: it was taken for the same object (a shared key needs an "
            "equal name token too)."
        )
        rows = [
            [
                key.key,
                key.strength,
                f"{key.answered:,}",
                _share(key.precision),
                f"{key.held:,}",
                _share(key.held_precision),
            ]
            for key in study.keys
        ]
        header = ["key", "strength", "answered", "rightly", "held", "by the same entity"]
        yield Table(header, rows, frozenset({2, 3, 4, 5}))
    yield Heading(2, "Scores and thresholds")
    marks = {"possible": THRESHOLDS.possible, "update": THRESHOLDS.update}
    if with_plots:
        title = "Best score of each record, by what the best candidate was"
        yield Plot(histogram(study.scores, marks, title=title), title)
        title = "False and missed updates at other thresholds (approximation)"
        yield Plot(sweep_plot(study.thresholds, [THRESHOLDS.update], title=title), title)
    yield Paragraph(NOTE)
    rows = [
        [
            f"{point.threshold:.2f}",
            f"{point.false_updates:,}",
            _percent(point.false_update_rate),
            f"{point.missed_updates:,}",
            _percent(point.missed_update_rate),
        ]
        for point in study.thresholds
        if round(100 * point.threshold) % SHOWN_STEP == 0
    ]
    header = ["threshold", "false updates", "of decisions", "missed updates", "of repeats"]
    yield Table(header, rows, frozenset(range(5)))
    yield from _errors(result, study)


def _errors(result: Result, study: Study) -> Iterator[Block]:
    yield Heading(2, "Why the errors happened")
    if not study.errors:
        yield Paragraph("There are none.")
        return
    yield _counted("cause", causes(study.errors))
    if by_feature := costs(study.errors):
        yield Paragraph("Of the missed updates whose true memory was scored, the feature that cost most of the score:")
        yield _counted("feature", by_feature)
    chosen = result.worst()
    yield Heading(2, f"The worst {len(chosen)} of {len(study.errors):,} errors" if len(chosen) > 1 else "The error")
    for case in chosen:
        yield from _case(case)


def _case(case: ErrorCase) -> Iterator[Block]:
    outcome, judged = case.judged.outcome, case.judged
    false = judged.verdict is Verdict.FALSE_UPDATE
    score = "" if outcome.score is None else f", score {outcome.score:.4f}"
    yield Heading(3, f"{outcome.record_id} (line {case.line}): {judged.verdict.replace('_', ' ')}")
    by = f"{outcome.action} by {outcome.basis}{score}: {case.cause}."
    if false:
        by += f" The record is entity {outcome.entity_id}; the memory is {judged.majority}."
    yield Paragraph(by)
    if case.about is None:
        yield Table(["field", "record"], [[name, _short(value)] for name, value in case.values.items()])
        return
    theirs: Mapping[str, Any] = case.about.values
    names = dict.fromkeys([*case.values, *theirs])
    rows = [[name, _short(case.values.get(name)), _short(theirs.get(name))] for name in names]
    other = "memory it was put into" if false else f"memory it should have met (score {case.about.score:.4f})"
    yield Table(["field", "record", other], rows)
    yield Lines([told(part) for part in case.about.parts if part.met or part.bounds])


def _problems(result: Result) -> Iterator[Block]:
    done = result.done
    if not done.problems and not done.unknown_fields:
        return
    yield Heading(2, "What was left out of the stream")
    lines = [f"line {each.line}: {each.error}" for each in done.problems[:SHOWN_PROBLEMS]]
    if len(done.problems) > SHOWN_PROBLEMS:
        lines.append(f"and {len(done.problems) - SHOWN_PROBLEMS:,} lines more")
    lines += [
        f"field {name!r}, which the class lacks, in {count:,} records, first in line {line}"
        for name, (line, count) in done.unknown_fields.items()
    ]
    yield Lines(lines)


def _counted(name: str, counts: Mapping[str, int]) -> Table:
    return Table([name, "count"], [[each, f"{count:,}"] for each, count in counts.items()], frozenset({1}))


def _truth(judged: Judged) -> str:
    if judged.verdict is Verdict.RIGHT:
        return TRUTHS[1] if judged.outcome.action == "CREATE" else TRUTHS[0]
    return judged.verdict.replace("_", " ")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _share(share: float | None) -> str:
    return "" if share is None else _percent(share)


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
