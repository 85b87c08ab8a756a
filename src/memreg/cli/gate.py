"""Printing what a person decides an approval by: notes, examples of what would match, and the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from memreg.cli.output import Col, plain, print_table, say, tell

if TYPE_CHECKING:
    from memreg.annotator.gate import Note
    from memreg.operations.examples import ClassExamples, Example
    from memreg.registry.models import SchemaVersion
    from memreg.registry.records import AnnotationRecord

_OUTCOMES = {"match": "same", "question": "asked", "apart": "apart"}
_ORIGINS = {
    "stored": "memories of tenant {tenant}",
    "declared": "the examples in the schema",
    "invented": "invented values, as nothing is stored and the schema has no examples",
}
AT_REGISTERING = ("change", "low_confidence", "doubt", "overlap")
"""The notes that are told at once; what rules would do otherwise is told where somebody approves."""


def print_notes(notes: Sequence[Note], *, beside: bool = False) -> None:
    """The notes, a line each; `beside` the output, on stderr."""
    out = tell if beside else say
    for note in notes:
        out(f"Note: {note.text}.")


def print_held_back(version: SchemaVersion, held: Mapping[str, str]) -> None:
    """The classes of a version that are create-only until a person approves."""
    names = [name for name in version.spec.by_name if name in held]
    if names:
        said = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} create-only until a person approves"
        say(f"{said}: memreg approve {version}, then memreg resolve")


def print_examples(examples: Sequence[ClassExamples], tenant: str, *, pii_hidden: bool) -> None:
    """What would be the same object and what not, a table for each class."""
    columns = (Col("by", keep=True), Col("", keep=True), Col("said"), Col("known"), Col("because"))
    for each in examples:
        by = {key: f"{key} ({each.made_up[key]})" if key in each.made_up else key for key in each.keys}
        rows = [(by[key], *_row(example)) for key, found in each.keys.items() for example in found]
        rows += [("text", *_row(example)) for example in each.text]
        if not rows:
            continue
        of = _ORIGINS[each.origin].format(tenant=tenant)
        is_mixed = each.invented and each.origin == "declared"
        made_up = f" (invented: {', '.join(sorted(each.invented))})" if is_mixed else ""
        say(f"{each.class_name}: what would be the same and what not, by {of}{made_up}")
        print_table(columns, rows)
    if pii_hidden:
        say("Values of pii columns are hidden; --show-pii shows them.")


def _row(example: Example) -> tuple[str, str, str, str]:
    return _OUTCOMES[example.outcome], plain(dict(example.said)), plain(dict(example.known)), example.why


def print_history(version: SchemaVersion, history: Sequence[AnnotationRecord]) -> None:
    """Every annotation of a version, with its cost and what became of it."""
    columns = (
        Col("nr", right=True),
        Col("annotated (UTC)"),
        Col("source", keep=True),
        Col("model"),
        Col("tokens in", right=True),
        Col("tokens out", right=True),
        Col("other than before"),
        Col("verdict"),
    )
    say(f"{version}, {version.status}: the last annotation counts")
    print_table(columns, [_history_row(each, changed) for each, changed in zip(history, changes(history), strict=True)])


def changes(history: Sequence[AnnotationRecord]) -> list[list[str]]:
    """For each annotation, the classes that it annotates otherwise than the one before; none for the first."""
    found: list[list[str]] = [[]] if history else []
    for before, after in pairwise(history):
        found.append([name for name in after.classes if _content(after, name) != _content(before, name)])
    return found


def _content(record: AnnotationRecord, name: str) -> Any:
    annotation = record.classes.get(name)
    return annotation and (list(annotation.searchable.items()), annotation.compare, annotation.identity)


def _history_row(record: AnnotationRecord, changed: list[str]) -> tuple[Any, ...]:
    verdict = ""
    if record.verdict:
        verdict = f"{record.verdict} by {record.decided_by or 'nobody named'}"
        verdict += f", {record.decided_at:%Y-%m-%d %H:%M}" if record.decided_at else ""
        verdict += f": {record.reason}" if record.reason else ""
    reused = f"reused from {record.reused_from}" if record.reused_from else None
    return (
        record.ordinal,
        record.created_at,
        record.source,
        record.model,
        reused or record.tokens_in,
        "" if reused else record.tokens_out,
        changed,
        verdict,
    )
