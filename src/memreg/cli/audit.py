"""`memreg audit`: every decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich_click as click

from memreg.cli.options import WORDS, Access, data_options
from memreg.cli.output import Col, print_json, print_table, say

if TYPE_CHECKING:
    from memreg.engine.model import AuditEntry

ACTIONS = ("CREATE", "UPDATE", "UPSERT", "DELETE", "REJECT", "SKIP")
BASES = (
    "invalid", "duplicate_in_turn", "kill_switch", "pending", "identity_conflict", "identity",
    "delete_without_identity", "score", "partial_identity", "possible_duplicate", "incomplete", "new",
)  # fmt: skip


@click.command()
@click.option("--message", "message_id", metavar="ID", type=WORDS, help="Only decisions on this message.")
@click.option("--memory", "memory_id", metavar="ID", type=WORDS, help="Only decisions on this memory.")
@click.option("--class", "class_name", metavar="CLASS", type=WORDS, help="Only decisions on this class.")
@click.option("--action", type=click.Choice(ACTIONS, case_sensitive=False), help="Only this action.")
@click.option("--basis", type=click.Choice(BASES, case_sensitive=False), help="Only by this rule.")
@click.option("--before", metavar="AUDIT_ID", type=WORDS, help="Only entries older than this one.")
@click.option("--limit", metavar="N", type=int, default=20, show_default=True, help="How many, from 1 to 10,000.")
@data_options
def audit(
    access: Access,
    message_id: str | None,
    memory_id: str | None,
    class_name: str | None,
    action: str | None,
    basis: str | None,
    before: str | None,
    limit: int,
) -> None:
    """List decisions, newest first."""
    with access.engine() as engine:
        entries = engine.audit(
            limit=limit,
            message_id=message_id,
            memory_id=memory_id,
            class_name=class_name,
            action=action,
            basis=basis,
            before=before,
        )
    if access.as_json:
        print_json(entries)
        return
    if not entries:
        filtered = any((message_id, memory_id, class_name, action, basis, before))
        say("No decision matches." if filtered else "No decisions yet: memreg ingest FILE")
        return
    print_entries(entries)
    if len(entries) == limit:
        say(f"These are the newest {limit}: --before {entries[-1].audit_id} goes on.")
    say("memreg explain AUDIT_ID tells why.")


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
