"""What a column is made of, its default, and what becomes of its reference: the keys of a column that say what an older
memory means under a newer version, read from a schema file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from memreg.registry.casts import CASTS
from memreg.registry.models import Column, Dtype, Kind, OnDelete, Source
from memreg.registry.names import column_name_problem
from memreg.registry.normalize import ValueRefused, is_absent, normalize
from memreg.registry.reader import Reader, a, shown, suggest
from memreg.registry.yaml_tree import Branch, Fork, Leaf, Tree, plain

KEYS = ("column", "columns", "split", "part", "rest", "join", "map", "cast", "otherwise")
COLUMN_LIMIT = 20
PART_LIMIT = 100

_ONE_OF_SEVERAL = frozenset({"first", "last", "count"})


def read_source(reader: Reader, where: str, tree: Tree, column: Column) -> Source | None:
    """The `from:` of a column: a name, or a mapping of `KEYS`; an empty list makes the column a new one. Mistakes go to
    the reader, and None stands for what cannot be known."""
    before = len(reader.mistakes)
    at = (tree.place.line, tree.place.column)
    if isinstance(tree, Leaf):
        name = _name(reader, where, tree)
        if name == column.name:
            text = "a column comes from its own name anyway: remove from, or name the column that it was until now"
            reader.wrong(tree, where, text)
        return None if name is None else Source((name,), at=at)
    if isinstance(tree, Branch):
        if tree.items:
            reader.wrong(tree, where, 'must be a name or a mapping: write {columns: [a, b], join: " "}')
        return Source((), at=at)
    found = reader.keys(tree, where, KEYS)
    if not found and len(reader.mistakes) == before:
        reader.wrong(tree, where, "says nothing: write the name of a column, or remove it")
    columns = _columns(reader, where, found, column)
    source = Source(
        columns=columns,
        split=_text(reader, f"{where}.split", found.get("split")),
        part=_part(reader, f"{where}.part", found.get("part")),
        rest=bool(reader.flag(found["rest"], f"{where}.rest")) if "rest" in found else False,
        join=_text(reader, f"{where}.join", found.get("join"), may_be_empty=True),
        cast=reader.choice(found["cast"], f"{where}.cast", tuple(CASTS)) if "cast" in found else None,
        at=at,
    )
    if len(reader.mistakes) == before:
        _check(reader, where, tree, found, source, column)
    if "map" in found:
        fits = column if source.cast is None else None
        source = replace(source, map=_map(reader, f"{where}.map", found["map"], fits))
    if "otherwise" in found:
        otherwise = _value(reader, f"{where}.otherwise", found["otherwise"], column)
        source = replace(source, otherwise=otherwise)
    if len(reader.mistakes) == before and source == Source((column.name,)):
        reader.wrong(tree, where, "a column comes from its own name anyway: remove from")
    return source


def read_default(reader: Reader, where: str, tree: Tree, column: Column) -> Any:
    """The value that a column has where a new memory has none; a list as a tuple."""
    if column.dtype.kind is Kind.REF:
        reader.wrong(tree, where, "a reference has no default: which memory it is differs from object to object")
        return None
    if isinstance(tree, Leaf) and tree.value is None:
        reader.wrong(tree, where, "a default is a value: without one, remove it")
        return None
    return _value(reader, where, tree, column)


def read_on_delete(reader: Reader, where: str, tree: Tree, column: Column) -> OnDelete:
    """What becomes of the column when the memory that it refers to is deleted."""
    word = reader.choice(tree, where, tuple(str(each) for each in OnDelete))
    if column.dtype.kind is not Kind.REF:
        reader.wrong(tree, where, f"on_delete belongs to references, and this is {column.dtype}: remove it")
    elif word == OnDelete.CLEAR and column.required:
        reader.wrong(tree, where, "a required reference cannot be cleared: write keep, refuse or cascade")
    return OnDelete.KEEP if word is None else OnDelete(word)


def _name(reader: Reader, where: str, tree: Tree) -> str | None:
    name = reader.text(tree, where)
    if name is not None and (problem := column_name_problem(name)):
        reader.wrong(tree, where, problem)
        return None
    return name


def _columns(reader: Reader, where: str, found: dict[str, Tree], column: Column) -> tuple[str, ...]:
    if "column" in found and "columns" in found:
        reader.wrong(found["columns"], f"{where}.columns", "column is there as well: keep one of them")
    if "column" in found:
        name = _name(reader, f"{where}.column", found["column"])
        return () if name is None else (name,)
    if "columns" not in found:
        return (column.name,)
    items = reader.items(found["columns"], f"{where}.columns", "write columns: [street, city]")
    names: list[str] = []
    for item in items:
        name = _name(reader, f"{where}.columns", item)
        if name is not None and name in names:
            reader.wrong(item, f"{where}.columns", f"{shown(name)} is there twice: keep one")
        elif name is not None:
            names.append(name)
    if len(names) > COLUMN_LIMIT:
        reader.wrong(
            found["columns"], f"{where}.columns", f"are {len(names)}, more than the {COLUMN_LIMIT} they may be"
        )
    return tuple(names)


def _text(reader: Reader, where: str, tree: Tree | None, *, may_be_empty: bool = False) -> str | None:
    if tree is None:
        return None
    # A comma, a dash or a number is a separator as it stands: what YAML reads it as is no matter.
    text = tree.raw if isinstance(tree, Leaf) and tree.value is not None else reader.text(tree, where)
    if text is not None and not may_be_empty and not text:
        reader.wrong(tree, where, 'is empty: write what stands between the parts, as " "')
    if text is not None and len(text) > PART_LIMIT:
        reader.wrong(tree, where, f"has {len(text)} characters, more than the {PART_LIMIT} it may have")
    return text


def _part(reader: Reader, where: str, tree: Tree | None) -> int | None:
    if tree is None:
        return None
    value = tree.value if isinstance(tree, Leaf) else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < abs(value) <= PART_LIMIT:
        reader.wrong(tree, where, f"must be 1 for the first part, -1 for the last, up to {PART_LIMIT}, not {a(tree)}")
        return None
    return value


def _check(reader: Reader, where: str, tree: Tree, found: dict[str, Tree], source: Source, column: Column) -> None:
    """What cannot go together."""
    is_several = len(source.columns) > 1
    problem: tuple[str, str] | None = None
    if not source.columns and len(found) > 1:
        problem = "columns", "an empty list makes this a new column: remove the other keys"
    elif source.part is not None and source.split is None:
        problem = "part", 'there is no split to take a part of: write split: " "'
    elif source.rest and source.part is None:
        problem = "rest", "says from which part on: write part: 2"
    elif source.split is not None and is_several:
        problem = "split", "is for one column: write column instead of columns"
    elif source.split is not None and source.join is not None:
        problem = "join", "puts together again what split takes apart: keep one of them"
    elif source.split is not None and source.part is None and not _takes_lists(source, column):
        problem = "split", f"gives several parts, and this is {column.dtype}: say which with part: 1, or make it a list"
    elif is_several and source.join is None and not _takes_lists(source, column):
        problem = (
            "columns",
            f'are several, and this is {column.dtype}: write join: " " or cast: first, or make it a list',
        )
    if problem:
        key, text = problem
        reader.wrong(found.get(key, tree), f"{where}.{key}", text)


def _takes_lists(source: Source, column: Column) -> bool:
    return column.dtype.is_list or source.cast in _ONE_OF_SEVERAL


def _map(reader: Reader, where: str, tree: Tree, column: Column | None) -> tuple[tuple[str, Any], ...]:
    if not isinstance(tree, Fork) or not tree.entries:
        reader.wrong(tree, where, f"must be a mapping of old values to new ones, not {a(tree)}: write {{old: new}}")
        return ()
    pairs: dict[str, Any] = {}
    for key, value in tree.entries:
        if key.raw in pairs:
            reader.wrong(key, where, f"{shown(key.raw)} is there twice: keep one")
        elif not isinstance(value, Leaf):
            reader.wrong(value, where, f"{shown(key.raw)} must become one value, not {a(value)}")
        elif column is None:
            pairs[key.raw] = value.value
        else:
            one = replace(column, dtype=Dtype(column.dtype.kind, target=column.dtype.target))
            pairs[key.raw] = _value(reader, f"{where}.{key.raw[:63]}", value, one)
    return tuple(pairs.items())


def _value(reader: Reader, where: str, tree: Tree, column: Column) -> Any:
    """A value of the column; None for null. A list comes as a tuple."""
    given = plain(tree)
    if isinstance(tree, Leaf) and given is None:
        return None
    if column.dtype.kind is Kind.REF:
        reader.wrong(tree, where, "a reference cannot be written in a schema: remove it")
        return None
    if isinstance(given, dict) or is_absent(given):
        reader.wrong(tree, where, f"must be one {column.dtype}, not {a(tree) if not is_absent(given) else 'nothing'}")
        return None
    try:
        value = normalize(column, given).value
    except ValueRefused as refusal:
        hint = suggest(given, column.values) if isinstance(given, str) else ""
        reader.wrong(tree, where, f"does not fit the column: {refusal.reason}{hint}")
        return None
    return tuple(value) if isinstance(value, list) else value
