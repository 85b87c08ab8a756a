"""`memreg kill-switch on|off|status`: stop merging and deleting, at once and everywhere."""

from __future__ import annotations

from collections.abc import Mapping

import rich_click as click

from memreg.cli.options import WORDS, Access, by_option, data_options
from memreg.cli.output import Col, print_json, print_table, say

_class = click.option(
    "--class", "class_name", metavar="CLASS", type=WORDS, help="Only this class; without it, every class."
)
_why = click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")


@click.group("kill-switch")
def kill_switch() -> None:
    """Stop merging and deleting, at once.

    While a class is switched, every worker only creates memories of it, unresolved, and refuses deletes. Nothing that
    was said is lost: memreg resolve decides it later. --tenant '*' and --schema '*' stand for every one.
    """


@kill_switch.command("on")
@_class
@_why
@by_option
@data_options
def on(access: Access, class_name: str | None, why: str | None, by: str) -> None:
    """Only create from the next message on."""
    _switch(access, class_name, why, by, on=True)


@kill_switch.command("off")
@_class
@_why
@by_option
@data_options
def off(access: Access, class_name: str | None, why: str | None, by: str) -> None:
    """Merge and delete again."""
    _switch(access, class_name, why, by, on=False)


@kill_switch.command("status")
@data_options
def status(access: Access) -> None:
    """Show which switches are on, and what waits."""
    from memreg.operations.kill_switch import status as read

    with access.scope() as (database, tenant, schema):
        found = read(database, tenant, schema)
    if access.as_json:
        print_json(found)
        return
    if not found.on:
        say("No kill switch is on: messages are decided by the rules.")
    else:
        columns = (Col("switch on for"), Col("since (UTC)"), Col("by"), Col("why"))
        print_table(columns, [(each.scope, each.set_at, each.set_by, each.reason) for each in found.on])
    _tell_waiting(found.waiting, resolvable=not found.on)


def _switch(access: Access, class_name: str | None, why: str | None, by: str, *, on: bool) -> None:
    from memreg.operations.kill_switch import switch

    with access.scope() as (database, tenant, schema):
        done = switch(database, tenant, schema, class_name, on=on, by=by, reason=why)
    if access.as_json:
        print_json({"sentence": done.sentence, **_data(done)})
        return
    what = done.switch.scope if done.switch is not None else class_name or "every class"
    say(f"Kill switch of {what}: {done.sentence}.")
    if on:
        say("Messages go on being taken: memories are created, unresolved. Next: memreg kill-switch off")
    else:
        _tell_waiting(done.waiting, resolvable=not done.still_on)


def _data(done: object) -> Mapping[str, object]:
    from memreg.cli.output import data_of

    data: Mapping[str, object] = data_of(done)
    return data


def _tell_waiting(waiting: Mapping[str, int], *, resolvable: bool) -> None:
    if waiting:
        counts = ", ".join(f"{count} of {name}" for name, count in waiting.items())
        rest = "memreg resolve decides them" if resolvable else "memreg resolve decides them once it is off"
        say(f"Held back meanwhile: {counts}; {rest}.")
