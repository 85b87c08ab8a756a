"""A schema as SQL DDL of a dialect, made by sqlglot, and what of the schema that DDL cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from memreg.registry.exchange.sql_losses import losses
from memreg.registry.exchange.sql_types import INTERNAL_NUMBER_AS_BOOLEAN, list_type, scalar_type, surrogate_type
from memreg.registry.models import ClassSpec, Column, Kind, OnDelete, SchemaSpec

_ACTIONS = {OnDelete.CASCADE: "CASCADE", OnDelete.CLEAR: "SET NULL", OnDelete.REFUSE: "RESTRICT"}
_COMMENT_ON = frozenset({"postgres", "oracle", "snowflake", "duckdb"})


@dataclass(frozen=True, slots=True)
class ExportedSql:
    """DDL, and a sentence for each thing that it does not say."""

    text: str
    lost: tuple[str, ...]


def sql_ddl(spec: SchemaSpec, dialect: str = "postgres") -> ExportedSql:
    """The schema as DDL: a table for each class, a surrogate key in each, UNIQUE for its strong keys.

    References become foreign keys (those to a table further down by ALTER TABLE), enums lists of allowed values,
    descriptions comments. `read_ddl` reads it to the same schema, but for what `lost` names.
    """
    writer = _Writer(spec, dialect)
    statements = [writer.table(each) for each in spec.classes]
    for each in spec.classes:
        statements.extend(writer.late_references(each))
    for each in spec.classes:
        statements.extend(writer.comments(each))
    head = f"-- memreg: schema {spec.name}, compatibility {spec.compatibility}\n\n"
    return ExportedSql(head + "\n\n".join(statements) + "\n", losses(spec, dialect))


class _Writer:
    def __init__(self, spec: SchemaSpec, dialect: str) -> None:
        self.spec = spec
        self.dialect = dialect
        self.made: set[str] = set()
        self.keys = {each.name: _own_key(each) for each in spec.classes}

    def table(self, spec: ClassSpec) -> str:
        self.made.add(spec.name)
        parts: list[exp.Expression] = [self._surrogate(spec)]
        parts.extend(self._column(column) for column in spec.columns)
        for key in spec.declared.identity if spec.declared else ():
            if key.strength == "strong" and self.dialect != "bigquery":
                columns = [_name(column) for column in key.columns]
                parts.append(exp.UniqueColumnConstraint(this=exp.Schema(expressions=columns)))
        if self.dialect == "bigquery":
            parts.append(exp.PrimaryKey(expressions=[_name(self.keys[spec.name])], options=["NOT ENFORCED"]))
        parts.extend(self._foreign_key(column) for column in self._references(spec) if self._can_refer(column))
        properties: list[exp.Expression] = []
        if spec.description and self.dialect == "mysql":
            properties.append(exp.SchemaCommentProperty(this=exp.Literal.string(spec.description)))
        if spec.description and self.dialect == "bigquery":
            properties.append(
                exp.Property(this=exp.Var(this="description"), value=exp.Literal.string(spec.description))
            )
        create = exp.Create(
            this=exp.Schema(this=exp.Table(this=_name(spec.name)), expressions=parts),
            kind="TABLE",
            properties=exp.Properties(expressions=properties) if properties else None,
        )
        text = create.sql(dialect=self.dialect, pretty=True)
        if self.dialect == "sqlite":
            text = _with_line_comments(text, spec)
        return f"{text};"

    def late_references(self, spec: ClassSpec) -> Iterator[str]:
        """Foreign keys to tables that are made later than the one that refers."""
        order = [each.name for each in self.spec.classes]
        for column in self._references(spec):
            if self.dialect not in ("sqlite", "duckdb") and order.index(column.dtype.target or "") > order.index(
                spec.name
            ):
                alter = exp.Alter(
                    this=exp.Table(this=_name(spec.name)),
                    kind="TABLE",
                    actions=[exp.AddConstraint(expressions=[self._foreign_key(column)])],
                )
                yield f"{alter.sql(dialect=self.dialect)};"

    def comments(self, spec: ClassSpec) -> Iterator[str]:
        """Descriptions, where the dialect has statements for them."""
        if self.dialect in _COMMENT_ON:
            table = exp.Table(this=_name(spec.name))
            if spec.description:
                yield self._comment("TABLE", table, spec.description)
            for column in spec.columns:
                if column.desc:
                    place = exp.Column(this=_name(column.name), table=_name(spec.name))
                    yield self._comment("COLUMN", place, column.desc)
        if self.dialect == "tsql":
            if spec.description:
                yield self._property(spec.name, None, spec.description)
            for column in spec.columns:
                if column.desc:
                    yield self._property(spec.name, column.name, column.desc)

    def _comment(self, kind: str, place: exp.Expression, text: str) -> str:
        node = exp.Comment(this=place, kind=kind, expression=exp.Literal.string(text))
        return f"{node.sql(dialect=self.dialect)};"

    def _property(self, table: str, column: str | None, text: str) -> str:
        """T-SQL's description of a table or a column."""
        given = [("name", "MS_Description"), ("value", text), ("level0type", "SCHEMA"), ("level0name", "dbo"),
                 ("level1type", "TABLE"), ("level1name", table)]  # fmt: skip
        if column is not None:
            given += [("level2type", "COLUMN"), ("level2name", column)]
        values = ", ".join(f"@{name} = {exp.National(this=value).sql('tsql')}" for name, value in given)
        return f"EXEC sys.sp_addextendedproperty {values};"

    def _surrogate(self, spec: ClassSpec) -> exp.ColumnDef:
        constraints: list[exp.Expression] = [exp.NotNullColumnConstraint()]
        if self.dialect != "bigquery":
            constraints.append(exp.PrimaryKeyColumnConstraint())
        return exp.ColumnDef(
            this=_name(self.keys[spec.name]),
            kind=surrogate_type(self.dialect),
            constraints=[exp.ColumnConstraint(kind=each) for each in constraints],
        )

    def _column(self, column: Column) -> exp.ColumnDef:
        constraints: list[exp.Expression] = []
        if column.required:
            constraints.append(exp.NotNullColumnConstraint())
        if column.default is not None and (default := self._default(column)) is not None:
            constraints.insert(0, exp.DefaultColumnConstraint(this=default))
        if (check := self._check(column)) is not None:
            constraints.append(exp.CheckColumnConstraint(this=check))
        if column.desc and self.dialect == "mysql":
            constraints.append(exp.CommentColumnConstraint(this=exp.Literal.string(column.desc)))
        if column.desc and self.dialect == "bigquery":
            described = exp.Property(this=exp.Var(this="description"), value=exp.Literal.string(column.desc))
            constraints.append(exp.Properties(expressions=[described]))
        kind = list_type(column, self.dialect) if column.dtype.is_list else scalar_type(column, self.dialect)
        return exp.ColumnDef(
            this=_name(column.name),
            kind=kind,
            constraints=[exp.ColumnConstraint(kind=each) for each in constraints],
        )

    def _check(self, column: Column) -> exp.Expression | None:
        if column.dtype.is_list or self.dialect == "bigquery":
            return None
        if column.dtype.kind is Kind.BOOLEAN and self.dialect in INTERNAL_NUMBER_AS_BOOLEAN:
            return exp.In(this=exp.Column(this=_name(column.name)), expressions=[_number(0), _number(1)])
        if column.dtype.kind is not Kind.ENUM or self.dialect == "mysql":
            return None
        values = [exp.Literal.string(value) for value in column.values]
        return exp.In(this=exp.Column(this=_name(column.name)), expressions=values)

    def _default(self, column: Column) -> exp.Expression | None:
        value: Any = column.default
        if column.dtype.is_list or (column.dtype.kind is Kind.TEXT and self.dialect == "mysql"):
            return None
        if isinstance(value, bool):
            if self.dialect in ("postgres", "snowflake", "bigquery", "duckdb"):
                return exp.Boolean(this=value)
            return _number(int(value))
        if isinstance(value, int | float):
            return _number(value)
        return exp.Literal.string(str(value))

    def _references(self, spec: ClassSpec) -> list[Column]:
        return [column for column in spec.columns if column.dtype.kind is Kind.REF and not column.dtype.is_list]

    def _can_refer(self, column: Column) -> bool:
        """Whether the table that is referred to is there already, or need not be."""
        return column.dtype.target in self.made or self.dialect == "sqlite"

    def _foreign_key(self, column: Column) -> exp.ForeignKey:
        target = column.dtype.target or ""
        options: list[str] = []
        if column.on_delete in _ACTIONS and self.dialect not in ("bigquery", "duckdb"):
            action = _ACTIONS[column.on_delete]
            if action == "RESTRICT" and self.dialect == "tsql":
                action = "NO ACTION"
            if not (action == "RESTRICT" and self.dialect == "oracle"):
                options.append(f"ON DELETE {action}")
        if self.dialect == "bigquery":
            options.append("NOT ENFORCED")
        other = exp.Schema(this=exp.Table(this=_name(target)), expressions=[_name(self.keys[target])])
        return exp.ForeignKey(
            expressions=[_name(column.name)],
            reference=exp.Reference(this=other, options=[exp.Var(this=each) for each in options]),
        )


def _own_key(spec: ClassSpec) -> str:
    """The name of a table's surrogate key, which no column has."""
    taken = {column.name.casefold() for column in spec.columns}
    name = "memory_id"
    while name in taken:
        name = f"own_{name}"
    return name


def _name(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=True)


def _number(value: float) -> exp.Expression:
    text = repr(abs(value)) if isinstance(value, float) else str(abs(value))
    literal = exp.Literal.number(text)
    return exp.Neg(this=literal) if value < 0 else literal


def _with_line_comments(text: str, spec: ClassSpec) -> str:
    """SQLite keeps the text of a CREATE TABLE, and has no other place for a description."""
    lines = text.split("\n")
    for column in spec.columns:
        start = f"  {_name(column.name).sql('sqlite')} "
        described = " ".join(column.desc.split())
        for index, line in enumerate(lines):
            if described and line.startswith(start):
                lines[index] = f"{line} -- {described}"
                break
    if spec.description:
        lines.insert(0, f"-- {' '.join(spec.description.split())}")
    return "\n".join(lines)
