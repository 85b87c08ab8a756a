"""What differs between two versions of a schema: classes, columns, annotations, line by line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from memreg.registry.models import REFUSE, ClassAnnotation, ClassSpec, Column, Merge, OnDelete, SchemaSpec
from memreg.registry.reading import ClassPair, ColumnPair, Reading, Side

Kind = Literal["added", "removed", "renamed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: of a class (`column` None) or of a column of it; `what` differs, from `before` to `after`.

    Names are those of the newer version, and of the older one where the newer has none.
    """

    kind: Kind
    class_name: str
    column: str | None
    what: str
    before: Any = None
    after: Any = None

    @property
    def where(self) -> str:
        """`Person` or `Person.name`."""
        return self.class_name if self.column is None else f"{self.class_name}.{self.column}"


def diff(old: Side | SchemaSpec, new: Side | SchemaSpec) -> tuple[Change, ...]:
    """Every difference from one version to another, in the order of the newer one; empty where there is none.

    With a `Side`, the annotations in force are compared; a class that has none yet on a side is left out there.
    """
    before = old if isinstance(old, Side) else Side(old)
    after = new if isinstance(new, Side) else Side(new)
    return tuple(_schema(Reading(after, before)))


def _schema(reading: Reading) -> Iterator[Change]:
    before, after = reading.writer.spec, reading.reader.spec
    if before.compatibility != after.compatibility:
        yield Change("changed", "", None, "compatibility", before.compatibility, after.compatibility)
    pairs = {pair.reader.name: pair for pair in reading.classes}
    for spec in after.classes:
        if spec.name in pairs:
            pair = pairs[spec.name]
            yield from _class(pair)
            if (pair.writer.declared is None) != (pair.reader.declared is None):
                words = _declared(pair.writer), _declared(pair.reader)
                yield Change("changed", spec.name, None, "annotation", *words)
            now, then = reading.reader.annotation(pair.reader), reading.writer.annotation(pair.writer)
            if now is not None and then is not None:
                yield from _annotation(pair, then, now)
        else:
            yield Change("added", spec.name, None, "class", None, list(spec.by_name))
    for spec in reading.unread:
        yield Change("removed", spec.name, None, "class", list(spec.by_name), None)


def _class(pair: ClassPair) -> Iterator[Change]:
    before, after = pair.writer, pair.reader
    if before.name != after.name:
        yield Change("renamed", after.name, None, "class", before.name, after.name)
    elif before.source != after.source:
        yield Change("changed", after.name, None, "from", before.source, after.source)
    for what in ("description", "aliases"):
        then, now = getattr(before, what), getattr(after, what)
        if then != now:
            yield Change("changed", after.name, None, what, _plain(then), _plain(now))
    for each in pair.columns:
        yield from _column(after, each)
    used_up = _used_up(pair)
    for column in before.columns:
        if column.name in used_up:
            yield Change("removed", after.name, column.name, "column", column_facts(column), None)
    then_patterns, now_patterns = _patterns(before), _patterns(after)
    for text in now_patterns:
        if text not in then_patterns:
            yield Change("added", after.name, None, "pattern", None, text)
    for text in then_patterns:
        if text not in now_patterns:
            yield Change("removed", after.name, None, "pattern", text, None)
    if then_patterns != now_patterns and sorted(then_patterns) == sorted(now_patterns):
        yield Change("changed", after.name, None, "order of patterns", list(then_patterns), list(now_patterns))


def _column(spec: ClassSpec, pair: ColumnPair) -> Iterator[Change]:
    before, after = pair.writer, pair.reader
    if after is None:
        if before is not None:
            yield Change("removed", spec.name, before.name, "column", column_facts(before), None)
        return
    if before is None or (not pair.is_plain and before.name != after.name):
        yield Change("added", spec.name, after.name, "column", None, column_facts(after))
        return
    if before.name != after.name:
        yield Change("renamed", spec.name, after.name, "column", before.name, after.name)
    elif not pair.is_plain:
        made_of = [each.name for each in pair.made_of]
        yield Change("changed", spec.name, after.name, "from", made_of, source_facts(after))
    elif source_facts(before) != source_facts(after):  # done, and gone from the file now, or back in it
        yield Change("changed", spec.name, after.name, "from", source_facts(before), source_facts(after))
    then, now = column_facts(before), column_facts(after)
    for what in {**then, **now}:
        if what == "values" and then.get(what) is not None and now.get(what) is not None:
            yield from _values(spec.name, after.name, then[what], now[what])
        elif what != "from" and then.get(what) != now.get(what):
            yield Change("changed", spec.name, after.name, what, then.get(what), now.get(what))


