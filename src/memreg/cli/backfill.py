"""`memreg backfill`: take the memories to a new version of their schema; look at it, halt it, give it up, go back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import rich_click as click
from click.exceptions import Exit

from memreg.cli.backfilling import (
    backfill_bar,
    plan_data,
    print_backfills,
    print_failures,
    print_plan,
    sentence_of,
)
from memreg.cli.options import WORDS, Access, by_option, database_options
from memreg.cli.output import print_json, say, tell

if TYPE_CHECKING:
    from memreg.core.database import Database
    from memreg.operations.backfill import Backfill, Backfilled

LOOK = 1.0
"""Seconds between two looks of `--watch`."""
_SHOWN_FAILURES = 20
_INTERRUPTED = 130

_name = click.argument("name", metavar="NAME", type=WORDS)
_slots = click.option(
    "--slots", metavar="N", type=click.IntRange(1, 64), default=1, show_default=True, help="Parts at once, here."
)
_allow = click.option(
    "--allow-failures",
    "allow",
    metavar="N|P%",
    type=WORDS,
    help="How many memories may stay as they are because they do not fit (0).",
)
_why = click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")


class WithShortcut(click.RichGroup):
    """`memreg backfill NAME` is short for `memreg backfill run NAME`."""

    def in_full(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments with the verb: what is none is the name of a schema, or an option of `run`."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            return ["run", *args]
        return args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read them in full."""
        return super().parse_args(ctx, self.in_full(ctx, args))


@click.group("backfill", cls=WithShortcut)
def backfill() -> None:
    """Take the memories of every tenant to a new version.

    \b
      memreg backfill NAME --to N --plan        what it would come to; nothing is written
      memreg backfill NAME --to N               here, with a bar
      memreg backfill NAME --to N --background  by memreg worker
      memreg backfill status --watch            how far it is

    NAME alone is short for run NAME. Messages may go on arriving. First every memory is indexed for the new version
    beside the old one, then the new version is put in force, then the memories are rewritten. Killed at any moment, it
    goes on where it stood when started again.
    """


@backfill.command("run")
@_name
@click.option("--to", metavar="N", type=click.IntRange(min=1), help="The approved version to take the memories to.")
@click.option("--plan", "only_plan", is_flag=True, help="Only tell what it would come to; write nothing.")
@click.option(
    "--rate", metavar="N", type=click.FloatRange(min=0), help="Memories a second at most, over all workers (0: any)."
)
@_slots
@click.option(
    "--collisions",
    type=click.Choice(["review", "merge", "refuse"]),
    help="What becomes of memories that have one strong key under the new version (review).",
)
@_allow
@click.option("--background", is_flag=True, help="Leave it to memreg worker.")
@by_option
@_why
@database_options
def run(
    access: Access,
    name: str,
    to: int | None,
    only_plan: bool,
    rate: float | None,
    slots: int,
    collisions: Literal["review", "merge", "refuse"] | None,
    allow: str | None,
    background: bool,
    by: str,
    why: str | None,
) -> None:
    """Run one, or go on with the one that was begun.

    Run again with other options, it goes on under those; what is left out stays as it was. Several runs at once share
    the work. The exit status is 1 where the version is not in force at the end.

    Where memories have one strong key under the new version: review asks a person about each pair, merge puts them
    together (which memreg undo takes back), refuse lets the backfill fail.
    """
    if to is None:
        raise click.UsageError(f"Say which version: memreg backfill {name} --to N (memreg schemas lists them)")
    if only_plan:
        _plan(access, name, to)
        return
    wishes: dict[str, Any] = {
        "collisions": collisions, "allow": allow, "rate": rate, "slots": slots, "by": by, "why": why,
    }  # fmt: skip
    if background:
        _start(access, name, to, wishes)
        return
    from memreg.operations.backfill import backfill as work

    with access.database() as database:
        done = _with_bar(name, to, lambda show: work(database, name, to, progress=show, **wishes))
    _told(access, done)


@backfill.command("status")
@click.argument("name", metavar="[NAME]", required=False, type=WORDS)
@click.option("--watch", is_flag=True, help="Look again every second, until no backfill is open.")
@database_options
def status(access: Access, name: str | None, watch: bool) -> None:
    """Show how far the backfills are, the newest first.

    What did not fit in the newest one is listed with the reasons.
    """
    from memreg.operations.backfill import failures
    from memreg.operations.backfill import status as read

    if watch and access.as_json:
        raise click.UsageError("--watch is for people; without it, --json tells how the backfills stand now.")
    with access.database() as database:
        if watch:
            _watch(lambda: read(database, name))
        found = read(database, name)
        failed = {each.id: failures(database, each.id, _SHOWN_FAILURES) for each in found if each.failures}
    if access.as_json:
        print_json([{"backfill": each, "failures": failed.get(each.id, ())} for each in found])
        return
    print_backfills(found, failed)


@backfill.command("pause")
@_name
@database_options
def pause(access: Access, name: str) -> None:
    """Halt a backfill after the parts at hand.

    Everybody who works on it stops; what was done stays done. Memories of every version stay readable.
    """
    from memreg.operations.backfill import pause as halt

    with access.database() as database:
        found = halt(database, name)
    _print_one(access, found, f"Paused. `memreg backfill resume {name}` goes on with it.")


