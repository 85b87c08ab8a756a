"""The report of a soak: a page with plots, and the same as JSON."""

from __future__ import annotations

import html
import io
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.soak_outcome import ALL, WARM, Outcome
from memreg.evaluation.plots import COLOURS, require

_SIZE = (9.0, 2.6)  # inches
_BINS = 60
Series = dict[str, list[tuple[float, float]]]


def write(outcome: Outcome, folder: Path, seconds: float) -> Path:
    """Write `soak.json` and `report.html` into a folder; gives the path of the page. Raises PlotsUnavailable."""
    require()
    folder.mkdir(parents=True, exist_ok=True)
    told = {"holds": not outcome.broken, "broken": outcome.broken, **outcome.figures}
    plain = [asdict(each) for each in outcome.samples]
    data = {**told, "samples": plain, "events": outcome.events}
    (folder / "soak.json").write_text(json.dumps(data, indent=1, default=str) + "\n", "utf-8")
    page = folder / "report.html"
    page.write_text(_page(outcome, told, seconds), "utf-8")
    return page


def _page(outcome: Outcome, told: dict[str, Any], seconds: float) -> str:
    samples = outcome.samples
    memory: Series = {}
    for each in samples:
        for name, size in each.memory.items():
            memory.setdefault(name, []).append((each.at, size / 1e6))
        if each.memory:
            memory.setdefault(ALL, []).append((each.at, sum(each.memory.values()) / 1e6))
    plots = [
        _plot("Resident memory of the processes that live for the whole run, MB", memory, outcome, seconds),
        _plot("Latency, median of each moment, ms", _medians(outcome.latencies, seconds), outcome, seconds, log=True),
        _plot("Messages that wait", {"waiting": [(s.at, s.waiting) for s in samples if s.waiting is not None]},
              outcome, seconds),
        _plot("Steps a second", {"steps": _rates([(s.at, s.steps) for s in samples])}, outcome, seconds),
        _plot("On disk, MB", {"tables and indexes": [(s.at, s.disk / 1e6) for s in samples if s.disk]},
              outcome, seconds),
        _plot("What the server's processes have for themselves, MB",
              {"server": [(s.at, s.server / 1e6) for s in samples if s.server]}, outcome, seconds),
    ]  # fmt: skip
    verdict = "Everything held." if not outcome.broken else "Something did not hold."
    broken = "".join(f"<li>{html.escape(each)}</li>" for each in outcome.broken)
    figures = {html.escape(str(name)): html.escape(json.dumps(told[name], indent=1, default=str)) for name in told}
    rows = "".join(f"<tr><td>{name}</td><td><pre>{value}</pre></td></tr>" for name, value in figures.items())
    return (
        "<!doctype html><meta charset=utf-8><title>Soak</title>"
        "<style>body{font:15px/1.45 sans-serif;max-width:62rem;margin:2rem auto}"
        "td{vertical-align:top;padding:.2rem .8rem}pre{margin:0;font-size:12px}</style>"
        f"<h1>Soak of {seconds:,.0f} seconds</h1><p>{verdict}</p><ul>{broken}</ul>"
        "<p>Grey: the warm-up. Lines: a process was killed (dotted), Postgres was (solid).</p>"
        f"{''.join(plots)}<h2>Figures</h2><table>{rows}</table>\n"
    )


def _plot(title: str, series: Series, outcome: Outcome, seconds: float, *, log: bool = False) -> str:
    """Lines over the seconds of the run, as an SVG. The same numbers make the same bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {"svg.hashsalt": "memreg", "svg.fonttype": "none", "font.size": 9.0}
    with mpl.rc_context(style):
        figure = Figure(figsize=_SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        axes: Any = figure.add_subplot()
        axes.set_title(title, loc="left")
        axes.axvspan(0, seconds * WARM, color="#eeeeee")
        for at, what in outcome.events:
            if what.startswith(("kill", "postgres")):
                dotted = what.startswith("kill")
                axes.axvline(at, color="#999999", linewidth=0.7, linestyle=":" if dotted else "-")
        for number, (name, points) in enumerate(series.items()):
            colour = COLOURS[number % len(COLOURS)]
            line = "-" if number < len(COLOURS) else "--"
            axes.plot([at for at, _ in points], [y for _, y in points], color=colour, label=name, linestyle=line)
        axes.set_xlim(0, seconds)
        if log:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlabel("seconds")
        if len(series) > 1:
            axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    image = file.getvalue()
    return image[image.index("<svg") :]


def _medians(latencies: Series, seconds: float) -> Series:
    """Milliseconds by kind, the median of each of so many moments."""
    found: Series = {}
    width = seconds / _BINS
    for kind, points in latencies.items():
        bins: dict[int, list[float]] = {}
        for at, took in points:
            bins.setdefault(int(at // width), []).append(took * 1000)
        found[kind] = [((number + 0.5) * width, statistics.median(each)) for number, each in sorted(bins.items())]
    return found


def _rates(points: Sequence[tuple[float, float]], over: int = 5) -> list[tuple[float, float]]:
    """How much a count grows in a second."""
    pairs = zip(points, points[over:], strict=False)
    return [
        (after[0], (after[1] - before[1]) / (after[0] - before[0])) for before, after in pairs if after[0] > before[0]
    ]
