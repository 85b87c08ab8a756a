"""`memreg audit`: every decision and act, listed and narrowed down, and handed out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click
from click import get_current_context
from click.core import ParameterSource

from memreg.cli.auditing import anchor, replay, retain, seal, verify
from memreg.cli.moment import MOMENT
from memreg.cli.options import WORDS, Access, by_option, data_options
from memreg.cli.output import Col, print_json, print_table, say, tell

if TYPE_CHECKING:
    from memreg.engine.model import AuditEntry

F = TypeVar("F", bound=Callable[..., Any])

ACTIONS = (
    "CREATE", "UPDATE", "UPSERT", "DELETE", "REJECT", "SKIP", "UNDO", "MERGE", "SPLIT", "CORRECT", "FORGET", "RESTORE",
    "ERASE", "SWITCH", "REVEAL", "RETAIN",
)  # fmt: skip
BASES = (
    "invalid", "duplicate_in_turn", "kill_switch", "pending", "identity_conflict", "identity",
    "delete_without_identity", "score", "partial_identity", "possible_duplicate", "incomplete", "new", "person",
    "monitor",
)  # fmt: skip

_FILTERS = (
    click.option("--message", "message_id", metavar="ID", type=WORDS, help="Only entries of this message or act."),
    click.option("--memory", "memory_id", metavar="ID", type=WORDS, help="Only entries that changed this memory."),
    click.option("--session", metavar="NAME", type=WORDS, help="Only decisions on messages of this session."),
    click.option("--class", "class_name", metavar="CLASS", type=WORDS, help="Only entries about this class."),
    click.option("--action", type=click.Choice(ACTIONS, case_sensitive=False), help="Only this action."),
    click.option("--basis", type=click.Choice(BASES, case_sensitive=False), help="Only by this rule."),
    click.option("--min-score", metavar="SCORE", type=float, help="Only decisions with this score or more."),
    click.option("--max-score", metavar="SCORE", type=float, help="Only decisions with this score or less."),
    click.option("--since", type=MOMENT, help="Only entries since then: 2026-11-21T03:00Z, or 2h for two hours ago."),
    click.option("--until", type=MOMENT, help="Only entries before then."),
)


def filters(command: F) -> F:
    """The options that narrow entries down; the function is called with each by its name."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group("audit", invoke_without_command=True)
@filters
@click.option("--by", metavar="WHO", type=WORDS, help="Only acts of this person.")
@click.option("--before", metavar="AUDIT_ID", type=WORDS, help="Only entries older than this one.")
@click.option("--limit", metavar="N", type=int, default=20, show_default=True, help="How many, from 1 to 10,000.")
@data_options
def audit(
    access: Access, limit: int, since: datetime | None, until: datetime | None, **wanted: str | float | None
) -> None:
    """List decisions and acts, newest first.

    The commands below look after the audit: whether it is as it was written (verify, anchor), whether it tells what is
    stored (replay), handing it out (export), and for how long it is kept (retain).
    """
    context = get_current_context()
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    given: dict[str, Any] = {**wanted, "since": since, "until": until}
    with access.engine() as engine:
        entries = engine.audit(limit=limit, **given)
    if access.as_json:
        print_json(entries)
        return
    if not entries:
        filtered = any(value is not None for value in given.values())
        say("No decision matches." if filtered else "No decisions yet: memreg ingest FILE")
        return
    print_entries(entries)
    if len(entries) == limit:
        say(f"These are the newest {limit}: --before {entries[-1].audit_id} goes on.")
    say("memreg explain AUDIT_ID tells why.")


@audit.command("export")
@filters
@click.option("--actor", metavar="WHO", type=WORDS, help="Only acts of this person.")
@click.option(
    "--format", "form", type=click.Choice(("jsonl", "csv")), default="jsonl", show_default=True, help="As what."
)
@click.option("--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Where to; else printed.")
@click.option("--reveal", is_flag=True, help="With personal values, which the audit keeps.")
@click.option("--why", metavar="TEXT", type=WORDS, help="Why personal values are wanted, which is kept.")
@by_option
@data_options
def export(access: Access, form: str, out: Path | None, reveal: bool, why: str | None, by: str, **wanted: Any) -> None:
    """Hand out entries, oldest first, as JSON lines or CSV.

    Everything that is kept of each entry. Values of columns marked pii are masked unless --reveal is given, which is
    itself written down in the audit.
    """
    with access.engine() as engine:
        if out is None:
            count = engine.export_audit(_print_line, format=form, reveal=reveal, by=by, why=why, **wanted)
        else:
            with out.open("w", encoding="utf-8", newline="\n") as file:
                count = engine.export_audit(
                    lambda line: file.write(line + "\n"), format=form, reveal=reveal, by=by, why=why, **wanted
                )
    if access.as_json and out is not None:
        print_json({"entries": count, "file": str(out)})
    elif out is not None:
        say(f"{count:,} entries written to {out}.")
    elif not count:
        tell("No entry matches.")


for _command in (verify, anchor, seal, replay, retain):
    audit.add_command(_command)


def print_entries(entries: Sequence[AuditEntry]) -> None:
    """Audit entries as a table, the whole audit id first."""
    columns = (
        Col("audit id", keep=True),
        Col("when (UTC)", wide=True),
        Col("action", keep=True),
        Col("basis", keep=True),
        Col("class"),
        Col("score", right=True),
        Col("message", wide=True),
        Col("memory", keep=True, wide=True),
    )
    rows = [
        (e.audit_id, e.created_at, e.action, e.basis, e.class_name, e.score, e.message_id, e.memory_id) for e in entries
    ]
    print_table(columns, rows)


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")


def _refuse_options_before(context: click.Context) -> None:
    """Filters belong to the list; before another command they would silently do nothing."""
    for parameter in context.command.params:
        given = parameter.name is not None and context.get_parameter_source(parameter.name)
        if given is ParameterSource.COMMANDLINE:
            name = context.invoked_subcommand
            raise click.UsageError(
                f"Give {parameter.opts[0]} after {name}: memreg audit {name} {parameter.opts[0]} ..."
            )
