"""Whether the identity values of an item stand in what was said, in whatever form it was said. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any

from memreg.annotator.days_said import day_is_said
from memreg.annotator.evidence import grounded, needs_grounding
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Kind
from memreg.registry.normalize import ValueRefused, is_absent, normalize

_MOMENTS = frozenset({Kind.DATE, Kind.DATETIME})
_TEXTS = frozenset({Kind.STRING, Kind.TEXT})
_SCHEME = re.compile(r"\A(?:(?:https?|ftp)://|mailto:|tel:)", re.IGNORECASE)
_NUMBER = re.compile(r"\+?(?:\(\+?)?\d[\d\s().\-/\u00a0\u2010-\u2015]{4,30}\d")
_MOST_NUMBERS = 50


def founded(value: Any, column: Column, texts: Sequence[str]) -> bool:
    """Whether an identity value is in the texts, where it is of a kind that must be: a text with a digit or an `@`."""
    values = value if isinstance(value, list) else [value]
    if column.dtype.kind in _TEXTS:
        values = [str(each) if isinstance(each, int | float) else each for each in values]
    return column.dtype.kind in _MOMENTS or all(
        not needs_grounding(each) or _stands(each, column, texts) for each in values
    )


def without_guesses(
    values: dict[str, Any],
    spec: ClassSpec,
    annotation: ClassAnnotation,
    texts: Sequence[str],
    times: Sequence[datetime | None],
) -> tuple[dict[str, Any], list[str]]:
    """The values of a delete without identity values of any kind that no text has: a key must be said to delete by it.

    Where no key is whole without them, their names as well. `times` is when the texts were said.
    """
    given = {name for name, value in values.items() if not is_absent(value)}
    guessed = [
        name
        for name in sorted(annotation.identity_columns & given)
        if not _said(values[name], spec.by_name[name], texts, times)
    ]
    if not any(given.issuperset(key.columns) for key in annotation.identity):
        return values, []
    if any(given.difference(guessed).issuperset(key.columns) for key in annotation.identity):
        return {name: value for name, value in values.items() if name not in guessed}, []
    return values, guessed


def _said(value: Any, column: Column, texts: Sequence[str], times: Sequence[datetime | None]) -> bool:
    kind = column.dtype.kind
    if kind is Kind.REF:
        return all(grounded(each, texts) for each in _leaves(value))
    if kind in (Kind.ENUM, Kind.BOOLEAN):
        return True  # said in words of its own; no key is made of these alone
    return day_is_said(str(value), texts, times) if kind in _MOMENTS else _stands(str(value), column, texts)


def _leaves(value: Any) -> Iterator[str]:
    """The texts of what a reference is told by."""
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(each)
    elif value is not None:
        yield str(value)


def _stands(value: str, column: Column, texts: Sequence[str]) -> bool:
    """Whether a value stands in the texts as it is, as it is stored, or as a number that is stored as the same."""
    if grounded(value, texts) or grounded(_SCHEME.sub("", value), texts):
        return True
    with suppress(ValueRefused):
        stored = normalize(column, value).value
        if isinstance(stored, str) and stored != value and grounded(stored, texts):
            return True
        if any(each.name == "phone" for each in column.normalize):
            return stored in _numbers(column, tuple(texts))
    return False


# A thousand items may be held against one text.
@lru_cache(maxsize=8)
def _numbers(column: Column, texts: tuple[str, ...]) -> frozenset[object]:
    """The phone numbers of the texts, as the column stores them."""
    found: set[object] = set()
    for text in texts:
        for _, number in zip(range(_MOST_NUMBERS), _NUMBER.finditer(text), strict=False):
            with suppress(ValueRefused):
                found.add(normalize(column, number[0]).value)
    return frozenset(found)
