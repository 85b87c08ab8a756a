"""`memreg monitor`: how decisions fare, in a table that is drawn anew every few seconds."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import rich_click as click

from memreg.cli.duration import DURATION
from memreg.cli.options import Access, data_options
from memreg.cli.output import print_json

if TYPE_CHECKING:
    from memreg.core.database import Database


@click.command()
@click.option("--once", is_flag=True, help="Print it once; what a pipe gets anyway.")
@click.option("--every", "seconds", type=click.FloatRange(0.5, 3600), default=2.0, show_default=True, help="Seconds.")
@click.option(
    "--window", metavar="TIME", type=DURATION, default="1d", show_default=True, help="How far back decisions count."
)
@data_options
def monitor(access: Access, once: bool, seconds: float, window: timedelta) -> None:
    """Watch how decisions fare.

    By class and version: decisions over time, how many updates turned out wrong and how many were missed, identity
    updates that the rest of what was said contradicts, searches that found nothing, how far scores have drifted, and
    how long deciding took; then the inbox, the questions to a person, kill switches and sizes. A rate has the interval
    beside it that it stands for. --tenant '*' and --schema '*' stand for every one. Ctrl-C ends it.
    """
    from memreg.operations.monitor.figures import monitor as read

    with access.scope() as (database, tenant, schema):
        if access.as_json:
            print_json(read(database, tenant, schema, window=window))
            return
        if once or not sys.stdout.isatty():
            from memreg.cli.monitored import print_monitored

            print_monitored(read(database, tenant, schema, window=window))
            return
        _watch(database, tenant, schema, seconds, window)


def _watch(database: Database, tenant: str, schema: str, seconds: float, window: timedelta) -> None:
    """Draw it until Ctrl-C; the sizes change slowly and are measured once a minute."""
    from rich.live import Live

    from memreg.cli.monitored import monitored_view
    from memreg.cli.output import console
    from memreg.core.errors import DatabaseError
    from memreg.operations.monitor.figures import monitor as read

    found = read(database, tenant, schema, window=window)
    measured = time.monotonic()
    try:
        with Live(monitored_view(found), console=console(), auto_refresh=False, screen=True) as live:
            while True:
                live.update(monitored_view(found), refresh=True)
                time.sleep(seconds)
                is_due = time.monotonic() - measured >= 60
                try:
                    now = read(database, tenant, schema, window=window, sizes=is_due)
                except DatabaseError:  # it comes back, or Ctrl-C; the last figures tell their time
                    continue
                measured = time.monotonic() if is_due else measured
                found = now if is_due else replace(now, sizes=found.sizes)
    except KeyboardInterrupt:
        return
