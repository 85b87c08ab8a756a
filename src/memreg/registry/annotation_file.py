"""The annotation file: a version's annotation as YAML for a person to edit, and back again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memreg.core.errors import AnnotationInvalid
from memreg.registry.dump import annotation_data, to_yaml
from memreg.registry.models import ClassAnnotation, ClassSpec, SchemaVersion
from memreg.registry.parse_annotation import read_annotation
from memreg.registry.reader import Reader, read_file, shown, suggest
from memreg.registry.yaml_tree import Fork, Leaf, Tree

Objections = Callable[[ClassSpec, ClassAnnotation], Sequence[str]]
KEYS = ("schema", "version", "fingerprint", "classes")
PERSON = "person"


def dump_annotation(version: SchemaVersion) -> str:
    """The annotation in force of a version, as YAML, with confidence and rationale as comments."""
    parts = [
        f"# The annotation of {version}. Edit it, then: memreg approve {version} --annotation FILE\n",
        "# A class that is left out keeps its proposal.\n",
        to_yaml({"schema": version.name, "version": version.version, "fingerprint": version.fingerprint}),
        "classes:\n",
    ]
    for each in version.spec.classes:
        annotation = version.annotation_of(each.name)
        note = f"{annotation.source}, confidence {annotation.confidence:g}"
        rationale = " ".join(annotation.rationale.split())
        parts.append(f"  # {note}{': ' if rationale else ''}{rationale}\n")
        text = to_yaml({each.name: annotation_data(annotation)})
        parts.extend(f"  {line}\n" if line else "\n" for line in text.split("\n")[:-1])
    return "".join(parts)


def parse_annotation(
    text: str | bytes, source: str, version: SchemaVersion, objections: Objections | None = None
) -> dict[str, ClassAnnotation]:
    """The annotations by class in an annotation file of the version; `source` names the file in errors.

    A class that reads as it was proposed keeps its proposal; an edited one has the source `person`, and whatever else
    `objections` finds wrong with it is a mistake at its line.
    Raises AnnotationInvalid with every mistake, by line and column.
    """
    reader, tree = read_file(text, source, AnnotationInvalid)
    found = reader.keys(tree, "", KEYS, required=KEYS)
    _check_head(reader, found, version)
    annotations: dict[str, ClassAnnotation] = {}
    for key, value in reader.names(found["classes"], "classes", "class") if "classes" in found else []:
        spec = version.spec.by_name.get(key.raw)
        if spec is None:
            hint = suggest(key.raw, version.spec.by_name)
            the = " The" if hint else "; the"
            classes = ", ".join(version.spec.by_name)
            reader.wrong(key, "classes", f"unknown class {shown(key.raw)}{hint}{the} classes are {classes}")
            continue
        before = len(reader.mistakes)
        edited = read_annotation(reader, key.raw, value, spec.by_name, PERSON)
        proposed = version.annotation_of(key.raw)
        same = _content(edited) == _content(proposed) and key.raw in version.annotations
        if objections is not None and not same and len(reader.mistakes) == before:
            for reason in objections(spec, edited):
                reader.wrong(key, "", reason)
        annotations[key.raw] = proposed if same else edited
    if mistakes := reader.ordered():
        raise AnnotationInvalid(source, mistakes)
    return annotations


def _check_head(reader: Reader, found: dict[str, Tree], version: SchemaVersion) -> None:
    wanted = {"schema": version.name, "version": str(version.version), "fingerprint": version.fingerprint}
    for key, value in wanted.items():
        tree = found.get(key)
        if tree is None or (isinstance(tree, Leaf) and tree.raw == value):
            continue
        got = shown(tree.raw) if isinstance(tree, Leaf) else "a mapping" if isinstance(tree, Fork) else "a list"
        advice = f"write the file anew with `memreg annotations {version} --yaml`"
        reader.wrong(tree, key, f"{got} is not that of {version} ({value}): {advice}")


def _content(annotation: ClassAnnotation) -> object:
    return list(annotation.searchable.items()), annotation.compare, annotation.identity
