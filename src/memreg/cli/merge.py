"""`memreg merge`: two memories are one object."""

from __future__ import annotations

from typing import Any

import rich_click as click

from memreg.cli.acted import ASSIGNMENT, act_options, print_act
from memreg.cli.options import WORDS, Access, data_options


@click.command()
@click.argument("keep", type=WORDS)
@click.argument("other", type=WORDS)
@click.option(
    "--prefer",
    metavar="COLUMN=SIDE",
    type=ASSIGNMENT,
    multiple=True,
    help="Whose value a column has: keep, other or both (of lists and texts). Can be given several times.",
)
@act_options
@data_options
def merge(
    access: Access,
    keep: str,
    other: str,
    prefer: tuple[tuple[str, str], ...],
    dry_run: bool,
    why: str | None,
    by: str,
    reveal: bool,
) -> None:
    """Make two memories one.

    OTHER goes into KEEP, which takes its identity keys and what it lacks. Where both have a value, what a person pinned
    stays, then what the column's policy makes of both, then the value of KEEP. Whoever refers to OTHER refers to KEEP.
    The undo of it takes them apart exactly. --dry-run shows whose value each column would have.
    """
    wanted: dict[str, Any] = dict(prefer)
    with access.engine() as engine:
        done = engine.merge(keep, other, prefer=wanted, by=by, why=why, dry_run=dry_run)
        print_act(access, engine, done, by=by, why=why, reveal=reveal)
