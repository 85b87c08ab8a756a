"""`memreg backfill`: take the memories to a new version of their schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from memreg.cli.options import WORDS, Access, database_options
from memreg.cli.output import Col, print_json, print_table, say
from memreg.cli.progress import bar

if TYPE_CHECKING:
    from memreg.operations.backfill import Failure


@click.command()
@click.argument("name", metavar="NAME|status", type=WORDS)
@click.option("--to", metavar="N", type=click.IntRange(min=1), help="The approved version to take the memories to.")
@database_options
def backfill(access: Access, name: str, to: int | None) -> None:
    """Take the memories of every tenant to a new version.

    Messages may go on arriving; at the end the version becomes the active one. Killed in the middle, it goes on where
    it stood when started again. `memreg backfill status` lists the backfills.
    """
    if to is None:
        if name != "status":
            raise click.UsageError(f"Say which version: memreg backfill {name} --to N (memreg schemas lists them)")
        _status(access)
        return
    from memreg.operations.backfill import backfill as run

    with access.database() as database, bar("converting", "memories") as advance:
        done = run(database, name, to, progress=lambda now: advance(now.converted, now.total, now.converted))
    if access.as_json:
        print_json({"activated": done.activated, "sentence": done.sentence, "result": done})
    else:
        say(f"{done.sentence}.")
        _print_failures(done.failures)
    if not done.activated:
        raise Exit(1)


def _status(access: Access) -> None:
    from memreg.operations.backfill import failures, status

    with access.database() as database:
        found = status(database)
        failed = {each.id: failures(database, each.id, 20) for each in found if each.failures}
    if access.as_json:
        print_json([{"backfill": each, "failures": failed.get(each.id, ())} for each in found])
        return
    if not found:
        say("No backfill was begun yet.")
        return
    columns = (
        Col("version", keep=True),
        Col("status", keep=True),
        Col("converted", right=True),
        Col("of", right=True),
        Col("did not fit", right=True),
        Col("begun (UTC)"),
        Col("ended (UTC)"),
        Col("why"),
    )
    rows = [
        (f"{b.schema}@{b.to_version}", b.status, b.converted, b.total, b.failures, b.created_at, b.finished_at, b.error)
        for b in found
    ]
    print_table(columns, rows)
    for each in found[:1]:
        _print_failures(failed.get(each.id, ()))


def _print_failures(failed: tuple[Failure, ...]) -> None:
    if failed:
        columns = (Col("memory that does not fit", keep=True), Col("tenant"), Col("why"))
        print_table(columns, [(each.memory_id, each.tenant, each.reason) for each in failed])
