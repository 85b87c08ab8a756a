"""`memreg migrate`: bring a database's tables up to date."""

from __future__ import annotations

import rich_click as click

from memreg.cli.options import Access, database_options
from memreg.cli.output import print_json, say


@click.command()
@database_options
def migrate(access: Access) -> None:
    """Bring memreg's tables up to date, or make them.

    Two at once: one waits for the other. Twice: the second finds nothing to do. The Postgres that memreg starts
    itself is migrated by every command.
    """
    with access.database(migrate=True) as database:
        applied, where = database.applied, database.where
    if access.as_json:
        print_json({"database": where, "applied": applied})
    elif applied:
        say(f"Applied {', '.join(applied)} to {where}.")
    else:
        say(f"Nothing to do: {where} is up to date.")
