# Generated from llm_async.py by scripts/generate_sync.py: change that file, not this one.
"""The blocking LLM annotator: one call per schema version, refused answers asked again once with the reasons."""

from __future__ import annotations

from memreg.annotator.answers import SOURCE, annotations_of
from memreg.annotator.client import LLMClient
from memreg.annotator.failure import ModelFailed
from memreg.annotator.model import Annotated
from memreg.annotator.prompt import annotate_prompt, annotate_user, prompt_hash
from memreg.annotator.shapes import Annotations
from memreg.annotator.wire import Ask
from memreg.registry.models import SchemaSpec


class LLMAnnotator:
    """Asks a language model which columns to search, to compare and to identify by, and checks what it says."""

    def __init__(self, client: LLMClient) -> None:
        self.client = client

    def annotate(self, spec: SchemaSpec) -> Annotated:
        """The annotation of every class of a schema, in one call, or two when the first answer was refused.

        Raises ModelFailed: no usable answer, or one that was refused twice, the reasons naming classes and columns.
        """
        ask = Ask(Annotations, annotate_prompt(), annotate_user(spec))
        reply = self.client.ask(ask)
        classes, reasons = annotations_of(spec, reply.value[ask.field])
        if reasons:
            reply = (self.client.ask(ask.again(reply, reasons))).after(reply)
            classes, reasons = annotations_of(spec, reply.value[ask.field])
        if reasons:
            raise ModelFailed(
                "its answer was refused twice: " + "; ".join(reasons),
                reply=reply.raw,
                model=reply.model,
                tokens_in=reply.tokens_in,
                tokens_out=reply.tokens_out,
                latency_ms=reply.latency_ms,
            )
        return Annotated(
            classes,
            source=SOURCE,
            model=reply.model,
            prompt_hash=prompt_hash(f"{ask.system}\n{ask.user}", ask.shape),
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
        )
