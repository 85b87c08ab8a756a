"""A draft to a schema: surrogate keys, references, long texts, enums, defaults, keys and names, in this order; what
does not fit is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from memreg.core.errors import ImportInvalid, Mistake, SchemaInvalid
from memreg.registry.dump import schema_data, to_yaml
from memreg.registry.exchange.draft import NO_DEFAULT, Draft, DraftClass, DraftColumn, DraftKey, Imported
from memreg.registry.exchange.long_text import is_long_text
from memreg.registry.exchange.renaming import allowed_class_name, allowed_column_name, allowed_schema_name
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Dtype, IdentityKey, Kind, Merge, OnDelete
from memreg.registry.models import SchemaSpec as Spec
from memreg.registry.names import class_name_problem
from memreg.registry.normalize import ValueRefused, is_absent, normalize
from memreg.registry.parse import parse_schema
from memreg.registry.parse_annotation import read_annotation
from memreg.registry.parse_relations import circles
from memreg.registry.reader import Reader
from memreg.registry.yaml_tree import Place, tree_of

_ID_TYPES = re.compile(
    r"^(?:uuid|uniqueidentifier|(?:n?char|n?varchar2?|binary|raw|text|string)\((?:16|26|32|36)\))", re.IGNORECASE
)
_TRUE = frozenset({"1", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "f", "false", "n", "no"})


def settle(
    draft: Draft, source: str, *, name: str | None, compatibility: str = "backward", exact_text: bool = False
) -> Imported:
    """The schema of a draft, and its notes in the order of the file; it is one that a schema file can hold.

    `exact_text`: a text is a text, as in what memreg wrote itself. Raises ImportInvalid where no class comes of it.
    """
    surrogates = _surrogates(draft)
    _references(draft, surrogates)
    for table in draft.classes:
        for key in table.keys:
            _keep_short(table, key)
            if key.primary:
                _require(table, key)
        for column in table.columns.values():
            _long(column, exact_text)
    kept = [table for table in draft.classes if _has_columns(draft, table)]
    names = _class_names(draft, kept)
    classes = tuple(_class(draft, table, names) for table in kept)
    if not classes:
        raise _nothing(draft, source)
    classes = _without_circles(draft, classes)
    wanted = name or PurePath(source).stem
    allowed = allowed_schema_name(wanted)
    if name is not None and allowed != name:
        draft.changed(Place(), f"the schema {name!r} is named {allowed}: small letters, digits and _ make a name")
    spec = _with_extras(Spec(allowed, classes, compatibility), kept, source)
    return Imported(spec, tuple(sorted(draft.notes, key=lambda note: (note.line, note.column))))


def _with_extras(spec: Spec, kept: list[DraftClass], source: str) -> Spec:
    """The schema with what was given in the words of a schema file, read as `memreg register` reads it."""
    data = schema_data(spec)
    for each, table in zip(spec.classes, kept, strict=True):
        class_data = data["classes"][each.name]
        class_data.update(table.extra)
        held = [column for column in table.columns.values() if column.dtype is not None]
        for column, drafted in zip(each.columns, held, strict=True):
            class_data["columns"][column.name].update(drafted.extra)
    try:
        return parse_schema(to_yaml(data), source)
    except SchemaInvalid as error:
        raise ImportInvalid(source, tuple(Mistake(mistake.text) for mistake in error.mistakes)) from error


def _nothing(draft: Draft, source: str) -> ImportInvalid:
    found = tuple(Mistake(note.text, note.line, note.column) for note in draft.notes if note.kind == "not understood")
    return ImportInvalid(
        source,
        found or (Mistake("no class is defined in it: a table with columns, or an object with properties, makes one"),),
    )


# Surrogate keys and references


def _surrogates(draft: Draft) -> set[tuple[str, str]]:
    """The columns that number rows and say nothing of an object: they are taken out of the draft."""
    found: set[tuple[str, str]] = set()
    for table in draft.classes:
        referring = {column.casefold() for ref in table.refs if len(ref.columns) == 1 for column in ref.columns}
        alone = {key.columns[0].casefold() for key in table.keys if key.primary and len(key.columns) == 1}
        for folded, column in list(table.columns.items()):
            if folded in referring:
                continue
            why = _surrogate(column, is_key=folded in alone)
            if not why:
                continue
            if column.dtype is None:  # that bytes are no value is not worth telling of a key
                draft.notes = [note for note in draft.notes if (note.line, note.column) != (column.place.line,
                               column.place.column) or "bytes" not in note.text]  # fmt: skip
            found.add((table.name, folded))
            del table.columns[folded]
            table.keys = [key for key in table.keys if [each.casefold() for each in key.columns] != [folded]]
            draft.changed(
                column.place,
                f"{table.name}.{column.name} is a surrogate key ({why}): left out, as memories have ids of their own; "
                f"what refers to it refers to the class",
            )
    return found


def _surrogate(column: DraftColumn, *, is_key: bool) -> str:
    if column.made:
        return (
            "a number from a sequence" if re.search(r"next.*val", column.made, re.IGNORECASE) else _short(column.made)
        )
    if not is_key:
        return ""
    name = column.name.casefold().replace("_", "")
    # Oracle's NUMBER without a precision holds whole numbers as well as others.
    numbered = column.dtype == Dtype(Kind.INTEGER) or column.type_text == "NUMBER"
    if (numbered and (name.endswith("id") or name == "rowid")) or (name.endswith("id") and _is_id_type(column)):
        return column.type_text or "number"
    return column.type_text if name in ("id", "guid", "uuid", "oid", "pk") else ""


def _is_id_type(column: DraftColumn) -> bool:
    return bool(_ID_TYPES.match(column.type_text)) or column.type_text.casefold() in ("uuid", "uniqueidentifier")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _references(draft: Draft, surrogates: set[tuple[str, str]]) -> None:
    for table in draft.classes:
        for ref in table.refs:
            shown = ", ".join(ref.columns)
            target = draft.find(ref.target[0] or table.space, ref.target[1]) or draft.find(*ref.target)
            column = table.column(ref.columns[0])
            if len(ref.columns) > 1:
                draft.left_out(
                    ref.place,
                    f"{table.name}: the composite foreign key ({shown}) to {ref.target[1]} is left out: a reference is "
                    "one column; its columns stay as they are",
                )
            elif column is None:
                draft.left_out(ref.place, f"{table.name}: the foreign key of {shown} is left out: no such column")
            elif target is None or not target.columns:
                draft.left_out(
                    ref.place,
                    f"{table.name}.{column.name}: the reference to {ref.target[1]} is left out: the file makes no such "
                    "class; the column stays as it is",
                )
            else:
                is_list = column.dtype is not None and column.dtype.is_list
                column.dtype = Dtype(Kind.REF, is_list, _identity(target))
                column.wide, column.values, column.normalize, column.made = False, (), (), ""
                column.on_delete = ref.on_delete
                _clear_default(draft, table, column)
    gone = {table for table, _ in surrogates}
    for table in draft.classes:
        if table.name not in gone:
            continue
        present = []
        for key in table.keys:
            missing = [each for each in key.columns if table.column(each) is None and (table.name, each.casefold())
                       in surrogates]  # fmt: skip
            if missing:
                text = f"{table.name}: the key ({', '.join(key.columns)}) is left out: {missing[0]} is a surrogate key"
                draft.left_out(key.place, text)
            else:
                present.append(key)
        table.keys = present


def _identity(table: DraftClass) -> str:
    """A class of the draft until it is named: with its space, as two spaces may have one name."""
    return f"{table.space}\0{table.name}"


def _clear_default(draft: Draft, table: DraftClass, column: DraftColumn) -> None:
    if column.default is not NO_DEFAULT:
        draft.left_out(column.place, f"{table.name}.{column.name}: a reference has no default: {column.default!r} is "
                                     "left out")  # fmt: skip
        column.default = NO_DEFAULT
        column.required = False


def _require(table: DraftClass, key: DraftKey) -> None:
    """A primary key has a value in every row."""
    for name in key.columns:
        column = table.column(name)
        if column is not None:
            column.required = True


# Texts


def _keep_short(table: DraftClass, key: DraftKey) -> None:
    for name in key.columns:
        column = table.column(name)
        if column is not None and column.wide and column.dtype is not None:
            column.dtype, column.wide = Dtype(Kind.STRING, column.dtype.is_list), False


def _long(column: DraftColumn, exact: bool) -> None:
    """Where a dialect has one type for names and long texts, the column's name tells which it is."""
    if not column.wide or column.dtype is None or column.dtype.kind not in (Kind.STRING, Kind.TEXT):
        return
    if exact and column.type_text.upper().startswith("TEXT"):
        column.dtype = Dtype(Kind.TEXT, column.dtype.is_list)
    elif column.dtype.kind is Kind.STRING and not column.dtype.is_list and is_long_text(column.name):
        column.dtype = Dtype(Kind.TEXT)


