"""Extractors that do as a test says, and what the inbox and the books hold afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.engine.model import Call, Extraction, Message, Proposal
from memreg.registry.models import SchemaVersion
from tests.support.replay import rows

INBOX = Query(
    "inbox",
    "Every message in the order of arrival.",
    "select id, status, queued, attempts, error, reply, next_attempt_at, started_at, settled_by"
    " from memreg.messages where tenant = %(tenant)s order by arrival",
)
CALLS = Query(
    "calls",
    "Every request to a model.",
    "select message_id, ordinal, outcome, model, tokens_in, tokens_out, extractor from memreg.model_calls"
    " where tenant = %(tenant)s order by id",
)
COSTS = Query(
    "costs",
    "What the audit says of the model.",
    "select message_id, model, attempts, tokens_in, tokens_out, latency_ms from memreg.audit_log"
    " where tenant = %(tenant)s order by id",
)
AGE = Query(
    "age",
    "Have messages been begun with long ago.",
    "update memreg.messages set started_at = now() - interval '1 day', received_at = now() - interval '2 days'"
    " where tenant = %(tenant)s",
)

ANSWERED = Call("ok", "scripted", 100, 20, 5.0)


class Scripted:
    """An extractor whose answer is a function of the message; what it was asked is kept."""

    name = "scripted"

    def __init__(self, answer: Callable[[Message], Sequence[Proposal] | Extraction]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self.asked: list[Message] = []

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
        with self._lock:
            self.asked.append(message)
        found = self._answer(message)
        if isinstance(found, Extraction):
            return found
        return Extraction(tuple(found), self.name, calls=(ANSWERED,))

    @property
    def ids(self) -> list[str | None]:
        """The messages asked about, in order."""
        return [message.id for message in self.asked]


class AsyncScripted(Scripted):
    """The same for asynchronous engines."""

    async def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # type: ignore[override]
        return Scripted.extract(self, message, version)


def named(message: Message) -> list[Proposal]:
    """The text of a message is the name of a person."""
    return [Proposal("Person", {"name": message.text, "email": f"{message.text.replace(' ', '.').lower()}@x.org"})]


def inbox(database: Database, tenant: str = "default") -> list[dict[str, Any]]:
    """The rows of the inbox."""
    return rows(database, INBOX, tenant)