def _used_up(pair: ClassPair) -> set[str]:
    """The columns of which others were made, and which are there no more."""
    made_of = {column.name for each in pair.columns if each.reader for column in each.made_of}
    return made_of - set(pair.names) - set(pair.reader.by_name)


def _values(class_name: str, column: str, then: list[str], now: list[str]) -> Iterator[Change]:
    for value in now:
        if value not in then:
            yield Change("added", class_name, column, "value", None, value)
    for value in then:
        if value not in now:
            yield Change("removed", class_name, column, "value", value, None)
    if then != now and sorted(then) == sorted(now):
        yield Change("changed", class_name, column, "order of values", then, now)


def _annotation(pair: ClassPair, then: ClassAnnotation, now: ClassAnnotation) -> Iterator[Change]:
    name = pair.reader.name
    earlier = {pair.names.get(column, column): boost for column, boost in then.searchable.items()}
    for column in {**now.searchable, **earlier}:
        if earlier.get(column) != now.searchable.get(column):
            yield Change("changed", name, column, "searchable", earlier.get(column), now.searchable.get(column))
    compared = {pair.names.get(column, column) for column in then.compare}
    for column in sorted(compared.symmetric_difference(now.compare)):
        yield Change("changed", name, column, "compare", column in compared, column in now.compare)
    keys = {tuple(pair.names.get(column, column) for column in key.columns): key.strength for key in then.identity}
    for key in now.identity:
        strength = keys.pop(key.columns, None)
        if strength is None:
            yield Change("added", name, None, "identity", None, f"{key.name} ({key.strength})")
        elif strength != key.strength:
            changed = f"{key.name} ({strength})", f"{key.name} ({key.strength})"
            yield Change("changed", name, None, "identity", *changed)
    if pair.writer.declared is not None and pair.reader.declared is not None:
        yield from _confidence(pair, then, now)
    for columns, strength in keys.items():
        yield Change("removed", name, None, "identity", f"{'+'.join(columns)} ({strength})", None)
    order = [key.columns for key in now.identity]
    earlier_order = [tuple(pair.names.get(column, column) for column in key.columns) for key in then.identity]
    if order != earlier_order and sorted(order) == sorted(earlier_order):
        names = ["+".join(columns) for columns in earlier_order], [key.name for key in now.identity]
        yield Change("changed", name, None, "order of keys", *names)


def _confidence(pair: ClassPair, then: ClassAnnotation, now: ClassAnnotation) -> Iterator[Change]:
    """What is said of the keys that both have."""
    known = {pair.same_key(key): key for key in then.identity}
    for key in now.identity:
        before = known.get(key.columns)
        if before is not None:
            for what in ("confidence", "rationale"):
                old, new = getattr(before, what), getattr(key, what)
                if old != new:
                    yield Change("changed", pair.reader.name, None, f"{what} of the key {key.name}", old, new)


def _declared(spec: ClassSpec) -> str:
    return "proposed" if spec.declared is None else "declared"


def column_facts(column: Column) -> dict[str, Any]:
    """Everything about a column that is not as usual, as its schema file names it, in plain data."""
    facts: dict[str, Any] = {"dtype": str(column.dtype)}
    for name in ("desc", "required", "pii"):
        if getattr(column, name):
            facts[name] = getattr(column, name)
    if column.values:
        facts["values"] = list(column.values)
    if column.on_delete is not OnDelete.KEEP:
        facts["on_delete"] = str(column.on_delete)
    if column.default is not None:
        facts["default"] = _plain(column.default)
    if column.normalize:
        facts["normalize"] = [f"{step.name} {step.region}" if step.region else step.name for step in column.normalize]
    if column.merge is not (Merge.UNION if column.dtype.is_list else Merge.REPLACE):
        facts["merge"] = str(column.merge)
    if column.examples:
        facts["examples"] = [_plain(each) for each in column.examples]
    if column.source is not None:
        facts["from"] = source_facts(column)
    return facts


def source_facts(column: Column) -> dict[str, Any]:
    """The `from:` of a column in plain data, without what it does not say; empty for a column without one."""
    source = column.source
    if source is None:
        return {}
    facts: dict[str, Any] = {"columns": list(source.columns)}
    for name in ("split", "part", "rest", "join", "cast"):
        if getattr(source, name) not in (None, False):
            facts[name] = getattr(source, name)
    if source.map:
        facts["map"] = dict(source.map)
    if source.otherwise is not REFUSE:
        facts["otherwise"] = _plain(source.otherwise)
    return facts


def _patterns(spec: ClassSpec) -> tuple[str, ...]:
    return tuple(f"{'delete: ' if pattern.operation == 'delete' else ''}{pattern.text}" for pattern in spec.patterns)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value
