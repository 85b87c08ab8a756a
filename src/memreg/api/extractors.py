# Generated from extractors_async.py by scripts/generate_sync.py: change that file, not this one.
"""The extractors by name: where the engine's protocol meets its implementations."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Literal

from memreg.core.errors import ExtractorUnavailable

if TYPE_CHECKING:
    from memreg.core.settings import Settings
    from memreg.engine.extract import Extractor

ExtractorChoice = Literal["auto", "llm", "patterns", "structured"]
NAMES = ("llm", "patterns", "structured")


class Extractors:
    """The extractor that was chosen, made at its first use and shared by the engines of every tenant."""

    def __init__(self, choice: ExtractorChoice | Extractor, settings: Settings) -> None:
        self._choice = choice
        self._settings = settings
        self._made: Extractor | None = None
        self._making = Lock()

    @property
    def name(self) -> str:
        """The extractor's name, or the name of the choice where it is not made yet."""
        chosen = self._made or self._choice
        return chosen if isinstance(chosen, str) else chosen.name

    def pick(self) -> Extractor:
        """The extractor; `auto` is the model where one is configured, else the patterns.

        Raises ExtractorUnavailable.
        """
        if not isinstance(self._choice, str):
            return self._choice
        with self._making:
            if self._made is None:
                name: str = self._choice
                if name == "auto":
                    name = "llm" if self._settings.llm_configured else "patterns"
                self._made = make_extractor(name, self._settings)
            return self._made

    def close(self) -> None:
        """Close what was made here; an extractor that was given is its owner's to close."""

        from memreg.engine.extract import Closing

        with self._making:
            made: object = self._made
            self._made = None
        if isinstance(made, Closing):
            made.close()


def make_extractor(name: str, settings: Settings) -> Extractor:
    """The extractor of a name: llm, patterns or structured. Raises ExtractorUnavailable."""
    match name:
        case "llm":
            from memreg.annotator.client import OpenAIClient
            from memreg.annotator.extractor import LLMExtractor
            from memreg.annotator.options import ExtractOptions

            return LLMExtractor(OpenAIClient.of(settings), ExtractOptions.of(settings))
        case "patterns":
            from memreg.engine.patterns import PatternsExtractor

            return PatternsExtractor()
        case "structured":
            from memreg.engine.structured import StructuredExtractor

            return StructuredExtractor()
        case _:
            raise ExtractorUnavailable(extractor=name, reason=f"it is none of {', '.join(NAMES)}")
