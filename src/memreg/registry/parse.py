"""A schema file to a schema: everything wrong in it is told at once, each with its place and what to write instead."""

from __future__ import annotations

from pathlib import Path

from memreg.core.errors import FileInvalid, Mistake, SchemaInvalid
from memreg.registry.models import ClassSpec, Column, SchemaSpec
from memreg.registry.names import class_name_problem, column_name_problem, schema_name_problem
from memreg.registry.parse_annotation import read_annotation
from memreg.registry.parse_column import read_column
from memreg.registry.parse_pattern import read_patterns
from memreg.registry.parse_relations import ClassTree, check_relations, read_aliases, read_former_class
from memreg.registry.reader import Reader, read_file
from memreg.registry.yaml_tree import BYTE_LIMIT, Leaf, Tree

SCHEMA_KEYS = ("schema", "compatibility", "classes")
CLASS_KEYS = ("description", "columns", "patterns", "annotation", "from", "aliases")
COMPATIBILITY = (
    "none",
    "backward",
    "backward_transitive",
    "forward",
    "forward_transitive",
    "full",
    "full_transitive",
)


def parse_schema(text: str | bytes, source: str) -> SchemaSpec:
    """The schema in a YAML text (format: DESIGN, "Files"); `source` names it in errors.

    Raises SchemaInvalid with every mistake, by line and column.
    """
    reader, tree = read_file(text, source, SchemaInvalid)
    spec = read_schema(reader, tree)
    mistakes = reader.ordered()
    if mistakes or spec is None:
        raise SchemaInvalid(source, mistakes)
    return spec


def parse_schema_file(path: Path) -> SchemaSpec:
    """The schema in a file; no more of it is read than a schema may have. Raises SchemaInvalid."""
    return parse_schema(read_bytes(path, SchemaInvalid), str(path))


def read_bytes(path: Path, error: type[FileInvalid]) -> bytes:
    """The content of a file, no more than one byte beyond what a file may have."""
    try:
        size = path.stat().st_size
        if size > BYTE_LIMIT:
            limit = f"{BYTE_LIMIT // 1_000_000} MB"
            text = f"{size:,} bytes, more than the {limit} a file may have: split it into several schemas"
            raise error(str(path), (Mistake(text),))
        with path.open("rb") as file:
            return file.read(BYTE_LIMIT + 1)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise error(str(path), (Mistake(f"it cannot be read: {reason}"),)) from problem


def read_schema(reader: Reader, tree: Tree) -> SchemaSpec | None:
    """The schema in a tree; None only where mistakes went to the reader."""
    found = reader.keys(tree, "", SCHEMA_KEYS, required=("schema", "classes"))
    name = _schema_name(reader, found.get("schema"))
    compatibility: str | None = "backward"
    if "compatibility" in found:
        compatibility = reader.choice(found["compatibility"], "compatibility", COMPATIBILITY)
    classes: list[ClassSpec | None] = []
    if "classes" in found:
        entries = reader.names(found["classes"], "classes", "class")
        if not entries and not reader.mistakes:
            reader.wrong(found["classes"], "classes", "a schema needs at least one class")
        read = [(key, value, _class(reader, key, value)) for key, value in entries]
        classes = [spec for _, _, spec in read]
        trees = [ClassTree(key, value, spec) for key, value, spec in read if spec is not None]
        check_relations(reader, trees, [key.raw for key, _ in entries])
    if name is None or compatibility is None:
        return None
    return SchemaSpec(name, tuple(each for each in classes if each is not None), compatibility)


def _schema_name(reader: Reader, tree: Tree | None) -> str | None:
    if tree is None:
        return None
    name = reader.text(tree, "schema")
    if name is not None and (problem := schema_name_problem(name)):
        reader.wrong(tree, "schema", problem)
    return name


def _class(reader: Reader, key: Leaf, tree: Tree) -> ClassSpec | None:
    where = key.raw[:63]
    if problem := class_name_problem(key.raw):
        reader.wrong(key, "classes", problem)
    found = reader.keys(tree, where, CLASS_KEYS, required=("columns",))
    description = reader.text(found["description"], f"{where}.description") if "description" in found else ""
    if "columns" not in found:
        return None
    columns = _columns(reader, where, found["columns"])
    patterns = read_patterns(reader, f"{where}.patterns", found["patterns"], columns) if "patterns" in found else ()
    declared = None
    if "annotation" in found:
        declared = read_annotation(reader, f"{where}.annotation", found["annotation"], columns, "declared")
    kept = tuple(column for column in columns.values() if column is not None)
    former = read_former_class(reader, f"{where}.from", found["from"]) if "from" in found else None
    aliases = read_aliases(reader, f"{where}.aliases", found["aliases"]) if "aliases" in found else ()
    at = (found["from"].place.line, found["from"].place.column) if "from" in found else (0, 0)
    return ClassSpec(key.raw, kept, description or "", patterns, declared, former, aliases, at)


def _columns(reader: Reader, where: str, tree: Tree) -> dict[str, Column | None]:
    before = len(reader.mistakes)
    columns: dict[str, Column | None] = {}
    for key, value in reader.names(tree, f"{where}.columns", "column"):
        if problem := column_name_problem(key.raw):
            reader.wrong(key, f"{where}.columns", problem)
        columns[key.raw] = read_column(reader, f"{where}.{key.raw[:63]}", key.raw, value)
    if not columns and len(reader.mistakes) == before:
        reader.wrong(tree, where, "the class has no columns: write columns: {name: {dtype: string}}")
    return columns
