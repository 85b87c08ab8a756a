"""How the value of one column comes about from a memory of the version before: compiled once, run for every memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from memreg.registry.casts import CASTS, text_of
from memreg.registry.models import REFUSE, ClassSpec, Column, Dtype, Kind, Source
from memreg.registry.normalize import ValueRefused, normalize

Make = Callable[[Mapping[str, Any]], Any]
Change = Callable[[Any], Any]

_GENTLE = frozenset({"trim", "collapse"})  # normalizers that refuse no value which is not blank
_NEVER_FAILS = frozenset(
    {
        (Kind.INTEGER, Kind.NUMBER),
        (Kind.INTEGER, Kind.STRING),
        (Kind.INTEGER, Kind.TEXT),
        (Kind.NUMBER, Kind.STRING),
        (Kind.NUMBER, Kind.TEXT),
        (Kind.DATE, Kind.STRING),
        (Kind.DATE, Kind.TEXT),
        (Kind.DATETIME, Kind.STRING),
        (Kind.DATETIME, Kind.TEXT),
        (Kind.ENUM, Kind.STRING),
        (Kind.ENUM, Kind.TEXT),
        (Kind.STRING, Kind.TEXT),
    }
)


@dataclass(frozen=True, slots=True)
class Making:
    """The making of one column: `make` gives its value (None: none) or raises ValueRefused; `original` is the column
    whose words, as they were said, it keeps."""

    column: Column
    source: Source
    make: Make
    can_fail: bool
    original: str | None = None

    def raw(self, before: ClassSpec, values: Mapping[str, Any]) -> Any:
        """Its value from the values of a proposal, which nobody has checked yet; as it came where that is no help."""
        given = [values.get(name) for name in self.source.columns]
        if len(given) == 1 and (_is_of_another(given[0]) or not _operations(self.source, before)):
            return given[0]
        typed = {name: _as_typed(before.by_name.get(name), values.get(name)) for name in self.source.columns}
        try:
            return _maker(self.source, before)(typed)
        except (ValueRefused, TypeError):
            return next((each for each in given if each is not None), None)


def making(column: Column, source: Source, before: ClassSpec) -> Making | None:
    """How the column is made of columns of the class as it was; None where it is one of them just as it is."""
    reads = [before.by_name[name] for name in source.columns if name in before.by_name]
    plain = len(source.columns) == 1 and not _operations(source, before)
    if plain and len(reads) == 1 and has_same_form(reads[0], column):
        return None
    if not column.pii and any(each.pii for each in reads):
        column = replace(column, pii=True)  # a reason must not show what was personal before
    raw = _maker(source, before)

    def make(values: Mapping[str, Any]) -> Any:
        value = raw(values)
        return None if value is None else normalize(column, value).value

    can_fail = source.otherwise is REFUSE and _can_fail(column, source, reads, make)
    return Making(column, source, make, can_fail, source.columns[0] if plain else None)


def has_same_form(before: Column, after: Column) -> bool:
    """Whether every value of the one column is a value of the other, just as it is stored."""
    if before.dtype.kind is not after.dtype.kind or before.dtype.is_list != after.dtype.is_list:
        return False
    return before.normalize == after.normalize and set(before.values) <= set(after.values)


def _can_fail(column: Column, source: Source, reads: list[Column], make: Make) -> bool:
    """Whether there may be a value that it refuses. Where there are few values, each is tried."""
    if not reads:
        return False
    single = len(source.columns) == 1 and not reads[0].dtype.is_list
    if single and reads[0].dtype.kind in (Kind.ENUM, Kind.BOOLEAN):
        all_values: tuple[Any, ...] = reads[0].values if reads[0].dtype.kind is Kind.ENUM else (True, False)
        return not all(_is_made(make, {source.columns[0]: value}) for value in all_values)
    if source.split or source.map or len(source.columns) > 1 or (column.dtype.is_list and reads[0].dtype.is_list):
        return True
    if any(step.name not in _GENTLE for step in column.normalize if step not in reads[0].normalize):
        return True
    kind, is_list = reads[0].dtype.kind, reads[0].dtype.is_list
    if source.join is not None:
        return True
    if source.cast is not None:
        cast = CASTS[source.cast]
        if cast.name not in ("date", "midnight", "year", "first", "last", "count", "text", "shorten"):
            return True
        kind, is_list = cast.gives or kind, is_list and not cast.of_list
        if cast.name == "text":
            return column.dtype.kind is not Kind.TEXT
    if is_list:
        return True
    if kind is column.dtype.kind:
        return kind is Kind.ENUM and not set(reads[0].values) <= set(column.values)
    return (kind, column.dtype.kind) not in _NEVER_FAILS


def _is_made(make: Make, values: Mapping[str, Any]) -> bool:
    try:
        make(values)
    except ValueRefused:
        return False
    return True


def _operations(source: Source, before: ClassSpec) -> list[Change]:
    """What is done to the value that was read, in order."""
    steps: list[Change] = []
    if source.split is not None:
        steps.append(_splitting(source.split, source.part, source.rest))
    if source.join is not None:
        steps.append(_joining(source.join))
    if source.map:
        steps.append(_mapping(source, before))
    if source.cast is not None and source.cast in CASTS:
        steps.append(CASTS[source.cast])
    return steps


def _maker(source: Source, before: ClassSpec) -> Make:
    steps = _operations(source, before)
    if len(source.columns) == 1:
        name = source.columns[0]
        if not steps:
            return lambda values: values.get(name)

        def one(values: Mapping[str, Any]) -> Any:
            value = values.get(name)
            for step in steps:
                if value is None:
                    return None
                value = step(value)
            return value

        return one

    def several(values: Mapping[str, Any]) -> Any:
        value: Any = []
        for each in source.columns:
            found = values.get(each)
            if isinstance(found, list):
                value.extend(found)
            elif found is not None:
                value.append(found)
        value = value or None
        for step in steps:
            if value is None:
                return None
            value = step(value)
        return value

    return several


def _splitting(separator: str, part: int | None, rest: bool) -> Change:
    def split(value: Any) -> Any:
        if isinstance(value, list):
            found = [each for item in value for each in _parts(item, separator)]
        else:
            found = _parts(value, separator)
        if part is None:
            return found or None
        index = part - 1 if part > 0 else part
        if not -len(found) <= index < len(found):
            return None
        return separator.join(found[index:]) if rest else found[index]

    return split


def _parts(value: Any, separator: str) -> list[str]:
    """The parts of a text, trimmed; what is between two separators in a row is none."""
    return [part for part in (each.strip() for each in text_of(value).split(separator)) if part]


def _joining(joiner: str) -> Change:
    def join(value: Any) -> str:
        return joiner.join(text_of(item) for item in value) if isinstance(value, list) else text_of(value)

    return join


def _mapping(source: Source, before: ClassSpec) -> Change:
    """Old values are compared in the form that the column stored them in."""
    read = before.by_name.get(source.columns[0]) if len(source.columns) == 1 and source.split is None else None
    table = {_as_stored(read, old): _plain(new) for old, new in source.map}

    def mapped(value: Any) -> Any:
        if isinstance(value, list):
            kept = [each for each in (table.get(item, item) for item in value) if each is not None]
            return kept or None
        return table.get(value, value)

    return mapped


def _as_stored(column: Column | None, value: str) -> Any:
    if column is None:
        return value
    try:
        return normalize(replace(column, dtype=Dtype(column.dtype.kind)), value).value
    except ValueRefused:
        return value


def _as_typed(column: Column | None, value: Any) -> Any:
    if column is None or value is None:
        return value
    try:
        return normalize(column, value).value
    except ValueRefused:
        return value if isinstance(value, str | int | float | bool | list) else None


def _is_of_another(value: Any) -> bool:
    """Whether it says something of another object, which only the validator understands."""
    return isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(each, Mapping) for each in value))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
