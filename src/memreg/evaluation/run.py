"""One pass of a stream through the real engine, in a database: some records alone, which are timed, most together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from uuid import UUID

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import EvaluationRefused
from memreg.engine.many import Turn
from memreg.engine.model import IngestResult, Message, Proposal
from memreg.evaluation.judge import Outcome
from memreg.evaluation.streams import StreamItem, StreamProblem, StreamRecord
from memreg.evaluation.subject import Subject

TENANT = "evaluation"
APPROVER = "memreg eval"
ALONE, TOGETHER = 20, 480
"""How many records are taken one by one, so that it is known how long that takes, and how many at once after them."""

Advance = Callable[[int], None]


@dataclass
class Pass:
    """What a pass left: the records taken in order, what was decided on each, and by which audit entry; how long the
    decisions on those that were taken alone took (seconds); the problems of lines; and the fields that the class lacks,
    with the first line and how many records have them."""

    records: list[StreamRecord] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    audit_ids: list[UUID] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    problems: list[StreamProblem] = field(default_factory=list)
    unknown_fields: dict[str, tuple[int, int]] = field(default_factory=dict)
    seconds: float = 0.0


def prepare(database: Database, subject: Subject) -> Engine:
    """An engine on an empty database, with the subject's schema registered and approved."""
    engine = Engine(database, tenant=TENANT, schema=subject.spec.name, extractor="patterns", trips=False)
    engine.registry.register(subject.spec, annotate="heuristic", by=APPROVER)
    engine.registry.approve(subject.spec.name, by=APPROVER)
    return engine


def replay(
    engine: Engine,
    subject: Subject,
    items: Iterable[StreamItem],
    *,
    limit: int | None = None,
    together: int = TOGETHER,
    advance: Advance,
) -> Pass:
    """Take the records of a stream in order, at most `limit` of them; `advance` is told how many were taken.

    `together`: how many go to the engine at once between those that are taken alone; with 0, all are taken alone. What
    is decided is the same. Raises DatabaseError, after which the pass is worth nothing.
    """
    done = Pass()
    began = time.perf_counter()
    records = _records(subject, items, limit, done)
    while some := list(islice(records, ALONE)):
        for record in some:
            _take(engine, subject, record, done)
            advance(len(done.records))
        rest = list(islice(records, together))
        turns = (Turn([_proposal(subject, record)], record.record_id) for record in rest)
        for record, result in zip(rest, engine.ingest_many(turns), strict=True):
            _note(record, result, done)
            advance(len(done.records))
    done.seconds = time.perf_counter() - began
    return done


def _records(subject: Subject, items: Iterable[StreamItem], limit: int | None, done: Pass) -> Iterator[StreamRecord]:
    """The first records; what else is found on the way is noted."""
    count = 0
    for item in items:
        if isinstance(item, StreamProblem):
            done.problems.append(item)
            continue
        if count == limit:
            return
        count += 1
        note_unknown(done, subject, item)
        yield item


def _take(engine: Engine, subject: Subject, record: StreamRecord, done: Pass) -> None:
    proposal = _proposal(subject, record)
    started = time.perf_counter()
    result = engine.ingest(Message("", id=record.record_id), proposals=[proposal])
    done.latencies.append(time.perf_counter() - started)
    _note(record, result, done)


def _proposal(subject: Subject, record: StreamRecord) -> Proposal:
    return Proposal(subject.class_name, subject.values(record.fields))


def _note(record: StreamRecord, result: IngestResult, done: Pass) -> None:
    decision = result.decisions[0]
    done.records.append(record)
    done.audit_ids.append(decision.audit_id)
    done.outcomes.append(
        Outcome(
            record.record_id,
            record.entity_id,
            record.source,
            str(decision.action),
            str(decision.basis),
            None if decision.memory_id is None else str(decision.memory_id),
            decision.score,
        )
    )


def note_unknown(done: Pass, subject: Subject, record: StreamRecord) -> None:
    """Note the fields of a record that the class lacks."""
    for name in subject.unknown(record.fields):
        line, count = done.unknown_fields.get(name, (record.line, 0))
        done.unknown_fields[name] = (line, count + 1)


def begun(items: Iterable[StreamItem], source: object) -> Iterator[StreamItem]:
    """The same items, read up to the first record. Raises EvaluationRefused where there is no record at all."""
    rest = iter(items)
    first: list[StreamItem] = []
    for item in rest:
        first.append(item)
        if isinstance(item, StreamRecord):
            return chain(first, rest)
    if first and isinstance(first[0], StreamProblem):
        reason = f"no line of it is a record; of line {first[0].line}, {first[0].error}"
    else:
        reason = "it is empty; write one record a line"
    raise EvaluationRefused(source=source, reason=reason)
