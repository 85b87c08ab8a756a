"""A memory divided into two: what goes to a new one and what stays, by revisions or by columns, keys with the values.
Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from memreg.engine.identity import columns_of, key_values
from memreg.engine.merge import merge
from memreg.engine.model import Action, Payload
from memreg.engine.state import HeldKey, Pin
from memreg.engine.validate import with_defaults
from memreg.registry.models import ClassAnnotation, ClassSpec, Column


@dataclass(frozen=True, slots=True)
class Said:
    """What an UPDATE or UPSERT was about: a proposal's values, what they were before normalising, and what came of
    them. `is_by_score`: it filled identity columns, and did not overwrite them."""

    action: Action
    is_by_score: bool
    values: Mapping[str, Any]
    originals: Mapping[str, Any] = field(default_factory=dict)
    changed: Collection[str] = ()
    conflicts: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One revision in the form of the version in use; `said`: the proposal that made it, where one did."""

    revision: int
    payload: Mapping[str, Any]
    originals: Mapping[str, Any] = field(default_factory=dict)
    pinned: Mapping[str, Pin] = field(default_factory=dict)
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """Values that a person gives, in the form that the columns store, and what came in where that was other text."""

    values: Mapping[str, Any] = field(default_factory=dict)
    originals: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """One side of a division. `stages`: every payload that it went through, which are whose keys it has."""

    payload: Payload
    originals: dict[str, Any]
    pinned: dict[str, Pin]
    stages: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Division:
    """What stays with a memory and what goes to a new one."""

    stays: Share
    goes: Share


def by_revisions(
    steps: Sequence[Step], chosen: Collection[int], spec: ClassSpec, annotation: ClassAnnotation, given: Given
) -> Division:
    """Divide by revisions: what the chosen ones said goes to the new memory, with what is `given` besides, and the
    memory becomes what the others make of it, each applied again in order. `steps`: every revision, oldest first."""
    stays = _fold(steps, lambda step: step.revision not in chosen, spec, annotation, is_new=False)
    goes = _fold(steps, lambda step: step.revision in chosen, spec, annotation, is_new=True)
    return Division(stays, _with(goes, given))


def by_columns(now: Step, columns: Collection[str], given: Given) -> Division:
    """Divide by columns: the chosen ones go to the new memory, with what is `given` besides."""

    def part(is_chosen: bool) -> Share:
        payload, originals, pinned = (
            {name: value for name, value in of.items() if (name in columns) is is_chosen}
            for of in (now.payload, now.originals, now.pinned)
        )
        return Share(payload, originals, pinned, (payload,))

    return Division(part(False), _with(part(True), given))


def _with(share: Share, given: Given) -> Share:
    """A side with values that a person gives it. Its keys are those of these values, where they replace others."""
    if not given.values:
        return share
    payload = {**share.payload, **given.values}
    originals = {name: text for name, text in share.originals.items() if name not in given.values}
    return Share(payload, {**originals, **given.originals}, share.pinned, (*share.stages, payload))


@dataclass(frozen=True, slots=True)
class Keys:
    """Who holds which keys after a division. `both`: strong keys that both complete, which stay; `gone`: those that
    only the values of both together completed, which nobody holds any more."""

    stay: frozenset[HeldKey]
    go: frozenset[HeldKey]
    both: frozenset[HeldKey]
    gone: frozenset[HeldKey]


def divide_keys(
    held: Collection[HeldKey],
    division: Division,
    annotation: ClassAnnotation,
    were: Iterable[Mapping[str, Any]],
    moved: Collection[str] = (),
) -> Keys:
    """The keys go with the values: each strong one to the side whose values complete it, or completed it once.

    `were`: every payload that the memory had; a key that none of them completes came from elsewhere, and stays. Of
    columns that were `moved`, all keys that they complete alone go. Keys that the values of now complete are added; of
    shared keys only these are held.
    """
    strong = {key for key in held if key.strong}
    stays, goes = (_completed(share.stages, annotation) for share in (division.stays, division.goes))
    both, neither = strong & stays & goes, strong - stays - goes
    if moved:
        go = {key for key in neither if set(columns_of(key.key)) <= set(moved)}
        gone = {key for key in neither - go if set(columns_of(key.key)) & set(moved)}
    else:
        go, gone = set[HeldKey](), neither & _completed(were, annotation)
    go |= (strong & goes) - both
    now_stays, now_goes = (_completed([share.payload], annotation) for share in (division.stays, division.goes))
    stay = (strong - go - gone) | {key for key in now_stays if not key.strong or key not in go}
    go |= {key for key in now_goes if not key.strong or key not in both}
    return Keys(frozenset(stay), frozenset(go), frozenset(both), frozenset(gone))


