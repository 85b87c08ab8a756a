"""Backfills as plans: begin or join one, convert a chunk, activate at the end, list them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from memreg.core.clock import Clock
from memreg.core.errors import BackfillRefused
from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.operations.convert import Chunk, Conversion
from memreg.operations.store import SQL
from memreg.registry import versions
from memreg.registry.models import SchemaVersion, Status

CHUNK = 500
"""Memories a transaction."""
TASK = "memreg.backfill_chunk"


@dataclass(frozen=True, slots=True)
class Backfill:
    """A change of version: `running`, `done` or `failed` (with the error). Counts are of memories."""

    id: UUID
    schema: str
    to_version: int
    status: str
    total: int
    converted: int
    failures: int
    error: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A memory that a backfill could not convert, and why."""

    tenant: str
    memory_id: UUID
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """A backfill to be worked on; `joined`: it was begun before. None where there is nothing to do."""

    backfill_id: UUID
    joined: bool


def begin(name: str, to: int, clock: Clock, new_id: Callable[[], UUID]) -> Steps[Begun | None]:
    """Begin the backfill of a schema to a version, or join the one that runs; None when the version is active.

    Raises BackfillRefused, VersionNotFound, SchemaNotFound.
    """
    yield (versions.lock_exclusive(name),)
    version = yield from versions.load_version(name, to)
    if version.status is Status.ACTIVE:
        return None
    newer = yield from fetch_row(SQL["newer_active"](schema=name, version=to))
    if newer is not None:
        raise _refused(version, f"version {newer['version']} is newer and active")
    if version.status is not Status.APPROVED:
        raise _refused(version, f"it is {version.status}{_ADVICE.get(version.status, '').format(version=version)}")
    running = yield from fetch_row(SQL["running_backfill"](schema=name))
    if running is not None and running["to_version"] == to:
        yield (defer_chunk(running["id"]),)
        return Begun(running["id"], joined=True)
    if running is not None and running["version_status"] == Status.APPROVED:
        other = running["to_version"]
        reason = f"that to version {other} is not at its end; go on with it by `memreg backfill {name} --to {other}`"
        raise _refused(version, reason)
    now, backfill_id = clock(), new_id()
    if running is not None:
        yield (_finish(running["id"], "failed", f"version {running['to_version']} was superseded", now),)
    counted = yield from fetch_rows(SQL["count_behind"](schema=name, version=to, classes=list(version.spec.by_name)))
    yield (
        SQL["insert_backfill"](id=backfill_id, schema=name, version=to, total=counted[0]["memories"], now=now),
        defer_chunk(backfill_id),
    )
    return Begun(backfill_id, joined=False)


_ADVICE = {
    Status.PENDING: "; approve it first with `memreg approve {version}`",
    Status.DRAFT: "; it has no annotation yet",
    Status.REJECTED: "; approve another version",
    Status.RETIRED: "; a newer version took its place",
}


def convert_chunk(backfill_id: UUID, limit: int, clock: Clock, new_id: Callable[[], UUID]) -> Steps[Chunk | None]:
    """Convert the next chunk and put the one after it into the queue, in this transaction.

    None when the backfill is at its end already. A chunk that found less than `limit` was the last before `finish`.
    """
    row = yield from fetch_row(SQL["backfill_schema"](id=backfill_id))
    if row is None:
        return None
    _, held = yield from fetch(versions.lock_shared(row["schema"]), SQL["lock_backfill"](id=backfill_id))
    if held[0]["status"] != "running":
        return None
    version = yield from versions.load_version(row["schema"], held[0]["to_version"])
    chunk = yield from Conversion(backfill_id, version, clock(), new_id).run(limit)
    yield (SQL["count_converted"](id=backfill_id, converted=chunk.converted), defer_chunk(backfill_id))
    return chunk


def finish(backfill_id: UUID, clock: Clock, new_id: Callable[[], UUID]) -> Steps[None]:
    """Keep ingest out, convert what came meanwhile, and activate the version; with failures the backfill fails."""
    row = yield from fetch_row(SQL["backfill_schema"](id=backfill_id))
    assert row is not None
    name = row["schema"]
    _, held = yield from fetch(versions.lock_exclusive(name), SQL["lock_backfill"](id=backfill_id))
    if held[0]["status"] != "running":
        return
    version = yield from versions.load_version(name, held[0]["to_version"])
    while True:
        chunk = yield from Conversion(backfill_id, version, clock(), new_id).run(CHUNK)
        if not chunk.found:
            break
        yield (SQL["count_converted"](id=backfill_id, converted=chunk.converted),)
    behind = yield from fetch_rows(
        SQL["count_behind"](schema=name, version=version.version, classes=list(version.spec.by_name))
    )
    left = behind[0]["memories"]
    if left:
        what = "1 memory does" if left == 1 else f"{left} memories do"
        error = f"{what} not fit {version}, which stays {version.status}"
        yield (_finish(backfill_id, "failed", error, clock()),)
        return
    yield from versions.activate(name, version.version, clock)
    yield (_finish(backfill_id, "done", None, clock()),)


def one_backfill(backfill_id: UUID) -> Steps[Backfill]:
    """A backfill as it stands."""
    rows = yield from fetch_rows(SQL["list_backfills"](schema=None, id=backfill_id))
    return _backfill(rows[0])


def list_backfills(name: str | None) -> Steps[tuple[Backfill, ...]]:
    """The backfills of a schema, or of all, the newest first. Raises SchemaNotFound."""
    if name is not None:
        yield from versions.resolve_name(name)
    rows = yield from fetch_rows(SQL["list_backfills"](schema=name, id=None))
    return tuple(_backfill(row) for row in rows)


def list_failures(backfill_id: UUID, limit: int) -> Steps[tuple[Failure, ...]]:
    """Memories that a backfill could not convert, by tenant and id."""
    rows = yield from fetch_rows(SQL["list_failures"](id=backfill_id, limit=limit))
    return tuple(Failure(row["tenant"], row["memory_id"], row["reason"], row["created_at"]) for row in rows)


def queue_of(backfill_id: UUID) -> str:
    """The queue that the jobs of a backfill are in. Of 40 characters at most: a channel of Postgres is named by it."""
    return f"memreg_{backfill_id.hex}"


def defer_chunk(backfill_id: UUID) -> Statement:
    """Put the next chunk into the queue, unless it is there. A job of a worker that was killed does not count."""
    return SQL["defer_chunk"](queue=queue_of(backfill_id), task=TASK, id=str(backfill_id))


def forget_jobs(backfill_id: UUID) -> Steps[None]:
    """Leave nothing in the queue of a backfill that is at its end."""
    yield (SQL["forget_jobs"](queue=queue_of(backfill_id), task=TASK),)


def _finish(backfill_id: UUID, status: str, error: str | None, now: datetime) -> Statement:
    return SQL["finish_backfill"](id=backfill_id, status=status, error=error, now=now)


def _refused(version: SchemaVersion, reason: str) -> BackfillRefused:
    return BackfillRefused(name=version.name, version=version.version, verb="start", reason=reason)


def _backfill(row: Row) -> Backfill:
    return Backfill(
        row["id"], row["schema"], row["to_version"], row["status"], row["total"], row["converted"], row["failures"],
        row["error"], row["created_at"], row["finished_at"],
    )  # fmt: skip
