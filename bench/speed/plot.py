"""The plot of the benchmark: what a decision takes by size, and how each target stood to its limit over the runs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from memreg.evaluation import plots

SIZE = (11.0, 4.2)  # inches
MARKERS = "osv^Dx*P"


def svg(result: dict[str, Any], history: Sequence[dict[str, Any]]) -> str:
    """An SVG of two plots. Raises PlotsUnavailable without matplotlib."""
    plots.require()
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasSVG(figure)
    by_size, over_time = figure.subplots(1, 2)
    _by_size(by_size, result["sections"].get("single", ()))
    _over_time(over_time, history)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue().decode()


def _by_size(axes: Any, lines: Sequence[dict[str, Any]]) -> None:
    axes.set_title("One decision, median and 95th percentile", loc="left")
    for place, kind in enumerate(dict.fromkeys(line["kind"] for line in lines)):
        of_kind = sorted((line for line in lines if line["kind"] == kind), key=lambda line: int(line["size"]))
        x = [max(1, line["size"]) for line in of_kind]
        colour = plots.COLOURS[place % len(plots.COLOURS)]
        axes.plot(x, [line["engine"]["p50_ms"] for line in of_kind], color=colour, marker="o", label=kind)
        axes.plot(x, [line["engine"]["p95_ms"] for line in of_kind], color=colour, linestyle=":")
        axes.plot(x, [line["floor"]["p50_ms"] for line in of_kind], color=colour, alpha=0.35)
    axes.set_xscale("symlog", linthresh=1_000)
    axes.set_xlabel("memories of the tenant")
    axes.set_ylabel("ms (faint: by hand)")
    axes.set_ylim(bottom=0.0)
    if lines:
        axes.legend(frameon=False)


def _over_time(axes: Any, history: Sequence[dict[str, Any]]) -> None:
    axes.set_title("Targets over the runs: figure by limit", loc="left")
    names = dict.fromkeys(target["target"] for result in history for target in result["targets"])
    for place, name in enumerate(names):
        points = []
        for number, result in enumerate(history, 1):
            for target in result["targets"]:
                sign, limit = target["limit"].split()
                if target["target"] == name and target["figure"] and float(limit):
                    share = target["figure"] / float(limit)
                    points.append((number, share if sign == "≤" else 1 / share))
        if points:
            axes.plot(
                *zip(*points, strict=True),
                marker=MARKERS[place % len(MARKERS)],
                color=plots.COLOURS[place % len(plots.COLOURS)],
                label=name[:44],
            )
    axes.axhline(1.0, color="black", linestyle="--", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xlabel("run")
    axes.set_ylabel("more than 1: missed")
    if history:
        axes.legend(frameon=False, fontsize=7)
