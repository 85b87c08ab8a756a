"""How a calibration is told: tables and a histogram for people, an object for machines, a plot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memreg.cli.output import Col, plain, print_table, say

if TYPE_CHECKING:
    from memreg.engine.class_calibration import ClassCalibration

LONGEST_BAR = 50


def show(found: ClassCalibration, version: str, tenant: str) -> None:
    """One class in full."""
    from memreg.engine.level import Level

    say(f"{found.class_name} of {version} in tenant {tenant}")
    for line in _facts(found):
        say(f"  {line}")
    levels = [Col(level.name.lower(), right=True) for level in Level]
    rows = [
        (column.column if column.column != "*" else "codes anywhere", column.role, source, against, *map(_odds, odds))
        for column in found.columns
        for source in ["learned" if column.learned else "promised"]
        for against, odds in (("strangers", column.against_strangers), ("siblings", column.against_siblings))
    ]
    print_table((Col("column"), Col("role"), Col("worth is"), Col("against"), *levels), rows)
    for line in histogram(found):
        say(line)


def _facts(found: ClassCalibration) -> Iterator[str]:
    if found.taken_at is None:
        yield "snapshot   none yet: the first is due after 32 writes; until then counts what the columns' roles promise"
    else:
        taken = f"snapshot   {found.snapshot}, taken {plain(found.taken_at)} UTC"
        yield f"{taken}: {found.memories:,} memories, learned from {found.learned_from:,} decisions"
    yield f"repeats    {found.repeats:.1%} of decisions are about something known"
    yield f"siblings   {found.siblings:.1%} of the other candidates"
    if found.telling:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in found.telling.items())
        yield f"telling    what tells siblings apart: {shares}"
    if found.shift:
        yield f"shift      {found.shift:+.2f} natural log odds on every score: {_sense(found.shift)}"
    if found.held:
        yield "held       no snapshot is taken by schedule until --release"
    for each in found.overrides:
        what = f"shift {each.shift:+.2f}" + (", held" if each.held else "")
        why = f": {_line(each.reason)}" if each.reason else ""
        yield f"set        snapshot {each.snapshot} ({what}) by {_line(each.set_by)}, {plain(each.set_at)} UTC{why}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _sense(shift: float) -> str:
    return "stricter" if shift < 0 else "looser"


def _odds(worth: float) -> str:
    return f"{worth:+.2f}"


def histogram(found: ClassCalibration) -> Iterator[str]:
    """The distribution of the best scores, from 1 downwards, with the thresholds between the lines."""
    scores = found.scores
    without = f" ({scores.without_candidate:,} more had no candidate)" if scores.without_candidate else ""
    if not scores.count:
        yield f"No decision was held against a candidate yet{without}."
        return
    yield f"Best scores of the newest {scores.count:,} decisions that had a candidate{without}:"
    bins = scores.bins
    most = max(bins)
    marks = {scores.thresholds.update: "update", scores.thresholds.possible: "a question to a person"}
    for number in reversed(range(len(bins))):
        low, high = number / len(bins), (number + 1) / len(bins)
        bar = "#" * -(-bins[number] * LONGEST_BAR // most)
        yield f"  {low:.2f} to {high:.2f}  {bins[number]:>5,}  {bar}".rstrip()
        for threshold, meaning in marks.items():
            if round(threshold * len(bins)) == number:
                yield f"  ---- {threshold:.2f} ---- {meaning} from here up"


def as_data(found: ClassCalibration) -> dict[str, Any]:
    """For `--json`: the levels by name, the scores counted in bins."""
    from memreg.cli.output import data_of
    from memreg.engine.level import Level

    names = [level.name.lower() for level in Level]
    data: dict[str, Any] = data_of(found)
    for column in data["columns"]:
        for against in ("against_strangers", "against_siblings"):
            column[against] = dict(zip(names, (round(worth, 4) for worth in column[against]), strict=True))
    bins = found.scores.bins
    data["scores"] = {
        "decisions": found.scores.count,
        "without_candidate": found.scores.without_candidate,
        "thresholds": data_of(found.scores.thresholds),
        "by_basis": {basis: len(scores) for basis, scores in found.scores.by_basis.items()},
        "bins": [
            {"from": number / len(bins), "to": (number + 1) / len(bins), "count": count}
            for number, count in enumerate(bins)
        ],
    }
    return data


def plotted(found: ClassCalibration, schema: str, suffix: str) -> bytes:
    """The distribution of the best scores by what decided, as an SVG or a PNG. Raises PlotsUnavailable, and
    ArgumentInvalid where there is no score."""
    from memreg.core.errors import ArgumentInvalid
    from memreg.evaluation.plots import histogram as draw
    from memreg.evaluation.plots import histogram_png

    scores = found.scores
    if not scores.count:
        reason = "no decision of it was held against a candidate yet, so there is no score to plot"
        raise ArgumentInvalid(name="--plot", value=f"of {found.class_name}", reason=reason)
    title = f"{found.class_name} of {schema}: best scores of {scores.count:,} decisions, by what decided"
    thresholds = {f"{value:.2f}": value for value in (scores.thresholds.possible, scores.thresholds.update)}
    if suffix == ".png":
        return histogram_png(scores.by_basis, thresholds, title=title, what="decisions")
    return draw(scores.by_basis, thresholds, title=title, what="decisions").encode()
