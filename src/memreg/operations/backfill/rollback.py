"""Going back to the version before: what was added is taken away; or, when the new version is in force already, the
next version brings the old one back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import BackfillRefused
from memreg.core.ids import uuid7
from memreg.core.steps import Row, Steps, fetch_row
from memreg.operations.backfill import life
from memreg.operations.backfill.run import Backfilled, Progress, backfill, work_off
from memreg.operations.backfill.target import CHUNK, SQL
from memreg.registry import versions
from memreg.registry.restore import restore


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What going back came to. `lost`: in sentences, what of the newer version's values the older one cannot hold."""

    backfilled: Backfilled
    lost: tuple[str, ...] = ()


def roll_back(
    database: Database,
    schema: str,
    why: str,
    *,
    by: str | None = None,
    allow: str | None = None,
    slots: int = 1,
    progress: Progress | None = None,
    clock: Clock = utc_now,
    new_id: Callable[[], UUID] = uuid7,
    chunk: int = CHUNK,
) -> RolledBack:
    """Take a schema back to the version before, with all its memories.

    While the newer version is not in force, its backfill is cancelled: nothing else had changed. Else a version with
    the content of the older one is made, approved by `by`, and the memories are taken to it as by any backfill.
    Raises BackfillRefused, ArgumentInvalid, VersionStatus, SchemaNotFound, DatabaseError.
    """
    name = database.run_admin(lambda: versions.resolve_name(schema))
    found = database.run_admin(lambda: fetch_row(SQL["open_backfill"](schema=name)))
    lost: tuple[str, ...] = ()
    if found is not None and _goes_back(found):
        version = found["to_version"]
    elif found is not None and found["stage"] == "index" and found["status"] in _BEFORE:
        if found["status"] != "cancelling":
            life.cancel(database, name)
        ended = work_off(database, found["id"], progress, clock, new_id, chunk, slots)
        return RolledBack(Backfilled(name, found["to_version"], ended, joined=True))
    else:
        version, lost = database.run_admin(lambda: _turn(name, by, why, clock))
    done = backfill(
        database,
        name,
        version,
        allow=allow,
        slots=slots,
        by=by,
        why=why,
        progress=progress,
        clock=clock,
        new_id=new_id,
        chunk=chunk,
    )
    return RolledBack(done, lost)


_BEFORE = ("running", "paused", "failed", "cancelling")


def _goes_back(found: Row) -> bool:
    """Whether a backfill that did not come to its end takes memories back itself: killed, it is gone on with."""
    is_open = found["status"] in ("running", "paused") or (found["status"], found["stage"]) == ("failed", "index")
    return found["restores"] is not None and is_open


def _turn(name: str, by: str | None, why: str, clock: Clock) -> Steps[tuple[int, tuple[str, ...]]]:
    """Make the version that brings the old one back, and end the backfill to the newer one where it still runs."""
    yield (versions.lock_exclusive(name),)
    found = yield from fetch_row(SQL["open_backfill"](schema=name))
    if found is not None and found["status"] in ("running", "paused"):
        if found["stage"] == "rewrite":  # before it is held: who works on a part refers to it
            yield (SQL["forget_parts"](id=found["id"]),)
        held = yield from fetch_row(SQL["lock_backfill"](id=found["id"]))
        assert held is not None
        if held["stage"] == "index":
            reason = "it began just now; try again"
            raise BackfillRefused(name=name, version=held["to_version"], verb="be rolled back", reason=reason)
        error = "it was turned back"
        yield (
            SQL["count_done"](id=held["id"], stage="rewrite", left=0),
            SQL["forget_done_parts"](id=held["id"]),
            SQL["set_status"](id=held["id"], status="cancelled", error=error, finished_at=clock()),
        )
    version, lost = yield from restore(name, by, why, clock)
    merged = yield from fetch_row(SQL["count_merged"](schema=name, version=version.base))
    if merged is not None and merged["merged"]:
        what = "1 memory that was" if merged["merged"] == 1 else f"{merged['merged']:,} memories that were"
        lost = (*lost, f"{what} merged by the new identity stay merged; the audit has what they were")
    return version.version, lost
