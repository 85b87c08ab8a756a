"""The figures of a running memreg for a monitor, as gauges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.operations.backfill.life import Backfill
from memreg.operations.gauge import Metric, Sample, prometheus_text
from memreg.operations.inbox import UNSETTLED
from memreg.operations.kill_switch import MONITOR
from memreg.operations.monitor.figures import DAY, monitor
from memreg.operations.monitor.gauges import monitor_gauges
from memreg.operations.review import KINDS
from memreg.operations.state import State
from memreg.operations.store import EVERY

__all__ = ["Metric", "Sample", "figures", "metrics", "prometheus_text"]


def metrics(
    database: Database,
    *,
    tenant: str = EVERY,
    schema: str = EVERY,
    window: timedelta = DAY,
    by_tenant: bool = False,
    clock: Clock = utc_now,
) -> tuple[Metric, ...]:
    """The figures of now, of one tenant and schema or of every one (`*`).

    Labels are schemas, classes, versions, models and states, never tenants, unless `by_tenant`. What a status or kind
    may be is there with 0, too, so that nothing is missing where nothing is wrong. Decisions are those within the
    `window`, at most 2,000 a class.

    Raises SchemaNotFound, ArgumentInvalid, TenantInvalid, DatabaseError.
    """
    found = monitor(database, tenant, schema, window=window, clock=clock)
    return (*figures(found.state, database.settings.queue_capacity), *monitor_gauges(found, by_tenant=by_tenant))


def figures(state: State, capacity: int) -> tuple[Metric, ...]:
    """The metrics of a state. `capacity`: of a queue, in messages. Pure."""
    return (*_inbox(state, capacity), *_models(state), *_workers(state), *_backfills(state), *_questions(state))


def _inbox(state: State, capacity: int) -> Iterator[Metric]:
    counts = {(each.schema, each.status): each for each in state.inbox}
    by_status = [
        Sample(
            {"schema": schema, "status": status}, counts[schema, status].messages if (schema, status) in counts else 0
        )
        for schema in state.schemas
        for status in UNSETTLED
    ]
    yield Metric("memreg_inbox_messages", "Messages that are not decided, by status", tuple(by_status))
    yield _by_schema(
        state,
        "memreg_inbox_oldest_seconds",
        "Age of the oldest message that waits or is worked on; 0 without one",
        {schema: _age(state, schema) for schema in state.schemas},
    )
    retrying, left = Counter[str](), Counter[str]()
    for each in state.inbox:
        retrying[each.schema] += each.failed_before if each.status == "accepted" else 0
        left[each.schema] += each.left
    yield _by_schema(state, "memreg_inbox_retrying_messages", "Messages that failed and wait for another try", retrying)
    yield _by_schema(
        state, "memreg_inbox_left_messages", "Messages that were begun and not ended by somebody who is gone", left
    )
    yield _by_schema(
        state,
        "memreg_queue_utilisation",
        "Share of its capacity that the fullest queue of a tenant holds, from 0 to 1",
        {schema: min(1.0, count / capacity) for schema, count in state.fullest.items()},
    )


def _models(state: State) -> Iterator[Metric]:
    requests, tokens = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str, str]]()
    failures = Counter[str]()
    for each in state.calls:
        key = (each.schema, each.model or "unknown", each.outcome)
        requests[key] += each.requests
        tokens[*key, "in"] += each.tokens_in
        tokens[*key, "out"] += each.tokens_out
        failures[each.schema] += each.requests if each.outcome != "ok" else 0
    names = ("schema", "model", "outcome")
    yield Metric(
        "memreg_model_requests_last_hour",
        "Requests to language models within the last hour, by outcome",
        tuple(Sample(dict(zip(names, key, strict=True)), count) for key, count in requests.items()),
    )
    yield Metric(
        "memreg_model_tokens_last_hour",
        "Tokens sent to and received from language models within the last hour, by outcome of the request",
        tuple(Sample(dict(zip((*names, "direction"), key, strict=True)), count) for key, count in tokens.items()),
    )
    yield _by_schema(
        state,
        "memreg_model_failures_last_hour",
        "Requests to language models without a usable answer, within the last hour",
        failures,
    )


def _workers(state: State) -> Iterator[Metric]:
    yield _alone("memreg_workers", "Workers seen within the last 30 seconds", len(state.workers))
    yield _alone("memreg_worker_slots", "Messages that they work on at once", sum(each.slots for each in state.workers))
    jobs = [
        Sample({"queue": each.queue, "state": name}, getattr(each, name))
        for each in state.jobs
        for name in ("due", "doing", "stalled")
    ]
    yield Metric("memreg_jobs", "Jobs of the inbox and of backfills: due, being done, without a worker", tuple(jobs))


def _backfills(state: State) -> Iterator[Metric]:
    """The newest backfill of each schema, whatever became of it."""
    yield Metric(
        "memreg_backfill_status",
        "1 for how the newest backfill of a schema stands: its stage and status",
        tuple(Sample({**_to(each), "stage": each.stage, "status": each.status}, 1) for each in state.backfills),
    )
    figures: tuple[tuple[str, str, Callable[[Backfill], float]], ...] = (
        ("memreg_backfill_memories", "Memories that its stage has to look at", lambda each: each.total),
        ("memreg_backfill_done_memories", "Those that were looked at", lambda each: each.converted),
        ("memreg_backfill_unfit_memories", "Memories that do not fit its version", lambda each: each.failures),
        (
            "memreg_backfill_collided_memories",
            "Memories that have the strong key of another one under its version",
            lambda each: each.collisions,
        ),
        ("memreg_backfill_workers", "Parts that are being worked on", lambda each: each.workers),
        (
            "memreg_backfill_memories_per_second",
            "What its workers do a second; 0 where nobody does",
            lambda each: each.rows_per_second or 0.0,
        ),
        (
            "memreg_backfill_left_seconds",
            "How long its stage takes them still; 0 where that is not known",
            lambda each: each.eta_seconds or 0.0,
        ),
    )
    for name, text, figure in figures:
        yield Metric(name, text, tuple(Sample(_to(each), figure(each)) for each in state.backfills))


def _to(backfill: Backfill) -> dict[str, str]:
    return {"schema": backfill.schema, "version": str(backfill.to_version)}


def _questions(state: State) -> Iterator[Metric]:
    items = {(each.schema, each.kind): each.items for each in state.reviews}
    samples = [
        Sample({"schema": schema, "kind": kind}, items.get((schema, kind), 0))
        for schema in state.schemas
        for kind in KINDS
    ]
    yield Metric("memreg_review_items", "Open questions to a person, by kind; a dead_letter among them", tuple(samples))
    oldest = {(each.schema, each.kind): (state.now - each.oldest).total_seconds() for each in state.reviews}
    ages = [
        Sample({"schema": schema, "kind": kind}, max(0.0, oldest.get((schema, kind), 0.0)))
        for schema in state.schemas
        for kind in KINDS
    ]
    yield Metric("memreg_review_oldest_seconds", "Age of the oldest open question, by kind; 0 without one", tuple(ages))
    yield _alone("memreg_kill_switches_on", "Kill switches that are on", len(state.switches))
    tripped = sum(each.set_by == MONITOR for each in state.switches)
    yield _alone("memreg_kill_switches_tripped", "Those of them that tripped by themselves", tripped)


def _by_schema(state: State, name: str, text: str, values: Mapping[str, float]) -> Metric:
    return Metric(name, text, tuple(Sample({"schema": each}, values.get(each, 0)) for each in state.schemas))


def _alone(name: str, text: str, value: float) -> Metric:
    return Metric(name, text, (Sample({}, value),))


def _age(state: State, schema: str) -> float:
    oldest: list[datetime] = [each.oldest for each in state.inbox if each.schema == schema and each.status != "dead"]
    return max(0.0, (state.now - min(oldest)).total_seconds()) if oldest else 0.0
