"""`memreg doctor`: everything looked over, each thing a line that says whether it is well and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from memreg.cli.options import EVERY, Access, data_options
from memreg.cli.output import console, data_of, print_json, safe, say
from memreg.operations.check import Check, counted, worst

if TYPE_CHECKING:
    from memreg.core.settings import Settings

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--ask", is_flag=True, help="Send the model one tiny request, and tell what came back and what it cost.")
@click.option("--citus", is_flag=True, help="Only print the SQL that divides a migrated database by tenant on Citus.")
@data_options
def doctor(access: Access, ask: bool, citus: bool) -> None:
    """Look everything over, and say what to do.

    Settings, database, migrations, schemas, inbox, model, workers, kill switches, questions, identity keys: a line
    each, ok, warn (a person should look) or fail (something does not work now). The exit status is 1 where one fails.
    Of every tenant and schema, unless --tenant or --schema says which.
    """
    if citus:
        _print_citus(access.as_json)
        return
    found: list[Check] = []
    for check in _checks(access, ask):
        found.append(check)
        if not access.as_json:
            _print(check)
    health = worst(found)
    if access.as_json:
        print_json({"health": health, "checks": data_of(found)})
    else:
        bad = {name: sum(check.health == name for check in found) for name in ("fail", "warn")}
        parts = [f"{count} {'fails' if name == 'fail' else 'to look at'}" for name, count in bad.items() if count]
        say(f"{counted(len(found), 'check')}: {', '.join(parts) or 'all is well'}.")
    if health == "fail":
        raise Exit(1)


def _print_citus(as_json: bool) -> None:
    from memreg.operations.distribution import citus_statements

    statements = list(citus_statements())
    if as_json:
        print_json({"statements": statements})
    else:
        click.echo("\n".join(statements))


def _checks(access: Access, ask: bool) -> Iterator[Check]:
    from dataclasses import replace

    from memreg.core.errors import SettingsInvalid
    from memreg.operations.doctor import examine

    tenant = None if access.tenant == EVERY else access.tenant
    schema = None if access.schema == EVERY else access.schema
    settings: Settings
    try:
        settings = replace(access, tenant=tenant, schema=schema).settings()
    except SettingsInvalid as error:
        yield Check("settings", "fail", str(error).rstrip("."), "docs/reference/settings.md lists them")
        return
    yield from examine(settings, tenant=tenant, schema=schema, ask=ask)


def _print(check: Check) -> None:
    """One line, however long: a terminal folds it, and a script reads it."""
    from rich.text import Text

    advice = f" → {check.advice}" if check.advice else ""
    line = Text(f"{check.health:<4}", style=_COLOURS[check.health])
    line.append(safe(f"  {check.name:<11}  {check.text}{advice}").replace("\n", " "), style="not bold")
    console().print(line, soft_wrap=True)
