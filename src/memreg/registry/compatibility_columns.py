"""The rules of compatibility about columns: what comes and goes, types, values, and how they are kept. A rule's
docstring is what its user reads."""

from __future__ import annotations

from collections.abc import Iterator

from memreg.registry.compatibility_reason import Reason, Rule, breaking, note
from memreg.registry.conversions import REFUSING, made_badly, narrows, unfit_values
from memreg.registry.models import REFUSE, Column, Kind, Merge, Normalizer, Source
from memreg.registry.reader import closest
from memreg.registry.reading import Reading

_MOST_VALUES = 5
_MOST_GUESSES = 50


def column_unwritten(reading: Reading) -> Iterator[Reason]:
    """A column is read that was not written: a new one, or, for the older version, one that was removed. Breaks only
    where the column is required and has no default: what was written lacks it."""
    for each, pair in reading.columns():
        column = pair.reader
        if column is None or pair.writer is not None:
            continue
        where, kind, writer = (
            f"{each.reader.name}.{column.name}",
            reading.change("added", "removed"),
            reading.writer.name,
        )
        if column.default is not None:
            yield note(where, kind, f"{writer} does not have it; it is {_shown(column, column.default)} by default")
        elif column.required:
            advice = ": give it a default, or do not require it" if reading.newer == "reader" else ""
            yield breaking(where, kind, f"{reading.reader.name} requires it, and {writer} does not have it{advice}")
        else:
            yield note(where, kind, f"{writer} does not have it; it is optional")


def column_unread(reading: Reading) -> Iterator[Reason]:
    """A column was written that nothing reads: one that was removed, or, for the older version, a new one. Breaks
    nothing: its values are left out. Those of a removed column stay in the history of its memories. Where it looks as
    if it had only another name now, that is said: `from:` would carry its values over."""
    for each in reading.classes:
        gone = [pair.writer for pair in each.columns if pair.reader is None and pair.writer is not None]
        new = [pair.reader for pair in each.columns if pair.writer is None and pair.reader is not None]
        kind = reading.change("removed", "added")
        for column in gone:
            now = _called_now(column, new) if reading.newer == "reader" else None
            advice = f"; if it is {now} under another name, write from: {column.name} there" if now else ""
            text = f"{reading.reader.name} does not have it, and leaves its values out{advice}"
            yield note(f"{each.reader.name}.{column.name}", kind, text)


def _called_now(column: Column, new: list[Column]) -> str | None:
    """The new column that a removed one may have become, with nothing to say so: the one of its type that is alone in
    that, or that has a name like it. Where a class is made anew, nothing is guessed."""
    if len(new) > _MOST_GUESSES:
        return None
    names = [found.name for found in new if found.source is None and found.dtype == column.dtype]
    return names[0] if len(names) == 1 else closest(column.name, names)


def column_made(reading: Reading) -> Iterator[Reason]:
    """A column is made of others, declared by `from:` (a rename, a split, a join, a cast, a map). Breaks only where a
    value may come out that the column refuses, and the `from:` does not say what it is then (`otherwise:`)."""
    for each, pair in reading.columns():
        column, source = pair.reader, pair.source
        if column is None or source is None or (pair.is_plain and source.columns == (column.name,)):
            continue
        kind = "renamed" if pair.is_plain else "made of"
        verb = "reads" if pair.is_plain else "makes it of"
        text = f"{reading.reader.name} {verb} {_recipe(source)}{' under this name' if pair.is_plain else ''}"
        reason = "" if pair.is_plain else made_badly(column, source, each.writer)
        where = f"{each.reader.name}.{column.name}"
        if reason:
            yield breaking(where, kind, f"{text}, and {reason}: say what such a value becomes, with `otherwise:`")
        else:
            yield note(where, kind, text)


