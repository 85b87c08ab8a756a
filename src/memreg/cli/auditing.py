"""`memreg audit verify|anchor|seal|replay|retain`: looking after the audit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

from memreg.cli.options import EVERY, WORDS, Access, by_option, data_options, database_options
from memreg.cli.output import Col, data_of, print_json, print_table, say

if TYPE_CHECKING:
    from memreg.core.database import Database
    from memreg.operations.audit.finding import Verification
    from memreg.operations.audit.rebuild import Replayed
    from memreg.operations.audit.retention import Retention

SHOWN = 20
_KEEP = re.compile(r"(?P<count>[0-9]{1,5})\s*(?P<unit>days?|weeks?|months?|years?|[dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 31, "y": 366}


class Keep(click.ParamType[timedelta]):
    """How long to keep: `90d`, `12w`, `13 months`, `7y`; months and years are counted long."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The time."""
        if isinstance(value, timedelta):
            return value
        found = _KEEP.fullmatch(str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is no duration; write 90d, 12w, 13m (months) or 7y.", param, ctx)
        return timedelta(days=int(found["count"]) * _DAYS[found["unit"][0]])


@click.command("verify")
@click.option("--anchor", metavar="FILE|TEXT", type=WORDS, help="What memreg audit anchor printed at some time.")
@data_options
def verify(access: Access, anchor: str | None) -> None:
    """Find out whether the audit is as it was written.

    Every entry and its values are held against their digests, every seal against its entries and the seal before it.
    The first broken link is named, and how much no seal ties yet. With --anchor, also what was cut off or written anew
    since it was taken is found, whoever did it. --tenant '*' stands for every one. The exit status is 1 where something
    is found.
    """
    from memreg.operations.audit.run import verify_all

    with _scope(access) as (database, tenant):
        reports = verify_all(database, tenant, anchor)
    if access.as_json:
        print_json([_report(each) for each in reports])
    else:
        for each in reports:
            _print_report(each)
    if not all(each.is_intact for each in reports):
        raise Exit(1)


@click.command("anchor")
@data_options
def anchor(access: Access) -> None:
    """Print the head of the chain, to be kept elsewhere.

    What was written until now is sealed first. Keep the lines where nobody who owns the database can write (a ticket,
    another machine, paper): memreg audit verify --anchor tells by them whether the audit was cut off or written anew.
    --tenant '*' stands for every one.
    """
    from memreg.operations.audit.run import anchor_all

    with _scope(access) as (database, tenant):
        anchors = anchor_all(database, tenant)
    if access.as_json:
        print_json([data_of(each) for each in anchors])
        return
    for each in anchors:
        say(str(each))


@click.command("seal")
@database_options
def seal(access: Access) -> None:
    """Tie what is not sealed yet into the chains, of every tenant.

    memreg worker does so every few seconds, and engines now and then. The months to come get their partitions, too.
    """
    from memreg.operations.audit.run import seal_all

    with access.database() as database:
        sealed = seal_all(database)
    if access.as_json:
        print_json(sealed)
        return
    say(f"{sum(sealed.values()):,} entries of {len(sealed):,} tenants were sealed." if sealed else "All is sealed.")


@click.command("replay")
@data_options
def replay(access: Access) -> None:
    """Build the memories from the audit alone, and compare.

    What every memory holds, its flags, keys, pins and references, from nothing but the entries. Nothing is written. The
    exit status is 1 where the audit does not tell what is stored.
    """
    with access.engine() as engine:
        found = engine.replay_audit()
    if access.as_json:
        print_json(_replayed(found))
    else:
        say(found.sentence)
        for misfit in found.misfits[:SHOWN]:
            say(f"  entry {misfit.audit_id}, memory {misfit.memory_id}: {misfit.reason}")
        for difference in found.differences[:SHOWN]:
            say(f"  {difference.sentence}")
        if found.tombstones:
            say(f"{found.tombstones:,} memories were erased: only their tombstones can be compared.")
    if not found.is_same:
        raise Exit(1)


@click.command("retain")
@click.option("--keep", required=True, type=Keep(), help="How long entries are kept: 90d, 12w, 13m (months), 7y.")
@click.option("--dry-run", is_flag=True, help="Only tell; remove nothing.")
@click.option("--yes", is_flag=True, help="Remove, which is otherwise only told.")
@click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")
@by_option
@database_options
def retain(access: Access, keep: timedelta, dry_run: bool, yes: bool, why: str | None, by: str) -> None:
    """Remove the months of the audit that are older than needed, of every tenant.

    Only whole months go, and nothing comes back. The seals over them stay, so that the chain holds, and each tenant's
    audit tells what was removed, by whom and why. Memories and their history stay; a decision that is gone can be
    neither explained nor undone.
    """
    from memreg.operations.audit.run import retain_all

    with access.database() as database:
        since = datetime.now(UTC) - keep
        found = retain_all(database, since, by=by, why=why, dry_run=dry_run or not yes)
    if access.as_json:
        print_json(_retained(found))
        return
    say(found.sentence)
    if found.removed:
        columns = (Col("tenant"), Col("entries", right=True), Col("from (UTC)"), Col("to (UTC)"))
        print_table(columns, [(each.tenant, each.entries, each.first_at, each.last_at) for each in found.removed])
    if found.is_dry_run and found.removed and not dry_run:
        say("Nothing was removed: --yes does it.")


@contextmanager
def _scope(access: Access) -> Iterator[tuple[Database, str]]:
    """The database, and the tenant that is meant; `*` is every one."""
    is_every = access.tenant == EVERY
    with (replace(access, tenant=None) if is_every else access).database() as database:
        yield database, EVERY if is_every else database.settings.tenant


def _print_report(report: Verification) -> None:
    say(report.sentence)
    for finding in report.findings[:SHOWN]:
        place = f"seal {finding.seal}: " if finding.seal is not None else ""
        say(f"  {place}{finding.sentence}")
    if len(report.findings) > SHOWN:
        say(f"  and {len(report.findings) - SHOWN} more; --json prints all.")
    if report.unsealed and report.unsealed_since is not None:
        say(f"  The oldest that no seal ties was written at {report.unsealed_since:%Y-%m-%d %H:%M:%S} UTC.")
    if report.removed:
        say(f"  {report.removed:,} entries were removed by retention, as the audit tells.")
    if report.erased:
        say(f"  {report.erased:,} entries have lost values by erasing, as the audit tells.")


def _report(report: Verification) -> dict[str, Any]:
    findings = [{**data_of(finding), "sentence": finding.sentence} for finding in report.findings]
    told = {"is_intact": report.is_intact, "first_broken": report.first_broken, "sentence": report.sentence}
    return {**data_of(report), **told, "findings": findings}


def _replayed(found: Replayed) -> dict[str, Any]:
    differences = [{**data_of(each), "sentence": each.sentence} for each in found.differences]
    return {**data_of(found), "is_same": found.is_same, "sentence": found.sentence, "differences": differences}


def _retained(found: Retention) -> dict[str, Any]:
    return {**data_of(found), "entries": found.entries, "sentence": found.sentence}
