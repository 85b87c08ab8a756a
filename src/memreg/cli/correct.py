"""`memreg correct`: what a memory says is put right by a person."""

from __future__ import annotations

import rich_click as click

from memreg.cli.acted import ASSIGNMENT, act_options, print_act, values_of
from memreg.cli.options import WORDS, Access, data_options


@click.command()
@click.argument("memory_id", type=WORDS)
@click.argument("values", metavar="COLUMN=VALUE", type=ASSIGNMENT, nargs=-1)
@click.option("--no-pin", is_flag=True, help="Messages may change these columns again.")
@click.option(
    "--unpin",
    metavar="COLUMN",
    type=WORDS,
    multiple=True,
    help="Messages may change this column again; its value stays. Can be given several times.",
)
@click.option(
    "--keep-keys",
    is_flag=True,
    help="What it said was right until now: the memory is still found by its former identity keys.",
)
@act_options
@data_options
def correct(
    access: Access,
    memory_id: str,
    values: tuple[tuple[str, str], ...],
    no_pin: bool,
    unpin: tuple[str, ...],
    keep_keys: bool,
    dry_run: bool,
    why: str | None,
    by: str,
    reveal: bool,
) -> None:
    """Set what is right of a memory.

    As in city=Oslo; city= takes the value away, and a column given twice has both values. The columns are pinned: no
    message changes them later, and the reasons of its decision say who set them. memreg history shows what was before.
    """
    if not values and not unpin:
        raise click.UsageError("Say what is right, as in city=Oslo, or name a column with --unpin.")
    with access.engine() as engine:
        done = engine.correct(
            memory_id,
            values_of(values),
            pin=not no_pin,
            unpin=unpin,
            keep_keys=keep_keys,
            by=by,
            why=why,
            dry_run=dry_run,
        )
        print_act(access, engine, done, by=by, why=why, reveal=reveal)
