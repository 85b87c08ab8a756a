# Generated from extractor_async.py by scripts/generate_sync.py: change that file, not this one.
"""The blocking LLM extractor: one call per message for all classes of the schema, read item by item."""

from __future__ import annotations

from memreg.annotator.client import LLMClient
from memreg.annotator.failure import ModelFailed
from memreg.annotator.items import proposals_of
from memreg.annotator.prompt import extract_prompt, message_text, prompt_hash
from memreg.annotator.shapes import Items
from memreg.annotator.wire import Ask
from memreg.core.errors import ExtractionFailed
from memreg.engine.model import Extraction, Message
from memreg.registry.models import SchemaVersion

NAME = "llm"


class LLMExtractor:
    """Asks a language model what a message says. It sees the classes and the message: no memories, no ids."""

    name = NAME

    def __init__(self, client: LLMClient) -> None:
        self.client = client

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The proposals of a message; items that cannot be read are named in `problems`, an empty list is no failure.

        Raises ExtractionFailed with the reason; its facts also have the raw reply and the cost of the call.
        """
        system = extract_prompt(version.spec)
        hashed = prompt_hash(system, Items)
        ask = Ask(Items, system, message_text(message))
        try:
            reply = self.client.ask(ask)
        except ModelFailed as exc:
            facts = {**exc.facts, "prompt_hash": hashed}
            raise ExtractionFailed(extractor=NAME, **facts) from exc
        proposals, problems = proposals_of(reply.value[ask.field])
        return Extraction(
            proposals,
            extractor=NAME,
            problems=problems,
            model=reply.model,
            prompt_hash=hashed,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            latency_ms=reply.latency_ms,
            reply=reply.raw,
        )

    def close(self) -> None:
        """Close the client's connections."""
        self.client.close()
