"""Messages decided together: in order, as if one by one, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memreg.core.errors import MessageConflict
from memreg.core.steps import Steps
from memreg.engine.ingest import Walk, decide_message
from memreg.engine.model import Decision, Extraction, IngestResult, Message
from memreg.engine.refresh import Due


@dataclass(frozen=True, slots=True)
class Given:
    """A message (with its id) and what it says. `note`: why nothing was extracted."""

    message: Message
    extraction: Extraction
    note: str | None = None


@dataclass(frozen=True, slots=True)
class DecidedMany:
    """The results of the first messages that were given, at least one, and the classes whose statistics are due."""

    results: tuple[IngestResult | MessageConflict, ...]
    due: dict[str, Due] = field(default_factory=dict)


def decide_messages(
    walk: Walk, given: Sequence[Given], *, stop: Callable[[Sequence[Decision]], bool] | None = None
) -> Steps[DecidedMany]:
    """Decide messages in their order. It ends early where statistics are due, and where `stop`, asked with the
    decisions so far, says so: what is left is for the next call.

    Raises NoUsableVersion, SchemaNotFound.
    """
    first = given[0]
    try:
        decided = yield from decide_message(walk, first.message, first.extraction, note=first.note)
    except MessageConflict as conflict:
        return DecidedMany((conflict,))
    return DecidedMany((decided.result,), decided.due)
