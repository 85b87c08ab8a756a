"""The way back: a version's classes as they were, with a `from:` that reads the version that came after. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from memreg.registry.before import class_after, is_plain, source_before
from memreg.registry.models import REFUSE, ClassSpec, Column, SchemaSpec, Source
from memreg.registry.upcast_column import making

Back = tuple[Source | None, tuple[str, ...]]

# The cast that leads back from what a cast made, where there is one.
_CASTS_BACK = {"date": "midnight", "midnight": "date"}
_SAFE_CASTS = frozenset({"midnight", "yes_no", "text"})


def inverse(old: SchemaSpec, new: SchemaSpec, *, literal: bool = False) -> tuple[SchemaSpec, tuple[str, ...]]:
    """The classes of `old` reading memories of `new`, which is based on it; and sentences on what does not come back.
    `literal`: every `from:` of `new` was done, also one that `old` has as well, as where `new` brings a version back.

    Renames, classes' names, splits and joins are turned round, and maps as far as no two old values became one.
    """
    classes: list[ClassSpec] = []
    lost: list[str] = []
    taken: set[str] = set()
    for spec in old.classes:
        after = class_after(spec.name, old, new, literal=literal)
        if after is None:
            classes.append(_without_sources(spec))
            continue
        taken.add(after.name)
        columns: list[Column] = []
        for column in spec.columns:
            source, why = _back(column, spec, after, literal)
            columns.append(replace(column, source=source))
            lost.extend(why)
        read = {name for column in columns for name in _read(column, after)}
        lost.extend(
            f"{after.name}.{column.name} is not in {spec.name} and is left out"
            for column in after.columns
            if column.name not in read and _is_new(source_before(column, spec, literal=literal))
        )
        name = after.name if after.name != spec.name else None
        classes.append(replace(spec, columns=tuple(columns), source=name))
    lost.extend(
        f"{spec.name} is a class only of the newer version: its memories stay readable"
        for spec in new.classes
        if spec.name not in taken
    )
    return replace(old, classes=tuple(classes)), tuple(lost)


def _is_new(source: Source | None) -> bool:
    return source is None or not source.columns


def _without_sources(spec: ClassSpec) -> ClassSpec:
    columns = tuple(replace(column, source=None) for column in spec.columns)
    return replace(spec, columns=columns, source=None)


def _read(column: Column, after: ClassSpec) -> tuple[str, ...]:
    if column.source is not None:
        return column.source.columns
    return (column.name,) if column.name in after.by_name else ()


def _back(column: Column, before: ClassSpec, after: ClassSpec, literal: bool) -> Back:
    """What an old column is made of in the newer class, and what is lost on the way."""
    where = f"{before.name}.{column.name}"
    made = [
        (each, source)
        for each in after.columns
        if (source := source_before(each, before, literal=literal)) is not None and column.name in source.columns
    ]
    made.sort(key=lambda pair: pair[0].name != column.name)
    for each, source in made:
        if is_plain(source):
            why = (*_replaced(where, source), *_retyped(where, column, each, after))
            return _named(column, each, Source((each.name,))), why
    parts = [(each, source) for each, source in made if source.split is not None and not (source.map or source.cast)]
    if parts:
        return _joined(where, parts)
    for each, source in made:
        if len(source.columns) > 1 and source.join is not None and not (source.map or source.cast or source.split):
            return _split(where, column, each, source)
    for each, source in made:
        if len(source.columns) == 1 and not source.split:
            return _mapped(where, column, each, source)
    if column.name in after.by_name:
        # The name is there and means something else: it must not be read back.
        return Source(()), (f"{where} cannot be made of {after.name}.{column.name}, which means something else",)
    return None, (f"{where} has no column in {after.name} that it can be made of: it stays empty",)


def _named(column: Column, each: Column, source: Source) -> Source | None:
    return None if each.name == column.name else source


def _replaced(where: str, source: Source) -> tuple[str, ...]:
    if source.otherwise is REFUSE:
        return ()
    became = "was left out" if source.otherwise is None else f"became {source.otherwise!r}"
    return (f"{where}: what {became} because it did not fit does not come back",)


def _retyped(where: str, old: Column, new: Column, after: ClassSpec) -> tuple[str, ...]:
    back = making(old, Source((new.name,)), after)
    if back is None or not back.can_fail:
        return ()
    values = f" of {', '.join(old.values)}" if old.values else ""
    return (f"{where} is {old.dtype}{values} again: what has been written since and is none does not come back",)


def _joined(where: str, parts: list[tuple[Column, Source]]) -> Back:
    """Parts of a text, put together again in their order."""
    separator = parts[0][1].split
    same = [(each, source) for each, source in parts if source.split == separator]
    whole = [each for each, source in same if source.part is None]
    lossy = (f"{where} is put together again: spaces about {separator!r} and empty parts do not come back",)
    if whole:
        return Source((whole[0].name,), join=separator), lossy
    ordered = sorted(same, key=lambda pair: _order(pair[1]))
    kept: list[str] = []
    after_rest = False
    for each, source in ordered:
        if not after_rest:
            kept.append(each.name)
        after_rest = after_rest or (source.rest and (source.part or 0) > 0)
    numbers = [source.part for _, source in ordered]
    complete = numbers == list(range(1, len(numbers) + 1)) and ordered[-1][1].rest
    if not complete:
        lossy = (f"{where} is put together of {' and '.join(kept)}: other parts of the text do not come back",)
    return Source(tuple(kept), join=separator), lossy


def _order(source: Source) -> tuple[int, int]:
    part = source.part or 0
    return (0, part) if part > 0 else (1, part)


def _split(where: str, column: Column, each: Column, source: Source) -> Back:
    """One of several columns that were joined."""
    place = source.columns.index(column.name) + 1
    is_last = place == len(source.columns)
    joiner = source.join or ""
    if not joiner.strip() and joiner != " ":
        return None, (f"{where} cannot be told from the other columns in {each.name}: it stays empty",)
    back = Source((each.name,), split=joiner, part=place, rest=is_last and place > 1)
    why = f"{where} is part {place} of {each.name}: wrong where a value has {joiner!r} in itself, or one was missing"
    return back, (why,)


def _mapped(where: str, column: Column, each: Column, source: Source) -> Back:
    """Old values for new ones; of several old values, the first one."""
    lost: list[str] = []
    table: dict[str, Any] = {}
    for old, new in source.map:
        word = _word(new)
        if word is None:
            lost.append(f"{where}: {old!r} was left out and does not come back")
        elif word in table:
            lost.append(f"{where}: {old!r} became {new!r}, and comes back as {table[word]!r}")
        elif word != old:
            table[word] = old
    stayed = [each for each in table if each in column.values and all(old != each for old, _ in source.map)]
    lost.extend(f"{where}: {table[word]!r} became {word!r}, and comes back as {word!r}" for word in stayed)
    table = {word: old for word, old in table.items() if word not in stayed}
    lost.extend(_replaced(where, source))
    cast = _CASTS_BACK.get(source.cast or "")
    if source.cast is not None and source.cast not in _SAFE_CASTS:
        lost.append(f"{where}: what the cast {source.cast} took away does not come back")
    if not table and cast is None:
        return _named(column, each, Source((each.name,))), tuple(lost)
    return Source((each.name,), map=tuple(table.items()), cast=cast), tuple(lost)


def _word(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
