"""`memreg resolve`: decide what was held back while classes were create-only."""

from __future__ import annotations

import rich_click as click

from memreg.cli.options import Access, data_options, os_user
from memreg.cli.output import Col, print_json, print_table, say
from memreg.cli.progress import bar

SHOWN = 20


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would be decided; change nothing.")
@data_options
def resolve(access: Access, dry_run: bool) -> None:
    """Decide what was held back, by the same rules.

    While a version was pending or a kill switch on, memories were created unresolved and deletes refused. Each is now
    decided in the order it came, as if it had just arrived. Stopped in the middle, it goes on where it stood.
    """
    from memreg.operations.resolve import resolve as run
    from memreg.registry.versions import resolve_name

    with access.database() as database, bar("resolving", "proposals") as advance:
        settings = database.settings
        schema = database.run_admin(lambda: resolve_name(settings.schema_))
        done = run(
            database,
            settings.tenant,
            schema,
            dry_run=dry_run,
            by=os_user(),
            progress=lambda done, total: advance(done, total, done),
        )
    if access.as_json:
        counts = [{"action": a, "basis": b, "count": count} for (a, b), count in done.counts.items()]
        print_json({"dry_run": done.dry_run, "outcomes": done.outcomes, "counts": counts, "left": done.left})
        return
    if not done.outcomes and not done.left:
        say("Nothing waits to be resolved.")
        return
    would = "would be " if dry_run else ""
    if done.outcomes:
        columns = (
            Col("held back as", keep=True, wide=True),
            Col("action", keep=True),
            Col("basis", keep=True),
            Col("class"),
            Col("score", right=True),
            Col("memory", keep=True),
        )
        rows = [
            (
                o.audit_id,
                o.decision.action,
                o.decision.basis,
                o.decision.class_name,
                o.decision.score,
                o.decision.memory_id,
            )
            for o in done.outcomes[:SHOWN]
        ]
        print_table(columns, rows)
        counts_text = ", ".join(f"{count} {action} {basis}" for (action, basis), count in done.counts.items())
        say(f"{len(done.outcomes)} {would}decided: {counts_text}.")
    decided = {outcome.decision.class_name for outcome in done.outcomes} if dry_run else set()
    for each in done.left:
        if each.class_name not in decided:  # in a dry run they wait on, of course
            say(f"{each.class_name}: {each.proposals} held back go on waiting: {each.reason}.")
    if dry_run:
        say("Nothing was changed. Next: memreg resolve")
