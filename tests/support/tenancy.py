"""Whether an SQL statement stays with one tenant: every row that it reads or writes is of the tenant that is its
parameter, by an equality, or by a join to a row that is.

This is what a database that is distributed by tenant needs in order to send a statement to one shard. It is stricter
than being correct: a condition that only an outer query has, or that stands under `or`, pins nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from memreg.operations.distribution import FUNCTIONS, Kind, kind_of

TENANT = "tenant"
EVERYBODY = "*"
# What stands for the tenant within the functions of the database: an argument, the row of a trigger, the transaction's.
ANCHORS = frozenset({"of_tenant", "new.tenant", "old.tenant", "link.tenant", "erasing_tenant", "current_setting"})
_ASKS = re.compile(r"\b(from|join|into|update|using)\s+(only\s+)?memreg\.", re.IGNORECASE)


@dataclass
class Source:
    """Something that a query reads: a table, or a query whose columns are called otherwise."""

    name: str
    table: str | None = None
    pinned: bool = False
    columns: Collection[str] = ()
    """Of a query: its columns that hold the tenant."""


@dataclass
class Scope:
    """The sources of a query, within those of the queries around it."""

    sources: dict[str, Source] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, column: exp.Column) -> Source | None:
        """The source of a column that holds a tenant, None where no single one is meant."""
        if column.table:
            scope: Scope | None = self
            while scope is not None:
                if column.table in scope.sources:
                    return scope.sources[column.table]
                scope = scope.outer
            return None
        scope = self
        while scope is not None:
            having = [each for each in scope.sources.values() if each.table is not None or column.name in each.columns]
            if having:
                return having[0] if len(having) == 1 else None
            scope = scope.outer
        return None


def parsed(sql: str) -> exp.Expr:
    """A statement with psycopg's placeholders as a tree. Raises sqlglot's ParseError."""
    text = re.sub(r"%\((\w+)\)[sbt]", r":\1", sql).replace("%%", "%")
    return sqlglot.parse_one(text, dialect="postgres")


def faults(sql: str, *, anchors: Collection[str] = frozenset()) -> list[str]:
    """What in a statement is not of the one tenant of its parameter, a sentence each; empty where all is."""
    return Judge(anchors).judge(parsed(sql))


class Judge:
    """Looks through one statement. `anchors`: what else than `%(tenant)s` stands for the tenant."""

    def __init__(self, anchors: Collection[str] = frozenset()) -> None:
        self.anchors = anchors
        self.found: list[str] = []
        self._looked: set[int] = set()

    def judge(self, tree: exp.Expr) -> list[str]:
        self._statement(tree, None, {})
        for table in tree.find_all(exp.Table):
            if table.db == "memreg" and id(table) not in self._looked and not is_call(table):
                self._say(f"{table.name} stands where it is not looked at")
        return list(dict.fromkeys(self.found))

    def _say(self, fault: str) -> None:
        self.found.append(fault)

    # Statements

    def _statement(self, node: exp.Expr, outer: Scope | None, ctes: Mapping[str, Source]) -> frozenset[str]:
        """Look at a statement; the columns of its rows that hold the tenant."""
        while isinstance(node, exp.Subquery | exp.Paren) and isinstance(node.this, exp.Expr):
            node = node.this
        ctes = self._with(node, outer, ctes)
        if isinstance(node, exp.SetOperation):
            left = self._statement(node.this, outer, ctes)
            return left & self._statement(node.expression, outer, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, outer, ctes)
        if isinstance(node, exp.Update | exp.Delete):
            return self._change(node, outer, ctes)
        if isinstance(node, exp.Insert):
            return self._insert(node, outer, ctes)
        if isinstance(node, exp.Values | exp.Command | exp.Analyze):
            return frozenset()
        self._say(f"a {type(node).__name__.lower()} is not understood")
        return frozenset()

    def _with(self, node: exp.Expr, outer: Scope | None, ctes: Mapping[str, Source]) -> Mapping[str, Source]:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        known = dict(ctes)
        for cte in clause.expressions:
            name = cte.alias
            if clause.args.get("recursive"):
                known[name] = Source(name)
            columns = self._statement(cte.this, outer, known)
            known[name] = Source(name, columns=columns)
        return known

    def _select(self, node: exp.Select, outer: Scope | None, ctes: Mapping[str, Source]) -> frozenset[str]:
        scope = Scope(outer=outer)
        start = node.args.get("from_")
        joins = node.args.get("joins") or []
        places = [*([start.this] if start is not None else []), *(join.this for join in joins)]
        places += node.args.get("laterals") or []
        for place in places:
            if not isinstance(place, exp.Subquery | exp.Lateral):
                self._within(place.this if isinstance(place.this, exp.Expr) else None, Scope(outer=outer), ctes)
        conditions = [(part, None) for part in conjuncts(where_of(node))] + list(self._joined(joins))
        self._read(places, conditions, scope, ctes)
        for place in (*node.expressions, *self._rest(node), *(join.args.get("on") for join in joins)):
            self._within(place, scope, ctes)
        return frozenset(self._outputs(node, scope))

    def _rest(self, node: exp.Expr) -> Iterator[exp.Expr | None]:
        for name in ("where", "group", "having", "order", "limit", "offset", "qualify", "distinct"):
            yield node.args.get(name)

    def _joined(self, joins: Sequence[exp.Join]) -> Iterator[tuple[exp.Expr, str | None]]:
        """The conditions of joins, with the only source that each pins where the join is an outer one."""
        for join in joins:
            if join.side in ("RIGHT", "FULL"):
                continue
            only = join.this.alias_or_name if join.side == "LEFT" else None
            for part in conjuncts(join.args.get("on")):
                yield part, only
            for column in join.args.get("using") or []:
                if column.name == TENANT:
                    self._say("a join by `using (tenant)` is not understood: say `on`")

    def _change(self, node: exp.Update | exp.Delete, outer: Scope | None, ctes: Mapping[str, Source]) -> frozenset[str]:
        scope = Scope(outer=outer)
        target = node.this
        start = node.args.get("from_")
        places = [target, *(node.args.get("using") or []), *([start.this] if start is not None else [])]
        joins = [
            *(target.args.get("joins") or []),
            *((start.this.args.get("joins") or []) if start is not None else []),
        ]
        places += [join.this for join in joins]
        conditions = [(part, None) for part in conjuncts(where_of(node))] + list(self._joined(joins))
        self._read(places, conditions, scope, ctes)
        for assigned in node.expressions:
            if isinstance(assigned, exp.EQ) and column_name(assigned.this) == TENANT:
                self._say(f"the tenant of {target.name} is changed")
            self._within(assigned, scope, ctes)
        self._within(node.args.get("where"), scope, ctes)
        return self._returned(node, scope, ctes)

    def _insert(self, node: exp.Insert, outer: Scope | None, ctes: Mapping[str, Source]) -> frozenset[str]:
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        self._looked.add(id(target))
        scope = Scope(outer=outer)
        written = target.db == "memreg" and kind_of(target.name) is Kind.TENANT
        names = [each.name for each in node.this.expressions] if isinstance(node.this, exp.Schema) else []
        source = node.expression
        place = names.index(TENANT) if TENANT in names else None
        if written and place is None:
            self._say(f"rows of {target.name} are written without naming their tenant")
        columns = self._statement(source, outer, ctes)
        if written and place is not None and not self._writes_tenant(source, place, columns, outer):
            self._say(f"the tenant of what is written to {target.name} is not the parameter's")
        conflict = node.args.get("conflict")
        keys = [column_name(key) for key in (conflict.args.get("conflict_keys") or [])] if conflict is not None else []
        if written and keys and TENANT not in keys:
            self._say(f"what conflicts in {target.name} is told without the tenant")
        alias = target.alias_or_name
        scope.sources[alias] = Source(alias, target.name, pinned=True)
        if conflict is not None:
            for assigned in conflict.args.get("expressions") or []:
                self._within(assigned, scope, ctes)
        return self._returned(node, scope, ctes)

    def _writes_tenant(
        self,
        source: exp.Expr,
        place: int,
        columns: Collection[str],
        outer: Scope | None,
    ) -> bool:
        while isinstance(source, exp.Subquery):
            source = source.this
        if isinstance(source, exp.Values):
            rows = [row.expressions[place] for row in source.expressions]
            return all(self._is_anchor(value) or self._pins(value, outer) for value in rows)
        if isinstance(source, exp.Select) and place < len(source.expressions):
            value = source.expressions[place]
            return self._is_anchor(value.unalias()) or (value.alias_or_name in columns)
        return False

    def _returned(self, node: exp.Expr, scope: Scope, ctes: Mapping[str, Source]) -> frozenset[str]:
        clause = node.args.get("returning")
        if clause is None:
            return frozenset()
        self._within(clause, scope, ctes)
        return frozenset(self._outputs(clause, scope))

    # What a query reads

    def _read(
        self,
        places: Sequence[exp.Expr],
        conditions: Sequence[tuple[exp.Expr, str | None]],
        scope: Scope,
        ctes: Mapping[str, Source],
    ) -> None:
        nested: list[tuple[Source, exp.Expr]] = []
        for place in places:
            source = self._source(place, ctes)
            scope.sources[source.name] = source
            inner = place.this if isinstance(place, exp.Subquery | exp.Lateral) else None
            if isinstance(inner, exp.Expr):
                nested.append((source, inner))
        self._pin(conditions, scope)
        for source, inner in nested:
            if isinstance(inner, exp.Query | exp.Subquery):
                source.columns = self._statement(inner, scope, ctes)
            self._pin(conditions, scope)
        for source in scope.sources.values():
            if source.table is not None and kind_of(source.table) is Kind.TENANT and not source.pinned:
                self._say(f"{source.table} is read without an equality on its tenant")

    def _source(self, place: exp.Expr, ctes: Mapping[str, Source]) -> Source:
        name = place.alias_or_name
        if not isinstance(place, exp.Table) or is_call(place):
            return Source(name or f"unnamed {id(place)}")
        self._looked.add(id(place))
        if place.db == "memreg":
            return Source(name, place.name)
        if not place.db and place.name in ctes:
            return Source(name, columns=ctes[place.name].columns)
        return Source(name)

    def _pin(self, conditions: Sequence[tuple[exp.Expr, str | None]], scope: Scope) -> None:
        """Follow the equalities until nothing more is known to be of the tenant."""
        while True:
            before = [source.pinned for source in scope.sources.values()]
            for condition, only in conditions:
                for left, right in equalities(condition):
                    self._equal(left, right, only, scope)
                    self._equal(right, left, only, scope)
            if before == [source.pinned for source in scope.sources.values()]:
                return

    def _equal(self, one: exp.Expr, other: exp.Expr, only: str | None, scope: Scope) -> None:
        one = plain(one)
        if not isinstance(one, exp.Column) or one.name != TENANT:
            return
        source = scope.find(one)
        if source is None or source.name not in scope.sources or scope.sources[source.name] is not source:
            return  # of a query around this one, which this condition does not pin
        if only is not None and source.name != only:
            return
        if self._is_anchor(other) or self._pins(other, scope):
            source.pinned = True

    def _is_anchor(self, value: exp.Expr) -> bool:
        value = plain(value)
        if isinstance(value, exp.Placeholder):
            return value.name == TENANT
        if isinstance(value, exp.Literal):
            return value.is_string and value.name == EVERYBODY
        if isinstance(value, exp.Column):
            return value.sql("postgres").lower() in self.anchors
        if isinstance(value, exp.Anonymous | exp.Func):
            return value.name.lower() in self.anchors
        return False

    def _pins(self, value: exp.Expr, scope: Scope | None) -> bool:
        """Whether a value is the tenant of a row that is known to be the parameter's."""
        value = plain(value)
        if not isinstance(value, exp.Column) or scope is None:
            return False
        source = scope.find(value)
        return source is not None and (value.name in source.columns or (source.pinned and value.name == TENANT))

    def _outputs(self, node: exp.Expr, scope: Scope) -> Iterator[str]:
        for each in node.expressions:
            if isinstance(each, exp.Star) or (isinstance(each, exp.Column) and isinstance(each.this, exp.Star)):
                named = each.table if isinstance(each, exp.Column) else ""
                of = [scope.sources[named]] if named else list(scope.sources.values())
                for source in of:
                    yield from (TENANT,) if source.pinned else tuple(source.columns)
            elif self._is_anchor(each.unalias()) or self._pins(each.unalias(), scope):
                yield each.alias_or_name

    # What stands in expressions

    def _within(self, place: exp.Expr | None, scope: Scope, ctes: Mapping[str, Source]) -> None:
        """Look at the queries and the calls in an expression."""
        if place is None:
            return
        if isinstance(place, exp.Query):
            self._statement(place, scope, ctes)
            return
        if isinstance(place, exp.Anonymous):
            self._call(place, scope)
        if isinstance(place, exp.Format):
            self._told(place)
            return
        if isinstance(place, exp.Literal | exp.RawString) and _ASKS.search(place.name):
            self._say("a statement in a string is not looked at")
        for child in place.iter_expressions():
            self._within(child, scope, ctes)

    def _call(self, call: exp.Anonymous, scope: Scope) -> None:
        if not FUNCTIONS.get(call.name.lower()):
            return
        first = call.expressions[0] if call.expressions else None
        if first is None or not (self._is_anchor(first) or self._pins(first, scope)):
            self._say(f"{call.name} is called without the tenant")

    def _told(self, call: exp.Format) -> None:
        """A statement that is made by `format`, whose `%L` are values."""
        text, values = call.this.name, [plain(value) for value in call.expressions]
        if not _ASKS.search(text):
            return
        pieces = text.split("%L")
        if len(pieces) != len(values) + 1 or not all(isinstance(value, exp.Placeholder) for value in values):
            self._say("a statement that is made by `format` is not understood")
            return
        whole = "".join(f"{piece}%({value.name})s" for piece, value in zip(pieces, values, strict=False)) + pieces[-1]
        self.found += Judge(self.anchors).judge(parsed(whole))


