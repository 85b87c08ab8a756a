"""The annotation of a class, read from a schema file or an annotation file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from memreg.registry.models import ClassAnnotation, Column, IdentityKey, Kind, Strength
from memreg.registry.reader import Reader, shown, suggest
from memreg.registry.yaml_tree import Branch, Leaf, Tree

KEYS = ("searchable", "compare", "identity")
KEY_KEYS = ("columns", "strength", "confidence", "rationale")
HIGHEST_BOOST = 10.0

_SEARCHABLE = frozenset({Kind.STRING, Kind.TEXT, Kind.ENUM})
_COMPARED = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME, Kind.REF})
_TOO_WEAK_ALONE = frozenset({Kind.DATE, Kind.DATETIME, Kind.ENUM, Kind.NUMBER})
_FEW_VALUES = frozenset({Kind.ENUM, Kind.BOOLEAN})

# A column whose own mapping has a mistake is known by name only.
Columns = Mapping[str, Column | None]


def read_annotation(reader: Reader, where: str, tree: Tree, columns: Columns, source: str) -> ClassAnnotation:
    """The annotation of a class with the given columns. Mistakes go to the reader."""
    found = reader.keys(tree, where, KEYS)
    searchable = _searchable(reader, f"{where}.searchable", found.get("searchable"), columns)
    compare = _compare(reader, f"{where}.compare", found.get("compare"), columns)
    identity = _identity(reader, f"{where}.identity", found.get("identity"), columns)
    annotation = ClassAnnotation(searchable=searchable, compare=compare, identity=identity, source=source)
    if any(key.strength == "shared" for key in identity) and not annotation.name_columns:
        text = "a shared key also needs an equal name: make a column that is no key searchable, or call the key strong"
        reader.wrong(found["identity"], f"{where}.identity", text)
    return annotation


def _searchable(reader: Reader, where: str, tree: Tree | None, columns: Columns) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in [] if tree is None else reader.names(tree, where, "column"):
        column = _column(reader, where, key, columns)
        if column is not None and column.dtype.kind not in _SEARCHABLE:
            advice = "put it under compare" if _is_compared(column) else "leave it out"
            reader.wrong(key, where, f"{key.raw} is {column.dtype}, and only text is searched: {advice}")
        meaning = f"a boost above 0 and at most {HIGHEST_BOOST:g}"
        boost = reader.number(value, f"{where}.{key.raw[:63]}", meaning)
        if boost is not None and not 0 < boost <= HIGHEST_BOOST:
            reader.wrong(value, f"{where}.{key.raw[:63]}", f"must be {meaning}, not {boost:g}")
        elif boost is not None:
            found[key.raw] = boost
    return found


def _compare(reader: Reader, where: str, tree: Tree | None, columns: Columns) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for item in () if tree is None else reader.items(tree, where, "write compare: [column]"):
        name = _named(reader, where, item, columns)
        if name is None:
            continue
        column = columns[name]
        if column is not None and not _is_compared(column):
            advice = "put it under searchable" if column.dtype.kind in _SEARCHABLE else "leave it out"
            what = "single numbers, booleans, dates and references"
            text = f"{name} is {column.dtype}, and only {what} are compared: {advice}"
            reader.wrong(item, where, text)
        elif name in found:
            reader.wrong(item, where, f"{name} is there twice: keep one")
        found[name] = None
    return tuple(found)


def _identity(reader: Reader, where: str, tree: Tree | None, columns: Columns) -> tuple[IdentityKey, ...]:
    found: list[IdentityKey] = []
    for item in () if tree is None else reader.items(tree, where, "write identity: [{columns: [email]}]"):
        key = _key(reader, where, item, columns)
        if key is None:
            continue
        if any(set(key.columns) == set(other.columns) for other in found):
            reader.wrong(item, where, f"the key {key.name} is there twice: keep one")
        else:
            found.append(key)
    return tuple(found)


def _key(reader: Reader, where: str, tree: Tree, columns: Columns) -> IdentityKey | None:
    parts = reader.keys(tree, where, KEY_KEYS, required=("columns",))
    strength, confidence, rationale = "strong", 1.0, ""
    if "strength" in parts:
        strength = reader.choice(parts["strength"], f"{where}.strength", ("strong", "shared")) or "strong"
    if "confidence" in parts:
        meaning = "a number between 0 and 1"
        given = reader.number(parts["confidence"], f"{where}.confidence", meaning)
        if given is not None and not 0 <= given <= 1:
            reader.wrong(parts["confidence"], f"{where}.confidence", f"must be {meaning}, not {given:g}")
        elif given is not None:
            confidence = given
    if "rationale" in parts:
        rationale = reader.text(parts["rationale"], f"{where}.rationale") or ""
    if "columns" not in parts:
        return None
    items = reader.items(parts["columns"], f"{where}.columns", "write columns: [email]")
    names: dict[str, None] = {}
    for item in items:
        name = _named(reader, f"{where}.columns", item, columns)
        if name is None:
            continue
        column = columns[name]
        if name in names:
            reader.wrong(item, f"{where}.columns", f"{name} is there twice: keep one")
        elif column is not None and (column.dtype.is_list or column.dtype.kind is Kind.TEXT):
            reader.wrong(
                item, f"{where}.columns", f"{name} is {column.dtype}, and a key needs one short value: remove it"
            )
        names[name] = None
    if not names:
        if isinstance(parts["columns"], Branch) and not items:
            reader.wrong(parts["columns"], f"{where}.columns", "a key needs at least one column")
        return None
    _check_telling(reader, f"{where}.columns", parts["columns"], [columns[name] for name in names], strength)
    return IdentityKey(tuple(names), cast(Strength, strength), confidence, rationale)


def _check_telling(reader: Reader, where: str, tree: Tree, columns: list[Column | None], strength: str) -> None:
    """A key must be able to tell objects apart."""
    if columns and all(column is not None and column.default is not None for column in columns):
        text = "objects without a value would all have its default, and be one: remove the default or the key"
        reader.wrong(tree, where, text)
    kinds = [column.dtype.kind for column in columns if column is not None and not column.dtype.is_list]
    if len(kinds) < len(columns):
        return
    if kinds == [Kind.BOOLEAN]:
        reader.wrong(tree, where, "a boolean alone identifies nothing: remove the key")
    elif strength == "strong" and len(kinds) == 1 and kinds[0] in _TOO_WEAK_ALONE:
        text = f"{kinds[0]} alone is shared by many objects: add a column to the key, or write strength: shared"
        reader.wrong(tree, where, text)
    elif strength == "strong" and len(kinds) > 1 and set(kinds) <= _FEW_VALUES:
        reader.wrong(tree, where, "enums and booleans alone are shared by many objects: add a column to the key")


def _named(reader: Reader, where: str, tree: Tree, columns: Columns) -> str | None:
    name = reader.text(tree, where)
    if name is None:
        return None
    if name not in columns:
        _unknown(reader, where, tree, name, columns)
        return None
    return name


def _column(reader: Reader, where: str, key: Leaf, columns: Columns) -> Column | None:
    if key.raw not in columns:
        _unknown(reader, where, key, key.raw, columns)
        return None
    return columns[key.raw]


def _unknown(reader: Reader, where: str, tree: Tree, name: str, columns: Columns) -> None:
    hint = suggest(name, columns)
    the = " The" if hint else "; the"
    reader.wrong(tree, where, f"unknown column {shown(name)}{hint}{the} columns are {', '.join(columns) or 'none'}")


def _is_compared(column: Column) -> bool:
    return column.dtype.kind in _COMPARED and not column.dtype.is_list
