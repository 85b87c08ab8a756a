"""How messages are extracted, as set once at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from memreg.core.settings import Settings


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """`context_turns`: earlier messages of the session that are shown; `max_characters`: the longest message that is
    sent; `pii`: whether values of pii columns are sent as they are or masked."""

    context_turns: int = 4
    max_characters: int = 50_000
    pii: Literal["send", "mask"] = "send"

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The options that settings describe."""
        return cls(settings.llm_context_turns, settings.llm_max_characters, settings.llm_pii)
