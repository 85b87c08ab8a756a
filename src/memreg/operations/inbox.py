"""The inbox as a person sees it: what waits and why, one message with all that is kept of it, and giving one up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, MessageNotFound
from memreg.core.ids import uuid7
from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.engine import inbox as queue
from memreg.engine.cache import Cache
from memreg.engine.ingest import Walk, decision_from
from memreg.engine.model import Call, Decision
from memreg.engine.reads import check_limit
from memreg.engine.storable import storable_text
from memreg.engine.store import SQL as ENGINE
from memreg.operations.store import SQL
from memreg.registry import versions

UNSETTLED = ("accepted", "extracting", "dead")
STATUSES = (*UNSETTLED, "dropped")
REPLY = 2_000
"""Characters of a model's reply that are shown."""
_PAGE = 10_000
_EXTRACTOR = re.compile(r"\AThe extractor \S+ gave nothing usable: ")


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A message of the inbox: its state, since when, and why.

    `status`: accepted (kept, waits), extracting (somebody works on it), dead (given up by memreg, to be retried),
    dropped (given up by a person) or decided. `queued`: left to the workers. `attempts`: tries that ended. `reason`:
    why the last try failed, or why a person gave it up. `beginning`: up to 200 characters. `is_left`: it is being
    extracted for longer than anybody should need.
    """

    id: str
    status: str
    queued: bool
    session: str | None
    role: str
    beginning: str
    attempts: int
    reason: str | None
    received_at: datetime
    age: timedelta
    started_at: datetime | None
    next_attempt_at: datetime | None
    settled_by: str | None
    is_left: bool

    @property
    def sentence(self) -> str:
        """Its state in words, without a full stop."""
        reason = brief(self.reason or "no reason was kept")
        match self.status:
            case "extracting" if self.is_left:
                return "whoever worked on it is gone; a worker takes it up again, or memreg inbox retry"
            case "extracting":
                return "somebody works on it"
            case "accepted" if self.reason is not None:
                return f"failed {times(self.attempts)}, is tried again: {reason}"
            case "accepted" if self.queued:
                return "waits for a worker"
            case "accepted":
                return "nobody works on it yet; memreg inbox retry does"
            case "dead":
                return f"failed {times(self.attempts)}: {reason}"
            case "dropped":
                return f"given up by {self.settled_by or 'somebody'}: {reason}"
            case _:
                return self.status if self.reason is None else f"{self.status}: {reason}"


@dataclass(frozen=True, slots=True)
class Inbox:
    """Messages that are not settled, oldest first, and of all of them how many there are by status.

    `oldest`: how long the oldest one that waits or is worked on has been there; None where there is none.
    """

    items: tuple[InboxMessage, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    oldest: timedelta | None = None

    @property
    def total(self) -> int:
        """How many are not settled, those beyond the limit too."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One message with all that is kept of it.

    `reply`: the beginning of what the model said last, of `reply_length` characters. `calls`: the requests that were
    made for it, with when. `decisions`: what became of it, where it is decided.
    """

    message: InboxMessage
    text: str
    at: datetime | None
    decided_at: datetime | None
    reply: str | None
    reply_length: int
    calls: tuple[tuple[datetime, Call], ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """What became of giving a message up: `dropped` now or `before`, `refused` where it is decided, or `unknown`."""

    id: str
    verdict: str
    sentence: str


def inbox(
    database: Database,
    tenant: str,
    schema: str,
    *,
    status: str | None = None,
    limit: int = 100,
    clock: Clock = utc_now,
) -> Inbox:
    """The messages of a tenant and schema that are not settled, oldest first, up to `limit` (1 to 10,000).

    `status`: only accepted, extracting or dead ones; or dropped ones, which are settled.
    Raises ArgumentInvalid, SchemaNotFound, TenantInvalid, DatabaseError.
    """
    lease = lease_of(database)
    return database.run(tenant, lambda: read_inbox(tenant, schema, status, limit, lease, clock))


def show(
    database: Database, tenant: str, schema: str, message_id: str, *, reply: int = REPLY, clock: Clock = utc_now
) -> KeptMessage:
    """One message, with up to `reply` characters of the model's reply. Raises MessageNotFound, DatabaseError and
    TenantInvalid."""
    lease = lease_of(database)
    return database.run(tenant, lambda: read_message(tenant, schema, message_id, reply, lease, clock))


def drop(
    database: Database, tenant: str, schema: str, message_ids: Sequence[str], *, why: str, by: str
) -> tuple[Dropped, ...]:
    """Give messages up for a reason: they stay kept, with the reason and who, and are not tried again.

    Each in a transaction of its own, so that one that cannot be dropped does not hold the others. Raises
    ArgumentInvalid, TenantInvalid, DatabaseError.
    """
    for name, value, what in (("why", why, "the reason, which is kept"), ("by", by, "who gives it up")):
        if not isinstance(value, str) or not value.strip():
            raise ArgumentInvalid(name=name, value="empty", reason=f"say {what}")

    def plan_of(message_id: str) -> Callable[[], Steps[Dropped]]:
        return lambda: drop_message(tenant, schema, message_id, why, by)

    return tuple(database.run(tenant, plan_of(each)) for each in dict.fromkeys(message_ids))


def dead_ids(database: Database, tenant: str, schema: str) -> list[str]:
    """The dead messages of now, oldest first. Raises SchemaNotFound, TenantInvalid, DatabaseError."""
    return database.run(tenant, lambda: read_dead_ids(tenant, schema))


def read_dead_ids(tenant: str, schema: str) -> Steps[list[str]]:
    """`dead_ids` as a plan. Raises SchemaNotFound."""
    yield from versions.resolve_name(schema)
    found: list[str] = []
    after: UUID | None = None
    while True:
        rows = yield from fetch_rows(_page(tenant, schema, ["dead"], _PAGE, after))
        found += [row["id"] for row in rows]
        if len(rows) < _PAGE:
            return found
        after = rows[-1]["arrival"]


def requeue(database: Database, tenant: str, schema: str, message_id: str) -> str | None:
    """Leave a kept message to the workers again; gives a sentence where that is not done, as it is settled.

    Raises MessageNotFound, TenantInvalid, DatabaseError.
    """
    walk = Walk(tenant, schema, Cache(), utc_now, uuid7)
    if database.run(tenant, lambda: queue.requeue(walk, message_id)):
        return None
    kept = show(database, tenant, schema, message_id)
    return f"The message {message_id!r} is {kept.message.status}, so there is nothing to retry."


def read_inbox(
    tenant: str, schema: str, status: str | None, limit: int, lease: timedelta, clock: Clock
) -> Steps[Inbox]:
    """`inbox` as a plan. Raises ArgumentInvalid, SchemaNotFound."""
    if status is not None and status not in STATUSES:
        raise ArgumentInvalid(name="status", value=repr(status), reason=f"it is one of {', '.join(STATUSES)}")
    check_limit(limit)
    yield from versions.resolve_name(schema)
    now = clock()
    wanted = UNSETTLED if status is None else (status,)
    page = (
        SQL["dropped_page"](tenant=tenant, schema=schema, after=None, limit=limit)
        if status == "dropped"
        else _page(tenant, schema, wanted, limit, None)
    )
    items, counts = yield from fetch(page, count_statement(tenant, schema, now, lease))
    waiting = [row["oldest"] for row in counts if row["status"] != "dead"]
    return Inbox(
        tuple(message_of(row, now, lease) for row in items),
        {row["status"]: row["messages"] for row in counts},
        now - min(waiting) if waiting else None,
    )


def read_message(
    tenant: str, schema: str, message_id: str, reply: int, lease: timedelta, clock: Clock
) -> Steps[KeptMessage]:
    """`show` as a plan. Raises MessageNotFound."""
    found, calls, decisions = yield from fetch(
        SQL["whole_message"](tenant=tenant, schema=schema, id=message_id, reply=reply),
        SQL["calls_of_message"](tenant=tenant, schema=schema, message_id=message_id),
        ENGINE["decisions_of_message"](tenant=tenant, schema=schema, message_id=message_id),
    )
    if not found:
        raise MessageNotFound(message_id=message_id, tenant=tenant)
    row = found[0]
    return KeptMessage(
        message=message_of(row, clock(), lease),
        text=row["text"],
        at=row["at"],
        decided_at=row["decided_at"],
        reply=row["reply"],
        reply_length=row["reply_length"] or 0,
        calls=tuple((each["created_at"], _call(each)) for each in calls),
        decisions=tuple(decision_from(each) for each in decisions),
    )


def drop_message(tenant: str, schema: str, message_id: str, why: str, by: str) -> Steps[Dropped]:
    """Give one message up, as a plan."""
    row = yield from fetch_row(ENGINE["claim_message"](tenant=tenant, schema=schema, id=message_id))
    if row is None:
        return Dropped(message_id, "unknown", str(MessageNotFound(message_id=message_id, tenant=tenant)))
    if row["status"] == "decided":
        sentence = f"The message {message_id!r} is decided, so there is nothing to give up; `memreg audit` has it."
        return Dropped(message_id, "refused", sentence)
    if row["status"] == "dropped":
        reason = (row["error"] or "").rstrip(".")
        sentence = f"The message {message_id!r} was dropped before, by {row['settled_by']}: {reason}."
        return Dropped(message_id, "before", sentence)
    yield (
        SQL["drop_message"](
            tenant=tenant, schema=schema, id=message_id, reason=storable_text(why.strip()), by=storable_text(by)
        ),
        ENGINE["settle_dead_letter"](tenant=tenant, schema=schema, subject=f"message {message_id}"),
    )
    return Dropped(message_id, "dropped", f"Dropped {message_id!r}; it stays kept, with the reason.")


def lease_of(database: Database) -> timedelta:
    """How long a message may be worked on before whoever does counts as gone: as the workers have it."""
    from memreg.api.writers import lease_of as of_settings

    return of_settings(database.settings)


def count_statement(tenant: str | None, schema: str | None, now: datetime, lease: timedelta) -> Statement:
    """How many messages are not settled, by schema and status; None is every tenant or schema."""
    return SQL["inbox_counts"](tenant=tenant, schema=schema, now=now, left_since=now - lease)


def message_of(row: Row, now: datetime, lease: timedelta) -> InboxMessage:
    """A message from its row."""
    started = row["started_at"]
    return InboxMessage(
        id=row["id"],
        status=row["status"],
        queued=row["queued"],
        session=row["session"],
        role=row["role"],
        beginning=row["beginning"],
        attempts=row["attempts"],
        reason=row["error"],
        received_at=row["received_at"],
        age=now - row["received_at"],
        started_at=started,
        next_attempt_at=row["next_attempt_at"],
        settled_by=row["settled_by"],
        is_left=row["status"] == "extracting" and started is not None and now - started > lease,
    )


def brief(reason: str) -> str:
    """A reason within a sentence: without its full stop, and without naming the extractor first, as every one does."""
    return _EXTRACTOR.sub("", reason, count=1).rstrip(".")


def times(count: int) -> str:
    """A count of times in words."""
    return {0: "before it was tried", 1: "once", 2: "twice"}.get(count, f"{count:,} times")


def _page(tenant: str, schema: str, statuses: Sequence[str], limit: int, after: UUID | None) -> Statement:
    return SQL["inbox_page"](tenant=tenant, schema=schema, statuses=list(statuses), limit=limit, after=after)


def _call(row: Row) -> Call:
    return Call(row["outcome"], row["model"], row["tokens_in"], row["tokens_out"], row["latency_ms"])
