"""The engine's values: what goes in (messages, proposals) and what comes out (decisions, results, memories)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from memreg.registry.models import Operation

P = TypeVar("P")
Payload = dict[str, Any]


class Action(StrEnum):
    """What a decision does: the first six by the decision table, the others are acts of a person (or a monitor)."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    UPSERT = "UPSERT"
    DELETE = "DELETE"
    REJECT = "REJECT"
    SKIP = "SKIP"
    UNDO = "UNDO"
    MERGE = "MERGE"
    SPLIT = "SPLIT"
    CORRECT = "CORRECT"
    FORGET = "FORGET"
    RESTORE = "RESTORE"
    ERASE = "ERASE"
    SWITCH = "SWITCH"
    REVEAL = "REVEAL"
    RETAIN = "RETAIN"


class Basis(StrEnum):
    """The rule that decided: the names of the decision table, or who acted."""

    INVALID = "invalid"
    DUPLICATE_IN_TURN = "duplicate_in_turn"
    KILL_SWITCH = "kill_switch"
    PENDING = "pending"
    IDENTITY_CONFLICT = "identity_conflict"
    IDENTITY = "identity"
    DELETE_WITHOUT_IDENTITY = "delete_without_identity"
    SCORE = "score"
    PARTIAL_IDENTITY = "partial_identity"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    INCOMPLETE = "incomplete"
    NEW = "new"
    PERSON = "person"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class Message:
    """What arrives: text, and optionally an id (same id, same text: taken once), session, role and time (with a
    zone)."""

    text: str
    id: str | None = None
    session: str | None = None
    role: str = "user"
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an extractor emits about one object: a class, values by column, and what should happen (`upsert` or
    `delete`)."""

    class_name: str
    values: Mapping[str, Any]
    operation: Operation = "upsert"
    evidence: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """What an extractor was given and is no proposal: it ends as a refusal in the audit, for the `reason` (one
    sentence, without values). `given` is the item as it came; `dead_letter`: a person is asked about it as well."""

    reason: str
    given: Any = None
    class_name: str = ""
    operation: Operation = "upsert"
    evidence: str | None = None
    dead_letter: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model, answered or not. `outcome`: ok, or in a word or two what was wrong (`http 429`).

    Tokens are None where the server did not count them; `latency_ms` is milliseconds.
    """

    outcome: str
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What an extractor made of a message: proposals, what it had to refuse, and every request that it took.

    Tokens and `latency_ms` are the sums over the `calls`. `version`: the schema version that the proposals are of,
    where it may not be the one in use any more. `ids`: whether proposals may name memories by their ids, as a caller
    who gives them may and a model never; `makes`: whether objects that others hold are made, not only looked up.
    """

    proposals: tuple[Proposal, ...]
    extractor: str
    refused: tuple[Refused, ...] = ()
    model: str | None = None
    prompt_hash: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None
    reply: str | None = None
    calls: tuple[Call, ...] = ()
    version: int | None = None
    ids: bool = False
    makes: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one proposal. `score` is in [0, 1], rounded to 4 places, None where none was needed."""

    action: Action
    basis: Basis
    class_name: str
    memory_id: UUID | None
    score: float | None
    audit_id: UUID
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one message: `decided`, `dead` (kept, to be retried) or `replayed` (already taken before).

    `error` says why a dead one is dead.
    """

    message_id: str
    status: Literal["decided", "dead", "replayed"]
    decisions: tuple[Decision, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Referred:
    """The memory that a reference leads to: its class, what it is called (None where nothing names it) and what it says
    now. `is_gone`: it is deleted, and the reference was kept."""

    id: UUID
    class_name: str
    name: str | None
    is_gone: bool = False
    values: Payload = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Stored(Generic[P]):
    """A memory as stored. `values` is a dict by column, or the Pydantic model that its class was registered from.

    `references`: what its columns of references lead to, by column, in the order of the ids in `values`. A reference to
    a memory that went into another one leads to that.
    """

    id: UUID
    class_name: str
    version: int
    values: P
    revision: int
    unresolved: bool
    created_at: datetime
    updated_at: datetime
    last_seen_at: datetime
    references: Mapping[str, tuple[Referred, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Revision:
    """One earlier or current state of a memory, and the decision (`audit_id`) that made it."""

    memory_id: UUID
    revision: int
    version: int
    values: Payload
    is_deleted: bool
    unresolved: bool
    audit_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision as data: the audit entry, its values, and the rule in words. `text` is the same as prose."""

    audit_id: UUID
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit: a decision, when it was made, on which message, and what the message's extraction took.

    `attempts` are requests to the model; they, the tokens and `latency_ms` are the whole message's, the same on each of
    its entries, and None where no model was asked. `usage` adds them up. `actor`: the person of an act, who may have
    undone another entry (`undoes`).
    """

    audit_id: UUID
    class_name: str
    version: int
    message_id: str
    operation: str
    action: Action
    basis: Basis
    memory_id: UUID | None
    revision: int | None
    score: float | None
    unresolved: bool
    extractor: str
    reasons: tuple[str, ...]
    created_at: datetime
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    attempts: int | None = None
    latency_ms: float | None = None
    actor: str | None = None
    undoes: UUID | None = None
