"""Normalisation of a value for its column: the dtype's coercion, then the column's normalizers. Pure and idempotent."""

from __future__ import annotations

from typing import Any, NamedTuple

from memreg.registry.coerce import STRING_LIMIT, Scalar, ValueRefused, check_length, check_text, coerce
from memreg.registry.models import Column
from memreg.registry.normalizers import NORMALIZERS

__all__ = ["LIST_LIMIT", "Normalized", "ValueRefused", "is_absent", "normalize"]

LIST_LIMIT = 1_000

# Normalizers can undo each other's work (NFKC after casefold gives new capitals): the chain runs until nothing changes.
_ROUNDS = 8


class Normalized(NamedTuple):
    """A value as it is stored (JSON-able), and what came in (a string, or a list's items) where that was other text."""

    value: Scalar | list[Scalar]
    original: Any = None


def is_absent(value: object) -> bool:
    """Whether the value says nothing: null, an empty or blank string, an empty list or one of such."""
    if type(value) is str:  # most are
        return not value.strip()
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(item is None or (isinstance(item, str) and not item.strip()) for item in value)
    return value is None or (isinstance(value, str) and not value.strip())


def normalize(column: Column, value: object) -> Normalized:
    """The value in the form that the column stores.

    Any JSON value may come in, and Python's dates, UUIDs and enums. A list column takes a single value as a list of one
    and drops nulls and duplicates. Normalising the result again gives the same result.
    Raises ValueRefused, with a reason that names neither the column nor (for a `pii` column) the value.
    """
    if column.dtype.is_list:
        return _list(column, value)
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    result = _one(column, value)
    return Normalized(result, value if isinstance(value, str) and value != result else None)


def _list(column: Column, value: object) -> Normalized:
    items = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    if len(items) > LIST_LIMIT:
        raise ValueRefused(f"has {len(items):,} items, more than the {LIST_LIMIT:,} it may have")
    items = [item for item in items if item is not None]
    kept: list[Scalar] = []
    changed = False
    for position, item in enumerate(items, start=1):
        try:
            result = _one(column, item)
        except ValueRefused as refusal:
            if len(items) == 1:
                raise
            raise ValueRefused(f"item {position} {refusal.reason}") from refusal
        changed = changed or (isinstance(item, str) and item != result)
        if result not in kept:
            kept.append(result)
    if not kept:
        raise ValueRefused("is empty")
    if not changed:
        return Normalized(kept)
    return Normalized(kept, value if isinstance(value, str) else [_plain(item) for item in items])


def _plain(item: object) -> object:
    return item if isinstance(item, (str, int, float, bool)) else str(item)


def _one(column: Column, value: object) -> Scalar:
    if not column.is_text:
        return coerce(column, value)
    if type(value) is str:  # there is nothing to coerce
        check_text(column, value)
        return _steady(column, value)
    result = coerce(column, value)
    return _steady(column, result) if isinstance(result, str) else result


def _steady(column: Column, text: str) -> str:
    """What the column's normalizers make of a text."""
    if not column.normalize:
        return text
    for _ in range(_ROUNDS):
        before = text
        for normalizer in column.normalize:
            text = NORMALIZERS[normalizer.name](text, normalizer)
            if len(text) > STRING_LIMIT:
                check_length(column, text)
        if text == before:
            return text
        if not text.strip():
            raise ValueRefused("is empty after normalisation")
    raise ValueRefused("has no steady normal form")