# Names


def _has_columns(draft: Draft, table: DraftClass) -> bool:
    if any(column.dtype is not None for column in table.columns.values()):
        return True
    draft.left_out(table.place, f"{table.name} is left out: no column is left that a memory could hold")
    return False


def _class_names(draft: Draft, kept: list[DraftClass]) -> dict[str, str]:
    names: dict[str, str] = {}
    for table in kept:
        same = [each for each in kept if each.name.casefold() == table.name.casefold()]
        wanted = f"{table.space}_{table.name}" if len(same) > 1 and table.space else table.name
        name = allowed_class_name(wanted, names.values())
        names[_identity(table)] = name
        if name != table.name:
            draft.changed(table.place, f"the class of {table.name!r} is named {name}: {_why(wanted, table.name)}")
    return names


def _why(wanted: str, name: str) -> str:
    problem = class_name_problem(name)
    if wanted != name or problem is None:
        return "another has this name"
    return "it is a reserved word" if "reserved" in problem else "a name is a letter, then letters, digits and _"


# Classes and columns


def _without_circles(draft: Draft, classes: tuple[ClassSpec, ...]) -> tuple[ClassSpec, ...]:
    """Required references that go in a circle would leave no object that could be the first: one becomes optional."""
    by_name = {each.name: each for each in classes}
    while found := circles(by_name):
        name, column = found[0][-1]
        place = next((each.place for table in draft.classes if (each := table.column(column.name))), Place())
        draft.changed(place, f"{name}.{column.name} is not required: required references would go in a circle")
        columns = by_name[name].columns
        loose = tuple(replace(each, required=False) if each.name == column.name else each for each in columns)
        by_name[name] = replace(by_name[name], columns=loose)
    return tuple(by_name.values())


