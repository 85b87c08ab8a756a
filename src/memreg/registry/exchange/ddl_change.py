"""What DDL says of a table behind its CREATE TABLE: ALTER TABLE, CREATE INDEX, COMMENT ON, and types of the file's
own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memreg.registry.exchange.cursor import Cursor, names_in, split
from memreg.registry.exchange.ddl_item import parse_column
from memreg.registry.exchange.ddl_table import Reading, column_of, read_item, set_default
from memreg.registry.exchange.ddl_types import Domain, FoundType, type_of
from memreg.registry.exchange.draft import DraftClass, DraftKey
from memreg.registry.exchange.lexer import Token
from memreg.registry.exchange.statements import Statement
from memreg.registry.models import Normalizer

_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"})


def alter_table(reading: Reading, statement: Statement) -> None:
    """ALTER TABLE: constraints and columns that are added, defaults and comments that are set."""
    cursor = Cursor(statement.tokens, 1)
    place = reading.place(statement.tokens[0])
    if not cursor.take("TABLE"):
        reading.draft.left_out(place, f"{reading.raw(statement.tokens)} is left out: it makes no table")
        return
    cursor.take("IF", "EXISTS")
    cursor.take("ONLY")
    space, name = cursor.name()
    table = reading.draft.find(space, name)
    if table is None:
        text = f"ALTER TABLE {name} is left out: no table of this name was read before it"
        reading.draft.left_out(place, text)
        return
    cursor.skip("WITH", "CHECK", "NOCHECK") if cursor.word == "WITH" else None
    actions = split(cursor.rest)
    # T-SQL writes ADD once for several columns.
    adds = reading.dialect == "tsql" and bool(actions) and [token.word for token in actions[0][:1]] == ["ADD"]
    for action in actions:
        if action and adds and action[0].word != "ADD":
            read_item(reading, table, action)
        elif action:
            _action(reading, table, action)


def _action(reading: Reading, table: DraftClass, action: tuple[Token, ...]) -> None:
    cursor = Cursor(action)
    place = reading.place(action[0])
    shown = reading.raw(action)
    if cursor.take("ADD"):
        _add(reading, table, cursor)
    elif cursor.word in _CONSTRAINTS and cursor.word != "CHECK":
        read_item(reading, table, cursor.rest)  # behind a comma, ADD may be left out
    elif cursor.skip("MODIFY", "CHANGE"):
        cursor.take("COLUMN")
        if action[0].word == "CHANGE":
            cursor.parts()
        parts = cursor.brackets()
        for part in parts or (cursor.rest,):
            _modify(reading, table, part)
    elif cursor.take("SET", "OPTIONS") and (described := _described(cursor)) is not None:
        table.desc = described
    elif cursor.take("ALTER"):
        _alter_column(reading, table, cursor, shown)
    elif cursor.word in ("OWNER", "ENABLE", "CHECK", "VALIDATE", "CLUSTER", "REPLICA", "ENGINE", "AUTO_INCREMENT"):
        reading.draft.left_out(place, f"{table.name}: {shown} is left out: it says nothing of what is kept")
    else:
        reading.draft.left_out(place, f"{table.name}: {shown} is left out: an import adds, and takes nothing away")


def _add(reading: Reading, table: DraftClass, cursor: Cursor) -> None:
    if cursor.here is None:
        return
    place = reading.place(cursor.here)
    rest = cursor.rest
    if cursor.word == "CONSTRAINT" and len(rest) > 3 and rest[2].word == "DEFAULT":
        _named_default(reading, table, rest[3:])
        return
    if cursor.word == "GENERATED":
        return
    cursor.take("COLUMN")
    cursor.take("IF", "NOT", "EXISTS")
    parts = cursor.brackets()
    for part in parts if parts is not None else (cursor.rest,):
        if not part:
            reading.draft.not_understood(place, f"{table.name}: ADD without what is added")
            continue
        read_item(reading, table, part)


def _named_default(reading: Reading, table: DraftClass, tokens: Sequence[Token]) -> None:
    """T-SQL's `DEFAULT (1) FOR [column]`."""
    places = [index for index, token in enumerate(tokens) if token.word == "FOR"]
    column = table.column(tokens[places[-1] + 1].value) if places and places[-1] + 1 < len(tokens) else None
    if column is None:
        reading.draft.not_understood(reading.place(tokens[0]), f"{table.name}: this default is for no known column")
        return
    raw = reading.text.text[tokens[0].start : tokens[places[-1] - 1].end]
    node = parse_column(f"c INT DEFAULT {raw}", reading.dialect)
    if node is not None:
        set_default(reading, column, node.constraints[0].kind.this)


