# Generated from extractors_async.py by scripts/generate_sync.py: change that file, not this one.
"""The extractors by name: where the engine's protocol meets its implementations."""

from __future__ import annotations

from memreg.core.errors import ExtractorUnavailable
from memreg.core.settings import Settings
from memreg.engine.extract import Extractor

NAMES = ("llm", "patterns", "structured")


def make_extractor(name: str, settings: Settings) -> Extractor:
    """The extractor of a name: llm, patterns or structured. Raises ExtractorUnavailable."""
    match name:
        case "llm":
            from memreg.annotator.client import OpenAIClient
            from memreg.annotator.extractor import LLMExtractor

            return LLMExtractor(OpenAIClient.of(settings))
        case "patterns":
            from memreg.engine.patterns import PatternsExtractor

            return PatternsExtractor()
        case "structured":
            from memreg.engine.structured import StructuredExtractor

            return StructuredExtractor()
        case _:
            raise ExtractorUnavailable(extractor=name, reason=f"it is none of {', '.join(NAMES)}")
