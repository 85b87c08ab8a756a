"""The moment in which a version is put in force: ingest is kept out, the last writes are indexed, all is checked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from memreg.core.clock import Clock
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.operations.backfill.index import index_since
from memreg.operations.backfill.life import allowance
from memreg.operations.backfill.target import CHUNK, SQL, Target, read_target
from memreg.operations.trip.held import with_entries
from memreg.registry import versions
from memreg.registry.models import Status


def catch_up(backfill_id: UUID, target: Target, now: datetime) -> Steps[bool]:
    """Index some of what was written meanwhile, with ingest going on; whether little enough is left to keep it out."""
    held = yield from fetch_row(SQL["lock_backfill"](id=backfill_id))
    if held is None or held["status"] != "running" or held["stage"] != "index":
        return True
    return (yield from index_since(backfill_id, target, now)) < CHUNK


def activate(backfill_id: UUID, clock: Clock) -> Steps[None]:
    """Put the version in force, every memory being indexed for it; or let the backfill fail, with the reason."""
    row = yield from fetch_row(SQL["read_backfill"](id=backfill_id))
    assert row is not None
    name = row["schema"]
    _, _, held = yield from fetch(
        SQL["no_time_limit"](), versions.lock_exclusive(name), SQL["lock_backfill"](id=backfill_id)
    )
    backfill = held[0]
    if backfill["status"] != "running" or backfill["stage"] != "index":
        return
    target = yield from read_target(name, backfill["to_version"])
    now = clock()
    while (yield from index_since(backfill_id, target, now)):
        pass
    problem = yield from _problem(backfill, target, now)
    if problem:
        yield (SQL["set_status"](id=backfill_id, status="failed", error=problem, finished_at=now),)
        return
    yield from with_entries(name, versions.put_in_force(target.version, now), clock)
    renamed = versions.renames(target.version)
    if renamed:
        taken = SQL["take_over_calibrations"](schema=name, befores=list(renamed.values()), names=list(renamed))
        yield (taken,)
    yield (SQL["set_stage"](id=backfill_id, stage="rewrite", now=now),)


def _may_stay(backfill: Row, target: Target) -> Steps[int]:
    """How many live memories may stay as they are."""
    if not backfill["allowed"].endswith("%"):
        return allowance(backfill["allowed"], 0)
    groups = yield from fetch_rows(
        SQL["count_behind"](schema=target.version.name, version=target.version.version, classes=target.stored_classes)
    )
    return allowance(backfill["allowed"], sum(row["memories"] for row in groups))


def _problem(backfill: Row, target: Target, now: datetime) -> Steps[str]:
    """What keeps the version from being put in force; nothing where all is well."""
    backfill_id, version = backfill["id"], target.version
    found = {"id": backfill_id, "schema": version.name}
    results = yield from fetch(
        SQL["heirs"](**found, now=now),
        SQL["name_keepers"](**found),
        SQL["drop_keepers"](id=backfill_id),
        SQL["prefer_oldest"](**found),
        SQL["count_failures"](id=backfill_id),
        SQL["count_collisions"](id=backfill_id),
    )
    failures, collisions = results[-2][0]["failures"], results[-1][0]["collisions"]
    if version.status is not Status.APPROVED:
        return f"{version} is {version.status} now, and not approved"
    newer = yield from fetch_rows(SQL["newer_active"](schema=version.name, version=version.version))
    if newer:
        return f"version {newer[0]['version']} is newer and active"
    stays = "which stays approved"
    if failures > (yield from _may_stay(backfill, target)):
        what = "1 memory does" if failures == 1 else f"{failures:,} memories do"
        more = f" ({backfill['allowed']} may stay)" if backfill["allowed"] != "0" else ""
        return f"{what} not fit {version}, {stays}{more}"
    if collisions and backfill["policy"] == "refuse":
        what = "1 memory has" if collisions == 1 else f"{collisions:,} memories have"
        return f"{what} the strong key of another one under {version}, {stays}"
    return ""
