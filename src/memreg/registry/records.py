"""What the registry knows about a version besides its content: who, when, why, and where its annotation came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from memreg.registry.models import ClassAnnotation, SchemaVersion, Status


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """An annotation of a version: its source (`declared`, `heuristic`, `llm`, `person`), its cost, what a person said.

    `ordinal` counts the annotations of the version from 1; the last one counts. `reused_from` names the version (as
    `notes@1`) whose annotation was taken without a call; `classes` is what it says, where the history was asked for.
    """

    ordinal: int
    source: str
    created_at: datetime
    model: str | None = None
    prompt_hash: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    verdict: str | None = None
    reason: str | None = None
    reused_from: str | None = None
    classes: Mapping[str, ClassAnnotation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version with its history. `reason` says why it is a draft (the annotation failed) or rejected."""

    version: SchemaVersion
    created_at: datetime
    registered_by: str | None = None
    activated_at: datetime | None = None
    reason: str | None = None
    annotation: AnnotationRecord | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """What registering came to. `created` is False where the newest version already had this content."""

    version: SchemaVersion
    created: bool


@dataclass(frozen=True, slots=True)
class Head:
    """Which version ingest uses, and the ordinal of its annotation: a key under which the rest can be cached."""

    version: int
    status: Status
    annotation: int
