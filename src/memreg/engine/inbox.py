"""The inbox as a queue, as plans: left to the workers, taken up by one, waited for, left behind and found again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from memreg.core.clock import Clock
from memreg.core.errors import MessageNotFound, QueueFull
from memreg.core.queries import Queries, Statement
from memreg.core.steps import Steps, fetch, fetch_row, fetch_rows
from memreg.core.tracing import traceparent
from memreg.engine.ingest import Accepted, Walk, begin, decisions_of, dropped_by, kept, kept_message, known
from memreg.engine.model import IngestResult, Message
from memreg.engine.store import SQL
from memreg.registry import versions

QUEUE = "memreg_inbox"
TASK = "memreg.ingest"
ALIVE = timedelta(seconds=30)
"""How long after its last heartbeat a worker counts as alive; it has one every 5 seconds."""
FORGOTTEN = timedelta(hours=1)

WORKERS = Queries.load("memreg.engine", "workers.sql")


@dataclass(frozen=True, slots=True)
class Stats:
    """The queue of a tenant and schema, and the workers.

    `queue_size`: messages that wait for a worker; `pending`: those, and the ones being worked on. `capacity`: how many
    may be pending; `utilisation` is pending / capacity, in [0, 1]. `submitted`, `completed` (decided) and `failed`
    (dead, or dropped by a person) are of the messages left to the workers that were received within the last `hours`;
    `error_rate` is failed / (completed + failed), 0 where there are none. Of the slots of all workers seen within the
    last 30 seconds, which work for every tenant, `workers_active` are at a message of this tenant, `workers_idle` not.
    """

    queue_size: int
    pending: int
    capacity: int
    utilisation: float
    workers_active: int
    workers_idle: int
    submitted: int
    completed: int
    failed: int
    error_rate: float
    hours: float


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A message that somebody began with and did not end."""

    tenant: str
    schema: str
    message_id: str


def submit(walk: Walk, message: Message, capacity: int) -> Steps[bool]:
    """Keep a message and leave it to the workers; False where that is not needed: it is settled, or being worked on.

    Raises QueueFull, MessageConflict, NoUsableVersion, SchemaNotFound.
    """
    now = walk.clock()
    _, heads, rows, counted, newest = yield from fetch(
        versions.lock_shared(walk.schema),
        versions.usable_head(walk.schema),
        SQL["one_message"](tenant=walk.tenant, schema=walk.schema, id=message.id),
        SQL["count_waiting"](tenant=walk.tenant, schema=walk.schema, capacity=capacity),
        SQL["newest_of_session"](tenant=walk.tenant, schema=walk.schema, session=message.session),
    )
    yield from walk.cache.usable(walk.schema, heads)
    row = rows[0] if rows else None
    if (yield from known(walk, message, row)) is not None:
        return False
    if row is not None and (row["status"] == "extracting" or (row["status"] == "accepted" and row["queued"])):
        return False
    if counted[0]["waiting"] >= capacity:
        raise QueueFull(schema=walk.schema, tenant=walk.tenant, pending=counted[0]["waiting"], capacity=capacity)
    given = kept(walk, message, now)
    if newest:  # it may be of a machine whose clock is ahead, and comes before this one all the same
        given["arrival"] = max(walk.new_id(), UUID(int=newest[0]["arrival"].int + 1))
    arrived = yield from fetch_rows(SQL["queue_message"](**given, traceparent=traceparent()))
    if not arrived:  # somebody else began with it since
        return False
    yield (_job(walk, arrived[0]["session"], arrived[0]["arrival"]),)
    return True


def requeue(walk: Walk, message_id: str) -> Steps[bool]:
    """Leave a kept message to the workers again, now; False where it is settled. Raises MessageNotFound.

    In a session, one before it that waits for its next try still holds it back.
    """
    asked = {"tenant": walk.tenant, "schema": walk.schema, "id": message_id}
    row = yield from fetch_row(SQL["requeue_message"](**asked))
    if row is None:
        if (yield from fetch_row(SQL["one_message"](**asked))) is None:
            raise MessageNotFound(message_id=message_id, tenant=walk.tenant)
        return False
    session, first = row["session"], None
    if session is not None:
        first = yield from fetch_row(SQL["next_of_session"](tenant=walk.tenant, schema=walk.schema, session=session))
    lock = job_lock(walk.tenant, walk.schema, session, row["arrival"])
    yield (
        SQL["reschedule_job"](lock=lock, at=None if first is None else first["next_attempt_at"]),
        _job(walk, session, row["arrival"]),
    )
    return True


def pass_on(walk: Walk, arrival: UUID) -> Steps[None]:
    """Leave the rest of a message's session to a new job, behind those that wait, as this one has had its share."""
    row = yield from fetch_row(SQL["arrived_message"](tenant=walk.tenant, schema=walk.schema, arrival=arrival))
    if row is None or row["session"] is None:
        return
    first = yield from fetch_row(SQL["next_of_session"](tenant=walk.tenant, schema=walk.schema, session=row["session"]))
    if first is not None:
        yield (_job(walk, row["session"], first["arrival"]),)