def _completed(payloads: Iterable[Mapping[str, Any]], annotation: ClassAnnotation) -> set[HeldKey]:
    return {
        HeldKey(each.key.held_as, each.digest, each.key.strength == "strong")
        for payload in payloads
        for each in key_values(payload, annotation)
    }


# By revisions


def _fold(
    steps: Sequence[Step],
    takes: Callable[[Step], bool],
    spec: ClassSpec,
    annotation: ClassAnnotation,
    *,
    is_new: bool,
) -> Share:
    """What some of the revisions make of a memory by themselves."""
    share = Share({}, {}, {}, ())
    stages: list[Mapping[str, Any]] = []
    before: Step | None = None
    is_whole = False
    for step in steps:
        if takes(step):
            is_whole = is_whole or before is None
            share = _apply(share, step, before, spec, annotation.identity_columns, is_new)
            stages.append(share.payload)
        before = step
    if not share.payload or is_whole:
        return replace(share, stages=tuple(stages))
    payload = with_defaults(share.payload, spec)
    return replace(share, payload=payload, stages=(*stages, payload))


def _apply(
    share: Share, step: Step, before: Step | None, spec: ClassSpec, identity: frozenset[str], is_new: bool
) -> Share:
    if before is None:
        return Share(dict(step.payload), dict(step.originals), dict(step.pinned), ())
    said = step.said
    if said is None:
        return _changed(share, before, step, spec)
    # A new memory takes what was said of it later for newer; what stays is joined as it was decided.
    action, values = (Action.UPDATE, said.values) if is_new else (said.action, _joined_then(said, before, spec))
    fill_only = identity if said.is_by_score and not is_new else frozenset[str]()
    merged = merge(action, share.payload, values, spec.by_name, fill_only, share.pinned)
    originals = {name: text for name, text in share.originals.items() if name not in merged.changed}
    originals |= {name: text for name, text in said.originals.items() if name in merged.changed}
    return Share(merged.payload, originals, share.pinned, ())


def _joined_then(said: Said, before: Step, spec: ClassSpec) -> dict[str, Any]:
    """The values that the decision joined: columns of a key of another memory were left out then, and are now."""
    told = {*said.changed, *said.conflicts}
    return {name: each for name, each in said.values.items() if name in told or _adds_nothing(name, each, before, spec)}


def _adds_nothing(name: str, value: Any, before: Step, spec: ClassSpec) -> bool:
    joined = merge(Action.UPDATE, before.payload, {name: value}, spec.by_name, frozenset())
    return not joined.changed


def _changed(share: Share, before: Step, step: Step, spec: ClassSpec) -> Share:
    """What a revision without a proposal changed, changed again: what a person did, a merge, what was undone."""
    payload, originals, pinned = dict(share.payload), dict(share.originals), dict(share.pinned)
    for column, old, new in _differences(before.payload, step.payload, spec):
        result = _again(payload.get(column.name), old, new)
        originals.pop(column.name, None)
        if result is None:
            payload.pop(column.name, None)
            continue
        payload[column.name] = result
        if result == new and column.name in step.originals:
            originals[column.name] = step.originals[column.name]
    for name in {*before.pinned, *step.pinned}:
        if step.pinned.get(name) != before.pinned.get(name):
            pinned.pop(name, None)
            if name in step.pinned:
                pinned[name] = dict(step.pinned[name])
    return Share(payload, originals, pinned, ())


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], spec: ClassSpec
) -> Iterator[tuple[Column, Any, Any]]:
    for column in spec.columns:
        old, new = before.get(column.name), after.get(column.name)
        if old != new:
            yield column, old, new


def _again(now: Any, old: Any, new: Any) -> Any:
    """A change of a value, made to another value: items that came come, items that went go, a text grows by as much."""
    if isinstance(new, list) or isinstance(old, list):
        come, gone = ([item for item in a or () if item not in (b or ())] for a, b in ((new, old), (old, new)))
        kept = [item for item in now or () if item not in gone]
        return [*kept, *(item for item in come if item not in kept)] or None
    if isinstance(new, str) and isinstance(old, str) and new.startswith(f"{old}\n") and now != old:
        more = new.removeprefix(f"{old}\n")
        return more if now is None else f"{now}\n{more}"
    return new
