"""`memreg metrics`: the figures of now, as Prometheus reads them."""

from __future__ import annotations

import rich_click as click

from memreg.cli.options import EVERY, Access, data_options
from memreg.cli.output import print_json


@click.command()
@data_options
def metrics(access: Access) -> None:
    """Print the figures of now, as Prometheus reads them.

    The inbox by status and age, the model's requests of the last hour by outcome, workers, queues, questions to a
    person. Of every tenant and schema, unless --tenant or --schema says which. Needs the extra metrics, but for --json.
    """
    from dataclasses import replace

    from memreg.operations.metrics import metrics as read
    from memreg.operations.metrics import prometheus_text

    wide = replace(access, tenant=access.tenant or EVERY, schema=access.schema or EVERY)
    with wide.scope() as (database, tenant, schema):
        found = read(database, tenant=tenant, schema=schema)
    if access.as_json:
        print_json({"tenant": tenant, "schema": schema, "metrics": found})
        return
    click.echo(prometheus_text(found), nl=False)