# Parts of a tree


def is_call(table: exp.Table) -> bool:
    """Whether it is a function that gives rows."""
    return not isinstance(table.this, exp.Identifier)


def joins_of(node: exp.Expr) -> list[exp.Join]:
    """What is joined to a table."""
    return node.args.get("joins") or []


def where_of(node: exp.Expr) -> exp.Expr | None:
    """The condition of a statement."""
    clause = node.args.get("where")
    return clause.this if clause is not None else None


def conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """What all has to hold."""
    if condition is None:
        return
    if isinstance(condition, exp.And):
        yield from conjuncts(condition.this)
        yield from conjuncts(condition.expression)
    elif isinstance(condition, exp.Paren):
        yield from conjuncts(condition.this)
    else:
        yield condition


def equalities(condition: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """The pairs that a condition says to be equal, of rows as well."""
    if not isinstance(condition, exp.EQ):
        return
    left, right = condition.this, condition.expression
    if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple) and len(left.expressions) == len(right.expressions):
        yield from zip(left.expressions, right.expressions, strict=True)
    else:
        yield left, right


def plain(value: exp.Expr) -> exp.Expr:
    """A value without its type, its collation, and a query around it that only gives it."""
    while True:
        if isinstance(value, exp.Cast | exp.Paren | exp.Collate):
            value = value.this
        elif isinstance(value, exp.Dot):
            value = value.expression
        elif (
            isinstance(value, exp.Subquery) and isinstance(value.this, exp.Select) and not value.this.args.get("from_")
        ):
            value = value.this.expressions[0]
        else:
            return value


def column_name(node: exp.Expr) -> str:
    """The column that is meant, also in an order of them."""
    inner = node.this if isinstance(node, exp.Ordered) else node
    return inner.name
