"""Rules about extraction patterns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from string import Formatter

from memreg.engine.patterns import matches, readers_of, sentences
from memreg.operations.lint.finding import Found, Path, Sight, rule
from memreg.registry.models import ClassSpec, Kind, Pattern


@rule("error")
def pattern_never_matches(sight: Sight) -> Iterable[Found]:
    """A pattern with the end of a sentence in it: a line break, or one of `.!?;` before a space. Messages are read
    sentence by sentence, so it never matches."""
    for spec, pattern, path in _patterns(sight):
        if len(list(sentences(_said(spec, pattern)))) > 1:
            text = f"{pattern.text!r} never matches: a sentence ends in it, and messages are read one by one: split it"
            yield spec.name, path, text, None


@rule("warning")
def pattern_hidden(sight: Sight) -> Iterable[Found]:
    """A pattern whose own sentence another pattern takes. Where patterns match the same words, one with more words of
    its own wins, then the one declared first."""
    readers = readers_of(sight.spec)
    order = -1
    for spec, pattern, path in _patterns(sight):
        order += 1
        read = list(sentences(_said(spec, pattern)))
        if len(read) != 1:
            continue
        standing = [match.reader for match in matches(read[0], readers)]
        if standing and all(reader.order != order for reader in standing):
            winner = _texts(sight)[standing[0].order]
            yield spec.name, path, f"{pattern.text!r} never stands: {winner!r} takes its words", None


@rule("warning")
def delete_without_key(sight: Sight) -> Iterable[Found]:
    """A `delete` pattern that says no complete identity key. A delete by anything else is always refused."""
    for spec, pattern, path in _patterns(sight):
        keys = sight.annotations[spec.name].identity
        places = _places(pattern)
        if pattern.operation == "delete" and not any(set(key.columns) <= places for key in keys):
            known = ", ".join(key.name for key in keys)
            advice = f"say one of {known}" if known else "the class has no identity key"
            yield spec.name, path, f"{pattern.text!r} deletes nothing: it says no complete key ({advice})", None


@rule("note")
def pattern_only_updates(sight: Sight) -> Iterable[Found]:
    """An `upsert` pattern that lacks a required column. It can only change a memory that is there already."""
    for spec, pattern, path in _patterns(sight):
        required = {column.name for column in spec.columns if column.required and column.default is None}
        missing = [column.name for column in spec.columns if column.name in required - _places(pattern)]
        if pattern.operation == "upsert" and missing:
            text = f"{pattern.text!r} creates no memory, since it lacks {', '.join(missing)}, which is required"
            yield spec.name, path, text, None


def _patterns(sight: Sight) -> Iterable[tuple[ClassSpec, Pattern, Path]]:
    for spec in sight.spec.classes:
        for number, pattern in enumerate(spec.patterns):
            yield spec, pattern, ("classes", spec.name, "patterns", number)


def _texts(sight: Sight) -> list[str]:
    return [pattern.text for _, pattern, _ in _patterns(sight)]


def _places(pattern: Pattern) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(pattern.text) if name is not None}


def _said(spec: ClassSpec, pattern: Pattern) -> str:
    """The sentence of a pattern with a value in every place."""
    parts = []
    for literal, name, _, _ in Formatter().parse(pattern.text):
        parts.append(literal)
        if name is not None:
            parts.append(_value(spec, name))
    return "".join(parts)


def _value(spec: ClassSpec, name: str) -> str:
    column = spec.by_name[name]
    match column.dtype.kind:
        case Kind.INTEGER:
            return "7"
        case Kind.NUMBER:
            return "7.5"
        case Kind.BOOLEAN:
            return "yes"
        case Kind.DATE:
            return date(2026, 1, 31).isoformat()
        case Kind.DATETIME:
            return "2026-01-31T09:30"
        case Kind.ENUM:
            return column.values[0]
    return "Quux"
