"""What a schema or an annotation can be given as: a path, a text, a reference, Pydantic classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memreg.core.errors import AnnotationInvalid, ArgumentInvalid, Mistake
from memreg.registry.annotation_file import parse_annotation
from memreg.registry.models import ClassAnnotation, SchemaSpec, SchemaVersion
from memreg.registry.parse import parse_schema, parse_schema_file, read_bytes

if TYPE_CHECKING:
    from pydantic import BaseModel

    SchemaSource = Path | str | SchemaSpec | type[BaseModel] | Sequence[type[BaseModel]]

AnnotationSource = Path | str | Mapping[str, ClassAnnotation]

_SCHEMAS = "give a path, YAML text, module:Class, Pydantic classes or a SchemaSpec"
_ANNOTATIONS = "give a path, the text of an annotation file, or ClassAnnotations by class"
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


def read_annotations(source: AnnotationSource, version: SchemaVersion) -> Mapping[str, ClassAnnotation]:
    """The annotations of a source for a version: values by class, a file's text (it has a line break), or a path.

    Raises AnnotationInvalid.
    """
    if isinstance(source, Mapping):
        mistakes = tuple(Mistake(reason) for reason in _objections(source, version))
        if mistakes:
            raise AnnotationInvalid("given as values", mistakes)
        return source
    if isinstance(source, str) and "\n" in source:
        return parse_annotation(source, "given as text", version)
    if not isinstance(source, str | Path):
        raise ArgumentInvalid(name="annotations", value=f"a {type(source).__name__}", reason=_ANNOTATIONS)
    path = Path(source)
    return parse_annotation(read_bytes(path, AnnotationInvalid), str(path), version)


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