def _class(draft: Draft, table: DraftClass, names: Mapping[str, str]) -> ClassSpec:
    columns: dict[str, Column] = {}
    renamed: dict[str, str] = {}
    for folded, drafted in table.columns.items():
        if drafted.dtype is None:
            continue
        name = allowed_column_name(drafted.name, columns)
        if name != drafted.name:
            draft.changed(drafted.place, f"{table.name}: the column {drafted.name!r} is named {name}")
        renamed[folded] = name
        columns[name] = _column(draft, table, drafted, name, names)
    keys: list[IdentityKey] = []
    for key in sorted(table.keys, key=lambda each: not each.primary):
        found = _key(draft, table, key, columns, renamed)
        if found is not None and all(set(found.columns) != set(other.columns) for other in keys):
            keys.append(found)
    declared = ClassAnnotation(identity=tuple(keys)) if keys else None
    return ClassSpec(names[_identity(table)], tuple(columns.values()), table.desc, (), declared)


def _column(draft: Draft, table: DraftClass, drafted: DraftColumn, name: str, names: Mapping[str, str]) -> Column:
    where = f"{table.name}.{drafted.name}"
    assert drafted.dtype is not None
    dtype = drafted.dtype
    values: tuple[str, ...] = ()
    if dtype.kind is Kind.REF:
        target = names.get(dtype.target or "")
        if target is None:
            draft.left_out(drafted.place, f"{where}: what it refers to is left out, so it is kept as text")
            dtype = Dtype(Kind.STRING, dtype.is_list)
        else:
            dtype = Dtype(Kind.REF, dtype.is_list, target)
    if dtype.kind is Kind.ENUM:
        values = _values(draft, where, drafted)
        if not values:
            draft.changed(drafted.place, f"{where} is a string: none of its values can be that of an enum")
            dtype = Dtype(Kind.STRING, dtype.is_list)
    column = Column(
        name=name,
        dtype=dtype,
        desc=drafted.desc,
        values=values,
        required=drafted.required,
        normalize=drafted.normalize if dtype.kind in (Kind.STRING, Kind.TEXT) else (),
        merge=Merge.UNION if dtype.is_list else Merge.REPLACE,
    )
    column = replace(_default(draft, where, drafted, column), examples=_examples(draft, where, drafted, column))
    if drafted.on_delete is not None and dtype.kind is Kind.REF:
        if drafted.on_delete is OnDelete.CLEAR and column.required:
            draft.left_out(
                drafted.place, f"{where}: ON DELETE SET NULL is left out: a required reference is not cleared"
            )
        else:
            column = replace(column, on_delete=drafted.on_delete)
    return column


