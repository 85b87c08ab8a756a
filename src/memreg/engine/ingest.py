"""The walk of one message as plans: keep it, read what may matter, score, lock, re-read, decide, write, commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.errors import ExtractionFailed, MessageConflict
from memreg.core.queries import Query, Statement
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.core.tracing import step, whole
from memreg.engine.cache import Cache
from memreg.engine.identity import digest
from memreg.engine.model import Action, Basis, Call, Decision, Extraction, IngestResult, Message
from memreg.engine.refresh import Due
from memreg.engine.storable import storable_text
from memreg.engine.store import SQL
from memreg.engine.turn import Turn
from memreg.engine.zone import in_zone, zone_of
from memreg.registry import versions
from memreg.registry.models import SchemaVersion

MOST_MODEL_NAME = 200


@dataclass(frozen=True)
class Walk:
    """Who walks: a tenant and schema, what is cached between messages, the clock and new ids."""

    tenant: str
    schema: str
    cache: Cache
    clock: Clock
    new_id: Callable[[], UUID]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that is kept, with a time: its own, or when it was received. `replayed`: its recorded result, when it
    was settled before; `before`: the turns of its session before it, oldest first."""

    message: Message
    version: SchemaVersion
    replayed: IngestResult | None = None
    before: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """The result of a message, and the classes whose statistics are due."""

    result: IngestResult
    due: dict[str, Due] = field(default_factory=dict)


def message_digest(message: Message) -> bytes:
    """What makes a message the same: its text."""
    return digest([message.text])


def accept(walk: Walk, message: Message, turns: int = 0) -> Steps[Accepted]:
    """Keep a message, before anything is made of it, and begin with it.

    `turns`: how many messages of its session before it are wanted. Raises MessageConflict, NoUsableVersion,
    SchemaNotFound.
    """
    _, heads, rows = yield from fetch(
        versions.lock_shared(walk.schema),
        versions.usable_head(walk.schema),
        SQL["one_message"](tenant=walk.tenant, schema=walk.schema, id=message.id),
    )
    version = yield from walk.cache.usable(walk.schema, heads)
    replayed = yield from known(walk, message, rows[0] if rows else None)
    if replayed is not None:
        return Accepted(message, version, replayed)
    return (yield from begin(walk, message, version, turns))


def begin(walk: Walk, message: Message, version: SchemaVersion, turns: int) -> Steps[Accepted]:
    """Keep a message as one that is being extracted, and read the turns before it."""
    taken = _keep(SQL["take_message"], walk, message, walk.clock())
    if not turns or message.session is None:
        rows, before = (yield from fetch_rows(taken)), []
    else:
        asked = SQL["turns_before"](
            tenant=walk.tenant, schema=walk.schema, session=message.session, id=message.id, limit=turns
        )
        rows, before = yield from fetch(taken, asked)
    if not rows:  # it was settled since it was looked at
        row = yield from fetch_row(SQL["one_message"](tenant=walk.tenant, schema=walk.schema, id=message.id))
        return Accepted(message, version, (yield from known(walk, message, row)))
    received = rows[0]["received_at"]
    return Accepted(
        replace(message, at=message.at or received),
        version,
        before=tuple(kept_message(row, row["id"]) for row in reversed(before)),
    )