def column_retyped(reading: Reading) -> Iterator[Reason]:
    """The type of a column is changed. A wider type, which holds every value of the other (`integer` in `number`, one
    value in a list), breaks nothing; a narrower one breaks, unless a `from:` declares the conversion."""
    for where, pair, column, written in reading.both():
        shape = column.dtype.kind, column.dtype.is_list
        if not pair.is_plain or shape == (written.dtype.kind, written.dtype.is_list):
            continue  # the classes that references lead to are looked at by `references`
        kind = f"retyped {reading.change(f'{written.dtype} → {column.dtype}', f'{column.dtype} → {written.dtype}')}"
        reason = narrows(column.dtype, written.dtype)
        if not reason and column.dtype.kind is Kind.NUMBER and written.dtype.kind is Kind.INTEGER:
            yield note(where, kind, "every value can be read; beyond 2^53, a number is not exact")
        elif not reason:
            yield note(where, kind, f"every value of {written.dtype} can be read as {column.dtype}")
        else:
            advice = ": declare the conversion with `from:`" if reading.newer == "reader" else ""
            yield breaking(where, kind, f"{reason}{advice}")


def column_required(reading: Reading) -> Iterator[Reason]:
    """A column is required by one version and was optional, or may be missing, in the other. Breaks the version that
    requires it, unless the column has a default."""
    for where, pair, column, written in reading.both():
        if column.required and pair.may_lack and column.default is None:
            kind = reading.change("required", "no longer required") if not written.required else "required"
            yield breaking(where, kind, f"{reading.reader.name} requires it, and {reading.writer.name} may not have it")
        elif column.required != written.required:
            kind = reading.change(*_required(column.required))
            told = "it has a default" if column.required else f"{reading.reader.name} does not require it"
            yield note(where, kind, told)


def enum_values(reading: Reading) -> Iterator[Reason]:
    """A value of an enum is added, removed or mapped. Breaks what has to read a value that it does not know, unless a
    `from:` maps it (`map:`) or says what it becomes (`otherwise:`). Case does not matter."""
    for where, pair, column, written in reading.both():
        if column.dtype.kind is not Kind.ENUM or written.dtype.kind is not Kind.ENUM:
            continue
        unfit = unfit_values(column, written, pair.source)
        known = {value.casefold() for value in written.values}
        new = [value for value in column.values if value.casefold() not in known]
        if unfit:
            kind, values = reading.change("value removed", "value added"), _values(unfit)
            if pair.source is not None and pair.source.otherwise is not REFUSE:
                yield note(where, kind, f"{values} becomes {_shown(column, pair.source.otherwise)}")
            else:
                advice = ": say what it becomes, with `from: {map: …}`" if reading.newer == "reader" else ""
                yield breaking(where, kind, f"{reading.reader.name} does not know {values}{advice}")
        if new:
            kind = reading.change("value added", "value removed")
            yield note(where, kind, f"{reading.reader.name} also knows {_values(new)}")


def normalizers(reading: Reading) -> Iterator[Reason]:
    """The normalisation of a column is changed: values are brought to the new form when they are read. Breaks where a
    normalizer comes that refuses some text (`email`, `phone`, `url`, `digits`), unless `otherwise:` says what such a
    value becomes."""
    for where, pair, column, written in reading.both():
        if column.normalize == written.normalize:
            continue
        had = {step.name for step in written.normalize}
        strict = [step.name for step in column.normalize if step.name in REFUSING and step.name not in had]
        is_settled = pair.source is not None and pair.source.otherwise is not REFUSE
        kind = "normalised otherwise"
        if strict and not is_settled:
            yield breaking(where, kind, f"{reading.reader.name} refuses text that is no {_values(strict)}")
        else:
            then, now = reading.in_time(_steps(column.normalize), _steps(written.normalize))
            yield note(where, kind, f"values are normalised by {now} instead of {then}")


