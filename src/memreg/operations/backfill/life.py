"""The life of a backfill as plans: begin, or go on with it; halt, go on, give up; and how it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, BackfillRefused
from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.operations.backfill.target import SQL
from memreg.registry import versions
from memreg.registry.models import SchemaVersion, Status

TASK = "memreg.backfill_chunk"
BACKGROUND = "memreg_backfill"
"""The queue of the backfills that are left to `memreg worker`."""
ALIVE = timedelta(seconds=30)
Policy = Literal["review", "merge", "refuse"]
POLICIES: tuple[Policy, ...] = ("review", "merge", "refuse")

_ALLOWED = re.compile(r"\d{1,12}|\d{1,2}(\.\d{1,6})?%|100%", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a backfill is to be run. None: as before, or as is usual.

    `collisions`: what becomes of memories that have one strong key under the new version; `allow`: how many may stay
    unconverted, a count or a share (`3%`); `rate`: memories a second at most, over all workers (0: no limit).
    """

    collisions: Policy | None = None
    allow: str | None = None
    rate: float | None = None
    by: str | None = None
    why: str | None = None

    def check(self) -> None:
        """Raises ArgumentInvalid."""
        if self.collisions is not None and self.collisions not in POLICIES:
            raise ArgumentInvalid(
                name="collisions", value=repr(self.collisions), reason=f"it must be one of {', '.join(POLICIES)}"
            )
        if self.allow is not None and not _ALLOWED.fullmatch(self.allow):
            raise ArgumentInvalid(
                name="allow", value=repr(self.allow), reason="write how many may stay, as 25, or their share, as 3%"
            )
        if self.rate is not None and not 0 <= self.rate < 1e9:
            raise ArgumentInvalid(name="rate", value=repr(self.rate), reason="it must be memories a second, as 1000")


@dataclass(frozen=True, slots=True)
class Backfill:
    """A change of version: `running`, `paused`, `cancelling`, `cancelled`, `done` or `failed` (with the error).

    `stage`: `index` until the version is in force, `rewrite` after that. `total` and `converted` are the memories of
    the stage to look at, and looked at; `rows_per_second` is what the workers that are alive do, `eta_seconds` how long
    the stage takes them still (None: not known). `failures`: memories that do not convert; `collisions`: memories that
    have the strong key of another one.
    """

    id: UUID
    schema: str
    to_version: int
    status: str
    stage: str
    total: int
    converted: int
    failures: int
    collisions: int
    policy: str
    allowed: str
    rate: float | None
    rows_per_second: float | None
    eta_seconds: float | None
    workers: int
    error: str | None
    started_by: str | None
    created_at: datetime
    activated_at: datetime | None
    finished_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return self.status in ("running", "paused", "cancelling")


@dataclass(frozen=True, slots=True)
class Failure:
    """A memory that a backfill could not convert, and why."""

    tenant: str
    memory_id: UUID
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """A backfill to be worked on; `joined`: it was begun before."""

    backfill_id: UUID
    joined: bool


def begin(name: str, to: int, wishes: Wishes, clock: Clock, new_id: Callable[[], UUID]) -> Steps[Begun | None]:
    """Begin the backfill of a schema to a version, or go on with one that was begun; None when there is nothing to do.

    Raises BackfillRefused, ArgumentInvalid, VersionNotFound, SchemaNotFound.
    """
    wishes.check()
    yield (versions.lock_exclusive(name),)
    version = yield from versions.load_version(name, to)
    found = yield from fetch_row(SQL["open_backfill"](schema=name))
    if found is not None and found["to_version"] == to and found["status"] != "cancelled":
        is_open = found["status"] in ("running", "paused", "cancelling")
        if found["status"] == "cancelling":
            raise _refused(version, "it is being cancelled; run `memreg backfill` again when that is done")
        if is_open or (found["status"] == "failed" and version.status in (Status.APPROVED, Status.ACTIVE)):
            yield (_change(found["id"], "running", wishes),)
            return Begun(found["id"], joined=True)
    if version.status is Status.ACTIVE:
        return (yield from _left_over(version, wishes, clock, new_id))
    newer = yield from fetch_row(SQL["newer_active"](schema=name, version=to))
    if newer is not None:
        raise _refused(version, f"version {newer['version']} is newer and active")
    if version.status is not Status.APPROVED:
        raise _refused(version, f"it is {version.status}{_ADVICE.get(version.status, '').format(version=version)}")
    if found is not None and found["status"] in ("running", "paused", "cancelling"):
        other = found["to_version"]
        if found["stage"] == "index" and found["version_status"] != Status.APPROVED:
            advice = f"that to version {other}, which is {found['version_status']}, has to be given up first"
        else:
            advice = (
                f"that to version {other} is not at its end; go on with it by `memreg backfill {name} --to {other}`"
            )
        way_out = "cancel" if found["stage"] == "index" else "rollback"
        raise _refused(version, f"{advice}, or `memreg backfill {way_out} {name}`")
    return Begun((yield from _insert(version, "index", wishes, clock, new_id)), joined=False)


