"""`memreg demo`: a week of a personal assistant, decided message by message."""

from __future__ import annotations

import rich_click as click

from memreg.cli.options import WORDS


@click.command()
@click.option(
    "--database",
    metavar="URL",
    type=WORDS,
    help="An empty database to use instead of its own Postgres; MEMREG_DATABASE_URL is not looked at.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for machines.")
def demo(database: str | None, as_json: bool) -> None:
    """Watch memreg remember a week of a personal assistant.

    It needs no database, key or model, and touches nothing of yours: it has a Postgres of its own in the folder "demo"
    of memreg's home, and begins anew each time.
    """
    from memreg.cli.demo.run import run

    run(database, as_json)
