"""How a running memreg stands: the inbox, the model, the workers, the questions to a person; read at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from memreg.core.clock import Clock
from memreg.core.steps import Row, Steps, fetch, fetch_rows
from memreg.engine.inbox import ALIVE, QUEUE
from memreg.operations.backfill.life import Backfill, list_backfills
from memreg.operations.inbox import count_statement
from memreg.operations.kill_switch import SQL as SWITCHES
from memreg.operations.kill_switch import Switch, switch_of
from memreg.operations.store import EVERY, SQL
from memreg.operations.usage import call_scopes
from memreg.registry.lookup import SQL as REGISTRY

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class InboxCount:
    """Messages of a schema in one status that is not settled.

    `queued`: left to the workers; `failed_before`: with at least one try that ended; `left`: being extracted for longer
    than anybody should need. `oldest`: when the first was received; `oldest_due`: the first of those that are not put
    off to a later try.
    """

    schema: str
    status: str
    messages: int
    queued: int
    failed_before: int
    left: int
    oldest: datetime
    oldest_due: datetime | None


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests to a model within the last hour that ended in one way."""

    schema: str
    model: str | None
    outcome: str
    requests: int
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works the queue off, or did until a short while ago."""

    id: UUID
    host: str
    pid: int
    slots: int
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of the inbox, or of the backfills: `stalled` are being done by a worker that is gone."""

    queue: str
    due: int
    doing: int
    stalled: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """Open questions to a person of one kind, and since when the oldest is open."""

    schema: str
    kind: str
    items: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """The newest message that is dead or waits for another try, and why."""

    tenant: str
    schema: str
    message_id: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class State:
    """Everything of one moment, `now`; of one tenant and schema, or of every one.

    `fullest`: by schema, the messages in the fullest queue of a tenant. `workers`: only those that are alive. `lease`:
    how long a message may be extracted before it counts as left. `backfills`: the newest one of each schema.
    """

    now: datetime
    lease: timedelta
    schemas: tuple[str, ...]
    inbox: tuple[InboxCount, ...]
    fullest: Mapping[str, int]
    failure: Failure | None
    calls: tuple[Calls, ...]
    workers: tuple[Worker, ...]
    jobs: tuple[Jobs, ...]
    reviews: tuple[Backlog, ...]
    switches: tuple[Switch, ...]
    backfills: tuple[Backfill, ...] = ()

    def messages(self, *statuses: str) -> int:
        """How many messages are in some statuses."""
        return sum(each.messages for each in self.inbox if each.status in statuses)

    @property
    def queued(self) -> int:
        """How many messages the workers have to end."""
        return sum(each.queued for each in self.inbox if each.status != "dead")

    @property
    def oldest(self) -> datetime | None:
        """When the oldest message was received that waits or is worked on."""
        return min((each.oldest for each in self.inbox if each.status != "dead"), default=None)

    @property
    def requests(self) -> int:
        """Requests to models within the last hour."""
        return sum(each.requests for each in self.calls)

    @property
    def failed(self) -> int:
        """Those of them without a usable answer."""
        return sum(each.requests for each in self.calls if each.outcome != "ok")


def read_state(tenant: str | None, schema: str | None, lease: timedelta, clock: Clock) -> Steps[State]:
    """How things stand in a tenant and schema; None is every one."""
    now = clock()
    scopes = yield from call_scopes(tenant, schema)
    asked = {"tenant": tenant, "schema": schema}
    backfills = yield from list_backfills(None, clock)
    names, inbox, fullest, failures, calls, workers, jobs, reviews, switches = yield from fetch(
        REGISTRY["schema_names"](),
        count_statement(tenant, schema, now, lease),
        SQL["fullest_queues"](**asked),
        SQL["newest_failure"](**asked),
        SQL["count_calls"](
            tenants=[scope[0] for scope in scopes],
            schemas=[scope[1] for scope in scopes],
            since=now - HOUR,
            until=now + HOUR,  # another machine's clock may be ahead
        ),
        SQL["list_workers"](),
        SQL["count_jobs"](now=now, alive=now - ALIVE),
        SQL["review_backlog"](**asked),
        SWITCHES["switches_of"](tenant=tenant or EVERY, schema=schema or EVERY, class_name=EVERY),
    )
    return State(
        now=now,
        lease=lease,
        schemas=tuple(str(row["name"]) for row in names if schema in (None, row["name"])),
        inbox=tuple(_count(row) for row in inbox),
        fullest={row["schema"]: row["messages"] for row in fullest},
        failure=_failure(failures[0]) if failures else None,
        calls=tuple(_calls(row) for row in calls),
        workers=tuple(Worker(**row) for row in workers if row["seen_at"] > now - ALIVE),
        jobs=(_jobs("inbox", jobs), _jobs("backfill", jobs)),
        reviews=tuple(Backlog(**row) for row in reviews),
        switches=tuple(each for each in map(switch_of, switches) if each.is_on),
        backfills=tuple({each.schema: each for each in reversed(backfills) if schema in (None, each.schema)}.values()),
    )


def workers_alive(clock: Clock) -> Steps[int]:
    """How many workers were seen within the last 30 seconds."""
    rows = yield from fetch_rows(SQL["list_workers"]())
    return sum(row["seen_at"] > clock() - ALIVE for row in rows)


def _count(row: Row) -> InboxCount:
    return InboxCount(
        schema=row["schema"],
        status=row["status"],
        messages=row["messages"],
        queued=row["queued"],
        failed_before=row["failed_before"],
        left=row["left_behind"] if row["status"] == "extracting" else 0,
        oldest=row["oldest"],
        oldest_due=row["oldest_due"],
    )


def _failure(row: Row) -> Failure:
    return Failure(row["tenant"], row["schema"], row["id"], row["status"], row["error"])


def _calls(row: Row) -> Calls:
    return Calls(
        row["schema"], row["model"], row["outcome"], row["requests"], int(row["tokens_in"]), int(row["tokens_out"])
    )


def _jobs(name: str, rows: list[Row]) -> Jobs:
    """The queue of the inbox; every other one is a backfill's, which has one of its own."""
    mine = [row for row in rows if (row["queue"] == QUEUE) == (name == "inbox")]
    return Jobs(
        name, sum(row["due"] for row in mine), sum(row["doing"] for row in mine), sum(row["stalled"] for row in mine)
    )
