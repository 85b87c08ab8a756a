"""The extractors by name: where the engine's protocol meets its implementations."""

from __future__ import annotations

from memreg.core.errors import ExtractorUnavailable
from memreg.core.settings import Settings
from memreg.engine.extract import AsyncExtractor

NAMES = ("llm", "patterns", "structured")


def make_extractor(name: str, settings: Settings) -> AsyncExtractor:
    """The extractor of a name: llm, patterns or structured. Raises ExtractorUnavailable."""
    match name:
        case "llm":
            from memreg.annotator.client_async import AsyncOpenAIClient
            from memreg.annotator.extractor_async import AsyncLLMExtractor

            return AsyncLLMExtractor(AsyncOpenAIClient.of(settings))
        case "patterns":
            from memreg.engine.patterns import AsyncPatternsExtractor

            return AsyncPatternsExtractor()
        case "structured":
            from memreg.engine.structured import AsyncStructuredExtractor

            return AsyncStructuredExtractor()
        case _:
            raise ExtractorUnavailable(extractor=name, reason=f"it is none of {', '.join(NAMES)}")
