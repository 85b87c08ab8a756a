"""`memreg review`: the open questions to a person."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import rich_click as click

from memreg.cli.options import WORDS, Access, data_options
from memreg.cli.output import data_of, plain, print_json, say

if TYPE_CHECKING:
    from memreg.operations.review import ReviewItem, ReviewMemory

KINDS = ("possible_duplicate", "identity_conflict", "identity_contradiction", "dead_letter")


@click.command()
@click.option("--kind", type=click.Choice(KINDS), help="Only questions of this kind.")
@click.option("--class", "class_name", metavar="CLASS", type=WORDS, help="Only questions on this class.")
@click.option("--limit", metavar="N", type=int, default=20, show_default=True, help="How many, from 1 to 10,000.")
@data_options
def review(access: Access, kind: str | None, class_name: str | None, limit: int) -> None:
    """List what a person should look at, oldest first.

    Possible duplicates, keys that point to different memories, identities that the rest contradicts, and messages or
    proposals that could not be used.
    """
    from memreg.operations.review import review as read
    from memreg.registry.versions import resolve_name

    with access.database() as database:
        settings = database.settings
        schema = database.run_admin(lambda: resolve_name(settings.schema_))
        found = read(database, settings.tenant, schema, kind=kind, class_name=class_name, limit=limit)
    if access.as_json:
        counts = [{"kind": k, "class": c or None, "count": count} for (k, c), count in found.counts.items()]
        items = [{**data_of(item), "age": item.age.total_seconds()} for item in found.items]
        print_json({"total": found.total, "counts": counts, "items": items})
        return
    if not found.items:
        say("No open question.")
        return
    for item in found.items:
        _print_item(item)
    shown = "" if found.total == len(found.items) else f", the oldest {len(found.items)} shown"
    counted = ", ".join(
        f"{count} {kind}{f' of {name}' if name else ''}" for (kind, name), count in found.counts.items()
    )
    say(f"{found.total} open{shown}: {counted}.")


def _print_item(item: ReviewItem) -> None:
    say(f"{item.kind} {item.class_name or 'message'}, {_age(item.age)} old: {item.reason}")
    for memory in item.memories:
        say(f"  {memory.id}  {plain(memory.values)}{_state(memory)}")
    if item.message_id and not item.memories:
        say(f"  message {item.message_id}")
    if item.audit_id:
        say(f"  memreg explain {item.audit_id}")
    say()


def _state(memory: ReviewMemory) -> str:
    return " (deleted)" if memory.is_deleted else " (unresolved)" if memory.unresolved else ""


def _age(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= size or size == 1:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return ""
