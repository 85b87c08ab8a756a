"""What a person should look at before approving a version: low confidence, doubts, overlaps, disagreements. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from memreg.annotator.disagreement import disagreements
from memreg.annotator.doubts import doubts
from memreg.annotator.overlap import overlaps
from memreg.registry.models import ClassAnnotation, SchemaVersion

NoteKind = Literal["change", "low_confidence", "doubt", "overlap", "disagreement"]


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to look at, in one line, and the classes that it is about."""

    kind: NoteKind
    classes: tuple[str, ...]
    text: str


def notes_of(version: SchemaVersion, least_confidence: float) -> tuple[Note, ...]:
    """The notes on a version's annotation, the gravest first; none on a version that has no annotation yet.

    `least_confidence`: an identity key below it needs a person (the setting `min_identity_confidence`).
    """
    return tuple(_notes(version, least_confidence)) if version.annotation else ()


def unsure_keys(annotation: ClassAnnotation, least_confidence: float) -> str:
    """The keys of a class that are less sure than they should be, in words; empty where there is none."""
    return ", ".join(
        f"{key.name} ({key.confidence:g})" for key in annotation.identity if key.confidence < least_confidence
    )


def _notes(version: SchemaVersion, least: float) -> Iterator[Note]:
    classes = version.spec.classes
    for each in classes:
        if unsure := unsure_keys(version.annotation_of(each.name), least):
            text = (
                f"{each.name}: low confidence of the identity key {unsure}, below {least:g}: it takes a person to"
                " approve it, and with auto-approval the class stays create-only until then"
            )
            yield Note("low_confidence", (each.name,), text)
    for each in classes:
        for doubt in doubts(each, version.annotation_of(each.name)):
            yield Note("doubt", (each.name,), doubt)
    for overlap in overlaps(version.spec, version.annotations):
        yield Note("overlap", (overlap.one, overlap.other), overlap.sentence)
    for each in classes:
        if each.name in version.annotations:
            for line in disagreements(version.spec, each.name, version.annotation_of(each.name)):
                yield Note("disagreement", (each.name,), line)