def decide_message(
    walk: Walk, message: Message, extraction: Extraction, actor: str | None = None, note: str | None = None
) -> Steps[Decided]:
    """Decide every proposal of a message, in order, in this transaction; the message is kept by it if it was not yet.

    `note`: why nothing was extracted, kept with the message. Raises MessageConflict, NoUsableVersion, SchemaNotFound.
    """
    now, began = walk.clock(), perf_counter()
    _, heads, kept_rows, switches = yield from fetch(
        versions.lock_shared(walk.schema),
        versions.usable_head(walk.schema),
        SQL["one_message"](tenant=walk.tenant, schema=walk.schema, id=message.id),
        _switches_statement(walk),
    )
    version = yield from walk.cache.usable(walk.schema, heads)
    whole().tell(version=version.version)
    replayed = yield from known(walk, message, kept_rows[0] if kept_rows else None)
    calls = _calls(walk, message, extraction.extractor, extraction.prompt_hash, extraction.calls)
    if replayed is not None:
        return (yield from _settled_before(replayed, calls))
    is_new = False
    while True:
        turn = Turn(
            tenant=walk.tenant,
            version=version,
            message_id=message.id or "",
            extraction=extraction,
            switched=frozenset(row["class"] for row in switches),
            now=now,
            new_id=walk.new_id,
            actor=actor,
            cache=walk.cache,
            began=began,
        )
        yield from turn.read()
        settled, claims, switches = yield from turn.lock(
            _keep(SQL["settle_message"], walk, message, now), _claim_statement(walk, message), _switches_statement(walk)
        )
        is_new = is_new or bool(settled)
        if turn.switched == {row["class"] for row in switches}:
            break  # else a switch was turned while this waited for the locks: it is obeyed
    claimed = None if is_new else claims[0]
    replayed = yield from known(walk, message, claimed)
    if replayed is not None:
        return (yield from _settled_before(replayed, calls))
    decisions = yield from turn.decide()
    writes = [*turn.writes(), *calls]
    if claimed is not None:
        writes.append(
            SQL["decide_message"](
                tenant=walk.tenant,
                schema=walk.schema,
                id=message.id,
                now=now,
                reply=storable_text(extraction.reply) if extraction.reply else None,
                note=note,
            )
        )
        if claimed["error"] is not None:  # it may have been dead before
            subject = f"message {message.id}"
            writes.append(SQL["settle_dead_letter"](tenant=walk.tenant, schema=walk.schema, subject=subject))
    with step("write", statements=len(writes)):
        yield tuple(writes)
    return Decided(IngestResult(message.id or "", "decided", tuple(decisions)), turn.due())


def bury(walk: Walk, message: Message, failure: ExtractionFailed) -> Steps[IngestResult]:
    """A message whose extraction failed: it stays kept, with the reason, and a question to a person is made."""
    now = walk.clock()
    reason = storable_text(str(failure))
    calls = _calls(walk, message, str(failure.facts["extractor"]), failure.prompt_hash, failure.calls)
    replayed = yield from known(walk, message, (yield from fetch_row(_claim_statement(walk, message))))
    if replayed is not None:
        return (yield from _settled_before(replayed, calls)).result
    review: dict[str, object] = {
        "id": str(walk.new_id()),
        "class": "",
        "kind": "dead_letter",
        "subject": f"message {message.id}",
        "memory_ids": [],
        "message_id": message.id,
        "audit_id": None,
        "reason": reason,
    }
    yield (
        SQL["bury_message"](
            tenant=walk.tenant,
            schema=walk.schema,
            id=message.id,
            error=reason,
            reply=storable_text(failure.reply) if failure.reply else None,
        ),
        SQL["insert_reviews"](tenant=walk.tenant, schema=walk.schema, now=now, rows=Jsonb([review])),
        *calls,
    )
    return IngestResult(message.id or "", "dead", error=reason)


def postpone(
    walk: Walk, message: Message, failure: ExtractionFailed, again: datetime, *, counts: bool = False
) -> Steps[IngestResult | None]:
    """A message whose extraction failed in a way that may pass waits until `again`; its result if it was settled
    meanwhile. It counts as a try where a model was asked, or always (`counts`)."""
    calls = _calls(walk, message, str(failure.facts["extractor"]), failure.prompt_hash, failure.calls)
    replayed = yield from known(walk, message, (yield from fetch_row(_claim_statement(walk, message))))
    if replayed is not None:
        return (yield from _settled_before(replayed, calls)).result
    yield (
        SQL["postpone_message"](
            tenant=walk.tenant,
            schema=walk.schema,
            id=message.id,
            error=storable_text(str(failure)),
            reply=storable_text(failure.reply) if failure.reply else None,
            tried=1 if counts or failure.calls else 0,
            next=again,
        ),
        *calls,
    )
    return None


