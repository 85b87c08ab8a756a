"""What the annotator asks a model: the schema, and sample rows where somebody allowed them, as data between tags."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from memreg.annotator.disguise import visible
from memreg.annotator.prompt import annotate_prompt, annotate_user, prompt_hash, tag_for
from memreg.annotator.shapes import Annotations
from memreg.annotator.wire import Ask
from memreg.registry.models import SchemaSpec

SampleRows = Mapping[str, Sequence[Mapping[str, Any]]]


def question(spec: SchemaSpec, samples: SampleRows | None = None) -> Ask:
    """The one question about all classes of a schema; `samples` are rows by class, already fit to be sent."""
    body = visible("\n\n".join([annotate_user(spec), *_rows(samples or {})]))
    tag = tag_for(body).replace("message", "schema")
    return Ask(Annotations, annotate_prompt(), f"<{tag}>\n{body}\n</{tag}>")


def question_hash(ask: Ask, model: str) -> str:
    """The sha256 (hex) of all that the model is told and of the model's name: the same again is answered from here."""
    return prompt_hash(f"{model}\n{ask.system}\n{ask.user}", ask.shape)


def _rows(samples: SampleRows) -> list[str]:
    return [
        f"Rows of {name}:\n" + "\n".join(json.dumps(row, ensure_ascii=False, default=str) for row in rows)
        for name, rows in samples.items()
        if rows
    ]
