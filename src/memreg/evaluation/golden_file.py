"""A golden file to a golden set: records that must stay apart or come together, every mistake told with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from memreg.core.errors import GoldenInvalid, Mistake, SchemaInvalid
from memreg.registry.models import ClassSpec, Column, Kind, SchemaSpec
from memreg.registry.normalize import ValueRefused, is_absent, normalize
from memreg.registry.parse import parse_schema_file, read_bytes, read_schema
from memreg.registry.reader import Reader, read_file, shown, suggest
from memreg.registry.yaml_tree import Branch, Fork, Leaf, Tree, plain

Expected = Literal["apart", "together", "review"]
Values = Mapping[str, Any]

EXPECTED: tuple[Expected, ...] = ("apart", "together", "review")
KEYS = ("golden", "schema", "class", "background", "cases")
_TEXTS = frozenset({Kind.STRING, Kind.TEXT, Kind.ENUM})
CASE_KEYS = ("class", "records", "memory", "record", "expect", "why")
MOST_RECORDS = 20


@dataclass(frozen=True, slots=True)
class Case:
    """Records of one class, told one after the other, and what must become of them.

    `together`: one memory. `apart`: a memory each. `review`: a memory each, and a question to a person about the last.
    """

    kind: str
    class_name: str
    records: tuple[Values, ...]
    expect: Expected
    why: str = ""
    line: int = 0


@dataclass(frozen=True)
class GoldenSet:
    """The cases of a file in order, their schema, and the records by class that a warm tenant holds before a case."""

    source: str
    name: str
    schema: SchemaSpec
    cases: tuple[Case, ...]
    background: Mapping[str, tuple[Values, ...]] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds, in the order of the file."""
        return tuple(dict.fromkeys(case.kind for case in self.cases))

    @property
    def outcomes(self) -> int:
        """How many outcomes a run has: one a case, and another where its class has a background."""
        return len(self.cases) + sum(case.class_name in self.background for case in self.cases)


def load_golden(path: Path, schema: Path | None = None) -> GoldenSet:
    """The golden set in a file; `schema` is the schema file of one that names none, and goes before the one it names.

    Raises GoldenInvalid with every mistake by line and column, SchemaInvalid.
    """
    reader, tree = read_file(read_bytes(path, GoldenInvalid), str(path), GoldenInvalid)
    return _Golden(reader, path).read(tree, None if schema is None else parse_schema_file(schema))