def _settled_before(result: IngestResult, calls: Sequence[Statement]) -> Steps[Decided]:
    """Somebody else settled a message while a model was asked about it: what that cost is kept all the same."""
    if calls:
        yield tuple(calls)
    return Decided(result)


def known(walk: Walk, message: Message, row: Row | None) -> Steps[IngestResult | None]:
    """The recorded result of a message settled before; None for one that is new, waiting or dead. Of one whose text was
    erased nobody can say whether the text is the same: it gives its result whatever it is.

    Raises MessageConflict.
    """
    if row is None:
        return None
    if row["erased_at"] is None and bytes(row["digest"]) != message_digest(message):
        raise MessageConflict(message_id=message.id)
    if row["status"] == "dropped":
        return IngestResult(message.id or "", "replayed", error=dropped_by(row))
    if row["status"] != "decided":
        return None
    return IngestResult(message.id or "", "replayed", (yield from decisions_of(walk, message.id or "")))


def decisions_of(walk: Walk, message_id: str) -> Steps[tuple[Decision, ...]]:
    """The recorded decisions of a message, in the order of its proposals."""
    rows = yield from fetch_rows(
        SQL["decisions_of_message"](tenant=walk.tenant, schema=walk.schema, message_id=message_id)
    )
    return tuple(decision_from(each) for each in rows)


def dropped_by(row: Row) -> str:
    """Who gave a message up and why, as a sentence."""
    return f"it was dropped by {row['settled_by'] or 'somebody'}: {row['error'] or 'no reason was given'}"


def decision_from(row: Row) -> Decision:
    """A decision from its audit row (with `reasons` from its values)."""
    return Decision(
        action=Action(row["action"]),
        basis=Basis(row["basis"]),
        class_name=row["class"],
        memory_id=row["memory_id"],
        score=None if row["score"] is None else float(row["score"]),
        audit_id=row["id"],
        reasons=tuple(row["reasons"]),
    )


def _keep(query: Query, walk: Walk, message: Message, now: datetime) -> Statement:
    return query(**kept(walk, message, now))


def kept_message(row: Row, message_id: str) -> Message:
    """A message from its row, as it came."""
    return Message(row["text"], message_id, row["session"], row["role"], in_zone(row["at"], row["zone"]))


def kept(walk: Walk, message: Message, now: datetime) -> dict[str, object]:
    """A message as the parameters of a statement that keeps it."""
    return {
        "tenant": walk.tenant,
        "schema": walk.schema,
        "id": message.id,
        "arrival": walk.new_id(),
        "session": message.session,
        "role": message.role,
        "at": message.at,
        "zone": zone_of(message.at),
        "text": message.text,
        "digest": message_digest(message),
        "now": now,
    }


def _calls(
    walk: Walk, message: Message, extractor: str, prompt_hash: str | None, calls: Sequence[Call]
) -> list[Statement]:
    if not calls:
        return []
    rows = [
        {
            "id": str(walk.new_id()),
            "ordinal": ordinal,
            "model": storable_text(call.model)[:MOST_MODEL_NAME] if call.model else None,
            "tokens_in": call.tokens_in,
            "tokens_out": call.tokens_out,
            "latency_ms": call.latency_ms,
            "outcome": call.outcome,
        }
        for ordinal, call in enumerate(calls)
    ]
    return [
        SQL["keep_calls"](
            tenant=walk.tenant,
            schema=walk.schema,
            message_id=message.id,
            extractor=extractor,
            prompt_hash=prompt_hash,
            now=walk.clock(),
            rows=Jsonb(rows),
        )
    ]


def _switches_statement(walk: Walk) -> Statement:
    return SQL["switches"](tenant=walk.tenant, schema=walk.schema)


def _claim_statement(walk: Walk, message: Message) -> Statement:
    return SQL["claim_message"](tenant=walk.tenant, schema=walk.schema, id=message.id)
