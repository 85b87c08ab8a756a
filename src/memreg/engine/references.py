"""References: what a proposal says of another memory, in one of three forms, and what of it is kept beside the
memories. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from memreg.registry.coerce import check_length, is_id, shown
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Kind
from memreg.registry.normalize import LIST_LIMIT, ValueRefused, is_absent, normalize

MOST_DEPTH = 8
"""How deep proposals may be nested in each other."""
MOST_NESTED = 1_000
"""The proposals that are nested in those of one message; the references of more are left out, each told."""

_LETTERS, _DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_SPEAKING = frozenset({"email", "phone", "url"})
_TEXTS = frozenset({Kind.STRING, Kind.TEXT})


@dataclass(frozen=True, slots=True)
class Said:
    """One reference as a proposal gives it, by exactly one of: `values` of the class referred to (a proposal of its
    own), a `text` that it is called by, the `memory_id` (from a caller who may give one)."""

    column: str
    target: str
    values: Mapping[str, Any] | None = None
    text: str | None = None
    memory_id: UUID | None = None


def read_references(column: Column, given: object, *, ids: bool) -> tuple[Said, ...]:
    """The references that a value is, in the order given; none where it says nothing.

    `ids`: whether a memory may be given by its id, which only a caller of `ingest(proposals=…)` may: never a model.
    Raises ValueRefused.
    """
    items: list[object] = list(given) if isinstance(given, list | tuple | set | frozenset) else [given]
    if len(items) > LIST_LIMIT:
        raise ValueRefused(f"has {len(items):,} items, more than the {LIST_LIMIT:,} it may have")
    items = [item for item in items if not _says_nothing(item)]
    if len(items) > 1 and not column.dtype.is_list:
        raise ValueRefused(f"has {len(items)} items, and it refers to one {column.dtype.target}: give one")
    return tuple(_one(column, item, ids) for item in items)


def _one(column: Column, item: object, ids: bool) -> Said:
    target = column.dtype.target or ""
    if isinstance(item, Mapping):
        return Said(column.name, target, values=item)
    if isinstance(item, UUID) or (isinstance(item, str) and is_id(item)):
        if not ids:
            raise ValueRefused(f"is an id, and only a caller who gives proposals may give one: name the {target}")
        return Said(column.name, target, memory_id=UUID(str(item).strip()))
    if isinstance(item, int) and not isinstance(item, bool):
        item = str(item)
    if not isinstance(item, str):
        raise ValueRefused(f"{shown(column, item)} is no {target}: give an object of its values, or its name")
    check_length(column, item)
    return Said(column.name, target, text=item.strip())


def _says_nothing(item: object) -> bool:
    return all(is_absent(value) for value in item.values()) if isinstance(item, Mapping) else is_absent(item)


def named(text: str, spec: ClassSpec, annotation: ClassAnnotation) -> dict[str, Any] | None:
    """What a text that refers to an object says of it: the value of a column that is a strong key by itself, where the
    text looks like one; else of the column that names it. None where the class has no such column."""
    alone = [
        spec.by_name[key.columns[0]]
        for key in annotation.identity
        if key.strength == "strong" and len(key.columns) == 1 and key.columns[0] in spec.by_name
    ]
    alone = [column for column in alone if column.dtype.kind is not Kind.REF]
    for column in alone:
        if _looks_like(column, text):
            return {column.name: text}
    name = naming_column(spec, annotation)
    if name is not None:
        return {name: text}
    return next(({column.name: text} for column in alone if column.dtype.kind in _TEXTS), None)


def naming_column(spec: ClassSpec, annotation: ClassAnnotation) -> str | None:
    """The column that a text stands for: the searchable one of the highest boost, rather one that is no key alone, of
    several the one declared first."""
    names = [name for name in annotation.searchable if name in spec.by_name]
    if not names:
        return None
    highest = max(annotation.searchable[name] for name in names)
    best = [name for name in names if annotation.searchable[name] == highest]
    return next((name for name in annotation.name_columns if name in best), best[0])


def called(payload: Mapping[str, Any], spec: ClassSpec, annotation: ClassAnnotation) -> str | None:
    """What an object is called: the value of its naming column, or else of one that is a strong key by itself."""
    alone = [key.columns[0] for key in annotation.identity if key.strength == "strong" and len(key.columns) == 1]
    for column in (naming_column(spec, annotation), *alone):
        value = payload.get(column) if column is not None else None
        if value is not None:
            return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return None


def _looks_like(column: Column, text: str) -> bool:
    """Whether a text has the form of a column's values: it is one by its type or by a normalizer that knows the form,
    or has the shape of an example, signs and digits included (`KP-36IP` of `ZR-9`)."""
    try:
        normalize(column, text)
    except ValueRefused:
        return False
    if column.dtype.kind not in _TEXTS or any(step.name in _SPEAKING for step in column.normalize):
        return True
    shape = _shape(text)
    return shape.replace("a", "").strip() != "" and any(
        _shape(example) == shape for example in column.examples if isinstance(example, str)
    )


def _shape(text: str) -> str:
    return _DIGITS.sub("9", _LETTERS.sub("a", text.strip()))


# What memories hold


def ids_in(payload: Mapping[str, Any], column: Column) -> list[str]:
    """The ids that a payload has in a column of references."""
    value = payload.get(column.name)
    if value is None:
        return []
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and is_id(each)]


def reference_rows(memory_id: UUID, payload: Mapping[str, Any], spec: ClassSpec) -> Iterator[dict[str, str]]:
    """The rows of `memory_references` of a memory that is not deleted."""
    for column in spec.references:
        for target in dict.fromkeys(ids_in(payload, column)):
            yield {"target_id": target, "memory_id": str(memory_id), "column": column.name}


def without(payload: Mapping[str, Any], column: Column, gone: Iterable[str]) -> dict[str, Any]:
    """A payload without some of the references of a column."""
    out = set(gone)
    kept = [each for each in ids_in(payload, column) if each not in out]
    rest = {name: value for name, value in payload.items() if name != column.name}
    return rest | ({column.name: kept if column.dtype.is_list else kept[0]} if kept else {})


def as_held(
    values: Mapping[str, Any], payload: Mapping[str, Any], columns: Iterable[str], keepers: Mapping[str, str]
) -> dict[str, Any]:
    """New values in the words of a payload: what it refers to by a memory that went into the one that is said now,
    stays said so, since that is no change."""
    found = dict(values)
    for column in columns if keepers else ():
        held = payload.get(column)
        if column not in found or held is None:
            continue
        of = {keepers.get(str(each), str(each)): each for each in (held if isinstance(held, list) else [held])}
        said = found[column]
        found[column] = (
            [of.get(str(each), each) for each in said] if isinstance(said, list) else of.get(str(said), said)
        )
    return found


def followed(payload: Mapping[str, Any], columns: Iterable[Column], keepers: Mapping[str, str]) -> dict[str, Any]:
    """A payload that refers to what the memories that it refers to went into."""
    found = dict(payload)
    for column in columns:
        held = found.get(column.name)
        if isinstance(held, list):
            found[column.name] = list(dict.fromkeys(keepers.get(str(each), each) for each in held))
        elif held is not None:
            found[column.name] = keepers.get(str(held), held)
    return found
