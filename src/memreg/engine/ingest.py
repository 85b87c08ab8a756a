"""The walk of one message as plans: keep it, read what may matter, score, lock, re-read, decide, write, commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.errors import MessageConflict
from memreg.core.queries import Statement
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.engine.cache import Cache
from memreg.engine.identity import digest
from memreg.engine.model import Action, Basis, Decision, Extraction, IngestResult, Message
from memreg.engine.refresh import Due
from memreg.engine.storable import storable_text
from memreg.engine.store import SQL
from memreg.engine.turn import Turn
from memreg.registry import versions
from memreg.registry.models import SchemaVersion


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
    """A message that is kept. `replayed`: its recorded result, when it was decided before."""

    message: Message
    version: SchemaVersion
    replayed: IngestResult | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """The result of a message, and the classes whose statistics are due."""

    result: IngestResult
    due: dict[str, Due] = field(default_factory=dict)


def message_digest(message: Message) -> bytes:
    """What makes a message the same: its text."""
    return digest([message.text])


def accept(walk: Walk, message: Message) -> Steps[Accepted]:
    """Keep a message, before anything is made of it. Raises MessageConflict, NoUsableVersion, SchemaNotFound."""
    now = walk.clock()
    _, heads, rows = yield from fetch(
        versions.lock_shared(walk.schema),
        versions.usable_head(walk.schema),
        SQL["one_message"](tenant=walk.tenant, schema=walk.schema, id=message.id),
    )
    version = yield from walk.cache.usable(walk.schema, heads)
    replayed = yield from _known(walk, message, rows[0] if rows else None)
    if replayed is None and not rows:
        yield (_accept_statement(walk, message, now),)
    return Accepted(message, version, replayed)


def decide_message(walk: Walk, message: Message, extraction: Extraction, actor: str | None = None) -> Steps[Decided]:
    """Decide every proposal of a message, in order, in this transaction; the message is kept by it if it was not yet.

    Raises MessageConflict, NoUsableVersion, SchemaNotFound.
    """
    now = walk.clock()
    _, heads, known, switches = yield from fetch(
        versions.lock_shared(walk.schema),
        versions.usable_head(walk.schema),
        SQL["one_message"](tenant=walk.tenant, schema=walk.schema, id=message.id),
        _switches_statement(walk),
    )
    version = yield from walk.cache.usable(walk.schema, heads)
    replayed = yield from _known(walk, message, known[0] if known else None)
    if replayed is not None:
        return Decided(replayed)
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
        )
        yield from turn.read()
        _, claims, switches = yield from turn.lock(
            _accept_statement(walk, message, now), _claim_statement(walk, message), _switches_statement(walk)
        )
        if turn.switched == {row["class"] for row in switches}:
            break  # else a switch was turned while this waited for the locks: it is obeyed
    claimed = claims[0] if claims else None
    replayed = yield from _known(walk, message, claimed)
    if replayed is not None:
        return Decided(replayed)
    decisions = yield from turn.decide()
    writes = [
        *turn.writes(),
        SQL["decide_message"](
            tenant=walk.tenant,
            schema=walk.schema,
            id=message.id,
            now=now,
            reply=storable_text(extraction.reply) if extraction.reply else None,
        ),
    ]
    if claimed is not None and claimed["status"] == "dead":
        subject = f"message {message.id}"
        writes.append(SQL["settle_dead_letter"](tenant=walk.tenant, schema=walk.schema, subject=subject))
    yield tuple(writes)
    return Decided(IngestResult(message.id or "", "decided", tuple(decisions)), turn.due())


def bury(walk: Walk, message: Message, error: str, reply: str | None) -> Steps[IngestResult]:
    """A message whose extraction failed: it stays kept, with the reason, and a question to a person is made."""
    now = walk.clock()
    reason = storable_text(error)
    replayed = yield from _known(walk, message, (yield from fetch_row(_claim_statement(walk, message))))
    if replayed is not None:
        return replayed
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
            reply=storable_text(reply) if reply else None,
        ),
        SQL["insert_reviews"](tenant=walk.tenant, schema=walk.schema, now=now, rows=Jsonb([review])),
    )
    return IngestResult(message.id or "", "dead", error=reason)


def _known(walk: Walk, message: Message, row: Row | None) -> Steps[IngestResult | None]:
    """The recorded result of a message decided before; None for one that is new, waiting or dead."""
    if row is None:
        return None
    if bytes(row["digest"]) != message_digest(message):
        raise MessageConflict(message_id=message.id)
    if row["status"] != "decided":
        return None
    rows = yield from fetch_rows(
        SQL["decisions_of_message"](tenant=walk.tenant, schema=walk.schema, message_id=message.id)
    )
    return IngestResult(message.id or "", "replayed", tuple(decision_from(each) for each in rows))


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


def _accept_statement(walk: Walk, message: Message, now: datetime) -> Statement:
    return SQL["accept_message"](
        tenant=walk.tenant,
        schema=walk.schema,
        id=message.id,
        session=message.session,
        role=message.role,
        at=message.at,
        text=message.text,
        digest=message_digest(message),
        now=now,
    )


def _switches_statement(walk: Walk) -> Statement:
    return SQL["switches"](tenant=walk.tenant, schema=walk.schema)


def _claim_statement(walk: Walk, message: Message) -> Statement:
    return SQL["claim_message"](tenant=walk.tenant, schema=walk.schema, id=message.id)
