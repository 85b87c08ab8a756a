"""The chunks of a backfill, whatever comes next in it: each is a transaction of its own, so a kill loses nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import TypeVar
from uuid import UUID

from memreg.core.clock import Clock
from memreg.core.database import Database
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.core.tracing import Span, span, step
from memreg.operations.backfill.activate import activate, catch_up
from memreg.operations.backfill.collisions import settle
from memreg.operations.backfill.index import index_part, moved_places
from memreg.operations.backfill.rewrite import rewrite_part
from memreg.operations.backfill.target import CHUNK, SQL, Target, read_dropped, read_target
from memreg.registry.lookup import lock_shared
from memreg.registry.views.refresh import refresh_views

T = TypeVar("T")

SWEEP = 2_000
"""Memories whose added keys are taken away in a transaction."""
DROPPED = 50_000
"""Identity keys of no use that go in a transaction."""
_WAIT = timedelta(seconds=0.5)


class Next(Enum):
    """What is to be done after a chunk: the next one at once, or a little later; or nothing."""

    NOW = "now"
    LATER = "later"
    NOTHING = "nothing"


@dataclass
class Work:
    """Works on backfills, a chunk at a time; what it keeps is only what can be read again."""

    database: Database
    clock: Clock
    new_id: Callable[[], UUID]
    size: int = CHUNK
    sleep: Callable[[float], None] = time.sleep
    _targets: dict[tuple[UUID, str], Target] = field(default_factory=dict)

    def chunk(self, backfill_id: UUID) -> tuple[Next, datetime | None]:
        """Do the next chunk of a backfill; what follows it, and when (None: at once)."""
        with span("backfill", backfill_id=backfill_id) as told:
            return self._chunk(backfill_id, told)

    def _chunk(self, backfill_id: UUID, told: Span) -> tuple[Next, datetime | None]:
        row = self._run(lambda: fetch_row(SQL["read_backfill"](id=backfill_id)))
        if row is None:
            return Next.NOTHING, None
        told.tell(schema=row["schema"], version=row["to_version"], stage=row["stage"], status=row["status"])
        if row["status"] == "cancelling":
            return self._cancel(row)
        if row["status"] != "running":
            return Next.NOTHING, None
        if row["rate"]:
            self._keep_the_rate(row)
        target = self._target(row)
        if not row["prepared"]:
            self._run(lambda: prepare(backfill_id, target, row["stage"], self.size))
            return Next.NOW, None
        if row["stage"] == "index":
            do = index_part
        else:
            do = partial(rewrite_part, is_indexed=row["activated_at"] is not None)
        with step("part") as part:
            done = self._run(lambda: do(backfill_id, target, self.clock(), time.perf_counter))
            part.tell(memories=done or 0)
        if done is not None:
            return Next.NOW, None
        left = self._run(lambda: fetch_rows(SQL["parts_left"](id=backfill_id, stage=row["stage"])))
        if left[0]["are_left"]:  # others work on them, or were killed with them
            return Next.LATER, self.clock() + _WAIT
        if row["stage"] == "index":
            while not self._run(lambda: catch_up(backfill_id, target, self.clock())):
                pass
            self._run(lambda: activate(backfill_id, self.clock))
            return Next.NOW, None
        return self._end(row, target)

    def _end(self, row: Row, target: Target) -> tuple[Next, datetime | None]:
        """What is left to do after the last part: keys that were only added, collisions; then the backfill is done."""
        backfill_id = row["id"]
        if self._run(lambda: sweep(backfill_id, target)):
            return Next.NOW, None
        if self._run(lambda: drop_keys(backfill_id, target)):
            return Next.NOW, None
        if self._run(lambda: settle(row, target, self.clock(), self.new_id)):
            return Next.NOW, None
        self._run(lambda: end(backfill_id, target, self.clock))
        return Next.NOTHING, None

    def _cancel(self, row: Row) -> tuple[Next, datetime | None]:
        target = self._target(row)
        if self._run(lambda: take_back(row["id"], target, self.clock())):
            return Next.NOW, None
        return Next.NOTHING, None

    def _keep_the_rate(self, row: Row) -> None:
        """Wait until it is our turn under the rate of the backfill."""
        now = self.clock()
        turn = self._run(lambda: fetch_row(SQL["reserve"](id=row["id"], now=now, memories=self.size)))
        if turn is not None:
            self.sleep(max(0.0, (turn["at"] - now).total_seconds()))

    def _target(self, row: Row) -> Target:
        place = row["id"], row["stage"]
        found = self._targets.get(place)
        if found is None:
            found = self._run(lambda: read_target(row["schema"], row["to_version"]))
            self._targets = {place: found}
        return found

    def _run(self, plan: Callable[[], Steps[T]]) -> T:
        return self.database.run_admin(plan)


def prepare(backfill_id: UUID, target: Target, stage: str, size: int) -> Steps[None]:
    """Divide the memories of a stage into parts. What is written later than the marks is not in them."""
    _, held = yield from fetch(SQL["no_time_limit"](), SQL["lock_backfill"](id=backfill_id))
    row = held[0]
    if row["prepared"] or row["stage"] != stage or row["status"] != "running":
        return
    version = target.version
    classes = target.stored_classes
    if stage == "index":
        yield from _clear(backfill_id, target)
        yield (SQL["keep_marks"](id=backfill_id, schema=version.name, classes=classes),)
        earlier = [each.version for each in target.lineage.earlier]
        classes = [name for name in classes if any(target.needs_index(name, number) for number in earlier)]
    if classes:
        yield (
            SQL["keep_parts"](
                id=backfill_id,
                stage=stage,
                schema=version.name,
                version=version.version,
                classes=classes,
                deleted=stage == "index",
                size=size,
            ),
        )
    yield (SQL["is_prepared"](id=backfill_id, stage=stage),)


def _clear(backfill_id: UUID, target: Target) -> Steps[None]:
    """What other backfills indexed, which failed or were turned back, is of memories as they were then."""
    found = {"id": backfill_id, "schema": target.version.name}
    left = yield from fetch_rows(SQL["leftovers"](**found))
    if not left[0]["are_left"]:
        return
    while (yield from _drop(target, sorted(target.moved))):
        pass
    yield SQL["adopt_keys"](**found), SQL["forget_leftovers"](**found)


def sweep(backfill_id: UUID, target: Target) -> Steps[bool]:
    """Take away keys that were added before the version was in force and are of no use; whether there were any.

    Memories that stay in the form of an older version keep theirs.
    """
    if not (yield from _is_running(backfill_id)):
        return False
    rows = yield from fetch_rows(SQL["extra_keys"](id=backfill_id, limit=SWEEP))
    if not rows:
        return False
    tenants, ids = [row["tenant"] for row in rows], [row["memory_id"] for row in rows]
    yield (
        SQL["lock_memories"](tenants=tenants, ids=ids),
        SQL["keep_extra_keys"](tenants=tenants, ids=ids, version=target.version.version, spare=False),
        SQL["drop_extra_keys"](tenants=tenants, ids=ids),
    )
    return True


def _is_running(backfill_id: UUID) -> Steps[bool]:
    """Whether a backfill still runs, held: what is done at its end is done by one worker after the other."""
    held = yield from fetch_row(SQL["lock_backfill"](id=backfill_id))
    return held is not None and held["status"] == "running"


def drop_keys(backfill_id: UUID, target: Target) -> Steps[bool]:
    """Take away keys that no version in force has a use for; whether there were any."""
    if not (yield from _is_running(backfill_id)):
        return False
    return (yield from _drop(target, (yield from read_dropped(target))))


def _drop(target: Target, places: Sequence[tuple[str, str]]) -> Steps[bool]:
    if not places:
        return False
    _, _, gone = yield from fetch(
        SQL["no_time_limit"](),
        SQL["read_whole_tables"](),
        SQL["drop_keys"](
            schema=target.version.name,
            classes=[place[0] for place in places],
            names=[place[1] for place in places],
            limit=DROPPED,
        ),
    )
    return bool(gone)


def take_back(backfill_id: UUID, target: Target, now: datetime) -> Steps[bool]:
    """Take away some of what was added for a version that will not be in force; whether there was any."""
    # Before it is held: who works on a part refers to it.
    _, rows = yield from fetch(SQL["forget_parts"](id=backfill_id), SQL["lock_backfill"](id=backfill_id))
    if not rows or rows[0]["status"] != "cancelling":
        return False
    left = yield from fetch_rows(SQL["parts_left"](id=backfill_id, stage="index"))
    if left[0]["are_left"]:  # they were made meanwhile
        return True
    rows = yield from fetch_rows(SQL["extra_keys"](id=backfill_id, limit=SWEEP))
    if rows:
        tenants, ids = [row["tenant"] for row in rows], [row["memory_id"] for row in rows]
        active = target.active.version if target.active is not None else 0
        yield (
            SQL["lock_memories"](tenants=tenants, ids=ids),
            # What was given for the version in force, where the backfill to it was turned back.
            SQL["keep_extra_keys"](tenants=tenants, ids=ids, version=active, spare=True),
            SQL["forget_index"](
                id=backfill_id, schema=target.version.name, tenants=tenants, ids=ids, **moved_places(target)
            ),
        )
        return True
    if (yield from _drop(target, sorted(target.moved))):
        return True
    yield (
        SQL["forget_work"](id=backfill_id),
        SQL["set_status"](id=backfill_id, status="cancelled", error=None, finished_at=now),
    )
    return False


def end(backfill_id: UUID, target: Target, clock: Clock) -> Steps[None]:
    """The backfill is done: all memories are in the form of the version, save those that were allowed to stay."""
    *_, rows = yield from fetch(
        SQL["no_time_limit"](), lock_shared(target.version.name), SQL["lock_backfill"](id=backfill_id)
    )
    if not rows or rows[0]["status"] != "running":
        return
    groups = yield from fetch_rows(
        SQL["count_behind"](schema=target.version.name, version=target.version.version, classes=target.stored_classes)
    )
    lineage = target.lineage
    left = sum(row["memories"] for row in groups if lineage.class_now(row["class"], row["version"]) is not None)
    error = None
    if left:
        what = "1 memory stays" if left == 1 else f"{left:,} memories stay"
        error = f"{what} in the form of an older version, as it does not fit {target.version}"
    yield (
        SQL["count_done"](id=backfill_id, stage="rewrite", left=left),
        SQL["forget_work"](id=backfill_id),
        SQL["set_status"](id=backfill_id, status="done", error=error, finished_at=clock()),
    )
    yield from refresh_views(target.version.name)  # those that somebody read when the version was put in force
