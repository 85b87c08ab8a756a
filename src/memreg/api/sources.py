"""What a schema, an annotation or sample rows can be given as: a path, a text, a reference, classes, values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memreg.core.errors import AnnotationInvalid, ArgumentInvalid, Mistake, SamplesInvalid
from memreg.registry.annotation_file import parse_annotation
from memreg.registry.models import ClassAnnotation, SchemaSpec, SchemaVersion
from memreg.registry.parse import parse_schema, parse_schema_file, read_bytes
from memreg.registry.reader import MISTAKE_LIMIT
from memreg.registry.reading import Side

if TYPE_CHECKING:
    from pydantic import BaseModel

    from memreg.annotator.samples import Samples
    from memreg.registry.comparison import Comparison

    SchemaSource = Path | str | SchemaSpec | type[BaseModel] | Sequence[type[BaseModel]]

AnnotationSource = Path | str | Mapping[str, ClassAnnotation]

_SCHEMAS = "give a path, YAML text, module:Class, Pydantic classes or a SchemaSpec"
_ANNOTATIONS = "give a path, the text of an annotation file, or ClassAnnotations by class"
_ROW = 'write {"class": …, "values": {…}}'
_ROWS = "give a path, or a list of {class, values}"
_VERSIONED = re.compile(r"([a-z][a-z0-9_]{0,62})(?:@([0-9]{1,9}))?", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def read_source(source: SchemaSource) -> SchemaSpec:
    """The schema of a source. A string with a line break is YAML, `module:Class` a reference, any other a path.

    Raises SchemaInvalid, ArgumentInvalid.
    """
    if isinstance(source, SchemaSpec):
        return source
    if isinstance(source, str) and "\n" in source:
        return parse_schema(source, "given as text")
    if isinstance(source, str) and _REFERENCE.fullmatch(source) and not Path(source).exists():
        from memreg.registry.from_pydantic import load_reference

        return load_reference(source)
    if isinstance(source, str | Path):
        return parse_schema_file(Path(source))
    from memreg.registry.from_pydantic import schema_of

    models: list[type[BaseModel]] = []
    if isinstance(source, type):
        models = [source]
    elif isinstance(source, Sequence):
        models = [*source]
    if not models or not all(isinstance(model, type) for model in models):
        raise ArgumentInvalid(name="source", value=f"a {type(source).__name__}", reason=_SCHEMAS)
    return schema_of(*models)


def versioned_name(source: SchemaSource) -> tuple[str, int | None] | None:
    """The registered version that a string means, as `assistant@1` or `assistant`; None for any other source, and where
    a file has that name."""
    found = _VERSIONED.fullmatch(source) if isinstance(source, str) else None
    if found is None or Path(str(source)).exists():
        return None
    return found[1], int(found[2]) if found[2] else None


def label_of(source: SchemaSource) -> str:
    """What a source is called in errors and comparisons."""
    if isinstance(source, SchemaSpec):
        return source.name
    if isinstance(source, str | Path):
        return "given as text" if "\n" in str(source) else str(source)
    models = source if isinstance(source, Sequence) else (source,)
    return ", ".join(getattr(model, "__name__", str(model)) for model in models)


def compare_sources(before: SchemaSource, after: SchemaSource) -> Comparison:
    """What differs between two sources that are not registered versions. Raises SchemaInvalid, ArgumentInvalid."""
    from memreg.registry.comparison import compare

    return compare(Side(read_source(before), label_of(before)), Side(read_source(after), label_of(after)))


def read_annotations(source: AnnotationSource, version: SchemaVersion) -> Mapping[str, ClassAnnotation]:
    """The annotations of a source for a version: values by class, a file's text (it has a line break), or a path.

    An edited class is checked as a model's answer is. Raises AnnotationInvalid.
    """
    from memreg.annotator.check import check

    if isinstance(source, Mapping):
        mistakes = tuple(Mistake(reason) for reason in _objections(source, version))
        if mistakes:
            raise AnnotationInvalid("given as values", mistakes)
        return source
    if isinstance(source, str) and "\n" in source:
        return parse_annotation(source, "given as text", version, check)
    if not isinstance(source, str | Path):
        raise ArgumentInvalid(name="annotations", value=f"a {type(source).__name__}", reason=_ANNOTATIONS)
    path = Path(source)
    return parse_annotation(read_bytes(path, AnnotationInvalid), str(path), version, check)


def read_rows(samples: Samples | None, spec: SchemaSpec) -> list[tuple[str, dict[str, Any]]]:
    """The sample rows of one's own, by class of a schema, as a model may see them: from values or from a JSONL file.

    Raises SamplesInvalid with every mistake, by line, ArgumentInvalid.
    """
    from memreg.annotator.samples import given_rows

    if samples is None:
        return []
    given: object = samples.rows
    source = str(given) if isinstance(given, str | Path) else "given as values"
    if isinstance(given, str | Path):
        given = _json_lines(Path(given), source)
    if not isinstance(given, Sequence) or isinstance(given, bytes):
        raise ArgumentInvalid(name="samples", value=f"a {type(given).__name__}", reason=_ROWS)
    found, mistakes = given_rows(spec, given)
    if mistakes:
        raise SamplesInvalid(source, tuple(mistakes[:MISTAKE_LIMIT]))
    return found


def _json_lines(path: Path, source: str) -> list[Any]:
    """A value for each line of a file, an empty object for an empty line."""
    rows: list[Any] = []
    mistakes = []
    for number, line in enumerate(read_bytes(path, SamplesInvalid).decode("utf-8", "replace").splitlines(), 1):
        try:
            rows.append(json.loads(line) if line.strip() else {})
        except (ValueError, RecursionError):
            mistakes.append(Mistake(f"it is no JSON: {_ROW}", number, 1))
    if mistakes:
        raise SamplesInvalid(source, tuple(mistakes[:MISTAKE_LIMIT]))
    return rows


def _objections(annotations: Mapping[str, object], version: SchemaVersion) -> Iterator[str]:
    from memreg.annotator.check import check

    for name, annotation in annotations.items():
        spec = version.spec.by_name.get(name)
        if spec is None:
            yield f"{name!r} is no class of {version}; its classes are {', '.join(version.spec.by_name)}"
        elif not isinstance(annotation, ClassAnnotation):
            yield f"{name}: it is a {type(annotation).__name__}, not a ClassAnnotation"
        else:
            yield from check(spec, annotation)
