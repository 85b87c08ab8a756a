"""The schema of an evaluation, from the file that a person names: a memreg schema, or the JSON beside a stream."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from memreg.annotator.heuristic import annotate_class
from memreg.core.errors import AnnotationInvalid, EvaluationRefused, SchemaInvalid
from memreg.evaluation.stream_schema import read_stream_schema
from memreg.evaluation.subject import Subject, check_subject
from memreg.registry.annotation_file import parse_annotation
from memreg.registry.fingerprint import fingerprint
from memreg.registry.models import SchemaSpec, SchemaVersion, Status
from memreg.registry.parse import parse_schema, read_bytes

_VERSION = re.compile(rb"^version:[ \t]*([0-9]{1,9})[ \t]*(?:#.*)?\r?$", re.MULTILINE)


def read_subject(
    path: Path, *, class_name: str | None = None, annotation: Path | None = None, with_identity: bool = True
) -> Subject:
    """The subject in a schema file.

    A `.json` file is a stream's schema; any other a memreg schema in YAML, whose classes have the annotation of the
    file `annotation`, else the one they declare, else what the heuristic annotator proposes. `class_name` says which
    class, where there are several. Raises SchemaInvalid, AnnotationInvalid, EvaluationRefused.
    """
    text = read_bytes(path, SchemaInvalid)
    if path.suffix.lower() == ".json":
        subject = read_stream_schema(text, str(path))
        if annotation is not None:
            raise EvaluationRefused(source=path, reason="it marks its fields itself, so leave the annotation file out")
        if class_name not in (None, subject.class_name):
            raise EvaluationRefused(source=path, reason=f"its class is {subject.class_name}, not {class_name}")
    else:
        spec = parse_schema(text, str(path))
        subject = Subject(_annotated(spec, annotation), _chosen(spec, class_name, path))
    if not with_identity:
        subject = subject.without_identity()
    check_subject(subject, path)
    return subject


def _chosen(spec: SchemaSpec, wanted: str | None, path: Path) -> str:
    names = list(spec.by_name)
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is None:
        reason = f"it has several classes ({', '.join(names)}): say which one the records are with --class"
        raise EvaluationRefused(source=path, reason=reason)
    if wanted not in names:
        raise EvaluationRefused(source=path, reason=f"{wanted!r} is no class of it; its classes are {', '.join(names)}")
    return wanted


def _annotated(spec: SchemaSpec, annotation: Path | None) -> SchemaSpec:
    declared = {each.name: each.declared for each in spec.classes if each.declared is not None}
    found = dict(declared)
    if annotation is not None:
        text = read_bytes(annotation, AnnotationInvalid)
        # The fingerprint says whether it is of this schema; under which number that was registered is no matter.
        number = _VERSION.search(text)
        version = SchemaVersion(spec, int(number[1]) if number else 1, Status.PENDING, fingerprint(spec), declared, 1)
        found |= parse_annotation(text, str(annotation), version)
    classes = tuple(
        replace(each, declared=found.get(each.name) or annotate_class(each, spec.classes)) for each in spec.classes
    )
    return replace(spec, classes=classes)
