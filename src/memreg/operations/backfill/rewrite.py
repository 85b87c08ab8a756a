"""The stage after a version is in force: each memory's row takes its form, and keeps no key that it has no more.

A memory is its last revision, which stays as it was written: a rewrite makes no revision, because nobody said anything
and no rule decided. It leaves alone what was written to since it was read, which is in the new form by that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.store import SQL as ENGINE_SQL
from memreg.engine.store import class_lock, refer_again, search_vector
from memreg.operations.backfill.index import Indexing, candidate_keys, failure, part_rows, range_of, take_part
from memreg.operations.backfill.target import SQL, Target

Seconds = Callable[[], float]


@dataclass
class Rewriting:
    """Memories being rewritten. `is_indexed`: what they are found by was kept when they were indexed."""

    backfill_id: UUID
    target: Target
    now: datetime
    is_indexed: bool
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def take(self, row: Row) -> None:
        """Bring a memory into the form of the version."""
        read = self.target.read(row)
        if read is not None and read.unfit is not None:
            self.failures.append(failure(row, read.unfit))
        elif read is not None:
            state = read.state
            is_known = self.is_indexed or self.target.is_found_alike(row["class"], row["version"])
            self.rows.append(
                {
                    "tenant": row["tenant"],
                    "id": str(state.id),
                    "class": state.class_name,
                    "payload": state.payload,
                    "originals": state.originals,
                    "pinned": state.pinned,
                    "search": None if is_known else search_vector(state, row["tenant"], self.target.version),
                    "candidate_keys": None if is_known else candidate_keys(self.target, state),
                    "revision": state.revision,
                }
            )

    def statements(self) -> list[Statement]:
        """What is written of them; their rows are held first, so that each sees what the other has written."""
        found = []
        if self.rows:
            found = [
                SQL["lock_memories"](
                    tenants=[row["tenant"] for row in self.rows], ids=[row["id"] for row in self.rows]
                ),
                SQL["rewrite_memories"](
                    version=self.target.version.version,
                    rows=Jsonb(self.rows),
                    is_indexed=self.is_indexed,
                ),
            ]
            if self.target.refers:
                tenants, ids = [row["tenant"] for row in self.rows], [row["id"] for row in self.rows]
                found.append(refer_again(self.target.version.spec, tenants, ids))
        if self.failures:
            found.append(SQL["keep_failures"](id=self.backfill_id, now=self.now, rows=Jsonb(self.failures)))
        return found


def rewrite_part(
    backfill_id: UUID, target: Target, now: datetime, seconds: Seconds, *, is_indexed: bool
) -> Steps[int | None]:
    """Rewrite a part that nobody works on, in this transaction; the memories in it, or None where there is none."""
    part = yield from take_part(backfill_id, "rewrite")
    if part is None:
        return None
    began = seconds()
    yield from _rewrite(part, target, Rewriting(backfill_id, target, now, is_indexed))
    yield (SQL["finish_part"](id=backfill_id, stage="rewrite", part=part["part"], seconds=seconds() - began),)
    return int(part["memories"])


def _rewrite(part: Row, target: Target, work: Rewriting) -> Steps[None]:
    if not work.is_indexed:
        yield from _take_over(part, target, work)
        return
    same = _only_renumbered(target)
    if same is not None:
        yield (
            SQL["renumber_memories"](
                **range_of(part),
                schema=target.version.name,
                version=target.version.version,
                classes=[name for name, _ in same],
                versions=[number for _, number in same],
            ),
        )
        return
    for row in (yield from fetch_rows(part_rows(part, target, deleted=False, lookups=False))):
        work.take(row)
    yield tuple(work.statements())


def _take_over(part: Row, target: Target, work: Rewriting) -> Steps[None]:
    """Rewrite what was written in an older form while the version was in force, which has none of its identity keys.

    Which keys a memory holds is for who holds its class to say, so no message is decided there meanwhile.
    """
    schema = target.version.name
    held: set[int] = set()
    for row in (yield from fetch_rows(part_rows(part, target, deleted=False, lookups=False))):
        name = target.lineage.class_now(row["class"], row["version"])
        if name is not None:
            held.add(class_lock(row["tenant"], schema, name))
    yield tuple(ENGINE_SQL["lock_class"](lock=lock) for lock in sorted(held))
    keys = Indexing(work.backfill_id, Target(target.version, None), work.now)
    for row in (yield from fetch_rows(part_rows(part, target, deleted=False, lookups=False))):
        work.take(row)
        keys.take_keys(row)
    yield tuple(work.statements())
    yield from keys.write()


def _only_renumbered(target: Target) -> list[tuple[str, int]] | None:
    """The classes with the versions whose memories look the same under the new one, if that is so for all of them."""
    places = [
        (name, each.version)
        for each in target.lineage.earlier
        for name in each.spec.by_name
        if target.lineage.class_now(name, each.version) is not None
    ]
    if any(target.needs_rewrite(*place) for place in places):
        return None
    return places
