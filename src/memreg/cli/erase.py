"""`memreg erase`: take away for good what a memory said, wherever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from memreg.cli.options import WORDS, Access, by_option, data_options
from memreg.cli.output import data_of, print_json, say

if TYPE_CHECKING:
    from memreg.operations.erase.outcome import Erased

_TOLD = {
    "memories": "memories",
    "revisions": "revisions",
    "entries": "audit entries that lose values",
    "messages": "messages that lose their text",
    "dropped": "of them not decided yet, and dropped",
    "reviews": "questions settled or shortened",
    "keys": "keys, references and notes of backfills",
    "tokens": "words out of the statistics",
    "notes": "reasons that people had given",
    "others": "other memories that lose something of their own",
}
SHOWN = 20


@click.command()
@click.argument("memory_id", type=WORDS)
@click.option(
    "--also",
    metavar="TEXT",
    type=WORDS,
    multiple=True,
    help='A text that is erased from the data of other memories too, as "Ana Lopez". Can be given several times.',
)
@click.option("--dry-run", is_flag=True, help="Only tell; change nothing.")
@click.option("--yes", is_flag=True, help="Erase, which is otherwise only told.")
@click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")
@by_option
@data_options
def erase(
    access: Access, memory_id: str, also: tuple[str, ...], dry_run: bool, yes: bool, why: str | None, by: str
) -> None:
    """Erase a memory for good.

    What it ever said goes out of the memories, the audit, the messages that told or quote it, questions, keys and
    statistics. That it was there stays, and the audit's chain stays whole. It cannot be undone; memreg forget can.
    """
    with access.engine() as engine:
        done = engine.erase(memory_id, by=by, why=why, also=also, dry_run=dry_run or not yes)
    if access.as_json:
        print_json({**data_of(done), "sentence": done.sentence})
        return
    _print(done, asked=dry_run)


def _print(done: Erased, *, asked: bool) -> None:
    for name, number in done.removed.counts.items():
        if number:
            say(f"{number:>8}  {_TOLD[name]}")
    for place in done.still_said[:SHOWN]:
        say(f"stays: {place.sentence}")
    if done.still_said_in > SHOWN:
        say(f"stays: … and in {done.still_said_in - SHOWN} more places")
    if done.referring:
        what = "memory refers" if done.referring == 1 else "memories refer"
        say(f"{done.referring} {what} to it, and will lead to nothing.")
    say(done.sentence)
    if done.dry_run:
        say("Nothing was changed." + ("" if asked else " Next: the same with --yes; it cannot be undone."))
    elif not done.already:
        say(f"The entry that tells of it: memreg explain {done.audit_id}")
    if any(place.where == "memory" for place in done.still_said):
        say("What other memories say is theirs: erase these as well, or take the words out of them with --also TEXT.")
