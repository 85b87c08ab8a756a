"""Which value of two memories that become one stays, column by column. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from memreg.core.errors import ArgumentInvalid
from memreg.engine.model import Payload
from memreg.engine.state import Pin
from memreg.registry.coerce import length_limit
from memreg.registry.models import ClassSpec, Column, Kind, Merge
from memreg.registry.normalize import LIST_LIMIT

Side = Literal["keep", "other", "both"]
SIDES: tuple[Side, ...] = ("keep", "other", "both")


@dataclass(frozen=True, slots=True)
class Winner:
    """What becomes of one column in a merge: the value of the memory that stays (`kept`), that of the other one, and
    the `result`, None where there is none. `winner` says whose value that is: `same` where both have it."""

    column: str
    kept: Any
    other: Any
    result: Any
    winner: Literal["keep", "other", "both", "same"]
    why: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Two memories as one."""

    payload: Payload
    originals: dict[str, Any]
    pinned: dict[str, Pin]
    winners: tuple[Winner, ...]


@dataclass(frozen=True, slots=True)
class Half:
    """One of the two memories: its values, what was said of them, and what a person pinned."""

    payload: Mapping[str, Any]
    originals: Mapping[str, Any] = field(default_factory=dict)
    pinned: Mapping[str, Pin] = field(default_factory=dict)


def join(
    kept: Half, other: Half, spec: ClassSpec, prefer: Mapping[str, Side], keepers: Mapping[str, str] | None = None
) -> Joined:
    """Join `other` into `kept`, as `prefer` says, else in this order: what a person pinned, the only value there is,
    what the column's policy makes of both (`union`, `append`, `min`, `max`), that of the memory that stays.

    `keepers`: what referred-to memories went into; references to one object are the same. Raises ArgumentInvalid.
    """
    for name, side in prefer.items():
        _check(spec, name, side)
    payload: Payload = {}
    originals: dict[str, Any] = {}
    pinned: dict[str, Pin] = {}
    winners = []
    for column in spec.columns:
        winner = _winner(column, kept, other, prefer.get(column.name), keepers or {})
        if winner is None:
            continue
        winners.append(winner)
        from_halves = [other, kept] if winner.winner == "other" else [kept, other]
        if winner.winner in ("keep", "other"):
            del from_halves[1:]
        for half in from_halves:
            if column.name in half.pinned:
                pinned.setdefault(column.name, dict(half.pinned[column.name]))
            if winner.result is not None and half.payload.get(column.name) == winner.result:
                said = half.originals.get(column.name)
                originals |= {} if said is None else {column.name: said}
        if winner.result is not None:
            payload[column.name] = winner.result
    return Joined(payload, originals, pinned, tuple(winners))


def _check(spec: ClassSpec, name: str, side: str) -> None:
    column = spec.by_name.get(name)
    if column is None:
        reason = f"{spec.name} has no such column; it has {', '.join(spec.by_name)}"
        raise ArgumentInvalid(name="prefer", value=name, reason=reason)
    if side not in SIDES:
        raise ArgumentInvalid(name="prefer", value=f"{name}={side}", reason="it must be keep, other or both")
    joins = column.dtype.is_list or column.dtype.kind is Kind.TEXT or column.merge is Merge.APPEND
    if side == "both" and not joins:
        reason = f"{name} has one value, so keep one: {name}=keep or {name}=other"
        raise ArgumentInvalid(name="prefer", value=f"{name}=both", reason=reason)


def _winner(column: Column, kept: Half, other: Half, side: Side | None, keepers: Mapping[str, str]) -> Winner | None:
    name = column.name
    mine, theirs = kept.payload.get(name), other.payload.get(name)
    if mine is None and theirs is None and name not in kept.pinned and name not in other.pinned:
        return None
    if _same(column, mine, theirs, keepers):
        return Winner(name, mine, theirs, mine, "same", "both have it")
    if side is not None:
        result = mine if side == "keep" else theirs if side == "other" else _joined(column, mine, theirs)
        if side == "both" and not _fits(column, result):
            raise ArgumentInvalid(name="prefer", value=f"{name}=both", reason="together they are longer than it may be")
        return Winner(name, mine, theirs, result, side, "as was asked for")
    pins = [half.pinned[name] for half in (kept, other) if name in half.pinned]
    if pins:
        winner: Side = "keep" if name in kept.pinned else "other"
        why = f"{pins[0]['by']} set it on {pins[0]['at'][:10]}"
        return Winner(name, mine, theirs, mine if winner == "keep" else theirs, winner, why)
    if mine is None or theirs is None:
        lacks = "the other one" if theirs is None else "the one that stays"
        return Winner(
            name,
            mine,
            theirs,
            theirs if mine is None else mine,
            "keep" if theirs is None else "other",
            f"{lacks} lacks it",
        )
    return _by_policy(column, mine, theirs)


def _by_policy(column: Column, mine: Any, theirs: Any) -> Winner:
    """Who wins where both have a value and nobody says more."""
    name, policy = column.name, column.merge
    if type(mine) is type(theirs) and policy in (Merge.MIN, Merge.MAX):
        result = min(mine, theirs) if policy is Merge.MIN else max(mine, theirs)
        return Winner(name, mine, theirs, result, "keep" if result == mine else "other", f"its policy is {policy}")
    if policy in (Merge.UNION, Merge.APPEND) and isinstance(mine, list) is isinstance(theirs, list):
        result = _joined(column, mine, theirs)
        if _fits(column, result):
            alone: Literal["keep", "both"] = "keep" if result == mine else "both"
            return Winner(name, mine, theirs, result, alone, f"its policy is {policy}")
        return Winner(name, mine, theirs, mine, "keep", "together they are longer than it may be")
    return Winner(name, mine, theirs, mine, "keep", "the value of the one that stays, unless it is said otherwise")


def _joined(column: Column, mine: Any, theirs: Any) -> Any:
    if mine is None or theirs is None:
        return theirs if mine is None else mine
    if isinstance(mine, list):
        is_set = column.merge is not Merge.APPEND or column.dtype.kind is Kind.REF
        return [*mine, *(item for item in theirs if not is_set or item not in mine)]
    return mine if theirs in mine.split("\n") else f"{mine}\n{theirs}"


def _fits(column: Column, value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= LIST_LIMIT
    return not isinstance(value, str) or len(value) <= length_limit(column)


def _same(column: Column, mine: Any, theirs: Any, keepers: Mapping[str, str]) -> bool:
    if mine == theirs:
        return True
    if column.dtype.kind is not Kind.REF or mine is None or theirs is None:
        return False
    one, two = (each if isinstance(each, list) else [each] for each in (mine, theirs))
    return {keepers.get(str(each), str(each)) for each in one} == {keepers.get(str(each), str(each)) for each in two}
