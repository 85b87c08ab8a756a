"""Printing what differs between two versions, what each can read, and what registering one would come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memreg.cli.output import Col, plain, print_table, say

if TYPE_CHECKING:
    from memreg.operations.preview import Preview
    from memreg.registry.compatibility import Reason, Verdict
    from memreg.registry.diff import Change

_SIGNS = {"added": "+", "removed": "-", "renamed": "~", "changed": "~"}
_READS = {"backward": "new reads old", "forward": "old reads new"}


def print_changes(changes: Sequence[Change]) -> None:
    """The differences, a line each."""
    columns = (Col("", keep=True), Col("where", keep=True), Col("difference"))
    print_table(columns, [(_SIGNS[each.kind], each.where or "the schema", difference(each)) for each in changes])


def difference(change: Change) -> str:
    """One difference in words."""
    match change.what, change.kind:
        case "class", "added":
            return f"a class with {plain(change.after)}"
        case "class", "removed":
            return f"the class, with {plain(change.before)}"
        case "column", "added":
            return _facts(change.after)
        case "column", "removed":
            return _facts(change.before)
        case what, "renamed":
            return f"the {what} {change.before} under another name"
        case "from", _ if isinstance(change.after, Mapping) and change.after:
            return f"made of {_facts(change.after)}"
        case "from", _:
            return "from: is not in the file any more" if not change.after else f"from: {change.after}"
        case what, "added":
            return f"{what} {plain(change.after)}"
        case what, "removed":
            return f"{what} {plain(change.before)}"
        case what, _:
            return f"{what}: {_shown(change.before)} → {_shown(change.after)}"


def print_reasons(reasons: Sequence[Reason]) -> None:
    """The reasons, what breaks first."""
    columns = (Col("", keep=True), Col("where", keep=True), Col("change"), Col("when", keep=True), Col("because"))
    rows = [
        ("breaks" if each.breaks else "note", each.where, each.kind, _READS[each.direction], each.text)
        for each in sorted(reasons, key=lambda reason: not reason.breaks)
    ]
    if rows:
        print_table(columns, rows)


def verdict_line(verdict: Verdict) -> str:
    """The verdict in a sentence."""
    mode = verdict.mode.replace("_", " ")
    against = f" with version{'s' if len(verdict.against) > 1 else ''} {', '.join(map(str, verdict.against))}"
    if not verdict.against:
        return f"Mode {mode}: there is no version to be compatible with."
    if verdict.compatible and not verdict.breaking:
        return f"Mode {mode}: compatible{against}."
    if verdict.compatible and verdict.mode == "none":
        return f"Mode none: everything is allowed; it is not compatible{against}."
    if verdict.compatible:
        return f"Mode {mode}: not compatible{against}, which was never in force and does not bind."
    return f"Mode {mode}: NOT compatible{against}. It can be registered with --force and a reason."


def print_preview(preview: Preview) -> None:
    """What registering would come to."""
    name = f"{preview.schema}@{preview.version}"
    if preview.is_registered:
        say(f"Registered already: the content is that of {name}.")
        return
    say(f"It would be {name}" + (f", based on version {preview.base}." if preview.base is not None else ", the first."))
    if preview.changes:
        print_changes(preview.changes)
    say(verdict_line(preview.verdict))
    print_reasons(preview.verdict.reasons)
    if preview.plan is not None:
        _print_plan(preview)


def preview_data(preview: Preview) -> dict[str, Any]:
    """The preview for machines."""
    return {
        "schema": preview.schema,
        "version": preview.version,
        "base": preview.base,
        "registered": preview.is_registered,
        "fingerprint": preview.fingerprint,
        "compatible": preview.passes,
        "verdict": preview.verdict,
        "changes": preview.changes,
        "backfill": preview.plan,
    }


def _print_plan(preview: Preview) -> None:
    plan = preview.plan
    assert plan is not None
    took = "" if plan.seconds is None else f", about {_time(plan.seconds)} with one worker"
    sample = f" (by a sample of {plan.looked_at:,})" if plan.is_sample else ""
    say(f"A backfill would touch {_count(plan.memories, 'memory', 'memories')}{took}{sample}.")
    if plan.exempt:
        say(f"{_count(plan.exempt, 'memory', 'memories')} of removed classes would stay as they are.")
    columns = (
        Col("class", keep=True),
        Col("memories", right=True),
        Col("rewritten", keep=True),
        Col("found otherwise", keep=True),
        Col("keys added"),
        Col("keys dropped"),
        Col("do not fit", right=True),
        Col("collisions", right=True),
    )
    rows = [
        (
            each.class_name,
            each.memories,
            each.rewritten,
            each.reindexed,
            each.keys_added,
            each.keys_dropped,
            each.unfit,
            each.collisions,
        )
        for each in plan.classes
    ]
    if rows:
        print_table(columns, rows)
    for text in (*plan.sentences, *(reason for each in plan.classes for reason in each.reasons)):
        say(f"  {text}")


def _facts(facts: Mapping[str, Any]) -> str:
    """The facts of a column, as `string, required, normalize trim`."""
    words = []
    for name, value in facts.items():
        if name in ("dtype", "columns"):
            words.append(plain(value))
        else:
            words.append(name if value is True else f"{name} {_shown(value)}")
    return ", ".join(words)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, Mapping):
        return " ".join(f"{key}→{_shown(each)}" for key, each in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return repr(value) if isinstance(value, str) and " " in value else _joined(value)


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else plain(value)


def _count(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many}"


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{max(seconds, 0.1):.1f} s"
