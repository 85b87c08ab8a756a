"""`memreg split`: what two objects said into one memory is taken apart."""

from __future__ import annotations

from typing import Any

import rich_click as click

from memreg.cli.acted import ASSIGNMENT, act_options, print_act, values_of
from memreg.cli.options import WORDS, Access, data_options


class Several(click.ParamType[tuple[str, ...]]):
    """Several with commas between."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The parts."""
        if isinstance(value, tuple):
            return value
        return tuple(part.strip() for part in WORDS.convert(value, param, ctx).split(",") if part.strip())


class Numbers(Several):
    """Several numbers with commas between."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The numbers."""
        parts = super().convert(value, param, ctx)
        for part in parts:
            if not str(part).isdecimal():
                self.fail(f"{part!r} is no revision; memreg history ID tells their numbers.", param, ctx)
        return tuple(int(part) for part in parts)


@click.command()
@click.argument("memory_id", type=WORDS)
@click.option("--revisions", metavar="N,M", type=Numbers(), default=(), help="What these said goes to a new memory.")
@click.option("--columns", metavar="A,B", type=Several(), default=(), help="The values of these go to a new memory.")
@click.option(
    "--values",
    metavar="COLUMN=VALUE",
    type=ASSIGNMENT,
    multiple=True,
    help="What else the new memory says. Can be given several times.",
)
@act_options
@data_options
def split(
    access: Access,
    memory_id: str,
    revisions: tuple[int, ...],
    columns: tuple[str, ...],
    values: tuple[tuple[str, str], ...],
    dry_run: bool,
    why: str | None,
    by: str,
    reveal: bool,
) -> None:
    """Take a memory apart that two objects went into.

    By revisions (memreg history ID): a new memory says what these said, and the old one is what the others make of it
    without them. By columns: their values move. Identity keys go with the values that complete them.
    """
    if bool(revisions) is bool(columns):
        raise click.UsageError("Name what is another object: --revisions N,M or --columns A,B.")
    with access.engine() as engine:
        done = engine.split(
            memory_id,
            revisions=revisions,
            columns=columns,
            values=values_of(values),
            by=by,
            why=why,
            dry_run=dry_run,
        )
        print_act(access, engine, done, by=by, why=why, reveal=reveal)
