"""The rules of compatibility about annotations: what identifies, is searched and compared. A rule's docstring is what
its user reads."""

from __future__ import annotations

from collections.abc import Iterator

from memreg.registry.compatibility_reason import Reason, Rule, breaking, note
from memreg.registry.models import ClassAnnotation
from memreg.registry.reading import ClassPair, Reading


def identity(reading: Reading) -> Iterator[Reason]:
    """What identifies an object is changed: a key comes, goes, has other columns or another strength, or a column of
    it is typed or normalised otherwise. Always breaks, in both directions: objects that were two become one, or one
    becomes two, and every key is computed anew. (A class whose annotation is proposed later is compared when it is
    approved.)"""
    for pair, now, then in _annotated(reading):
        changes = list(_key_changes(reading, pair, now, then))
        if changes:
            yield breaking(pair.reader.name, "identity changed", "; ".join(changes))


def key_order(reading: Reading) -> Iterator[Reason]:
    """The same identity keys are declared in another order. Breaks nothing; where two keys of a message match
    different memories, the first declared one decides."""
    for pair, now, then in _annotated(reading):
        keys = [key.columns for key in now.identity]
        earlier = [pair.same_key(key) for key in then.identity]
        if keys != earlier and sorted(map(str, keys)) == sorted(map(str, earlier)):
            _, first = reading.in_time(now.identity[0].name, then.identity[0].name)
            yield note(pair.reader.name, "keys reordered", f"the first is {first} from now on")


def searchable(reading: Reading) -> Iterator[Reason]:
    """What is searched, or with what boost, is changed. Breaks nothing: the search index is computed anew by the
    backfill, and scores between the same records may change."""
    for pair, now, then in _annotated(reading):
        shared = pair.shared
        earlier = {pair.names.get(column, column): boost for column, boost in then.searchable.items()}
        columns = [column for column in {**now.searchable, **earlier} if column in shared]
        changed = [column for column in columns if now.searchable.get(column) != earlier.get(column)]
        for column in changed:
            kind = "boost changed" if column in now.searchable and column in earlier else "searchable changed"
            before, after = reading.in_time(now.searchable.get(column), earlier.get(column))
            text = f"it is {_boost(after)}, and was {_boost(before)}"
            yield note(f"{pair.reader.name}.{column}", kind, text)


def compared(reading: Reading) -> Iterator[Reason]:
    """Which columns are compared is changed. Breaks nothing; scores between the same records may change."""
    for pair, now, then in _annotated(reading):
        earlier = {pair.names.get(column, column) for column in then.compare}
        for column in sorted(earlier.symmetric_difference(now.compare) & pair.shared):
            _, is_compared = reading.in_time(column in now.compare, column in earlier)
            text = f"it is {'compared' if is_compared else 'no longer compared'} from now on"
            yield note(f"{pair.reader.name}.{column}", "compare changed", text)


ANNOTATION_RULES: tuple[Rule, ...] = (identity, key_order, searchable, compared)
"""In the order in which they are told."""


def _annotated(reading: Reading) -> Iterator[tuple[ClassPair, ClassAnnotation, ClassAnnotation]]:
    """The classes whose annotation is known on both sides: the reader's and the writer's."""
    for pair in reading.classes:
        now, then = reading.reader.annotation(pair.reader), reading.writer.annotation(pair.writer)
        if now is not None and then is not None:
            yield pair, now, then


def _key_changes(reading: Reading, pair: ClassPair, now: ClassAnnotation, then: ClassAnnotation) -> Iterator[str]:
    keys = {key.columns: key for key in now.identity}
    earlier = {pair.same_key(key): key for key in then.identity}
    reader, writer = reading.reader.name, reading.writer.name
    for columns, key in keys.items():
        if columns not in earlier:
            yield f"the key {key.name} is in {reader} only"
        elif earlier[columns].strength != key.strength:
            yield f"the key {key.name} is {key.strength} in {reader} and {earlier[columns].strength} in {writer}"
        elif other := _other_meaning(pair, columns):
            yield f"the key {key.name} has other digests, as {other} is typed or normalised otherwise"
    for named, key in earlier.items():
        if named not in keys:
            yield f"the key {key.name} is in {writer} only"


def _other_meaning(pair: ClassPair, columns: tuple[str, ...]) -> str:
    """The columns of a key whose values mean something else on the other side."""
    found = []
    for each in pair.columns:
        if each.reader and each.writer and each.reader.name in columns:
            now, then = each.reader, each.writer
            if (now.dtype.kind, now.dtype.is_list, now.normalize) != (
                then.dtype.kind,
                then.dtype.is_list,
                then.normalize,
            ):
                found.append(now.name)
    return ", ".join(found)


def _boost(boost: float | None) -> str:
    return "not searched" if boost is None else f"searched with boost {boost:g}"
