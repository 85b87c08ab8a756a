"""`memreg kill-switch on|off|status|rules`: stop merging and deleting, at once and everywhere."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import rich_click as click

from memreg.cli.options import EVERY, WORDS, Access, by_option, data_options
from memreg.cli.output import Col, plain, print_json, print_table, say

if TYPE_CHECKING:
    from memreg.core.database import Database
    from memreg.operations.kill_switch import Switch
    from memreg.operations.trip.look import Looked

_class = click.option(
    "--class", "class_name", metavar="CLASS", type=WORDS, help="Only this class; without it, every class."
)
_why = click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")


@click.group("kill-switch")
def kill_switch() -> None:
    """Stop merging and deleting, at once.

    While a class is switched, every worker only creates memories of it, unresolved, and refuses deletes. Nothing that
    was said is lost: memreg resolve decides it later. --tenant '*' and --schema '*' stand for every one.

    It trips by itself where a rule's limit is passed; only a person turns it off.
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
        for each in found.on:
            _tell_evidence(each, tenant, schema)
    _tell_waiting(found.waiting, resolvable=not found.on)


@kill_switch.command("rules")
@click.argument("rule", required=False, metavar="[RULE]", type=WORDS)
@_class
@click.option("--limit", metavar="NUMBER", type=float, help="What must be passed.")
@click.option("--minimum", metavar="NUMBER", type=click.IntRange(1), help="How many must have been counted.")
@click.option("--on/--off", "is_on", default=None, help="Whether it trips at all.")
@click.option("--default", "as_built_in", is_flag=True, help="As it is built in: on, with its own limits.")
@by_option
@data_options
def rules(
    access: Access,
    rule: str | None,
    class_name: str | None,
    limit: float | None,
    minimum: int | None,
    is_on: bool | None,
    as_built_in: bool,
    by: str,
) -> None:
    """Show what trips a switch by itself and what is measured now, or set RULE.

    What is set for a tenant, schema or class goes before what is set for every one ('*').
    """
    from memreg.operations.trip.limits import rules as read
    from memreg.operations.trip.limits import set_rule

    changes = limit is not None or minimum is not None or is_on is not None
    if changes == as_built_in and rule is not None:
        raise click.UsageError("Say what RULE is to be: --limit, --minimum, --on, --off, or --default alone.")
    if rule is None and (changes or as_built_in):
        raise click.UsageError("Say which RULE; memreg kill-switch rules lists them.")
    with access.scope() as (database, tenant, schema):
        if rule is not None:
            before = next((each for each in read(database, tenant, schema, class_name) if each.rule == rule), None)
            if before is not None and not as_built_in:
                limit = before.limit if limit is None else limit
                minimum = before.minimum if minimum is None else minimum
                is_on = before.is_on if is_on is None else is_on
            set_rule(
                database, tenant, schema, rule, class_name, by=by, limit=limit, minimum=minimum, on=is_on is not False
            )
        found = read(database, tenant, schema, class_name)
        looked = _measured(database, tenant, schema, class_name)
    if access.as_json:
        print_json({"rules": found, "classes": looked})
        return
    names = ("rule", "trips", "limit", "at least", "set by", "what it looks at")
    columns = [Col(name, keep=name in ("rule", "trips")) for name in names]
    rows = [
        (each.rule, "yes" if each.is_on else "no", f"{each.limit:g}", f"{each.minimum:,}", each.set_by, each.sentence)
        for each in found
    ]
    print_table(columns, rows)
    for each in looked:
        if each.is_on:
            say(f"{each.class_name}: its switch is on, so nothing is counted.")
            continue
        since = f" since {plain(each.reset_at)}" if each.reset_at is not None else ""
        for finding in each.findings:
            passes = " - passes the limit" if finding.passes else ""
            say(f"{each.class_name}: {finding.said}{since} ({finding.rule}{passes})")


def _measured(database: Database, tenant: str, schema: str, class_name: str | None) -> Sequence[Looked]:
    from memreg.core.clock import utc_now
    from memreg.core.ids import uuid7
    from memreg.engine.cache import Cache
    from memreg.operations.trip.look import Looker, measure_all

    if EVERY in (tenant, schema):
        return ()
    looker = Looker(tenant, schema, Cache(), utc_now, uuid7)
    return database.run(tenant, lambda: measure_all(looker, class_name))


def _tell_evidence(switch: Switch, tenant: str, schema: str) -> None:
    off, evidence = switch.off_command(tenant, schema), switch.evidence
    if evidence is None:
        say(f"To turn off that of {switch.scope}: {off}")
        return
    where = "".join(f" {shlex.quote(word)}" for word in switch.options(tenant, schema))
    under = f"under version {evidence['version']}"
    said = f"{switch.class_name} tripped by {evidence['rule']} {under}"
    say(f"{said}; its entry: memreg explain {switch.audit_id}{where}")
    if evidence["contradicted"]:
        last, first = evidence["contradicted"][0], evidence["first_contradicted_at"]
        say(f"The newest decision that speaks for it: memreg explain {last}{where}")
        say(f"Undo what the key did: memreg undo --since {first} --class {switch.class_name} --basis identity{where}")
    say(f"Put right what caused it, then: {off}, and memreg resolve{where}")


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
        off = "memreg kill-switch off" if done.switch is None else done.switch.off_command(tenant, schema)
        say(f"Messages go on being taken: memories are created, unresolved. Next: {off}")
    else:
        for each in done.still_on:
            say(f"To turn off that of {each.scope}: {each.off_command(tenant, schema)}")
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
