"""`memreg annotate`, `annotations`, `approve`, `reject`: what is searched and identifies, and a person's word on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click
from click.exceptions import Exit

from memreg.cli.asking import Bill, asking_options, print_estimate, samples_of
from memreg.cli.gate import AT_REGISTERING, print_examples, print_held_back, print_history, print_notes
from memreg.cli.observed import observed_data, print_precision
from memreg.cli.options import VERSIONED, WORDS, Access, VersionedName, by_option, database_options, os_user
from memreg.cli.output import Col, data_of, print_json, print_table, say, tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memreg.annotator.gate import Note
    from memreg.api.registry import Registry
    from memreg.api.sources import AnnotationSource
    from memreg.core.errors import AnnotationInvalid
    from memreg.operations.key_precision import KeyPrecision
    from memreg.registry.models import ClassAnnotation, SchemaVersion

_MARK = "#! "


@click.command()
@click.argument("name", metavar="NAME", type=WORDS)
@click.option(
    "--annotate",
    type=click.Choice(["auto", "llm", "heuristic"]),
    default="auto",
    show_default=True,
    help="Who annotates: a model if one is configured, else rules.",
)
@asking_options
@database_options
def annotate(
    access: Access,
    name: str,
    annotate: Literal["auto", "llm", "heuristic"],
    samples: int,
    rows: Path | None,
    fresh: bool,
    dry_run: bool,
) -> None:
    """Annotate a schema again, by a model or by rules.

    A draft, pending or rejected newest version gets a new annotation, and its earlier ones stay in its history; an
    approved one is settled, so that the next version is made, with the same classes. What a model's call will cost is
    told before it is made. The same content that the same model was asked about before is not asked again.
    """
    seen = samples_of(access, samples, rows)
    with replace(access, tenant=None).registry() as registry:
        if dry_run:
            print_estimate(access, registry.estimate(name=name, annotate=annotate, samples=seen, fresh=fresh))
            return
        bill = Bill(quiet=access.as_json)
        version = registry.annotate(name, annotate=annotate, by=os_user(), samples=seen, fresh=fresh, tell=bill)
        bill.close(seen)
        notes = registry.notes(version.name, version.version)
        held = registry.held_back(version.name)
    if access.as_json:
        print_json({**_data(version), "call": bill.data, "notes": notes, "held_back": held})
        return
    say(f"Annotated {version}, {version.status}.")
    print_annotated(version, notes, held)


@click.command("annotations")
@click.argument("name", metavar="NAME[@N]", type=VERSIONED)
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the file that approve --annotation takes back.")
@click.option("--history", "as_history", is_flag=True, help="List every annotation of the version, with what it cost.")
@click.option("--show-pii", is_flag=True, help="Show values of pii columns in the examples.")
@click.option(
    "--tenant",
    metavar="NAME",
    type=WORDS,
    help="Count the answers of one tenant, and take examples from it; without it, count every one's.",
)
@database_options
def show_annotations(access: Access, name: VersionedName, as_yaml: bool, as_history: bool, show_pii: bool) -> None:
    """Show what is searched, compared, identifies, and how well.

    With the confidence of each key and the reasons; and its observed precision: how often it answered, and how often
    the text or another key contradicted it, by the newest 10,000 identity decisions of each class. A key that
    contradicts too often is named.

    Then what to look at before approving (keys of low confidence, classes that overlap, what rules by name and type
    would do otherwise), and examples of what would be the same object and what not, computed from what is stored.

    `--yaml` prints the file that a person may edit and give to `memreg approve NAME --annotation FILE`.
    """
    from memreg.core.tenant import EVERY_TENANT

    if as_yaml and as_history:
        raise click.UsageError("Give --yaml or --history, not both.")
    tenant = None if access.tenant == EVERY_TENANT else access.tenant
    with replace(access, tenant=tenant).registry() as registry:
        if as_history:
            _show_history(access, registry, name)
            return
        if as_yaml:
            text = registry.annotation_yaml(name.name, name.number)
            if access.as_json:
                print_json({"yaml": text})
            else:
                click.echo(text, nl=False)
            return
        version = registry.get(name.name, name.number).version
        precision = registry.key_precision(version.name, version.version, tenant=tenant)
        notes = registry.notes(version.name, version.version)
        held = registry.held_back(version.name)
        examples = registry.examples(version.name, version.version, tenant=tenant, show_pii=show_pii)
        of = tenant or registry.database.settings.tenant
    if access.as_json:
        more = {"notes": notes, "held_back": held, "examples": {"tenant": of, "classes": examples}}
        print_json({**_data_with(version, precision), **more})
        return
    say(f"{version}, {version.status}")
    print_annotation(version)
    print_precision(precision)
    for spec in version.spec.classes:
        annotation = version.annotation_of(spec.name)
        reasons = [f"  {key.name}: {key.rationale}" for key in annotation.identity if key.rationale]
        if annotation.rationale or reasons:
            say(f"{spec.name}: {annotation.rationale or 'keys'}")
            for reason in reasons:
                say(reason)
    for each in precision:
        if each.warning:
            say(each.warning)
    print_examples(examples, of, pii_hidden=not show_pii and _has_pii(version))
    print_notes(notes)
    print_held_back(version, held)


def print_annotated(version: SchemaVersion, notes: Sequence[Note], held: Mapping[str, str]) -> None:
    """What annotating came to: the annotation, what to look at, and what a person does next."""
    from memreg.cli.schemas import next_step

    print_annotation(version)
    print_notes([note for note in notes if note.kind in AT_REGISTERING])
    print_held_back(version, held)
    say(next_step(version))


def _show_history(access: Access, registry: Registry, name: VersionedName) -> None:
    version = registry.get(name.name, name.number).version
    history = registry.history(version.name, version.version)
    if access.as_json:
        entries = [
            {**data_of(each), "classes": {name: _class_data(found) for name, found in each.classes.items()}}
            for each in history
        ]
        print_json({"schema": version.name, "version": version.version, "status": version.status, "history": entries})
    elif history:
        print_history(version, history)
    else:
        say(f"{version} has no annotation yet: memreg annotate {version.name}")


def _has_pii(version: SchemaVersion) -> bool:
    return any(column.pii for spec in version.spec.classes for column in spec.columns)


@click.command()
@click.argument("name", metavar="NAME[@N]", type=VERSIONED)
@click.option("--edit", is_flag=True, help="Open the annotation in your editor ($VISUAL, $EDITOR) first.")
@click.option(
    "--annotation",
    "file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Approve this edited annotation file.",
)
@by_option
@database_options
def approve(access: Access, name: VersionedName, edit: bool, file: Path | None, by: str) -> None:
    """Approve a version: memreg may merge and delete by it.

    Without @N, the newest pending one. It is active at once when no memory is on an older version; else it waits
    for memreg backfill. What to look at is told first. An edited annotation is checked as a model's is, and each
    mistake is told with its line. Where a version was approved by the setting MEMREG_AUTO_APPROVE, this lets the
    classes go that it holds back.
    """
    from memreg.cli.schemas import next_step, version_data

    if edit and file is not None:
        raise click.UsageError("Give --edit or --annotation FILE, not both.")
    with access.registry() as registry:
        number = name.number if name.number is not None else _number(registry, name.name)
        if edit:
            version, notes = _approve_edited(registry, name.name, number, by, quiet=access.as_json)
        else:
            notes = _told_notes(registry, name.name, number, file, quiet=access.as_json)
            version = registry.approve(name.name, number, annotations=file, by=by)
    if access.as_json:
        print_json({**version_data(version), "by": by, "notes": notes})
        return
    say(f"Approved {version} by {by}: it is {version.status}.")
    say(next_step(version))


@click.command()
@click.argument("name", metavar="NAME[@N]", type=VERSIONED)
@click.option("--why", metavar="TEXT", type=WORDS, required=True, help="The reason, which is kept.")
@by_option
@database_options
def reject(access: Access, name: VersionedName, why: str, by: str) -> None:
    """Reject a version, for a reason that is kept.

    Without @N, the newest pending one.
    """
    from memreg.cli.schemas import version_data

    with access.registry() as registry:
        version = registry.reject(name.name, why, name.number, by=by)
    if access.as_json:
        print_json({**version_data(version), "by": by, "why": why})
        return
    say(f"Rejected {version} by {by}: {why}")
    say(f"Next: change the file and register it again, or memreg annotate {version.name}")


def print_annotation(version: SchemaVersion) -> None:
    """The annotation of a version as a table of its classes."""
    columns = (
        Col("class", keep=True),
        Col("searched (boost)"),
        Col("compared"),
        Col("identified by"),
        Col("confidence", right=True),
        Col("source"),
    )
    rows: list[tuple[Any, ...]] = []
    for spec in version.spec.classes:
        if spec.name not in version.annotations:
            rows.append((spec.name, "not annotated yet", "", "", "", ""))
            continue
        each = version.annotation_of(spec.name)
        searched = ", ".join(f"{name} {boost:g}" for name, boost in each.searchable.items())
        identity = ", ".join(f"{key.name} ({key.strength}, {key.confidence:g})" for key in each.identity)
        rows.append(
            (spec.name, searched, list(each.compare), identity or "nothing", f"{each.confidence:g}", each.source)
        )
    print_table(columns, rows)


def annotation_data(version: SchemaVersion) -> dict[str, Any]:
    """The annotation by class, for machines."""
    return {name: _class_data(each) for name, each in version.annotations.items()}


def _class_data(annotation: ClassAnnotation) -> dict[str, Any]:
    return {
        "searchable": annotation.searchable,
        "compare": annotation.compare,
        "identity": annotation.identity,
        "confidence": annotation.confidence,
        "rationale": annotation.rationale,
        "source": annotation.source,
    }


def _data(version: SchemaVersion) -> dict[str, Any]:
    from memreg.cli.schemas import version_data

    return {**version_data(version), "annotation": annotation_data(version)}


def _data_with(version: SchemaVersion, precision: Sequence[KeyPrecision]) -> dict[str, Any]:
    """The annotation for machines, with what was observed beside each key."""
    data = _data(version)
    observed = {(each.class_name, each.key.name): each for each in precision}
    for name, annotation in version.annotations.items():
        data["annotation"][name]["identity"] = [
            {**data_of(key), "observed": observed_data(observed[name, key.name])} for key in annotation.identity
        ]
    return data


def _told_notes(
    registry: Registry, name: str, number: int | None, edited: AnnotationSource | None, *, quiet: bool
) -> tuple[Note, ...]:
    """What to look at, told before it is approved; none where there is nothing to approve, which approving tells."""
    if number is None:
        return ()
    status = str(registry.get(name, number).version.status)
    if status != "pending" and not (status == "active" and registry.held_back(name)):
        return ()
    notes = registry.notes(name, number, annotations=edited)
    if not quiet:
        print_notes(notes, beside=True)
    return notes


def _approve_edited(
    registry: Registry, name: str, number: int | None, by: str, *, quiet: bool
) -> tuple[SchemaVersion, tuple[Note, ...]]:
    """Let a person edit the annotation until it can be read, then approve it."""
    from memreg.core.errors import AnnotationInvalid

    text = registry.annotation_yaml(name, number)
    while True:
        edited = click.edit(text, extension=".yaml")
        if edited is None:  # closed without saving
            edited = text
        edited = "".join(line for line in edited.splitlines(keepends=True) if not line.startswith(_MARK))
        if not edited.strip():
            tell("The file was emptied, so nothing was approved.")
            raise Exit(1)
        try:
            notes = _told_notes(registry, name, number, edited + "\n", quiet=quiet)
            return registry.approve(name, number, annotations=edited + "\n", by=by), notes
        except AnnotationInvalid as error:
            marked = _marked(edited, error)
            if marked == text:  # it was saved as it was, with its mistakes
                raise
            text = marked


def _number(registry: Registry, name: str) -> int | None:
    """The newest pending version, else the active one where it holds classes back; None leaves it to approve to say why
    there is none."""
    numbers = {str(each.version.status): each.version.version for each in registry.versions(name)}
    if "pending" in numbers:
        return numbers["pending"]
    return numbers.get("active") if "active" in numbers and registry.held_back(name) else None


def _marked(text: str, error: AnnotationInvalid) -> str:
    """The text with its mistakes on top, at the lines where they are below."""
    shift = len(error.mistakes) + 1
    notes = [f"{_MARK}Correct these, or save an empty file to approve nothing:"]
    for mistake in error.mistakes:
        place = f"line {mistake.line + shift}, column {mistake.column}: " if mistake.line else ""
        notes.append(f"{_MARK}{place}{' '.join(mistake.text.split())}")
    return "\n".join(notes) + "\n" + text
