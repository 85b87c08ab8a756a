"""`memreg views create|list|drop`: memories as SQL views with real column types."""

from __future__ import annotations

from dataclasses import replace

import rich_click as click

from memreg.cli.options import WORDS, Access, database_options
from memreg.cli.output import Col, print_json, print_table, say

_into = click.option("--into", metavar="PGSCHEMA", type=WORDS, help="Which schema of Postgres (NAME).")
_tenant = click.option("--tenant", metavar="TENANT", type=WORDS, help="Only this tenant's memories; else all tenants'.")
_name = click.argument("name", metavar="NAME", type=WORDS)


@click.group()
def views() -> None:
    """Query memories as tables.

    One view per class, with real column types, for psql and for any tool that reads Postgres. Once made, they follow
    the schema: when a version is put in force, its views are there.
    """


@views.command("create")
@_name
@_into
@_tenant
@click.option("--grant", metavar="ROLE", type=WORDS, multiple=True, help="Let this role read them; may be repeated.")
@click.option("--print", "only_print", is_flag=True, help="Print the SQL instead.")
@database_options
def create(access: Access, name: str, into: str | None, grant: tuple[str, ...], only_print: bool) -> None:
    """Make the views of a schema, or bring them in step.

    They show live memories of the version in force: the class's columns, and id, tenant, created_at, updated_at,
    last_seen_at, revision, version and unresolved. A view shows all that it holds to everybody who may read it.
    Relations that memreg did not make are never touched.
    """
    from memreg.operations.views import create_views, print_views
    from memreg.registry.views.names import in_sql

    tenant = access.tenant
    with replace(access, tenant=None).database() as database:
        if only_print:
            click.echo(print_views(database, name, into=into, tenant=tenant), nl=False)
            return
        made = create_views(database, name, into=into, tenant=tenant, grant=grant)
    if access.as_json:
        print_json(made)
        return
    print_table(
        (Col("view", keep=True), Col("class"), Col("")),
        [(f"{each.place}.{each.name}", each.class_name, each.action) for each in made.outcomes],
    )
    for class_name, column, shown in made.renamed:
        say(f"{class_name}.{column} is {shown} there.")
    first = f"{in_sql(made.outcomes[0].place)}.{in_sql(made.outcomes[0].name)}"
    say(f"They show {made.schema}@{made.version} and follow it. Try: select * from {first} limit 10")


@views.command("list")
@click.argument("name", metavar="[NAME]", type=WORDS, required=False)
@database_options
def list_(access: Access, name: str | None) -> None:
    """List the views, and whether they are in step with the version in force."""
    from memreg.operations.views import commands_for, list_views

    with access.database() as database:
        found = list_views(database, name)
    if access.as_json:
        print_json(found)
        return
    if not found:
        say("There are no views: memreg views create NAME")
        return
    rows = [
        (
            f"{each.place}.{each.name}",
            each.class_name,
            f"{each.schema}@{each.version}",
            each.tenant or "all",
            each.owner,
            "yes" if each.in_step else "no",
        )
        for each in found
    ]
    names = ("class", "made for", "tenant", "owner", "in step")
    print_table((Col("view", keep=True), *map(Col, names)), rows)
    for command in commands_for(each for each in found if not each.in_step):
        say(f"Some are behind: {command} brings them in step.")


@views.command("drop")
@_name
@_into
@database_options
def drop(access: Access, name: str, into: str | None) -> None:
    """Drop the views of a schema; its memories stay.

    Without --into, wherever they are. Nothing is dropped where something depends on one of them.
    """
    from memreg.operations.views import drop_views

    with access.database() as database:
        done = drop_views(database, name, into=into)
    if access.as_json:
        print_json(done)
        return
    say(f"Dropped: {', '.join(f'{each.place}.{each.name}' for each in done)}.")