def _left_over(version: SchemaVersion, wishes: Wishes, clock: Clock, new_id: Callable[[], UUID]) -> Steps[Begun | None]:
    """A version in force with memories that are behind (an allowance let them stay): they are tried again."""
    if not (yield from versions.is_behind(version)):
        return None
    return Begun((yield from _insert(version, "rewrite", wishes, clock, new_id)), joined=False)


def _insert(
    version: SchemaVersion, stage: str, wishes: Wishes, clock: Clock, new_id: Callable[[], UUID]
) -> Steps[UUID]:
    backfill_id = new_id()
    yield (
        SQL["insert_backfill"](
            id=backfill_id,
            schema=version.name,
            version=version.version,
            stage=stage,
            policy=wishes.collisions or "review",
            allowed=wishes.allow or "0",
            rate=wishes.rate or None,
            by=wishes.by,
            why=wishes.why,
            now=clock(),
        ),
    )
    return backfill_id


_ADVICE = {
    Status.PENDING: "; approve it first with `memreg approve {version}`",
    Status.DRAFT: "; it has no annotation yet",
    Status.REJECTED: "; approve another version",
    Status.RETIRED: "; a newer version took its place",
}


def pause(database: Database, schema: str) -> Backfill:
    """Halt the backfill of a schema after the parts at hand. Raises BackfillRefused, SchemaNotFound, DatabaseError."""
    return database.run_admin(lambda: _halt(schema, "pause", ("running",), "paused"))


def resume(database: Database, schema: str) -> Backfill:
    """Let a halted backfill go on; somebody has to work on it. Raises BackfillRefused, SchemaNotFound."""
    return database.run_admin(lambda: _halt(schema, "resume", ("paused",), "running"))


def cancel(database: Database, schema: str) -> Backfill:
    """Give up the backfill of a schema before its version is in force; what it added is taken away by the workers.

    Raises BackfillRefused (after that: roll back instead), SchemaNotFound, DatabaseError.
    """
    return database.run_admin(
        lambda: _halt(schema, "cancel", ("running", "paused", "failed", "cancelling"), "cancelling")
    )


def _halt(schema: str, verb: str, allowed: tuple[str, ...], status: str) -> Steps[Backfill]:
    name = yield from versions.resolve_name(schema)
    found = yield from fetch_row(SQL["open_backfill"](schema=name))
    if found is None:
        raise BackfillRefused(name=name, version="any", verb=verb, reason="none was begun")
    held = yield from fetch_row(SQL["lock_backfill"](id=found["id"]))
    assert held is not None
    if held["status"] not in allowed:
        raise BackfillRefused(name=name, version=held["to_version"], verb=verb, reason=f"it is {held['status']}")
    if status == "cancelling" and held["stage"] != "index":
        advice = f"its version is in force; `memreg backfill rollback {name}` takes the memories back"
        raise BackfillRefused(name=name, version=held["to_version"], verb=verb, reason=advice)
    yield (SQL["set_status"](id=held["id"], status=status, error=None, finished_at=None),)
    return (yield from one_backfill(held["id"]))