class _Golden:
    """Reads one file; mistakes go to the reader."""

    def __init__(self, reader: Reader, path: Path) -> None:
        self.reader = reader
        self.path = path
        self.schema: SchemaSpec | None = None

    def read(self, tree: Tree, schema: SchemaSpec | None) -> GoldenSet:
        found = self.reader.keys(tree, "", KEYS, required=("cases",))
        name = self.reader.text(found["golden"], "golden") if "golden" in found else self.path.stem
        self.schema = schema
        if "schema" in found and schema is None:
            self.schema = self._schema(found["schema"])
        elif "schema" not in found and schema is None:
            self.reader.wrong(tree, "", "schema is missing: write it here, name its file, or give --schema FILE")
        default = self._class(found["class"], "class") if "class" in found else None
        background = self._background(found["background"]) if "background" in found else {}
        cases = self._cases(found["cases"], default) if "cases" in found else ()
        mistakes = self.reader.ordered()
        if mistakes or self.schema is None:
            raise GoldenInvalid(str(self.path), mistakes)
        return GoldenSet(str(self.path), name or self.path.stem, self.schema, cases, background)

    def _schema(self, tree: Tree) -> SchemaSpec | None:
        if isinstance(tree, Fork):
            before = len(self.reader.mistakes)
            spec = read_schema(self.reader, tree)
            return spec if len(self.reader.mistakes) == before else None
        name = self.reader.text(tree, "schema")
        if name is None:
            return None
        try:
            return parse_schema_file(self.path.parent / name)
        except SchemaInvalid as error:
            for mistake in error.mistakes:
                place = f"{name}:{mistake.line}:{mistake.column}: " if mistake.line else f"{name}: "
                self.reader.mistakes.append(Mistake(f"schema: {place}{mistake.text}", tree.place.line, 1))
            return None

    def _class(self, tree: Tree, where: str) -> str | None:
        name = self.reader.text(tree, where)
        if name is None or self.schema is None or name in self.schema.by_name:
            return name
        hint = suggest(name, self.schema.by_name)
        the = " The" if hint else "; the"
        classes = ", ".join(self.schema.by_name)
        self.reader.wrong(tree, where, f"unknown class {shown(name)}{hint}{the} classes are {classes}")
        return None

    # Background

    def _background(self, tree: Tree) -> dict[str, tuple[Values, ...]]:
        found: dict[str, tuple[Values, ...]] = {}
        for key, value in self.reader.names(tree, "background", "class"):
            name = self._class(key, "background")
            where = f"background.{key.raw[:63]}"
            spec = self._spec(name)
            if isinstance(value, Leaf):
                found[key.raw] = self._lines(value, where, spec)
            else:
                items = self.reader.items(value, where, "write a record an item, or the name of a JSONL file")
                found[key.raw] = tuple(self._record(item, where, spec) for item in items)
        return found

    def _lines(self, tree: Tree, where: str, spec: ClassSpec | None) -> tuple[Values, ...]:
        """The records of a JSONL file beside this one, an object of columns a line."""
        name = self.reader.text(tree, where)
        if name is None:
            return ()
        try:
            lines = (self.path.parent / name).read_text("utf-8").splitlines()
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            self.reader.wrong(tree, where, f"{name} cannot be read: {reason}")
            return ()
        found = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                data = json.loads(line)
            except ValueError:
                data = None
            reason = "is no JSON object" if not isinstance(data, dict) else _misfit(data, spec)
            if reason:
                self._beyond(tree, f"{where}: line {number} of {name} {reason}")
            else:
                found.append(data)
        return tuple(found)

    def _beyond(self, tree: Tree, text: str) -> None:
        """A mistake in another file, told at the place that names the file; there may be several at one place."""
        self.reader.mistakes.append(Mistake(text, tree.place.line, tree.place.column))

    # Cases

    def _cases(self, tree: Tree, default: str | None) -> tuple[Case, ...]:
        found: list[Case] = []
        kinds = self.reader.names(tree, "cases", "kind")
        if isinstance(tree, Fork) and not kinds:
            self.reader.wrong(tree, "cases", "there are none: write cases: {kind: [{records: [{...}, {...}], ...}]}")
        for key, value in kinds:
            advice = "write a case an item: {records: [{...}, {...}], expect: apart}"
            for item in self.reader.items(value, key.raw, advice):
                case = self._case(key.raw, item, default)
                if case is not None:
                    found.append(case)
        return tuple(found)

    def _case(self, kind: str, tree: Tree, default: str | None) -> Case | None:
        parts = self.reader.keys(tree, kind, CASE_KEYS, required=("expect",))
        if not isinstance(tree, Fork):
            return None
        expect = self.reader.choice(parts["expect"], f"{kind}.expect", EXPECTED) if "expect" in parts else None
        why = self.reader.text(parts["why"], f"{kind}.why") if "why" in parts else ""
        class_name = self._class(parts["class"], f"{kind}.class") if "class" in parts else default
        if class_name is None and "class" not in parts:
            self.reader.wrong(tree, kind, "class is missing: write it in the case, or once at the top of the file")
        records = self._records(kind, tree, parts, self._spec(class_name))
        if class_name is None or expect is None or records is None:
            return None
        return Case(kind, class_name, records, _expected(expect), why or "", tree.place.line)

    def _records(
        self, kind: str, tree: Tree, parts: Mapping[str, Tree], spec: ClassSpec | None
    ) -> tuple[Values, ...] | None:
        given = [name for name in ("records", "memory", "record") if name in parts]
        if given not in (["records"], ["memory", "record"]):
            self.reader.wrong(tree, kind, "write records: [{...}, {...}], or memory: {...} and record: {...}")
            return None
        if given == ["records"]:
            items: Sequence[Tree] = self.reader.items(parts["records"], f"{kind}.records", "write [{...}, {...}]")
            if isinstance(parts["records"], Branch) and not 2 <= len(items) <= MOST_RECORDS:
                text = f"a case has from 2 to {MOST_RECORDS} records, not {len(items)}"
                self.reader.wrong(parts["records"], f"{kind}.records", text)
        else:
            items = [parts["memory"], parts["record"]]
        records = tuple(self._record(item, kind, spec) for item in items)
        if spec is not None and records:
            lacking = [c.name for c in spec.columns if c.required and is_absent(records[0].get(c.name))]
            if lacking and isinstance(items[0], Fork):
                text = f"{', '.join(lacking)} is required for a new {spec.name}, so the first record makes no memory"
                self.reader.wrong(items[0], kind, text)
        return records

    def _record(self, tree: Tree, where: str, spec: ClassSpec | None) -> Values:
        if not isinstance(tree, Fork):
            self.reader.wrong(tree, where, "a record is a mapping of columns: write {name: Ana Lopez}")
            return {}
        values: dict[str, Any] = {}
        for key, value in self.reader.names(tree, where, "column"):
            column = None if spec is None else spec.by_name.get(key.raw)
            values[key.raw] = data = plain(value) if column is None else _said(column, value)
            if spec is None:
                continue
            if column is None:
                hint = suggest(key.raw, spec.by_name)
                the = " The" if hint else "; the"
                columns = ", ".join(spec.by_name)
                text = f"{spec.name} has no column {shown(key.raw)}{hint}{the} columns are {columns}"
                self.reader.wrong(key, where, text)
            elif reason := _refused(spec, key.raw, data):
                self.reader.wrong(value, where, reason)
        return values

    def _spec(self, class_name: str | None) -> ClassSpec | None:
        return None if self.schema is None or class_name is None else self.schema.by_name.get(class_name)


def _said(column: Column, tree: Tree) -> object:
    """The value as it is written where the column is text: an unquoted 3.10 is no 3.1 there, and a yes no true."""
    if column.dtype.kind not in _TEXTS:
        return plain(tree)
    if isinstance(tree, Branch):
        return [_said(column, item) for item in tree.items]
    return tree.raw if isinstance(tree, Leaf) and tree.value is not None else plain(tree)


def _expected(word: str) -> Expected:
    return next(each for each in EXPECTED if each == word)


def _misfit(data: Mapping[str, Any], spec: ClassSpec | None) -> str:
    """Why an object is no record of the class; nothing where it is one."""
    for column, value in data.items() if spec is not None else ():
        assert spec is not None
        if column not in spec.by_name:
            return f"has {shown(column)}, which is no column of {spec.name}"
        if reason := _refused(spec, column, value):
            return f"cannot be kept: {reason}"
    return ""


def _refused(spec: ClassSpec, column: str, value: object) -> str:
    """Why a value of a column would be refused; nothing where it would be kept."""
    if is_absent(value):
        return ""
    try:
        normalize(spec.by_name[column], value)
    except ValueRefused as refused:
        return f"{column}: {shown(str(value))} {refused}"
    return ""
