"""What an annotator gives back: the annotation of every class, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memreg.registry.models import ClassAnnotation


@dataclass(frozen=True, slots=True)
class Annotated:
    """The annotations of a schema by class; model, prompt hash (sha256, hex) and tokens where a model was asked."""

    classes: Mapping[str, ClassAnnotation]
    source: str
    model: str | None = None
    prompt_hash: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
