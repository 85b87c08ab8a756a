"""`memreg memories`, `get`, `search`, `history`: reading what is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import rich_click as click

from memreg.cli.moment import MOMENT
from memreg.cli.options import WORDS, Access, data_options
from memreg.cli.output import Col, plain, print_json, print_table, say

if TYPE_CHECKING:
    from datetime import datetime

    from memreg.engine.model import Payload, Referred, Revision, Stored
    from memreg.registry.models import SchemaVersion


_as_of = click.option(
    "--as-of", metavar="TIME", type=MOMENT, help="As it was then: 2026-11-21T03:00Z, or 2h for two hours ago."
)


@click.command()
@click.argument("class_name", metavar="[CLASS]", type=WORDS, required=False)
@click.option("--limit", metavar="N", type=int, default=100, show_default=True, help="How many, from 1 to 10,000.")
@click.option("--after", metavar="ID", type=WORDS, help="Go on after this memory; needs a CLASS.")
@_as_of
@data_options
def memories(access: Access, class_name: str | None, limit: int, after: str | None, as_of: datetime | None) -> None:
    """List memories of a class by id, or the first of every class.

    With --as-of those that were there at a time, deleted or merged since or not, each as it was then.
    """
    if after is not None and class_name is None:
        raise click.UsageError("--after goes on within a class: memreg memories CLASS --after ID")
    with access.engine() as engine:
        found = engine.list(class_name, limit=limit, after=after, as_of=as_of)
        version = engine.version()
    if not found:
        check_class(version, class_name)
    if access.as_json:
        print_json(found)
        return
    if not found and as_of is not None:
        say(f"Nothing was remembered{f' after {after}' if after else ''} at {plain(as_of)} UTC.")
        return
    if not found:
        say(f"Nothing more after {after}." if after else "Nothing is remembered: memreg ingest FILE")
        return
    print_memories(found, version)
    if len(found) == limit:
        name = class_name or found[-1].class_name
        then = f" --as-of {as_of.isoformat()}" if as_of is not None else ""
        rest = f"--after {found[-1].id} --limit {limit}{then}"
        say(f"These are the first {limit}: memreg memories {name} {rest} goes on.")


@click.command()
@click.argument("memory_id", metavar="ID", type=WORDS)
@_as_of
@data_options
def get(access: Access, memory_id: str, as_of: datetime | None) -> None:
    """Show one memory with its values, now or as of a time."""
    with access.engine() as engine:
        memory = engine.get(memory_id, as_of=as_of)
        version = engine.version()
    if access.as_json:
        print_json(memory)
        return
    say(f"{memory.class_name} {memory.id}" + (f" as it was at {plain(as_of)} UTC" if as_of is not None else ""))
    print_table((Col("column", keep=True), Col("value")), list(in_order(memory, version).items()))
    unresolved = ", unresolved (memreg resolve decides it)" if memory.unresolved else ""
    say(f"revision {memory.revision}, schema version {memory.version}{unresolved}")
    say(
        f"created {plain(memory.created_at)}, updated {plain(memory.updated_at)}, "
        f"last seen {plain(memory.last_seen_at)} UTC"
    )
    say(f"memreg history {memory.id} shows how it came to this.")


@click.command()
@click.argument("text", metavar="TEXT", type=WORDS, nargs=-1, required=True)
@click.option("--class", "class_name", metavar="CLASS", type=WORDS, help="Only memories of this class.")
@click.option("--limit", metavar="N", type=int, default=10, show_default=True, help="How many, from 1 to 10,000.")
@data_options
def search(access: Access, text: tuple[str, ...], class_name: str | None, limit: int) -> None:
    """Find memories by words, best first.

    By words of their searchable columns that begin like those of TEXT.
    """
    with access.engine() as engine:
        found = engine.search(" ".join(text), class_name, limit=limit)
        version = engine.version()
    if not found:
        check_class(version, class_name)
    if access.as_json:
        print_json(found)
    elif found:
        print_memories(found, version)
    else:
        say("Nothing found.")


@click.command()
@click.argument("memory_id", metavar="ID", type=WORDS)
@data_options
def history(access: Access, memory_id: str) -> None:
    """Show every revision of a memory, deleted or not.

    With what changed, and the decision that made it.
    """
    with access.engine() as engine:
        revisions = engine.history(memory_id)
    if access.as_json:
        print_json(revisions)
        return
    columns = (Col("rev", right=True), Col("when (UTC)"), Col("what changed"), Col("decision", keep=True))
    before: Mapping[str, Any] = {}
    rows = []
    for revision in revisions:
        rows.append((revision.revision, revision.created_at, _change(before, revision), revision.audit_id))
        before = revision.values
    print_table(columns, rows)
    say("memreg explain DECISION tells why.")


def print_memories(found: Sequence[Stored[Payload]], version: SchemaVersion) -> None:
    """Memories as a table: the whole id, the class and the values."""
    columns = (Col("id", keep=True), Col("class"), Col("values"), Col("revision", right=True, wide=True))
    rows = [(each.id, _class(each), in_order(each, version), each.revision) for each in found]
    print_table(columns, rows)


def in_order(memory: Stored[Payload], version: SchemaVersion) -> Payload:
    """A memory's values in the order in which its class declares them, references with what they lead to."""
    spec = version.spec.by_name.get(memory.class_name)
    order = list(spec.by_name) if spec else []
    values = dict(memory.values)
    for name, led in memory.references.items():
        shown = [_referred(each) for each in led]
        values[name] = shown if isinstance(values.get(name), list) else shown[0]
    return dict(sorted(values.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def check_class(version: SchemaVersion, class_name: str | None) -> None:
    """Raise ArgumentInvalid where nothing was found because the class is misspelt."""
    from memreg.core.errors import ArgumentInvalid

    if class_name is not None and class_name not in version.spec.by_name:
        shown = repr(class_name) if len(class_name) <= 80 else repr(class_name[:79] + "…")
        known = ", ".join(version.spec.by_name)
        raise ArgumentInvalid(name="CLASS", value=shown, reason=f"{version} has the classes {known}")


def _referred(led: Referred) -> str:
    about = [led.name or "", "deleted" if led.is_gone else ""]
    return f"{led.id} ({', '.join(filter(None, about))})" if any(about) else str(led.id)


def _class(memory: Stored[Payload]) -> str:
    return f"{memory.class_name} (unresolved)" if memory.unresolved else memory.class_name


def _change(before: Mapping[str, Any], revision: Revision) -> str:
    if revision.is_deleted:
        return "deleted"
    parts = []
    for name in dict.fromkeys((*before, *revision.values)):
        old, new = plain(before.get(name)), plain(revision.values.get(name))
        if old != new:
            parts.append(f"{name}: {old} → {new}" if old else f"{name}: {new}")
    if revision.unresolved:
        parts.append("unresolved")
    return " · ".join(parts) or "nothing of its values"
