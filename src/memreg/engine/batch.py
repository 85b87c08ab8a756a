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
    results: list[IngestResult | MessageConflict] = []
    decisions: list[Decision] = []
    for each in given:
        try:
            decided = yield from decide_message(walk, each.message, each.extraction, note=each.note)
        except MessageConflict as conflict:
            results.append(conflict)
            continue
        results.append(decided.result)
        if decided.result.status == "decided":
            decisions += decided.result.decisions
        if decided.due or (stop is not None and stop(decisions)):
            return DecidedMany(tuple(results), decided.due)
    return DecidedMany(tuple(results))
