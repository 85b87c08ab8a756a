"""`memreg register`, `schemas`: schema files and classes, and the versions made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click
from click.exceptions import Exit

from memreg.cli.asking import Bill, asking_options, print_estimate, samples_of
from memreg.cli.compared import preview_data, print_preview, print_reasons, verdict_line
from memreg.cli.options import WORDS, Access, database_options, os_user
from memreg.cli.output import Col, data_of, print_json, print_table, say

if TYPE_CHECKING:
    from memreg.api.registry import Registry
    from memreg.operations.preview import Preview
    from memreg.registry.models import SchemaVersion
    from memreg.registry.records import VersionRecord


@click.command()
@click.argument("source", metavar="FILE|MODULE:CLASS", type=WORDS)
@click.option(
    "--annotate",
    type=click.Choice(["auto", "llm", "heuristic"]),
    default="auto",
    show_default=True,
    help="Who proposes what is searched and what identifies: a model if one is configured, else rules.",
)
@click.option(
    "--force",
    metavar="REASON",
    type=WORDS,
    help="Register it although it is not compatible, for a reason that is kept.",
)
@click.option(
    "--fingerprint",
    metavar="HEX",
    type=WORDS,
    help="Refuse the file unless it is still the one that memreg diff showed.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Register nothing; exit with 1 unless the file is registered or compatible (for CI).",
)
@asking_options
@database_options
def register(
    access: Access,
    source: str,
    annotate: Literal["auto", "llm", "heuristic"],
    force: str | None,
    fingerprint: str | None,
    check: bool,
    samples: int,
    rows: Path | None,
    fresh: bool,
    dry_run: bool,
) -> None:
    """Register a schema file or a Pydantic class.

    Its annotation (what is searched, what identifies) is proposed along. The same content again is the same version;
    other content is the next version. Mistakes in a file are all told at once, each with its line and column.

    A version must be compatible with those before, as the file's `compatibility` says (backward, if it says nothing).
    --dry-run tells what differs, the verdict with its reasons, what a backfill would touch and what a model's call
    would cost; --check only the verdict.

    What a model's call will cost is told before it is made. The model sees the schema, and rows only where you say so.
    """
    from memreg.cli.annotations import annotation_data, print_annotated

    if check and dry_run:
        raise click.UsageError("Give --check or --dry-run, not both.")
    seen = samples_of(access, samples, rows)
    with replace(access, tenant=None).registry() as registry:
        if check or dry_run:
            found = registry.preview(source, fingerprint=fingerprint, plan=dry_run)
            if check:
                _print_checked(access, source, found)
                return
            if not access.as_json:
                print_preview(found)
            expected = registry.estimate(source, annotate=annotate, samples=seen, fresh=fresh)
            print_estimate(access, expected, preview_data(found))
            if not access.as_json and not found.is_registered:
                why = "" if found.passes else " --force REASON, unless you change it"
                say(f"Next: memreg register {source} --fingerprint {found.fingerprint}{why}")
            return
        bill = Bill(quiet=access.as_json)
        registered = registry.register(
            source,
            annotate=annotate,
            by=os_user(),
            samples=seen,
            fresh=fresh,
            tell=bill,
            force=force,
            fingerprint=fingerprint,
        )
        bill.close(seen)
        version = registered.version
        notes = registry.notes(version.name, version.version)
        held = registry.held_back(version.name)
        forced = _kept_reason(registry, version) if force is not None and registered.created else None
    if access.as_json:
        print_json(
            {
                **version_data(version),
                "created": registered.created,
                "forced": forced,
                "annotation": annotation_data(version),
                "call": bill.data,
                "notes": notes,
                "held_back": held,
            },
        )
        return
    made = "Registered" if registered.created else "Already registered, with the same content:"
    say(f"{made} {version}, {version.status}: {_count(version)}.")
    if forced is not None:
        say(f"It is not compatible; why it is there all the same is kept: {forced}")
    elif force is not None:
        say("It needed no force, so the reason is not kept.")
    print_annotated(version, notes, held)


def _kept_reason(registry: Registry, version: SchemaVersion) -> str | None:
    """Why a version was registered although it is not compatible; None where it is."""
    events = registry.events(version.name)
    return next((each.why for each in events if (each.version, each.what) == (version.version, "registered")), None)


def _print_checked(access: Access, source: str, found: Preview) -> None:
    """The answer of --check; status 1 where the file may not be registered as it is."""
    if access.as_json:
        print_json({"check": True, **preview_data(found)})
    elif found.is_registered:
        say(f"{source} is registered already, as {found.schema}@{found.version}.")
    else:
        say(f"{source} would be {found.schema}@{found.version}. {verdict_line(found.verdict)}")
        print_reasons(found.verdict.breaking)
    if not found.passes:
        raise Exit(1)


@click.command()
@click.argument("name", metavar="[NAME]", type=WORDS, required=False)
@click.option("--history", "as_history", is_flag=True, help="Tell all that was done to the schema NAME, and why.")
@database_options
def schemas(access: Access, name: str | None, as_history: bool) -> None:
    """List the versions of every schema, or of one.

    With their status, who registered and decided them, and when. `--history` tells everything that was done to one:
    who registered, annotated, approved and rejected which version, when and why, and what backfills came to.
    """
    if as_history:
        if name is None:
            raise click.UsageError("Say of which schema: memreg schemas NAME --history")
        _print_history(access, name)
        return
    with access.registry() as registry:
        records = registry.versions(name)
        if name is not None and not records:
            registry.get(name)  # says that there is none
    if access.as_json:
        print_json([record_data(record) for record in records])
        return
    if not records:
        say("No schema is registered yet: memreg register FILE")
        return
    columns = (
        Col("version", keep=True),
        Col("status", keep=True),
        Col("classes"),
        Col("registered (UTC)"),
        Col("annotated by"),
        Col("decided"),
        Col("why"),
    )
    print_table(columns, [_row(record) for record in records])


def _print_history(access: Access, name: str) -> None:
    with access.registry() as registry:
        events = registry.events(name)
    if access.as_json:
        print_json([{**data_of(each), "detail": each.detail} for each in events])
        return
    columns = (
        Col("when (UTC)", keep=True),
        Col("version", keep=True),
        Col("what", keep=True),
        Col("by"),
        Col("why"),
        Col("detail"),
    )
    print_table(
        columns, [(each.at, f"{name}@{each.version}", each.what, each.by, each.why, each.detail) for each in events]
    )


def next_step(version: SchemaVersion) -> str:
    """What a person does next with a version."""
    match str(version.status):
        case "pending":
            return (
                f"Next: memreg annotations {version} shows why; memreg approve {version} puts it in force.\n"
                "Until then, messages only create memories: nothing is merged or deleted."
            )
        case "approved":
            return f"Next: memories are on an older version; memreg backfill {version.name} --to {version.version}"
        case "active":
            return "Next: memreg ingest FILE; and memreg resolve, where messages came in before the approval."
        case "draft":
            return f"Next: memreg annotate {version.name}"
        case _:
            return "Next: memreg schemas"


def version_data(version: SchemaVersion) -> dict[str, Any]:
    """What a version is, for machines."""
    return {
        "schema": version.name,
        "version": version.version,
        "status": version.status,
        "fingerprint": version.fingerprint,
        "classes": list(version.spec.by_name),
    }


def record_data(record: VersionRecord) -> dict[str, Any]:
    """A version with its history, for machines."""
    return {
        **version_data(record.version),
        "compatibility": record.version.spec.compatibility,
        "base": record.version.base,
        "restores": record.version.restores,
        "created_at": record.created_at,
        "registered_by": record.registered_by,
        "activated_at": record.activated_at,
        "reason": record.reason,
        "annotation": record.annotation,
    }


def _count(version: SchemaVersion) -> str:
    classes = len(version.spec.classes)
    columns = sum(len(spec.columns) for spec in version.spec.classes)
    return f"{classes} class{'es' if classes != 1 else ''}, {columns} column{'s' if columns != 1 else ''}"


def _row(record: VersionRecord) -> tuple[Any, ...]:
    annotation = record.annotation
    decided = ""
    if annotation is not None and annotation.verdict:
        decided = f"{annotation.verdict} by {annotation.decided_by or 'nobody named'}"
        if annotation.decided_at:
            decided += f", {annotation.decided_at:%Y-%m-%d %H:%M}"
    registered = f"{record.created_at:%Y-%m-%d %H:%M}"
    if record.registered_by:
        registered += f" by {record.registered_by}"
    return (
        record.version,
        record.version.status,
        list(record.version.spec.by_name),
        registered,
        (annotation.model or annotation.source) if annotation else "",
        decided,
        record.reason,
    )