def _modify(reading: Reading, table: DraftClass, part: tuple[Token, ...]) -> None:
    """MySQL's MODIFY gives the whole column again."""
    if len(part) > 1 and part[1].word in ("SET", "DROP", "UNSET", "COMMENT"):
        _alter_column(reading, table, Cursor(part), reading.raw(part))
        return
    order = list(table.columns)
    before = table.columns.pop(part[0].value.casefold(), None) if part else None
    if before is None:
        if part:
            text = f"{table.name}: MODIFY names no column that was read before: {reading.raw(part)}"
            reading.draft.not_understood(reading.place(part[0]), text)
        return
    count = len(reading.draft.notes)
    read_item(reading, table, part)
    after = table.column(part[0].value)
    if after is None or not after.type_text:  # only a default or NOT NULL is said anew
        if after is not None:
            before.default, before.filled = after.default, after.filled
            before.required = before.required or after.required
        after = table.columns[before.name.casefold()] = before
    else:
        after.desc, after.values = after.desc or before.desc, after.values or before.values
    columns = dict(table.columns)
    table.columns.clear()
    table.columns.update({name: columns.pop(name) for name in order if name in columns} | columns)
    reading.draft.notes[count:] = [note for note in reading.draft.notes[count:] if "has no type" not in note.text]
    # What was told of the column as it stood first is not told again.
    told = {note.text for note in reading.draft.notes[:count]}
    reading.draft.notes[count:] = [note for note in reading.draft.notes[count:] if note.text not in told]


def _alter_column(reading: Reading, table: DraftClass, cursor: Cursor, shown: str) -> None:
    cursor.take("COLUMN")
    name = cursor.parts()
    column = table.column(name[-1]) if name else None
    place = reading.place(cursor.tokens[0])
    if column is None:
        reading.draft.left_out(place, f"{table.name}: {shown} is left out: it names no column that was read before")
    elif cursor.take("SET", "DEFAULT"):
        raw = reading.text.text[cursor.rest[0].start : cursor.rest[-1].end] if cursor.rest else ""
        node = parse_column(f"c INT DEFAULT {raw}", reading.dialect)
        if node is not None:
            set_default(reading, column, node.constraints[0].kind.this)
    elif cursor.take("SET", "NOT", "NULL"):
        column.required = True
    elif cursor.take("ADD", "GENERATED"):
        column.made = "identity"
    elif cursor.take("COMMENT"):
        column.desc = cursor.string() or column.desc
    elif cursor.take("SET", "OPTIONS") and (described := _described(cursor)) is not None:
        column.desc = described
    else:
        reading.draft.left_out(place, f"{table.name}: {shown} is left out")


def _described(cursor: Cursor) -> str | None:
    """The description among the options of BigQuery."""
    for part in cursor.brackets() or ():
        if part and part[0].word == "DESCRIPTION" and part[-1].kind == "string":
            return part[-1].value
    return None


def create_index(reading: Reading, statement: Statement, cursor: Cursor) -> None:
    """A unique index of columns is a key; every other one is only for speed."""
    place = reading.place(statement.tokens[0])
    words = cursor.skip("UNIQUE", "CLUSTERED", "NONCLUSTERED", "FULLTEXT", "SPATIAL", "BITMAP", "COLUMNSTORE",
                        "SEARCH", "VECTOR", "INDEX", "CONCURRENTLY")  # fmt: skip
    cursor.take("IF", "NOT", "EXISTS")
    name = "" if cursor.word == "ON" else ".".join(cursor.parts())
    if "UNIQUE" not in words:
        shown = f"the index {name}" if name else "an index"
        reading.draft.left_out(place, f"{shown} is left out: memreg makes its own")
        return
    while cursor.here is not None and cursor.word != "ON":
        cursor.at += 1
    cursor.take("ON")
    cursor.take("ONLY")
    space, table_name = cursor.name()
    table = reading.draft.find(space, table_name)
    if cursor.take("USING"):
        cursor.parts()
    parts = cursor.brackets()
    if table is None or not parts:
        reading.draft.left_out(place, f"the unique index {name} is left out: it is on no table that was read before it")
        return
    if any(token.word == "WHERE" for token in cursor.rest):
        text = f"{table.name}: the partial index {name} is left out: a key holds for all memories of a class"
        reading.draft.left_out(place, text)
        return
    folded = [_folded(part) for part in parts]
    names = names_in([found or part for found, part in zip(folded, parts, strict=True)])
    if names is None:
        reading.draft.left_out(place, f"{table.name}: the unique index {name} of an expression is left out")
        return
    for part_name, found in zip(names, folded, strict=True):
        column = table.column(part_name)
        if found is not None and column is not None and not column.normalize:
            column.normalize = (Normalizer("casefold"),)
            shown = f"the index {name}" if name else "its unique index"
            text = f"{table.name}.{part_name} is compared without regard to case, as in {shown}"
            reading.draft.changed(place, text)
    table.keys.append(DraftKey(names, place))