@backfill.command("resume")
@_name
@_slots
@click.option("--background", is_flag=True, help="Leave it to memreg worker.")
@database_options
def resume(access: Access, name: str, slots: int, background: bool) -> None:
    """Go on with a backfill that was paused."""
    from memreg.operations.backfill import backfill as work
    from memreg.operations.backfill import resume as go_on

    with access.database() as database:
        to = go_on(database, name).to_version
        if not background:
            done = _with_bar(name, to, lambda show: work(database, name, to, slots=slots, progress=show))
    if background:
        _start(access, name, to, {"slots": slots})
        return
    _told(access, done)


@backfill.command("cancel")
@_name
@database_options
def cancel(access: Access, name: str) -> None:
    """Give up a backfill whose version is not in force yet.

    What it added is taken away; the version stays approved. After that moment, memreg backfill rollback goes back.
    """
    from memreg.core.clock import utc_now
    from memreg.core.ids import uuid7
    from memreg.operations.backfill import cancel as give_up
    from memreg.operations.backfill.run import work_off
    from memreg.operations.backfill.target import CHUNK

    with access.database() as database:
        found = give_up(database, name)
        with backfill_bar() as show:
            found = work_off(database, found.id, show, utc_now, uuid7, CHUNK, 1)
    _print_one(access, found, "Cancelled; what it had added is taken away.")


@backfill.command("rollback")
@_name
@click.option("--why", metavar="TEXT", type=WORDS, required=True, help="The reason, which is kept.")
@by_option
@_allow
@_slots
@database_options
def rollback(access: Access, name: str, why: str, by: str, allow: str | None, slots: int) -> None:
    """Go back to the version before, with all memories.

    Before the new version is in force this cancels the backfill. After that, the next version is made with the content
    of the old one, and the memories are taken to it; what the old one cannot hold is told.
    """
    from memreg.operations.backfill import roll_back

    with access.database() as database, backfill_bar() as show:
        done = roll_back(database, name, why, by=by, allow=allow, slots=slots, progress=show)
    ended = done.backfilled
    is_back = ended.activated or (ended.backfill is not None and ended.backfill.status == "cancelled")
    if access.as_json:
        print_json({"rolled_back": is_back, "sentence": ended.sentence, "lost": done.lost, "result": ended})
    else:
        say(f"{ended.sentence}.")
        for sentence in done.lost:
            say(f"Not carried back: {sentence}.")
        print_failures(ended.failures)
    if not is_back:
        raise Exit(1)


def _plan(access: Access, name: str, to: int) -> None:
    from memreg.operations.backfill import plan

    with access.database() as database:
        found = plan(database, name, to)
    if access.as_json:
        print_json(plan_data(found))
        return
    print_plan(found)


def _start(access: Access, name: str, to: int, wishes: dict[str, Any]) -> None:
    from memreg.operations.backfill import start

    with access.database() as database:
        found = start(database, name, to, **wishes)
        alone = found is not None and not _has_workers(database)
    if access.as_json:
        print_json({"started": found is not None, "backfill": found})
    elif found is None:
        say(f"{name}@{to} is active already; there is nothing to do.")
    else:
        say(
            f"The backfill to {name}@{to} is left to the workers; `memreg backfill status --watch` shows how far it is."
        )
        if alone:
            tell("No worker is alive: start one with `memreg worker`.")


def _has_workers(database: Database) -> bool:
    from memreg.core.clock import utc_now
    from memreg.operations.state import workers_alive

    return bool(database.run_admin(lambda: workers_alive(utc_now)))


def _with_bar(name: str, to: int, work: Callable[[Callable[[Backfill], None]], Backfilled]) -> Backfilled:
    try:
        with backfill_bar() as show:
            return work(show)
    except KeyboardInterrupt:
        _interrupted(name, to)


def _interrupted(name: str, to: int) -> NoReturn:
    tell(f"Stopped after the parts at hand; `memreg backfill {name} --to {to}` goes on with it.")
    raise Exit(_INTERRUPTED)


def _told(access: Access, done: Backfilled) -> None:
    """Tell what a run came to; ends with status 1 where the version is not in force."""
    if access.as_json:
        print_json({"activated": done.activated, "sentence": done.sentence, "joined": done.joined, "result": done})
    else:
        if done.joined:
            tell("It had been begun before; this went on with it.")
        say(f"{done.sentence}.")
        print_failures(done.failures)
    if not done.activated:
        raise Exit(1)


def _print_one(access: Access, found: Backfill, told: str) -> None:
    if access.as_json:
        print_json(found)
        return
    say(told)
    say(f"{sentence_of(found)}.")


def _watch(read: Callable[[], tuple[Backfill, ...]]) -> None:
    """Tell how the open backfills stand, a line whenever that changes, until none is open."""
    before = dict[Any, str]()
    while True:
        opened = [each for each in read() if each.is_open]
        for each in opened:
            line = sentence_of(each)
            if before.get(each.id) != line:
                before[each.id] = line
                say(line)
        if not opened:
            return
        time.sleep(LOOK)
