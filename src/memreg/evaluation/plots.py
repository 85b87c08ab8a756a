"""Plots as SVG texts or PNG images, the same bytes for the same numbers; they need matplotlib, the extra `plots`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from memreg.core.errors import PlotsUnavailable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from memreg.evaluation.sweep import Point

BINS = 50
SIZE = (7.2, 3.2)  # inches
DPI = 150
# Told apart by people who see few colours (Okabe and Ito, 2002), and by their order in the legend.
COLOURS = ("#0072b2", "#d55e00", "#999999", "#009e73", "#cc79a7")
_STYLE: Any = {
    "svg.hashsalt": "memreg",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def require() -> None:
    """Raise PlotsUnavailable where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as exc:
        raise PlotsUnavailable() from exc


def histogram(
    scores_by_label: Mapping[str, Sequence[float]],
    thresholds: Mapping[str, float] | Sequence[float] = (),
    *,
    title: str = "",
    log: bool = True,
    what: str = "records",
) -> str:
    """The distribution of scores in [0, 1] as an SVG: bars by label, a dashed line at each threshold.

    `thresholds`: values, or values by name. `log`: counts on a logarithmic axis, so that the few near a threshold are
    seen beside the many far from it. `what` is counted. Raises PlotsUnavailable.
    """
    with _axes(title) as (axes, out):
        _bars(axes, scores_by_label, thresholds, log, what)
    return out[0].decode()


def histogram_png(
    scores_by_label: Mapping[str, Sequence[float]],
    thresholds: Mapping[str, float] | Sequence[float] = (),
    *,
    title: str = "",
    log: bool = True,
    what: str = "records",
) -> bytes:
    """`histogram` as a PNG. Raises PlotsUnavailable."""
    with _axes(title, "png") as (axes, out):
        _bars(axes, scores_by_label, thresholds, log, what)
    return out[0]


def _bars(
    axes: Any,
    scores_by_label: Mapping[str, Sequence[float]],
    thresholds: Mapping[str, float] | Sequence[float],
    log: bool,
    what: str,
) -> None:
    named = thresholds if isinstance(thresholds, Mapping) else {f"{value:.2f}": value for value in thresholds}
    labels = [label for label, scores in scores_by_label.items() if len(scores)]
    if labels:
        # Side by side and not stacked: on a logarithmic axis the height of a stack tells nothing.
        for position, label in enumerate(labels):
            axes.hist(
                list(scores_by_label[label]),
                bins=BINS,
                range=(0.0, 1.0),
                color=COLOURS[position % len(COLOURS)],
                alpha=0.6,
                label=f"{label} ({len(scores_by_label[label]):,})",
            )
        axes.legend(frameon=False)
    if log and labels:
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(bottom=0.8)
    for name, value in named.items():
        axes.axvline(value, color="black", linestyle="--", linewidth=0.8)
        axes.annotate(name, (value, 1.0), xycoords=("data", "axes fraction"), ha="right", va="top", rotation=90)
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("score")
    axes.set_ylabel(what)


def sweep_plot(points: Sequence[Point], thresholds: Sequence[float] = (), *, title: str = "") -> str:
    """False and missed updates (per cent) over the threshold, as an SVG. Raises PlotsUnavailable."""
    with _axes(title) as (axes, out):
        x = [point.threshold for point in points]
        rates = {
            "false updates, % of decisions": [100 * point.false_update_rate for point in points],
            "missed updates, % of repeats": [100 * point.missed_update_rate for point in points],
        }
        for (label, y), colour in zip(rates.items(), reversed(COLOURS[:2]), strict=True):
            axes.plot(x, y, color=colour, label=label)
        for value in thresholds:
            axes.axvline(value, color="black", linestyle="--", linewidth=0.8)
        axes.set_xlim(0.0, 1.0)
        # Linear up to 0.1 % and logarithmic above: a few false updates in a thousand are what one looks for.
        axes.set_yscale("symlog", linthresh=0.1)
        axes.set_ylim(bottom=0.0)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("threshold")
        axes.set_ylabel("%")
        if points:
            axes.legend(frameon=False)
    return out[0].decode()


@contextmanager
def _axes(title: str, form: Literal["svg", "png"] = "svg") -> Iterator[tuple[Axes, list[bytes]]]:
    """Axes to draw on; the list holds the image afterwards. No window, no global state, no date in the file."""
    require()
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out: list[bytes] = []
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        axes: Any = figure.add_subplot()
        if title:
            axes.set_title(title, loc="left")
        yield axes, out
        file = io.BytesIO()
        nothing = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(file, format=form, metadata=nothing, dpi=DPI)
        image = file.getvalue()
        out.append(image[image.index(b"<svg") :] if form == "svg" else image)
