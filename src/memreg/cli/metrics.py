"""`memreg metrics`: the figures of now, as Prometheus reads them, once or over HTTP."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

import rich_click as click

from memreg.cli.duration import DURATION
from memreg.cli.options import EVERY, WORDS, Access, data_options
from memreg.cli.output import print_json, tell

if TYPE_CHECKING:
    from memreg.core.database import Database


@click.command()
@click.option("--listen", metavar="HOST:PORT", type=WORDS, help="Serve them over HTTP at /metrics, until stopped.")
@click.option(
    "--window", metavar="TIME", type=DURATION, default="1d", show_default=True, help="How far back decisions count."
)
@click.option("--by-tenant", is_flag=True, help="Tell tenants apart: their names are labels then.")
@data_options
def metrics(access: Access, listen: str | None, window: timedelta, by_tenant: bool) -> None:
    """Print the figures of now, as Prometheus reads them.

    How decisions fare by class and version, the inbox by status and age, the model's requests of the last hour by
    outcome, workers, queues, questions to a person, sizes. Of every tenant and schema, unless --tenant or --schema says
    which. Needs the extra metrics, but for --json.

    --listen asks for no password: listen where only the scraper is, as 127.0.0.1:9464.
    """
    from memreg.operations.metrics import metrics as read
    from memreg.operations.metrics import prometheus_text

    wide = replace(access, tenant=access.tenant or EVERY, schema=access.schema or EVERY)
    with wide.scope() as (database, tenant, schema):
        if listen is not None:
            _serve(database, tenant, schema, listen, window, by_tenant)
            return
        found = read(database, tenant=tenant, schema=schema, window=window, by_tenant=by_tenant)
    if access.as_json:
        print_json({"tenant": tenant, "schema": schema, "metrics": found})
        return
    click.echo(prometheus_text(found), nl=False)


def _serve(database: Database, tenant: str, schema: str, listen: str, window: timedelta, by_tenant: bool) -> None:
    from memreg.operations.metrics import metrics as read
    from memreg.operations.metrics import prometheus_text
    from memreg.operations.monitor.endpoint import Endpoint, address_of

    def text() -> str:
        return prometheus_text(read(database, tenant=tenant, schema=schema, window=window, by_tenant=by_tenant))

    prometheus_text(())  # without the extra this tells so now, not to the scraper
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Endpoint(*address_of(listen), text) as endpoint:
            tell(f"Serving {endpoint.url} until stopped.")
            while not stopped.wait(0.2):
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