def status(database: Database, schema: str | None = None) -> tuple[Backfill, ...]:
    """The backfills of a schema, or of all, the newest first. Raises SchemaNotFound, DatabaseError."""
    return database.run_admin(lambda: list_backfills(schema))


def one_backfill(backfill_id: UUID, clock: Clock = utc_now) -> Steps[Backfill]:
    """A backfill as it stands."""
    rows = yield from fetch_rows(SQL["list_backfills"](schema=None, id=backfill_id))
    return (yield from _backfill(rows[0], clock))


def list_backfills(name: str | None, clock: Clock = utc_now) -> Steps[tuple[Backfill, ...]]:
    """The backfills of a schema, or of all, the newest first. Raises SchemaNotFound."""
    if name is not None:
        yield from versions.resolve_name(name)
    rows = yield from fetch_rows(SQL["list_backfills"](schema=name, id=None))
    found: tuple[Backfill, ...] = ()
    for row in rows:
        found += ((yield from _backfill(row, clock)),)
    return found


def list_failures(backfill_id: UUID, limit: int) -> Steps[tuple[Failure, ...]]:
    """Memories that a backfill could not convert, by tenant and id."""
    rows = yield from fetch_rows(SQL["list_failures"](id=backfill_id, limit=limit))
    return tuple(Failure(row["tenant"], row["memory_id"], row["reason"], row["created_at"]) for row in rows)


def queue_of(backfill_id: UUID) -> str:
    """The queue that the jobs of a backfill in the foreground are in. Of 40 characters at most: a channel of Postgres
    is named by it."""
    return f"memreg_{backfill_id.hex}"


def defer_chunk(backfill_id: UUID, queue: str, at: datetime | None = None) -> Statement:
    """Put a chunk into a queue, to be done at a time (None: now). Each chunk puts the one after it there."""
    return SQL["defer_chunk"](queue=queue, task=TASK, id=str(backfill_id), at=at)


def forget_jobs(backfill_id: UUID) -> Steps[None]:
    """Leave nothing in the queue of a backfill that waits for nobody."""
    yield (SQL["forget_jobs"](id=str(backfill_id), task=TASK),)


def allowance(allowed: str, total: int) -> int:
    """How many memories may stay unconverted: a count, or a share of all."""
    return int(total * float(allowed[:-1]) / 100) if allowed.endswith("%") else int(allowed)


def _change(backfill_id: UUID, status: str, wishes: Wishes) -> Statement:
    return SQL["change_backfill"](
        id=backfill_id, status=status, policy=wishes.collisions, allowed=wishes.allow, rate=wishes.rate
    )


def _refused(version: SchemaVersion, reason: str) -> BackfillRefused:
    return BackfillRefused(name=version.name, version=version.version, verb="start", reason=reason)


def _backfill(row: Row, clock: Clock) -> Steps[Backfill]:
    workers = 0
    if row["status"] in ("running", "cancelling"):
        jobs = yield from fetch(SQL["doing_jobs"](id=str(row["id"]), task=TASK, alive=clock() - ALIVE))
        workers = int(jobs[0][0]["doing"])
    # What was converted before the stage's parts were known is in `converted`; the parts say the rest.
    done = int(row["converted"] + (row["worked"] or 0))
    speed = row["worked"] / row["seconds"] * max(workers, 1) if row["seconds"] else None
    if speed is not None and row["rate"]:
        speed = min(speed, float(row["rate"]))
    left = max(row["total"] - done, 0)
    return Backfill(
        id=row["id"],
        schema=row["schema"],
        to_version=row["to_version"],
        status=row["status"],
        stage=row["stage"],
        total=max(row["total"], done),
        converted=done,
        failures=row["failures"],
        collisions=row["collisions"],
        policy=row["policy"],
        allowed=row["allowed"],
        rate=row["rate"],
        rows_per_second=speed if row["status"] == "running" else None,
        eta_seconds=left / speed if speed and row["status"] == "running" and row["prepared"] else None,
        workers=workers,
        error=row["error"],
        started_by=row["started_by"],
        created_at=row["created_at"],
        activated_at=row["activated_at"],
        finished_at=row["finished_at"],
    )