def references(reading: Reading) -> Iterator[Reason]:
    """A reference leads to another class. Breaks: a memory of the one is none of the other. A class that was only
    renamed is the same class."""
    for where, _, column, written in reading.both():
        if column.dtype.kind is not Kind.REF or written.dtype.kind is not Kind.REF:
            continue
        now, then = column.dtype.target, written.dtype.target
        if reading.class_names.get(then or "", "") != now:
            kind = f"retargeted {reading.change(f'{then} → {now}', f'{now} → {then}')}"
            yield breaking(where, kind, f"what refers to a {then} does not refer to a {now}")


def personal(reading: Reading) -> Iterator[Reason]:
    """A column becomes personal (`pii`) or is no longer. Breaks nothing, but what is kept of it is shown otherwise
    from then on: in examples, notes and logs, and to models."""
    for where, _, column, written in reading.both():
        then, now = reading.in_time(column.pii, written.pii)
        if now and not then:
            yield note(where, "pii set", "its values, also the old ones, are hidden from now on")
        elif then and not now:
            text = "its values, also the old ones, are shown from now on, and sent to models"
            yield note(where, "pii unset", text)


def merging(reading: Reading) -> Iterator[Reason]:
    """The merge policy of a column is changed: from then on, a new value is joined with the old one otherwise. Breaks
    nothing; what was merged before stays."""
    for where, _, column, written in reading.both():
        usual = (
            Merge.UNION if column.dtype.is_list else Merge.REPLACE,
            Merge.UNION if written.dtype.is_list else Merge.REPLACE,
        )
        if column.merge is not written.merge and (column.merge, written.merge) != usual:
            then, now = reading.in_time(column.merge, written.merge)
            text = f"updates are merged by {now} instead of {then}"
            yield note(where, "merge changed", text)


def defaults(reading: Reading) -> Iterator[Reason]:
    """The default of a column is changed: new memories, and older ones without a value, have the new one. Breaks
    nothing by itself."""
    for where, _, column, written in reading.both():
        if column.default != written.default:
            _, now = reading.in_time(column.default, written.default)
            told = "nothing is given" if now is None else f"{_shown(column, now)} is given"
            yield note(where, "default changed", f"where a memory has no value, {told} from now on")


def deletions(reading: Reading) -> Iterator[Reason]:
    """What becomes of a reference when its target is deleted is changed (`on_delete`). Breaks nothing; it holds for
    later deletes."""
    for where, _, column, written in reading.both():
        if column.on_delete is not written.on_delete:
            then, now = reading.in_time(column.on_delete, written.on_delete)
            yield note(where, "on_delete changed", f"when its target is deleted: {now} instead of {then}")


COLUMN_RULES: tuple[Rule, ...] = (
    column_unwritten,
    column_unread,
    column_made,
    column_retyped,
    column_required,
    enum_values,
    normalizers,
    references,
    personal,
    merging,
    defaults,
    deletions,
)
"""In the order in which they are told."""


def _required(is_required: bool) -> tuple[str, str]:
    return ("required", "no longer required") if is_required else ("no longer required", "required")


def _recipe(source: Source) -> str:
    """What a `from:` does, in words."""
    text = ", ".join(source.columns)
    if source.split is not None:
        part = "its parts" if source.part is None else f"part {source.part}{' and all after it' if source.rest else ''}"
        text = f"{text}, split at {source.split!r}: {part}"
    if source.join is not None:
        text = f"{text}, joined by {source.join!r}"
    if source.cast is not None:
        text = f"{text}, by the cast {source.cast}"
    if source.map:
        text = f"{text}, with {len(source.map)} value{'s' if len(source.map) != 1 else ''} mapped"
    return text


def _steps(steps: tuple[Normalizer, ...]) -> str:
    return ", ".join(f"{step.name} {step.region}" if step.region else step.name for step in steps) or "none"


def _values(values: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return ", ".join(values[:_MOST_VALUES]) + more


def _shown(column: Column, value: object) -> str:
    if value is None:
        return "left out"
    return "a value that is not shown" if column.pii else repr(value)
