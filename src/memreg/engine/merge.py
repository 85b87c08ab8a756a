"""Merging new values into a memory's payload by the columns' policies. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from memreg.engine.model import Action, Payload
from memreg.registry.coerce import length_limit
from memreg.registry.models import Column, Kind, Merge
from memreg.registry.normalize import LIST_LIMIT


@dataclass(frozen=True, slots=True)
class Merged:
    """The payload after merging; `changed`: the columns that got another value; `conflicts`: columns where both
    sides have
    a value and the old one stayed, with the new one."""

    payload: Payload
    changed: tuple[str, ...]
    conflicts: Mapping[str, Any]


def merge(
    action: Action,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    columns: Mapping[str, Column],
    fill_only: frozenset[str],
    pinned: Collection[str] = (),
) -> Merged:
    """Join `new` into `old`. UPDATE follows each column's policy; columns in `fill_only` are filled, never overwritten.
    UPSERT fills what is absent and unions lists. Nulls never erase. What would grow beyond what its column may hold
    stays as it was, and is a conflict; so does what a person `pinned`, if it is that there is nothing."""
    payload: Payload = dict(old)
    conflicts: dict[str, Any] = {}
    touched: set[str] = set()
    for name, value in new.items():
        column = columns.get(name)
        if column is None or value is None:
            continue
        before = old.get(name)
        if before == value:
            continue
        if name in pinned:
            conflicts[name] = value
            continue
        touched.add(name)
        if before is None:
            payload[name] = value
        elif action is Action.UPSERT or name in fill_only:
            if column.dtype.is_list and name not in fill_only:
                payload[name] = _union(before, value)
            else:
                conflicts[name] = value
        else:
            payload[name] = _by_policy(_policy(column), before, value)
            if column.merge is Merge.KEEP:
                conflicts[name] = value
        if payload.get(name) != before and not _fits(column, payload[name]):
            payload[name] = before
            conflicts[name] = value
    changed = tuple([name for name in payload if name in touched and payload[name] != old.get(name)]) if touched else ()
    return Merged(payload, changed, conflicts)


def _policy(column: Column) -> Merge:
    """The policy of a column. A list of references holds each memory once, however it grows."""
    return Merge.UNION if column.dtype.kind is Kind.REF and column.merge is Merge.APPEND else column.merge


def _by_policy(policy: Merge, before: Any, value: Any) -> Any:
    if policy is not Merge.KEEP and _form(before) is not _form(value):
        return value  # another schema version had the column in another type: nothing to join
    match policy:
        case Merge.KEEP:
            return before
        case Merge.UNION:
            return _union(before, value)
        case Merge.APPEND:
            return [*before, *value] if isinstance(before, list) else f"{before}\n{value}"
        case Merge.MIN:
            return min(before, value)
        case Merge.MAX:
            return max(before, value)
        case Merge.REPLACE:
            return value


def _union(before: Any, value: Any) -> Any:
    if not isinstance(before, list):
        return before
    return [*before, *(item for item in value if item not in before)]


def _fits(column: Column, joined: Any) -> bool:
    if isinstance(joined, list):
        return len(joined) <= LIST_LIMIT
    return not isinstance(joined, str) or len(joined) <= length_limit(column)


def _form(value: Any) -> type:
    return list if isinstance(value, list) else str if isinstance(value, str) else float