def _values(draft: Draft, where: str, drafted: DraftColumn) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for value in drafted.values:
        text = value.strip()
        if not text or len(text) > 200 or text.casefold() in found:
            why = "it is empty" if not text else "it is there already, when case is ignored"
            why = "it is longer than 200 characters" if len(text) > 200 else why
            draft.left_out(drafted.place, f"{where}: the value {value[:40]!r} is left out: {why}")
        else:
            found[text.casefold()] = text
    return tuple(found.values())


def _default(draft: Draft, where: str, drafted: DraftColumn, column: Column) -> Column:
    if drafted.filled:
        text = f"{where}: the default {_short(drafted.filled)} is computed: left out"
        draft.left_out(drafted.place, f"{text}, and the column is not required" if column.required else text)
        return replace(column, required=False)
    value = drafted.default
    if value is NO_DEFAULT:
        return column
    if column.dtype.is_list and value in ("{}", "[]"):
        value = []
    if column.dtype.kind is Kind.BOOLEAN and not isinstance(value, bool):
        word = str(value).strip().casefold()
        value = True if word in _TRUE else False if word in _FALSE else value
    if is_absent(value):
        if column.required:
            draft.changed(drafted.place, f"{where}: its default is empty, so the column is not required")
        return replace(column, required=False)
    try:
        default = normalize(column, value).value
    except ValueRefused as refusal:
        text = f"{where}: the default {_short(repr(value))} is left out: {_clause(refusal)}"
        draft.left_out(drafted.place, text)
        return replace(column, required=False)
    return replace(column, default=tuple(default) if isinstance(default, list) else default)


def _clause(refusal: ValueRefused) -> str:
    """The reason as a clause of its own: some begin with the value, the others with a verb."""
    begins = refusal.reason.partition(" ")[0]
    return f"it {refusal.reason}" if begins in ("is", "has", "contains") else refusal.reason


def _examples(draft: Draft, where: str, drafted: DraftColumn, column: Column) -> tuple[object, ...]:
    found: list[object] = []
    for example in drafted.examples:
        try:
            value = normalize(column, example).value
        except ValueRefused as refusal:
            draft.left_out(drafted.place, f"{where}: the example {_short(repr(example))} is left out: "
                                          f"{_clause(refusal)}")  # fmt: skip
        else:
            found.append(tuple(value) if isinstance(value, list) else value)
    return tuple(found)


def _key(
    draft: Draft, table: DraftClass, key: DraftKey, columns: Mapping[str, Column], renamed: Mapping[str, str]
) -> IdentityKey | None:
    shown = ", ".join(key.columns)
    names = [renamed.get(each.casefold()) for each in key.columns]
    if None in names:
        missing = key.columns[names.index(None)]
        draft.left_out(key.place, f"{table.name}: the key ({shown}) is left out: {missing} is no column of the class")
        return None
    reader = Reader()
    tree = tree_of({"identity": [{"columns": names}]})
    found = read_annotation(reader, "key", tree, columns, "declared")
    if reader.mistakes or not found.identity:
        why = reader.mistakes[0].text.split(": ", 1)[-1] if reader.mistakes else "it identifies nothing"
        draft.left_out(key.place, f"{table.name}: the key ({shown}) is left out: {why}")
        return None
    return found.identity[0]
