"""What a backfill would do, before it is begun: how many memories, which keys, who collides, what does not fit."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memreg.core.database import Database
from memreg.core.steps import Row, Steps, fetch, fetch_rows
from memreg.engine.store import search_vector
from memreg.operations.backfill.index import candidate_keys
from memreg.operations.backfill.target import SQL, Target, read_target
from memreg.registry import versions
from memreg.registry.lookup import as_next
from memreg.registry.models import SchemaSpec

SAMPLE = 20_000
"""Memories looked at; of more, these are a sample."""
SHOWN = 5
WRITES = 3.0
"""How much longer a backfill takes than only computing what it writes: reading, writing, and the second look."""


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """What becomes of the memories of a class.

    `memories`: live ones on an older version; `rewritten`: whether their form changes, or only their number;
    `reindexed`: whether they are found by other keys; `keys_added` and `keys_dropped`: identity keys by name. Of the
    memories looked at: `unfit` do not convert (some of the `reasons`), `collisions` have the strong key of another one.
    """

    class_name: str
    before: str
    memories: int
    rewritten: bool
    reindexed: bool
    keys_added: tuple[str, ...] = ()
    keys_dropped: tuple[str, ...] = ()
    unfit: int = 0
    collisions: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backfill of a schema to a version would come to.

    `looked_at`: the memories that were read for it, of `memories`; `seconds`: about how long one worker takes, None
    where nothing was read; `exempt`: live memories of classes that the version has no more, which stay as they are.
    """

    schema: str
    version: int
    memories: int
    looked_at: int
    exempt: int
    seconds: float | None
    classes: tuple[ClassPlan, ...]
    sentences: tuple[str, ...] = ()

    @property
    def is_sample(self) -> bool:
        """Whether only some of the memories were looked at."""
        return self.looked_at < self.memories


@dataclass
class _Found:
    """What was seen of one class."""

    unfit: int = 0
    reasons: dict[str, None] = field(default_factory=dict)
    holders: dict[tuple[str, str, bytes], int] = field(default_factory=lambda: defaultdict(int))


def plan(database: Database, schema: str, to: int, *, sample: int = SAMPLE) -> Plan:
    """What a backfill to a version would do; nothing is written. Up to `sample` memories are looked at.

    Raises VersionNotFound, SchemaNotFound, DatabaseError.
    """
    return database.run_admin(lambda: read_plan(schema, to, sample))


def read_plan(schema: str, to: int | SchemaSpec, sample: int = SAMPLE) -> Steps[Plan]:
    """The same as a plan; `to` may also be a schema that is not registered. Raises VersionNotFound, SchemaNotFound."""
    if isinstance(to, SchemaSpec):
        rows = yield from fetch_rows(SQL["active_version"](schema=schema))
        active = (yield from versions.load_version(schema, rows[0]["version"])) if rows else None
        target = Target((yield from as_next(to)), active)
    else:
        target = yield from read_target(schema, to)
    return (yield from _plan(target, sample, time.perf_counter))


def _plan(target: Target, sample: int, seconds: Callable[[], float]) -> Steps[Plan]:
    version = target.version
    asked = {"schema": version.name, "version": version.version, "classes": target.stored_classes}
    _, groups = yield from fetch(SQL["no_time_limit"](), SQL["count_behind"](**asked))
    gone = [row for row in groups if target.lineage.class_now(row["class"], row["version"]) is None]
    kept = [row for row in groups if row not in gone]
    total = sum(row["memories"] for row in kept)
    rows: Sequence[Row] = []
    if total:
        percent = 100.0 if total <= sample else min(100.0, 110.0 * sample / total)
        rows = yield from fetch_rows(SQL["sample_memories"](**asked, percent=percent, limit=sample))
    began = seconds()
    found, looked_at = _look(target, rows)
    spent = seconds() - began
    classes = tuple(_class_plan(target, group, found[group["class"]]) for group in _by_class(kept))
    return Plan(
        version.name,
        version.version,
        total,
        looked_at,
        sum(row["memories"] for row in gone),
        spent / looked_at * total * WRITES if looked_at else None,
        classes,
        tuple(_sentences(target, classes)),
    )


def _look(target: Target, rows: Sequence[Row]) -> tuple[dict[str, _Found], int]:
    """Convert the memories as the backfill would, without writing."""
    found: dict[str, _Found] = defaultdict(_Found)
    looked_at = 0
    for row in rows:
        read = target.read(row)
        if read is None:
            continue
        state = read.state
        looked_at += 1
        seen = found[row["class"]]
        if read.unfit is not None:
            seen.unfit += 1
            if len(seen.reasons) < SHOWN:
                seen.reasons[read.unfit] = None
        if not target.is_found_alike(row["class"], row["version"]):
            search_vector(state, row["tenant"], target.version)
            candidate_keys(target, state)
        if state.is_live:
            for each in target.moved_keys(state):
                if each.key.strength == "strong":
                    seen.holders[row["tenant"], each.key.held_as, each.digest] += 1
    return found, looked_at


def _by_class(groups: Sequence[Row]) -> list[Row]:
    """The counts of each stored class together, with the newest version that has memories of it."""
    found: dict[str, Row] = {}
    for row in groups:
        known = found.get(row["class"])
        memories = row["memories"] + (known["memories"] if known else 0)
        found[row["class"]] = {"class": row["class"], "version": row["version"], "memories": memories}
    return list(found.values())


def _class_plan(target: Target, group: Row, found: _Found) -> ClassPlan:
    before, number = group["class"], group["version"]
    name = target.lineage.class_now(before, number) or before
    return ClassPlan(
        class_name=name,
        before=before,
        memories=group["memories"],
        rewritten=target.needs_rewrite(before, number),
        reindexed=not target.is_alike(before, number),
        keys_added=tuple(sorted(_plain(key) for each, key in target.moved if each == name)),
        keys_dropped=tuple(sorted(_plain(key) for each, key in target.dropped if each == before)),
        unfit=found.unfit,
        collisions=sum(count - 1 for count in found.holders.values()),
        reasons=tuple(found.reasons),
    )


def _sentences(target: Target, classes: Sequence[ClassPlan]) -> list[str]:
    said = []
    for each in classes:
        if each.before != each.class_name:
            said.append(f"{each.before} becomes {each.class_name}")
        gone = [key for key in each.keys_dropped if key not in each.keys_added]
        if gone:
            said.append(
                f"{each.class_name} is not identified by {', '.join(gone)} any more: what these keys made one stays one"
            )
        if each.collisions:
            what = "1 memory has" if each.collisions == 1 else f"{each.collisions:,} memories have"
            said.append(f"{each.class_name}: {what} the strong key of another one under {target.version}")
        if each.unfit:
            what = "1 memory does" if each.unfit == 1 else f"{each.unfit:,} memories do"
            said.append(f"{each.class_name}: {what} not fit {target.version}")
    return said


def _plain(held_as: str) -> str:
    return held_as.partition("@")[0]
