"""Values and conditions in DDL: what a default is, and which values a CHECK allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlglot import exp

NO_VALUE = object()
"""A default that is computed, and so no value."""

_WRAPS = (exp.Paren, exp.Cast, exp.TryCast)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The values that a condition allows in a column."""

    column: str
    values: tuple[Any, ...]


def value_of(node: exp.Expr | None) -> Any:
    """The Python value of a literal: a string, a number, a boolean, a list of such or None; else NO_VALUE."""
    node = _bare(node)
    match node:
        case exp.Literal():
            return node.this if node.is_string else _number(node.this)
        case exp.National() | exp.RawString():
            return str(node.this)
        case exp.ByteString() if "\\" not in str(node.this):  # E'...' of Postgres; not all escapes are read by sqlglot
            return str(node.this)
        case exp.BitString():
            return _number(str(node.this))
        case exp.Boolean():
            return bool(node.this)
        case exp.Null():
            return None
        case exp.Neg():
            inner = value_of(node.this)
            return -inner if isinstance(inner, int | float) and not isinstance(inner, bool) else NO_VALUE
        case exp.Array() | exp.List() | exp.Tuple():
            items = [value_of(each) for each in node.expressions]
            return NO_VALUE if NO_VALUE in items else items
        case exp.Column() if node.name.upper() in ("TRUE", "FALSE"):
            return node.name.upper() == "TRUE"
    return NO_VALUE


def allowed_by(condition: exp.Expr | None) -> tuple[list[Allowed], list[exp.Expr]]:
    """The lists of allowed values in a condition, and the parts of it that are none."""
    found: list[Allowed] = []
    rest: list[exp.Expr] = []
    for part in _parts(condition):
        allowed = _allowed(part)
        if allowed is not None:
            found.append(allowed)
        elif not _says_present(part):
            rest.append(part)
    return found, rest


def _parts(node: exp.Expr | None) -> list[exp.Expr]:
    node = _bare(node)
    if isinstance(node, exp.And):
        return [*_parts(node.left), *_parts(node.right)]
    return [node] if node is not None else []


def _allowed(node: exp.Expr | None) -> Allowed | None:
    node = _bare(node)
    match node:
        case exp.In() if node.expressions:
            return _values(node.this, [value_of(each) for each in node.expressions])
        case exp.EQ() if isinstance(node.expression, exp.Any):
            listed = value_of(node.expression.this)
            return _values(node.this, listed) if isinstance(listed, list) else None
        case exp.EQ():
            return _values(node.this, [value_of(node.expression)])
        case exp.Or():
            return _either(node)
    return None


def _either(node: exp.Or) -> Allowed | None:
    sides = [side for side in (node.left, node.right) if not _is_null(side)]
    found = [_allowed(side) for side in sides]
    first = found[0] if found else None
    if first is None or any(each is None or each.column != first.column for each in found):
        return None
    return Allowed(first.column, tuple(value for each in found if each for value in each.values))


def _values(column: exp.Expr, values: list[Any]) -> Allowed | None:
    bare = _bare(column)
    if not isinstance(bare, exp.Column | exp.Identifier) or not values:
        return None
    if not all(isinstance(value, str | int) for value in values):
        return None
    return Allowed(bare.name.casefold(), tuple(values))


def _is_null(node: exp.Expr) -> bool:
    bare = _bare(node)
    return isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null)


def _says_present(node: exp.Expr) -> bool:
    return isinstance(node, exp.Boolean)


def _bare(node: exp.Expr | None) -> exp.Expr | None:
    while isinstance(node, _WRAPS):
        node = node.this
    return node


def _number(text: str) -> int | float | object:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return NO_VALUE
