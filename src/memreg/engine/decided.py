"""Messages that are given to be decided, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memreg.core.errors import MessageConflict
from memreg.engine.model import Decision, Extraction, IngestResult, Message
from memreg.engine.refresh import Due

Stop = Callable[[Sequence[Decision]], bool]
Result = IngestResult | MessageConflict


@dataclass(frozen=True, slots=True)
class Given:
    """A message (with its id) and what it says. `note`: why nothing was extracted."""

    message: Message
    extraction: Extraction
    note: str | None = None
    actor: str | None = None

    @property
    def id(self) -> str:
        """The message's id."""
        return self.message.id or ""


@dataclass(frozen=True, slots=True)
class DecidedMany:
    """The results of the first messages that were given, at least one, and the classes whose statistics are due."""

    results: tuple[Result, ...]
    due: dict[str, Due] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """The result of a message, and the classes whose statistics are due."""

    result: IngestResult
    due: dict[str, Due] = field(default_factory=dict)