def _folded(part: Sequence[Token]) -> tuple[Token, ...] | None:
    """The column in `lower(column)` or `(lower(column::text))`."""
    tokens = list(part)
    while len(tokens) > 2 and tokens[0].value == "(" and tokens[-1].value == ")":
        tokens = tokens[1:-1]
    if len(tokens) < 4 or tokens[0].word not in ("LOWER", "UPPER") or tokens[1].value != "(" or tokens[-1].value != ")":
        return None
    inside = [token for token in tokens[2:-1] if token.value not in "()"]
    if len(inside) == 1 or (len(inside) > 1 and inside[1].value == ":"):
        return (inside[0],)
    return None


def comment_on(reading: Reading, statement: Statement) -> None:
    """COMMENT ON TABLE or COLUMN: a description."""
    cursor = Cursor(statement.tokens, 1)
    place = reading.place(statement.tokens[0])
    cursor.take("IF", "EXISTS")
    cursor.take("ON")
    what = cursor.word
    cursor.at += 1
    parts = cursor.parts()
    if cursor.take("IS"):
        text = cursor.string()
        if text is None:  # IS NULL takes a comment away
            return
        description = text
        table = None
        if what == "TABLE" and parts:
            table = reading.draft.find(parts[-2] if len(parts) > 1 else "", parts[-1])
            if table is not None:
                table.desc = description
                return
        if what == "COLUMN" and len(parts) > 1:
            table = reading.draft.find(parts[-3] if len(parts) > 2 else "", parts[-2])
            column = table.column(parts[-1]) if table is not None else None
            if column is not None:
                column.desc = description
                return
    shown = reading.raw(statement.tokens)
    reading.draft.left_out(place, f"{shown} is left out: it describes no table or column that was read before it")


def extended_property(reading: Reading, statement: Statement) -> bool:
    """T-SQL's sp_addextendedproperty with MS_Description: a description. False for another EXEC."""
    cursor = Cursor(statement.tokens, 1)
    called = cursor.parts()
    if not called or called[-1].lower() not in ("sp_addextendedproperty", "sp_updateextendedproperty"):
        return False
    order = ("name", "value", "level0type", "level0name", "level1type", "level1name", "level2type", "level2name")
    found: dict[str, str] = {}
    for index, part in enumerate(split(cursor.rest)):
        values = [token for token in part if token.kind != "sign" or token.value not in "=@"]
        if not values:
            continue
        named = len(values) > 1
        key = values[0].value.lstrip("@").lower() if named else (order[index] if index < len(order) else "")
        found[key] = values[-1].value
    table = reading.draft.find(found.get("level0name", ""), found.get("level1name", ""))
    if found.get("name", "").lower() != "ms_description" or table is None:
        place = reading.place(statement.tokens[0])
        why = "it describes no table of the file" if table is None else "only MS_Description is a description"
        reading.draft.left_out(place, f"{reading.raw(statement.tokens)} is left out: {why}")
        return True
    description = found.get("value", "")
    if "level2name" not in found:
        table.desc = description
    elif (column := table.column(found["level2name"])) is not None:
        column.desc = description
    return True


def create_type(reading: Reading, statement: Statement, cursor: Cursor) -> None:
    """CREATE TYPE ... AS ENUM and CREATE DOMAIN: types that columns of the file have."""
    place = reading.place(statement.tokens[0])
    word = cursor.word
    cursor.at += 1
    name = cursor.parts()
    last = name[-1] if name else ""
    if word == "TYPE" and cursor.take("AS", "ENUM"):
        values = tuple(token.value for part in cursor.brackets() or () for token in part if token.kind == "string")
        reading.domains[last.casefold()] = Domain(values=values)
        return
    cursor.take("AS") or cursor.take("FROM")
    cursor.take("OBJECT")
    if (parts := cursor.brackets()) is not None:
        nodes = [parse_column(_text_of(reading, part), reading.dialect) for part in parts if part]
        fields = tuple(each for each in nodes if each is not None)
        if fields and len(fields) == len(nodes):
            reading.domains[last.casefold()] = Domain(base=FoundType(None, fields=fields))
            return
    raw = reading.text.text[cursor.rest[0].start : cursor.rest[-1].end] if cursor.rest else ""
    node = parse_column(f"value {raw}", reading.dialect) if raw else None
    if node is None or node.args.get("kind") is None:
        reading.draft.left_out(place, f"the type {last} is left out: only enums and types with a condition are read")
        return
    structure = type_of(node.args["kind"], reading.dialect, reading.domains)
    if structure.fields:
        reading.domains[last.casefold()] = Domain(base=structure)
        return
    holder = DraftClass(last, place)
    column = column_of(reading, holder, node, place)
    if column is None or column.dtype is None:
        return
    found = FoundType(column.dtype, wide=column.wide, values=column.values, normalize=column.normalize)
    reading.domains[last.casefold()] = Domain(base=replace(found))


def _text_of(reading: Reading, tokens: Sequence[Token]) -> str:
    return reading.text.text[tokens[0].start : tokens[-1].end]
