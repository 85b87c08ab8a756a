"""`memreg undo`: take back a decision, or those of a message, a session or a bad hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from memreg.cli.moment import MOMENT
from memreg.cli.options import WORDS, Access, by_option, data_options
from memreg.cli.output import print_json, say

if TYPE_CHECKING:
    from memreg.operations.acts.undo import Undone
    from memreg.operations.acts.undo_run import UndoResult
    from memreg.registry.models import SchemaVersion

SHOWN = 20
Shown = Callable[[str, Mapping[str, Any] | None], dict[str, Any]]
"""Values of a class as they are shown."""


@click.command()
@click.argument("audit_id", required=False, type=WORDS)
@click.option("--message", "message_id", metavar="ID", type=WORDS, help="The decisions of this message (or act).")
@click.option("--session", metavar="NAME", type=WORDS, help="The decisions of this session.")
@click.option("--since", type=MOMENT, help="The decisions since then: 2026-11-21T03:00Z, or 2h for two hours ago.")
@click.option("--until", type=MOMENT, help="Only those before then.")
@click.option("--class", "class_name", metavar="CLASS", type=WORDS, help="Only those about this class.")
@click.option("--action", metavar="ACTION", type=WORDS, help="Only those with this action, as UPDATE.")
@click.option("--basis", metavar="BASIS", type=WORDS, help="Only those by this rule, as identity.")
@click.option("--cascade", is_flag=True, help="Undo what was built on it too.")
@click.option("--again", is_flag=True, help="Have the proposals decided anew by memreg resolve.")
@click.option("--dry-run", is_flag=True, help="Only tell; change nothing.")
@click.option("--yes", is_flag=True, help="Undo more than one decision, which is otherwise only told.")
@click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")
@click.option(
    "--reveal", is_flag=True, help="Show values of columns marked pii, which are masked otherwise; this is audited."
)
@by_option
@data_options
def undo(
    access: Access,
    audit_id: str | None,
    message_id: str | None,
    session: str | None,
    since: datetime | None,
    until: datetime | None,
    class_name: str | None,
    action: str | None,
    basis: str | None,
    cascade: bool,
    again: bool,
    dry_run: bool,
    yes: bool,
    why: str | None,
    reveal: bool,
    by: str,
) -> None:
    """Take decisions back.

    Every memory that a decision changed is again exactly as it was before, by a new revision; the undo is in the audit
    and can be undone. What was built on it stands in the way, with a list, unless --cascade.
    """
    selection: dict[str, Any] = {
        "message_id": message_id,
        "session": session,
        "since": since,
        "until": until,
        "class_name": class_name,
        "action": action,
        "basis": basis,
    }
    given = {name: value for name, value in selection.items() if value is not None}
    if (audit_id is None) == (not given):
        raise click.UsageError("Name one AUDIT_ID, or the decisions by --message, --session or --since.")
    how: dict[str, Any] = {"by": by, "why": why, "cascade": cascade, "again": again}
    with access.engine() as engine:
        if audit_id is not None:
            told = engine.undo(audit_id, **how, dry_run=True)
        else:
            told = engine.undo_many(**given, **how, dry_run=True)
        is_refused = bool(told.blocked) and audit_id is not None  # which is then said as an error
        only_told = dry_run or not (yes or is_refused or len(told.undone) == 1)
        if only_told:
            done = told
        elif audit_id is not None:
            done = engine.undo(audit_id, **how)
        else:
            done = engine.undo_many(**given, **how, dry_run=False)
        if reveal:
            engine.reveal("what an undo changes", by=by, why=why)
        _print(access, _shown(engine.version(), reveal), done, only_told=only_told and not dry_run, cascade=cascade)


def _print(access: Access, shown: Shown, done: UndoResult, *, only_told: bool, cascade: bool) -> None:
    if access.as_json:
        print_json({**_as_data(shown, done), "sentence": done.sentence})
        return
    for each in done.undone[:SHOWN]:
        _tell(shown, each)
    if len(done.undone) > SHOWN:
        say(f"  … and {len(done.undone) - SHOWN} more")
    for blocked in done.blocked[:SHOWN]:
        say(f"cannot undo {blocked.audit_id}: {blocked.reason}")
        if blocked.blockers:
            say(f"    {', '.join(map(str, blocked.blockers[:5]))}{', …' if len(blocked.blockers) > 5 else ''}")
    say(done.sentence)
    if not cascade and any(each.blockers for each in done.blocked):
        say("Next: add --cascade to undo what was built on these too.")
    elif done.dry_run and done.undone:
        say("Nothing was changed." + (" Next: the same with --yes." if only_told else ""))
    elif done.act_id is not None:
        say(f"To take it back: memreg undo --message {done.act_id} --yes")


def _tell(shown: Shown, undone: Undone) -> None:
    say(f"{undone.action} by {undone.basis}, {undone.undoes} (message {undone.message_id})")
    for memory in undone.memories:
        before, after = (
            shown(memory.class_name, memory.before),
            shown(memory.class_name, memory.after),
        )
        say(f"  {memory.class_name} {memory.memory_id}")
        if memory.after is None:
            say(f"    is no more (was {_listed(before)})")
        elif memory.before is None:
            say(f"    is back: {_listed(after)}")
        else:
            for name in {**before, **after}:
                if memory.before.get(name) != memory.after.get(name):
                    say(f"    {name}: {before.get(name, '—')} → {after.get(name, '—')}")


def _as_data(shown: Shown, done: UndoResult) -> dict[str, Any]:
    return {
        "act_id": done.act_id,
        "dry_run": done.dry_run,
        "undone": [
            {
                "audit_id": None if done.dry_run else each.audit_id,
                "undoes": each.undoes,
                "action": each.action,
                "basis": each.basis,
                "message_id": each.message_id,
                "memories": [
                    {
                        "memory_id": memory.memory_id,
                        "class": memory.class_name,
                        "before": memory.before and shown(memory.class_name, memory.before),
                        "after": memory.after and shown(memory.class_name, memory.after),
                    }
                    for memory in each.memories
                ],
            }
            for each in done.undone
        ],
        "blocked": done.blocked,
    }


def _shown(version: SchemaVersion, reveal: bool) -> Shown:
    from memreg.operations.masking import mask

    def shown(class_name: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
        return dict(values or {}) if reveal else mask(values or {}, version.spec.by_name.get(class_name))

    return shown


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
