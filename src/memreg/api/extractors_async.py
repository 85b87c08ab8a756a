"""The extractors by name: where the engine's protocol meets its implementations."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Literal

from memreg.core.errors import ExtractorUnavailable

if TYPE_CHECKING:
    from memreg.core.settings import Settings
    from memreg.engine.extract import AsyncExtractor

ExtractorChoice = Literal["auto", "llm", "patterns", "structured"]
NAMES = ("llm", "patterns", "structured")


class AsyncExtractors:
    """The extractor that was chosen, made at its first use and shared by the engines of every tenant."""

    def __init__(self, choice: ExtractorChoice | AsyncExtractor, settings: Settings) -> None:
        self._choice = choice
        self._settings = settings
        self._made: AsyncExtractor | None = None
        self._making = Lock()

    @property
    def name(self) -> str:
        """The extractor's name, or the name of the choice where it is not made yet."""
        chosen = self._made or self._choice
        return chosen if isinstance(chosen, str) else chosen.name

    def pick(self) -> AsyncExtractor:
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

    async def aclose(self) -> None:
        """Close what was made here; an extractor that was given is its owner's to close."""

        from memreg.engine.extract import AsyncClosing

        with self._making:
            made: object = self._made
            self._made = None
        if isinstance(made, AsyncClosing):
            await made.aclose()


def make_extractor(name: str, settings: Settings) -> AsyncExtractor:
    """The extractor of a name: llm, patterns or structured. Raises ExtractorUnavailable."""
    match name:
        case "llm":
            from memreg.annotator.client_async import AsyncOpenAIClient
            from memreg.annotator.extractor_async import AsyncLLMExtractor
            from memreg.annotator.options import ExtractOptions

            return AsyncLLMExtractor(AsyncOpenAIClient.of(settings), ExtractOptions.of(settings))
        case "patterns":
            from memreg.engine.patterns import AsyncPatternsExtractor

            return AsyncPatternsExtractor()
        case "structured":
            from memreg.engine.structured import AsyncStructuredExtractor

            return AsyncStructuredExtractor()
        case _:
            raise ExtractorUnavailable(extractor=name, reason=f"it is none of {', '.join(NAMES)}")
