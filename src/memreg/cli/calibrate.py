"""`memreg calibrate`: what agreement is worth in a class and how its scores lie, and what a person sets of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from memreg.cli.options import WORDS, Access, by_option, data_options
from memreg.cli.output import print_json, say, tell

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.engine.class_calibration import ClassCalibration


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one call asks for."""

    class_name: str | None
    recompute: bool
    shift: float | None
    hold: bool | None
    plot: Path | None
    by: str
    why: str | None

    @property
    def sets(self) -> bool:
        """Whether a person sets something of the class."""
        return self.shift is not None or self.hold is not None


def _checked_shift(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is None:
        return None
    from memreg.core.errors import ArgumentInvalid
    from memreg.engine.calibrate import check_shift

    try:
        return check_shift(value)
    except ArgumentInvalid as error:
        raise click.BadParameter(str(error), ctx, param) from error


@click.command()
@click.argument("class_name", metavar="[CLASS]", required=False, type=WORDS)
@click.option("--recompute", is_flag=True, help="Learn it again now from what was decided, due or not.")
@click.option(
    "--shift",
    metavar="ODDS",
    type=float,
    callback=_checked_shift,
    help="Add natural log odds to every score; 0 ends it.",
)
@click.option("--hold", is_flag=True, help="Take no more snapshots by schedule.")
@click.option("--release", is_flag=True, help="Take them again.")
@by_option
@click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")
@click.option(
    "--plot", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Plot the scores: .svg or .png."
)
@data_options
def calibrate(
    access: Access,
    class_name: str | None,
    recompute: bool,
    shift: float | None,
    hold: bool,
    release: bool,
    by: str,
    why: str | None,
    plot: Path | None,
) -> None:
    """Show what agreement is worth in a class, or set it.

    Without CLASS, every class of the version in use. The numbers are learned from the tenant's own decisions, without
    labels, and taken again by schedule as the class grows; each decision names the snapshot that it was made with.

    --shift -1 makes a class stricter, --shift 1 looser, by that much natural log odds; --hold keeps what was learned as
    it is. Both make a snapshot of their own, and hold from the next decision on.
    """
    if hold and release:
        raise click.UsageError("Choose --hold or --release.")
    wanted = Wanted(class_name, recompute, shift, True if hold else False if release else None, plot, by, why)
    _check(wanted)
    with access.engine() as engine:
        before, after = _carry_out(engine, wanted)
        if plot is not None:
            _plot(engine, after, plot)
        if access.as_json:
            from memreg.cli.calibrated import as_data

            where = {"schema": engine.schema(), "version": engine.version().version, "tenant": engine.tenant}
            print_json({**where, "classes": [as_data(each) for each in after]})
            return
        _tell(engine, wanted, before, after)


def _check(wanted: Wanted) -> None:
    """What can be said before a database is opened."""
    if wanted.recompute and wanted.sets:
        raise click.UsageError("--recompute goes alone: run it first, then set the rest.")
    if wanted.sets and wanted.class_name is None:
        raise click.UsageError("Name the CLASS that --shift, --hold or --release is for.")
    if wanted.sets and not (wanted.why or "").strip():
        raise click.UsageError("Say why with --why TEXT; it is kept.")
    if wanted.why is not None and not wanted.sets and not wanted.recompute:
        raise click.UsageError("--why goes with --shift, --hold, --release or --recompute.")
    if wanted.plot is not None:
        if wanted.plot.suffix.lower() not in (".svg", ".png"):
            raise click.UsageError(f"--plot writes .svg or .png, by the ending of the name; {wanted.plot} has neither.")
        if not wanted.plot.parent.is_dir():
            raise click.UsageError(f"There is no folder {wanted.plot.parent} to write the plot into.")
        from memreg.evaluation.plots import require

        require()


def _carry_out(engine: Engine, wanted: Wanted) -> tuple[list[ClassCalibration], list[ClassCalibration]]:
    """The calibrations before, and those in force now."""
    if wanted.class_name is not None:
        names = [wanted.class_name]
    else:
        names = sorted(engine.version().spec.by_name)
        if wanted.plot is not None and len(names) > 1:
            raise click.UsageError(f"Name the CLASS to plot: {', '.join(names)}.")
    before = [engine.calibration(name) for name in names]
    if not wanted.recompute and not wanted.sets:
        return before, before
    if wanted.recompute and wanted.class_name is None:
        for each in before:
            if not each.scores.decisions:
                tell(f"{each.class_name} has no decision yet to learn from; it was left as it is.")
        names = [each.class_name for each in before if each.scores.decisions]
    made = {
        name: engine.calibrate(
            name, recompute=wanted.recompute, shift=wanted.shift, hold=wanted.hold, by=wanted.by, why=wanted.why
        )
        for name in names
    }
    return before, [made.get(each.class_name, each) for each in before]


def _plot(engine: Engine, found: list[ClassCalibration], path: Path) -> None:
    from memreg.cli.calibrated import plotted
    from memreg.core.errors import ArgumentInvalid

    (each,) = found
    image = plotted(each, engine.schema(), path.suffix.lower())
    try:
        path.write_bytes(image)
    except OSError as error:
        reason = f"it cannot be written ({error.strerror or error})"
        raise ArgumentInvalid(name="--plot", value=str(path), reason=reason) from error
    tell(f"Wrote {path}.")


def _tell(engine: Engine, wanted: Wanted, before: list[ClassCalibration], after: list[ClassCalibration]) -> None:
    from memreg.cli.calibrated import show

    if wanted.sets:
        (was,), (now,) = before, after
        if now.snapshot == was.snapshot:
            say(f"{now.class_name} stood so already; nothing was changed.")
        else:
            held = ", held fast" if now.held else ""
            say(
                f"{now.class_name}: shift {now.shift:+.2f}{held}, by snapshot {now.snapshot} from the next decision on."
            )
            say(f"Next: memreg calibrate {now.class_name}; memreg explain AUDIT_ID names the snapshot of a decision")
        return
    for number, each in enumerate(after):
        if number:
            say()
        show(each, f"{engine.version()}", engine.tenant)
