"""Many messages as they are given: each with its place among them, prepared, and looked up together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from memreg.core.errors import MemregError, MessageConflict, MessageInvalid, ProposalInvalid
from memreg.core.steps import Steps, fetch
from memreg.engine.given import as_proposals
from memreg.engine.ingest import Walk, known_of
from memreg.engine.message import prepare
from memreg.engine.model import Extraction, IngestResult, Message, Proposal
from memreg.engine.store import SQL
from memreg.registry import versions
from memreg.registry.models import SchemaVersion


@dataclass(frozen=True, slots=True)
class Turn:
    """Proposals that are decided as they are given, in place of what would be extracted from a message.

    `id`: that of the message that they come as, so that they are taken once; `message`: what was said, where somebody
    said something; it has its own id.
    """

    proposals: Sequence[Proposal]
    id: str | None = None
    message: str | Message | None = None


Item = str | Message | Turn


@dataclass(slots=True)
class Entry:
    """One of many: its place among them from 0, and the message, or why there is none.

    `extraction`: what it says, where that is known. `result`: what became of it, where that was before. `is_alone`: an
    earlier one has the same id, so what becomes of it is known only after that one.
    """

    position: int
    message: Message
    extraction: Extraction | None = None
    error: MemregError | None = None
    result: IngestResult | MessageConflict | None = None
    is_looked_up: bool = False
    is_alone: bool = False

    @property
    def id(self) -> str:
        """The message's id."""
        return self.message.id or ""

    @property
    def size(self) -> int:
        """About how many characters it holds."""
        return len(self.message.text)


def entry_of(position: int, item: object, new_id: Callable[[], UUID]) -> Entry:
    """What was given at a place, prepared as `ingest` prepares it; what is wrong with it is its `error`."""
    try:
        if not isinstance(item, Turn):
            return Entry(position, prepare(_message(item), None, new_id))
        proposals = as_proposals(item.proposals)
        if item.id is not None and item.message is not None:
            raise MessageInvalid(reason="its turn has a message and an id; give the message the id")
        message = item.message if item.message is not None else Message("", item.id)
        return Entry(position, prepare(message, proposals, new_id), Extraction(proposals, "structured", ids=True))
    except (MessageInvalid, ProposalInvalid) as error:
        return Entry(position, Message(""), error=error)


def _message(item: object) -> str | Message:
    if isinstance(item, str | Message):
        return item
    raise MessageInvalid(reason=f"it is a {type(item).__name__}, not a text, a Message or a Turn")


def look_up(walk: Walk, entries: Sequence[Entry], *, whole: bool = True) -> Steps[SchemaVersion]:
    """Find out which messages were settled before, in one round trip or two; gives the version in use. `whole`: their
    decisions are read, too.

    Raises NoUsableVersion, SchemaNotFound.
    """
    _, heads, rows = yield from fetch(
        versions.lock_shared(walk.schema),
        versions.usable_head(walk.schema),
        SQL["kept_messages"](tenant=walk.tenant, schema=walk.schema, ids=sorted({each.id for each in entries})),
    )
    version = yield from walk.cache.usable(walk.schema, heads)
    kept = {row["id"]: row for row in rows}
    seen: set[str] = set()
    found: list[Entry] = []
    for each in entries:
        each.is_looked_up, each.is_alone = True, each.id in seen
        seen.add(each.id)
        if each.id in kept:
            found.append(each)
    # One id may have come with several texts.
    by_text: dict[str, list[Entry]] = {}
    for each in found:
        by_text.setdefault(each.id, []).append(each)
    while by_text:
        now = [waiting.pop(0) for waiting in by_text.values()]
        settled = yield from known_of(walk, [each.message for each in now], kept, whole=whole)
        for each in now:
            each.result = settled.get(each.id)
        by_text = {name: waiting for name, waiting in by_text.items() if waiting}
    return version
