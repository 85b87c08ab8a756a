"""The rules of compatibility about whole classes. A rule's docstring is what its user reads."""

from __future__ import annotations

from collections.abc import Iterator

from memreg.registry.compatibility_reason import Reason, Rule, breaking, note
from memreg.registry.models import ClassSpec
from memreg.registry.reading import Reading


def class_unread(reading: Reading) -> Iterator[Reason]:
    """A class is gone, or came without the older version knowing it. Breaks what cannot read it: the memories of a
    removed class stay as they are, but nothing more is learned of it, and what was proposed under it is refused. A
    class that goes on under another name declares `from:`."""
    for spec in reading.unread:
        kind = reading.change("removed", "added")
        stay = "its memories stay as they are, and " if reading.newer == "reader" else ""
        text = f"{reading.reader.name} has no such class: {stay}what is proposed of it is refused"
        yield breaking(spec.name, kind, text)


def class_unwritten(reading: Reading) -> Iterator[Reason]:
    """A class of which there is nothing to read yet, as a new one. Breaks nothing."""
    for spec in reading.unwritten:
        kind = reading.change("added", "removed")
        yield note(spec.name, kind, f"{reading.writer.name} has no such class, so there is nothing of it to read")


def class_renamed(reading: Reading) -> Iterator[Reason]:
    """A class goes on under another name, declared by `from:`. Breaks nothing for the version that declares it; one
    that knows only the old name does not find the class (see `class_unread`)."""
    for pair in reading.classes:
        if pair.reader.name != pair.writer.name:
            text = f"{reading.reader.name} reads the class {pair.writer.name} as {pair.reader.name}"
            yield note(pair.reader.name, "renamed", text)


def class_aliases(reading: Reading) -> Iterator[Reason]:
    """The other names under which proposals of a class may arrive are changed. Breaks nothing that is stored:
    memories have the class's own name. Proposals under a name that is gone are refused."""
    for pair in reading.classes:
        then, now = reading.in_time(pair.reader, pair.writer)
        gone = [each for each in then.aliases if each not in (*now.aliases, now.name)]
        came = [each for each in now.aliases if each not in (*then.aliases, then.name)]
        if gone:
            text = f"proposals under {', '.join(gone)} are refused from now on"
            yield note(pair.reader.name, "aliases", text)
        elif came:
            text = f"proposals under {', '.join(came)} are taken as well from now on"
            yield note(pair.reader.name, "aliases", text)


def patterns(reading: Reading) -> Iterator[Reason]:
    """The sentences are changed that the patterns extractor reads. Breaks nothing that is stored: from now on, other
    sentences become memories."""
    for pair in reading.classes:
        if pair.reader.patterns != pair.writer.patterns:
            yield note(pair.reader.name, "patterns", "other sentences become memories from now on")


def looks_renamed(reading: Reading) -> Iterator[Reason]:
    """One class went and one with mostly the same columns came: that looks like a rename. Breaks nothing beyond what
    `class_unread` says, but the memories stay behind unless the new class declares `from:`."""
    if reading.newer == "writer":
        return
    if len(reading.unread) == len(reading.unwritten) == 1:
        new_class, old_class = reading.unwritten[0], reading.unread[0]
        if _alike(new_class, old_class):
            text = f"it looks like {old_class.name} under another name: `from: {old_class.name}` would carry it over"
            yield note(new_class.name, "looks renamed", text)


CLASS_RULES: tuple[Rule, ...] = (class_unread, class_unwritten, class_renamed, class_aliases, patterns, looks_renamed)
"""In the order in which they are told."""


def _alike(one: ClassSpec, other: ClassSpec) -> bool:
    """Whether at least half of the columns of both have the same name and type."""
    first = {(each.name, each.dtype) for each in one.columns}
    second = {(each.name, each.dtype) for each in other.columns}
    return 2 * len(first & second) >= max(len(first), len(second))
