"""The walk of one message as plans: keep it, read what may matter, score, lock, re-read, decide, write, commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.errors import ExtractionFailed, MessageConflict
from memreg.core.queries import Query, Statement
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.engine.cache import Cache
from memreg.engine.identity import digest
from memreg.engine.model import Action, Basis, Call, Decision, IngestResult, Message
from memreg.engine.storable import storable_text
from memreg.engine.store import SQL
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


def bury(walk: Walk, message: Message, failure: ExtractionFailed) -> Steps[IngestResult]:
    """A message whose extraction failed: it stays kept, with the reason, and a question to a person is made."""
    now = walk.clock()
    reason = storable_text(str(failure))
    calls = keep_calls(walk, message, str(failure.facts["extractor"]), failure.prompt_hash, failure.calls)
    replayed = yield from known(walk, message, (yield from fetch_row(_claim_statement(walk, message))))
    if replayed is not None:
        return (yield from settled_before(replayed, calls))
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
    calls = keep_calls(walk, message, str(failure.facts["extractor"]), failure.prompt_hash, failure.calls)
    replayed = yield from known(walk, message, (yield from fetch_row(_claim_statement(walk, message))))
    if replayed is not None:
        return (yield from settled_before(replayed, calls))
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


def settled_before(result: IngestResult, calls: Sequence[Statement]) -> Steps[IngestResult]:
    """Somebody else settled a message while a model was asked about it: what that cost is kept all the same."""
    if calls:
        yield tuple(calls)
    return result


def known(walk: Walk, message: Message, row: Row | None) -> Steps[IngestResult | None]:
    """The recorded result of a message settled before; None for one that is new, waiting or dead. Of one whose text was
    erased nobody can say whether the text is the same: it gives its result whatever it is.

    Raises MessageConflict.
    """
    if row is None:
        return None
    check_same(message, row)
    if row["status"] == "dropped":
        return IngestResult(message.id or "", "replayed", error=dropped_by(row))
    if row["status"] != "decided":
        return None
    return IngestResult(message.id or "", "replayed", (yield from decisions_of(walk, message.id or "")))


def known_of(
    walk: Walk, messages: Sequence[Message], rows: Mapping[str, Row], *, whole: bool = True
) -> Steps[dict[str, IngestResult | MessageConflict]]:
    """As `known`, of many messages with their rows by id: those that are settled, and those whose id another has.
    Without `whole`, the decisions are left out."""
    found: dict[str, IngestResult | MessageConflict] = {}
    decided: list[str] = []
    for message in messages:
        message_id = message.id or ""
        row = rows.get(message_id)
        if row is None:
            continue
        try:
            check_same(message, row)
        except MessageConflict as conflict:
            found[message_id] = conflict
            continue
        if row["status"] == "dropped":
            found[message_id] = IngestResult(message_id, "replayed", error=dropped_by(row))
        elif row["status"] == "decided":
            decided.append(message_id)
    if decided and not whole:
        found |= {message_id: IngestResult(message_id, "replayed") for message_id in decided}
    elif decided:
        made: dict[str, list[Decision]] = {message_id: [] for message_id in decided}
        asked = SQL["decisions_of_messages"](tenant=walk.tenant, schema=walk.schema, message_ids=decided)
        for each in (yield from fetch_rows(asked)):
            made[each["message_id"]].append(decision_from(each))
        found |= {message_id: IngestResult(message_id, "replayed", tuple(made[message_id])) for message_id in decided}
    return found


def check_same(message: Message, row: Row) -> None:
    """Hold that a kept message is the same as one that came. Raises MessageConflict."""
    digest_of_kept = row["digest"]
    if isinstance(digest_of_kept, str):
        digest_of_kept = bytes.fromhex(digest_of_kept)
    if row["erased_at"] is None and bytes(digest_of_kept) != message_digest(message):
        raise MessageConflict(message_id=message.id)


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


def keep_calls(
    walk: Walk, message: Message, extractor: str, prompt_hash: str | None, calls: Sequence[Call]
) -> list[Statement]:
    """The statement that keeps the requests which a message made to a model, if it made any."""
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


def _claim_statement(walk: Walk, message: Message) -> Statement:
    return SQL["claim_message"](tenant=walk.tenant, schema=walk.schema, id=message.id)