def others_wait(walk: Walk) -> Steps[bool]:
    """Whether another tenant has a job that could be done now."""
    rows = yield from fetch_rows(SQL["others_wait"](queue=QUEUE, tenant=walk.tenant))
    return bool(rows[0]["wait"])


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that a worker took up; `attempts`: tries of it that ended before; `traceparent`: the span that it was
    submitted in."""

    accepted: Accepted
    attempts: int
    traceparent: str | None = None


def claim(walk: Walk, arrival: UUID, turns: int) -> Steps[Claimed | None]:
    """Take up the message of a job, with up to `turns` messages of its session before it; None where all is settled.

    Where the message has a session, it is the oldest of the session that waits: one job does them all, in order.
    Raises NoUsableVersion, SchemaNotFound.
    """
    _, heads, rows = yield from fetch(
        versions.lock_shared(walk.schema),
        versions.usable_head(walk.schema),
        SQL["arrived_message"](tenant=walk.tenant, schema=walk.schema, arrival=arrival),
    )
    row = rows[0] if rows else None
    if row is not None and row["session"] is not None:
        row = yield from fetch_row(
            SQL["next_of_session"](tenant=walk.tenant, schema=walk.schema, session=row["session"])
        )
    if row is None or row["status"] not in ("accepted", "extracting"):
        return None
    version = yield from walk.cache.usable(walk.schema, heads)
    message = kept_message(row, row["id"])
    return Claimed((yield from begin(walk, message, version, turns)), row["attempts"], row["traceparent"])


def one_message(walk: Walk, message_id: str) -> Steps[Message]:
    """A kept message as it came. Raises MessageNotFound."""
    row = yield from fetch_row(SQL["one_message"](tenant=walk.tenant, schema=walk.schema, id=message_id))
    if row is None:
        raise MessageNotFound(message_id=message_id, tenant=walk.tenant)
    return kept_message(row, message_id)


def outcome(walk: Walk, message_id: str) -> Steps[IngestResult | str]:
    """What became of a message, or its status while it is not settled. Raises MessageNotFound."""
    row = yield from fetch_row(SQL["one_message"](tenant=walk.tenant, schema=walk.schema, id=message_id))
    if row is None:
        raise MessageNotFound(message_id=message_id, tenant=walk.tenant)
    match row["status"]:
        case "decided":
            return IngestResult(message_id, "decided", (yield from decisions_of(walk, message_id)))
        case "dead":
            return IngestResult(message_id, "dead", error=row["error"])
        case "dropped":
            return IngestResult(message_id, "dead", error=dropped_by(row))
        case status:
            return str(status)


def stats(walk: Walk, capacity: int, hours: float) -> Steps[Stats]:
    """The figures of the queue."""
    now = walk.clock()
    queues, workers = yield from fetch(
        SQL["queue_figures"](tenant=walk.tenant, schema=walk.schema, since=now - timedelta(hours=hours)),
        SQL["worker_figures"](alive=now - ALIVE, queue=QUEUE),
    )
    since, waiting = queues[0]["since"], queues[0]["waiting"]
    pending = sum(waiting.values())
    completed, failed = since.get("decided", 0), since.get("dead", 0) + since.get("dropped", 0)
    slots = int(workers[0]["slots"])
    active = min(int(workers[0]["active"]), slots)
    return Stats(
        queue_size=waiting.get("accepted", 0),
        pending=pending,
        capacity=capacity,
        utilisation=round(min(1.0, pending / capacity), 4),
        workers_active=active,
        workers_idle=slots - active,
        submitted=sum(since.values()),
        completed=completed,
        failed=failed,
        error_rate=round(failed / (completed + failed), 4) if completed + failed else 0.0,
        hours=hours,
    )


# The workers'


def see_worker(worker_id: UUID, host: str, pid: int, slots: int, clock: Clock) -> Steps[None]:
    """A worker's heartbeat."""
    yield (WORKERS["see_worker"](id=worker_id, host=host, pid=pid, slots=slots, now=clock()),)


def forget_worker(worker_id: UUID, clock: Clock) -> Steps[None]:
    """A worker stops; those that went without a word are forgotten with it."""
    yield (WORKERS["forget_workers"](id=worker_id, gone=clock() - FORGOTTEN),)


def left_behind(since: datetime, limit: int = 1000) -> Steps[Sequence[LeftBehind]]:
    """Messages of every tenant that were begun before `since` by somebody who is gone, or that lost their job."""
    rows = yield from fetch_rows(WORKERS["left_behind"](left_since=since, queue=QUEUE, limit=limit))
    return [LeftBehind(row["tenant"], row["schema"], row["id"]) for row in rows]


def take_over(seconds: float, queue: str = QUEUE) -> Steps[int]:
    """Put the jobs of workers without a heartbeat for so long back into a queue; gives how many.

    By one worker at a time: of two, the slower one would take a job from the third that has it by then.
    """
    held = yield from fetch_row(WORKERS["hold_take_over"]())
    if held is None or not held["held"]:
        return 0
    jobs, _ = yield from fetch(
        WORKERS["take_over"](queue=queue, seconds=seconds), WORKERS["prune_workers"](seconds=seconds)
    )
    return len(jobs)


def jobs_left(queue: str = QUEUE) -> Steps[int]:
    """How many jobs of a queue are being done or could be done now, counted up to 1,000."""
    rows = yield from fetch_rows(WORKERS["jobs_left"](queue=queue))
    return int(rows[0]["jobs"])


def job_lock(tenant: str, schema: str, session: str | None, arrival: UUID) -> str:
    """What the jobs of a session share, so that one is done at a time; a message without a session has its own.

    A hash, which tells nothing of them. The query `left_behind` makes the same one.
    """
    whose = f"a{arrival}" if session is None else f"s{session}"
    return hashlib.sha256("\x1f".join((tenant, schema, whose)).encode()).hexdigest()


def _job(walk: Walk, session: str | None, arrival: UUID) -> Statement:
    return SQL["defer_message"](
        queue=QUEUE,
        task=TASK,
        lock=job_lock(walk.tenant, walk.schema, session, arrival),
        tenant=walk.tenant,
        schema=walk.schema,
        arrival=str(arrival),
    )
