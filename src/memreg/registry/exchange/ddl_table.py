"""CREATE TABLE: its columns and constraints into a draft class, each thing that is not carried over into a note."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from memreg.registry.exchange.cursor import Cursor, names_in
from memreg.registry.exchange.ddl_comments import Comments
from memreg.registry.exchange.ddl_item import parse_condition, read_column
from memreg.registry.exchange.ddl_types import Domain, type_of
from memreg.registry.exchange.ddl_values import NO_VALUE, Allowed, allowed_by, value_of
from memreg.registry.exchange.draft import Draft, DraftClass, DraftColumn, DraftKey, DraftRef
from memreg.registry.exchange.lexer import Text, Token
from memreg.registry.models import Dtype, Kind, OnDelete
from memreg.registry.yaml_tree import Place

ON_DELETE = {
    "CASCADE": OnDelete.CASCADE,
    "SET NULL": OnDelete.CLEAR,
    "RESTRICT": OnDelete.REFUSE,
    "NO ACTION": OnDelete.REFUSE,
}
_INDEX_WORDS = {"mysql": ("KEY", "INDEX", "FULLTEXT", "SPATIAL"), "tsql": ("INDEX",)}
_ACTION = re.compile(r"ON\s+DELETE\s+(CASCADE|SET\s+NULL|SET\s+DEFAULT|RESTRICT|NO\s+ACTION)", re.IGNORECASE)
_MAKES = re.compile(
    r"nextval|next\s+value|gen_random_uuid|uuid_generate|newid|newsequentialid|generate_uuid|uuid_string|uuid\s*\(|sys_guid|"
    r"randomblob",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Reading:
    """What is known while a file of DDL is read."""

    text: Text
    dialect: str
    draft: Draft = field(default_factory=Draft)
    domains: dict[str, Domain] = field(default_factory=dict)

    def place(self, token: Token) -> Place:
        """Line and column of a token."""
        return self.text.place(token.start)

    def raw(self, tokens: Sequence[Token]) -> str:
        """The text of tokens, in one line of at most 80 characters."""
        if not tokens:
            return ""
        text = " ".join(self.text.text[tokens[0].start : tokens[-1].end].split())
        return text if len(text) <= 80 else f"{text[:79]}…"


def read_items(
    reading: Reading, table: DraftClass, items: Sequence[Sequence[Token]], comments: Comments | None = None
) -> None:
    """Everything between the brackets of a CREATE TABLE, or behind an ALTER TABLE ... ADD."""
    for item in items:
        if item:
            read_item(reading, table, tuple(item), comments)


def read_item(reading: Reading, table: DraftClass, item: tuple[Token, ...], comments: Comments | None = None) -> None:
    """One column or one constraint."""
    cursor = Cursor(item)
    place = reading.place(item[0])
    if cursor.take("CONSTRAINT") and cursor.word not in ("PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE", "NOT"):
        cursor.parts()
    word = cursor.word
    following = item[cursor.at + 1] if cursor.at + 1 < len(item) else None
    next_word = following.word if following else ""
    opens = following is not None and following.value == "("
    if word == "PRIMARY" and next_word == "KEY":
        _key(reading, table, cursor, place, primary=True)
    elif word == "UNIQUE" and (opens or next_word in ("KEY", "INDEX", "CLUSTERED", "NONCLUSTERED", "NULLS", "")):
        _key(reading, table, cursor, place, primary=False)
    elif word == "FOREIGN" and next_word == "KEY":
        _foreign_key(reading, table, cursor, place)
    elif word == "CHECK" and opens:
        cursor.at += 1
        _check(reading, table, cursor, place)
    elif word in _INDEX_WORDS.get(reading.dialect, ()) and following is not None and not _is_column(cursor):
        reading.draft.left_out(place, f"{table.name}: an index ({reading.raw(item)}) is left out: memreg makes its own")
    elif word == "EXCLUDE" and next_word in ("USING", "") and len(item) > 2:
        reading.draft.left_out(place, f"{table.name}: an exclusion constraint ({reading.raw(item)}) is left out")
    elif word == "LIKE" and reading.dialect in ("postgres", "snowflake", "duckdb") and following and following.is_name:
        reading.draft.left_out(place, f"{table.name}: the columns of another table ({reading.raw(item)}) are left out")
    elif word in ("PERIOD", "SUPPLEMENTAL") and next_word in ("FOR", "LOG"):
        reading.draft.left_out(place, f"{table.name}: {reading.raw(item)} is left out: every revision is kept anyway")
    else:
        _column(reading, table, item, comments)


def _is_column(cursor: Cursor) -> bool:
    """Whether `key`, `index` and such are here the name of a column: a type and not a list in brackets follows."""
    rest = cursor.rest
    return len(rest) == 2 or not any(token.value == "(" for token in rest) or rest[1].word in _TYPES_AFTER_A_NAME


_TYPES_AFTER_A_NAME = frozenset({"VARCHAR", "NVARCHAR", "CHAR", "NCHAR", "INT", "DECIMAL", "NUMERIC", "ENUM"})


def _key(reading: Reading, table: DraftClass, cursor: Cursor, place: Place, *, primary: bool) -> None:
    while cursor.here is not None and cursor.here.value != "(":
        cursor.at += 1
    parts = cursor.brackets()
    names = names_in(parts) if parts else None
    if not names:
        reading.draft.left_out(place, f"{table.name}: the key {reading.raw(cursor.tokens)} is not one of columns")
        return
    table.keys.append(DraftKey(names, place, primary))


def _foreign_key(reading: Reading, table: DraftClass, cursor: Cursor, place: Place) -> None:
    cursor.take("FOREIGN", "KEY")
    if cursor.here is not None and cursor.here.value != "(":
        cursor.parts()
    own = names_in(cursor.brackets() or ())
    if not own or not cursor.take("REFERENCES"):
        reading.draft.not_understood(place, f"{table.name}: {reading.raw(cursor.tokens)} names no columns")
        return
    target = cursor.name()
    other = names_in(cursor.brackets() or ()) or ()
    action = _ACTION.search(reading.text.text[cursor.tokens[0].start : cursor.tokens[-1].end])
    table.refs.append(DraftRef(own, target, other, place, _action(reading, table, place, action)))


def _action(reading: Reading, table: DraftClass, place: Place, found: re.Match[str] | None) -> OnDelete | None:
    if found is None:
        return None
    word = " ".join(found[1].upper().split())
    if word not in ON_DELETE:
        reading.draft.left_out(place, f"{table.name}: ON DELETE {word} is left out: a reference is kept, cleared, "
                                      "refused or followed")  # fmt: skip
    return ON_DELETE.get(word)


def _check(reading: Reading, table: DraftClass, cursor: Cursor, place: Place) -> None:
    end = cursor.closing()
    inside = cursor.tokens[cursor.at + 1 : end] if end is not None else ()
    shown = f"CHECK ({reading.raw(inside)})"
    condition = None
    if inside:
        condition = parse_condition(reading.text.text[inside[0].start : inside[-1].end], reading.dialect)
    if condition is None:
        reading.draft.not_understood(place, f"{table.name}: {shown} cannot be read as a condition")
        return
    allowed, rest = allowed_by(condition)
    unknown = [each for each in allowed if table.column(each.column) is None]
    for each in allowed:
        column = table.column(each.column)
        if column is not None and not _allow(column, each):
            unknown.append(each)
    if rest or unknown:
        _check_left_out(reading, table.name, place, shown)


def _check_left_out(reading: Reading, where: str, place: Place, shown: str) -> None:
    reading.draft.left_out(place, f"{where}: the condition {shown} is left out: only lists of values become enums")


def _allow(column: DraftColumn, allowed: Allowed) -> bool:
    """Makes an enum (or a boolean) of a column by the values that it may have; False where neither fits."""
    if column.dtype is None or column.dtype.is_list:
        return False
    if column.dtype.kind in (Kind.STRING, Kind.TEXT, Kind.ENUM) and all(isinstance(v, str) for v in allowed.values):
        known = column.values if column.dtype.kind is Kind.ENUM else ()
        values = tuple(str(value) for value in allowed.values)
        column.values = tuple(value for value in known if value in values) if known else values
        column.dtype, column.wide = Dtype(Kind.ENUM), False
        return True
    if column.dtype.kind is Kind.INTEGER and set(allowed.values) == {0, 1}:
        column.dtype = Dtype(Kind.BOOLEAN)
        return True
    return column.dtype.kind is Kind.BOOLEAN and set(allowed.values) <= {0, 1}


def _column(reading: Reading, table: DraftClass, item: tuple[Token, ...], comments: Comments | None) -> None:
    place = reading.place(item[0])
    read = read_column(reading.text.text, item, reading.dialect)
    if read.node is None:
        shown = reading.raw(item)
        reading.draft.not_understood(place, f"{table.name}: {shown!r} is no column or constraint of {reading.dialect}")
        return
    column = column_of(reading, table, read.node, place)
    if column is None:
        return
    for words in read.vendor:
        if words.upper().startswith("MASKED"):
            _is_personal(reading, table, column, words)
            continue
        reading.draft.left_out(place, f"{table.name}.{column.name}: {words} is left out")
    for words in read.unread:
        where = f"{table.name}.{column.name}"
        reading.draft.not_understood(place, f"{where}: {words!r} is not understood as {reading.dialect} and left out")
    if not column.desc and comments is not None:
        column.desc = comments.of(item)
    if table.column(column.name) is not None:
        reading.draft.not_understood(place, f"{table.name} has the column {column.name} twice: the first is kept")
        return
    table.columns[column.name.casefold()] = column


def column_of(reading: Reading, table: DraftClass, node: exp.ColumnDef, place: Place) -> DraftColumn | None:
    """A column with its constraints; None (noted) for one that is computed."""
    column = DraftColumn(node.name, place)
    where = f"{table.name}.{column.name}"
    constraints = [each.args.get("kind", each) for each in node.args.get("constraints") or ()]
    if any(_is_computed(each) for each in constraints):
        reading.draft.left_out(place, f"{where} is computed from other columns: left out")
        return None
    if any(isinstance(each, exp.GeneratedAsRowColumnConstraint) for each in constraints):
        reading.draft.left_out(place, f"{where} is the time of a row's version: left out, every revision has its own")
        return None
    _type(reading, table, column, node.args.get("kind"))
    for each in constraints:
        _constraint(reading, table, column, each)
    return column


def _is_computed(node: exp.Expr) -> bool:
    # Without STORED or VIRTUAL, sqlglot takes `GENERATED ALWAYS AS (...)` for an identity.
    is_identity = isinstance(node, exp.GeneratedAsIdentityColumnConstraint)
    return isinstance(node, exp.ComputedColumnConstraint) or (is_identity and node.args.get("expression") is not None)


def _type(reading: Reading, table: DraftClass, column: DraftColumn, kind: exp.Expression | None) -> None:
    where = f"{table.name}.{column.name}"
    if kind is None:
        column.dtype, column.wide = Dtype(Kind.STRING), True
        reading.draft.changed(column.place, f"{where} has no type: it is a string")
        return
    column.type_text = kind.sql(reading.dialect)
    found = type_of(kind, reading.dialect, reading.domains)
    column.wide, column.values, column.normalize, column.made = found.wide, found.values, found.normalize, found.made
    column.dtype = found.dtype
    if found.fields:
        _structure(reading, table, column, found.fields, is_list=found.dtype is not None)
    elif found.dtype is None:
        reading.draft.left_out(column.place, f"{where} ({column.type_text}) is left out: {found.lost}")
    elif found.lost:
        reading.draft.changed(column.place, f"{where} ({column.type_text}) is {_named(found.dtype)}: {found.lost}")


def _structure(
    reading: Reading, table: DraftClass, column: DraftColumn, fields: Sequence[exp.ColumnDef], *, is_list: bool
) -> None:
    """A STRUCT becomes a class of its own, which the column refers to."""
    inner = DraftClass(f"{table.name}_{column.name}", column.place, table.space)
    for each in fields:
        made = column_of(reading, inner, each, column.place)
        if made is not None:
            inner.columns[made.name.casefold()] = made
    reading.draft.classes.append(inner)
    column.dtype = Dtype(Kind.REF, is_list=is_list)
    table.refs.append(DraftRef((column.name,), (inner.space, inner.name), (), column.place))
    what = "each item of its list" if is_list else "its structure"
    text = f"{table.name}.{column.name}: {what} is a class of its own, {inner.name}, which it refers to"
    reading.draft.changed(column.place, text)


def _constraint(reading: Reading, table: DraftClass, column: DraftColumn, node: exp.Expression) -> None:
    where = f"{table.name}.{column.name}"
    match node:
        case exp.NotNullColumnConstraint():
            column.required = not node.args.get("allow_null")
        case exp.PrimaryKeyColumnConstraint():
            table.keys.append(DraftKey((column.name,), column.place, primary=True))
        case exp.UniqueColumnConstraint():
            table.keys.append(DraftKey((column.name,), column.place))
        case exp.GeneratedAsIdentityColumnConstraint() | exp.AutoIncrementColumnConstraint():
            column.made = "identity"
        case exp.DefaultColumnConstraint():
            set_default(reading, column, node.this)
        case exp.CommentColumnConstraint():
            column.desc = str(node.this.name)
        case exp.Properties():
            column.desc = description_in(node) or column.desc
            _options(reading, table, column, node)
        case exp.CheckColumnConstraint():
            allowed, rest = allowed_by(node.this)
            mine = [each for each in allowed if each.column in (column.name.casefold(), "value")]
            done = [each for each in mine if _allow(column, each)]
            if rest or len(done) < len(allowed):
                _check_left_out(reading, where, column.place, f"CHECK ({node.this.sql(reading.dialect)[:80]})")
        case exp.Reference():
            _reference(reading, table, column, node)
        case exp.ForeignKey() if isinstance(node.args.get("reference"), exp.Reference):
            _reference(reading, table, column, node.args["reference"])
        case exp.CollateColumnConstraint():
            text = f"{where}: the collation {node.this.sql(reading.dialect)} is left out: say it by normalize"
            reading.draft.left_out(column.place, text)
        case exp.MaskingPolicyColumnConstraint():
            _is_personal(reading, table, column, _shown(node, reading.dialect))
        case exp.CharacterSetColumnConstraint():
            reading.draft.left_out(column.place, f"{where}: its character set is left out: all text is Unicode")
        case exp.OnUpdateColumnConstraint() | exp.ClusteredColumnConstraint() | exp.NonClusteredColumnConstraint():
            reading.draft.left_out(column.place, f"{where}: {node.sql(reading.dialect)} is left out")
        case _:
            reading.draft.left_out(column.place, f"{where}: {_shown(node, reading.dialect)} is left out")


def _is_personal(reading: Reading, table: DraftClass, column: DraftColumn, words: str) -> None:
    """What is masked for those who look at the table is personal."""
    column.extra["pii"] = True
    reading.draft.changed(column.place, f"{table.name}.{column.name} is pii, as not everybody may see it ({words})")


def set_default(reading: Reading, column: DraftColumn, node: exp.Expression | None) -> None:
    """The default of a column: a value, something that makes keys, or something computed."""
    value = value_of(node)
    if value is not NO_VALUE:
        if value is not None:
            column.default = value
        return
    text = node.sql(reading.dialect) if node is not None else ""
    if _MAKES.search(text):
        column.made = text
    else:
        column.filled = text


def description_in(node: exp.Expression) -> str:
    """The description among the options of BigQuery."""
    for each in node.find_all(exp.Property):
        if each.name.lower() == "description":
            return str(each.args["value"].name)
    return ""


def _options(reading: Reading, table: DraftClass, column: DraftColumn, node: exp.Properties) -> None:
    """BigQuery's other options of a column: a policy says that it is personal, the rest is left out."""
    for each in node.expressions:
        name = each.name.lower()
        if name == "policy_tags":
            _is_personal(reading, table, column, "policy_tags")
        elif name != "description":
            reading.draft.left_out(column.place, f"{table.name}.{column.name}: its option {name} is left out")


def _reference(reading: Reading, table: DraftClass, column: DraftColumn, node: exp.Reference) -> None:
    target = node.find(exp.Table)
    if target is None:
        reading.draft.not_understood(column.place, f"{table.name}.{column.name}: its reference names no table")
        return
    columns = tuple(each.name for each in node.this.expressions) if isinstance(node.this, exp.Schema) else ()
    action = _ACTION.search(" ".join(str(option) for option in node.args.get("options") or ()))
    on_delete = _action(reading, table, column.place, action)
    table.refs.append(DraftRef((column.name,), (target.db, target.name), columns, column.place, on_delete))


def _named(dtype: Dtype) -> str:
    return f"a {dtype}"


def _shown(node: exp.Expression, dialect: str) -> str:
    try:
        return " ".join(node.sql(dialect).split())[:80]
    except (ValueError, NotImplementedError):
        return type(node).__name__
