# Generated from extractor_async.py by scripts/generate_sync.py: change that file, not this one.
"""The blocking LLM extractor: one call per message for all classes of the schema, and one more where an answer has
to be corrected."""

from __future__ import annotations

from collections.abc import Sequence

from memreg.annotator.client import LLMClient
from memreg.annotator.extraction import NAME, Conversation
from memreg.annotator.failure import ModelFailed
from memreg.annotator.options import ExtractOptions
from memreg.engine.model import Extraction, Message
from memreg.registry.models import SchemaVersion


class LLMExtractor:
    """Asks a language model what a message says. It sees the classes, the message and the turns before: no memories, no
    ids."""

    name = NAME

    def __init__(self, client: LLMClient, options: ExtractOptions | None = None) -> None:
        self.client = client
        self.options = options or ExtractOptions()
        self.context_turns = self.options.context_turns

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The proposals of a message by itself.

        Items that are no proposals are in `refused`, each with its reason; an empty list is no failure.
        Raises ExtractionFailed with the reason, the raw reply, and the requests that were made.
        """
        return self.extract_in_context(message, version, ())

    def extract_in_context(self, message: Message, version: SchemaVersion, before: Sequence[Message]) -> Extraction:
        """The proposals of a message after earlier ones of its session, oldest first, which only tell who and what is
        meant. Raises ExtractionFailed."""
        plan = Conversation(message, version, before[-self.context_turns :] if self.context_turns else (), self.options)
        steps = plan.plan()
        try:
            ask = next(steps)
            while True:
                try:
                    reply = self.client.ask(ask)
                except ModelFailed as exc:
                    ask = steps.throw(exc)
                else:
                    ask = steps.send(reply)
        except StopIteration as done:
            extraction: Extraction = done.value
            return extraction

    def close(self) -> None:
        """Close the client's connections."""
        self.client.close()
