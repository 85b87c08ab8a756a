"""The canonical form of a schema: what is stored of it, and the fingerprint by which equal content is recognised.

The fingerprint covers the classes with their columns, patterns and declared annotations. The schema's name, its
compatibility mode and the Pydantic classes are no part of it. The order of classes, columns, searchable and compare
columns does not matter to it; the order of patterns, of enum values, of identity keys and of the columns in a key does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from memreg.registry.models import (
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    IdentityKey,
    Kind,
    Merge,
    Normalizer,
    Pattern,
    SchemaSpec,
)


def canonical(spec: SchemaSpec) -> dict[str, Any]:
    """The schema as JSON-able data, everything spelled out, in declared order (in lists: jsonb reorders keys)."""
    return {
        "name": spec.name,
        "compatibility": spec.compatibility,
        "classes": [_class(each) for each in spec.classes],
    }


def spec_from(data: Mapping[str, Any], models: Mapping[str, str] | None = None) -> SchemaSpec:
    """The schema that `canonical` made the data from; `models` is stored apart from it."""
    return SchemaSpec(
        name=data["name"],
        compatibility=data["compatibility"],
        classes=tuple(_class_from(each) for each in data["classes"]),
        models=dict(models or {}),
    )


def fingerprint(spec: SchemaSpec) -> str:
    """SHA-256 (64 hexadecimal digits) of the classes and their declared annotations, without regard to their order."""
    classes = sorted((_sorted_class(_class(each)) for each in spec.classes), key=lambda each: str(each["name"]))
    text = json.dumps(classes, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_annotation(annotation: ClassAnnotation) -> dict[str, Any]:
    """The annotation of a class as JSON-able data; `searchable` is a list of `[column, boost]`."""
    return {
        "searchable": [[column, float(boost)] for column, boost in annotation.searchable.items()],
        "compare": list(annotation.compare),
        "identity": [
            {
                "columns": list(key.columns),
                "strength": key.strength,
                "confidence": float(key.confidence),
                "rationale": key.rationale,
            }
            for key in annotation.identity
        ],
        "confidence": float(annotation.confidence),
        "rationale": annotation.rationale,
        "source": annotation.source,
    }


def annotation_from(data: Mapping[str, Any]) -> ClassAnnotation:
    """The annotation that `canonical_annotation` made the data from."""
    return ClassAnnotation(
        searchable={column: float(boost) for column, boost in data["searchable"]},
        compare=tuple(data["compare"]),
        identity=tuple(
            IdentityKey(tuple(key["columns"]), key["strength"], float(key["confidence"]), key["rationale"])
            for key in data["identity"]
        ),
        confidence=float(data["confidence"]),
        rationale=data["rationale"],
        source=data["source"],
    )


def _class(spec: ClassSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "description": spec.description,
        "columns": [_column(column) for column in spec.columns],
        "patterns": [{"text": pattern.text, "operation": pattern.operation} for pattern in spec.patterns],
        "annotation": None if spec.declared is None else canonical_annotation(spec.declared),
    }


def _class_from(data: Mapping[str, Any]) -> ClassSpec:
    return ClassSpec(
        name=data["name"],
        description=data["description"],
        columns=tuple(_column_from(column) for column in data["columns"]),
        patterns=tuple(Pattern(pattern["text"], pattern["operation"]) for pattern in data["patterns"]),
        declared=None if data["annotation"] is None else annotation_from(data["annotation"]),
    )


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": str(column.dtype.kind),
        "list": column.dtype.is_list,
        "desc": column.desc,
        "values": list(column.values),
        "required": column.required,
        "pii": column.pii,
        "normalize": [[normalizer.name, normalizer.region] for normalizer in column.normalize],
        "merge": str(column.merge),
        "examples": [list(example) if isinstance(example, list | tuple) else example for example in column.examples],
    }


def _column_from(data: Mapping[str, Any]) -> Column:
    return Column(
        name=data["name"],
        dtype=Dtype(Kind(data["kind"]), bool(data["list"])),
        desc=data["desc"],
        values=tuple(data["values"]),
        required=data["required"],
        pii=data["pii"],
        normalize=tuple(Normalizer(name, region) for name, region in data["normalize"]),
        merge=Merge(data["merge"]),
        examples=tuple(tuple(example) if isinstance(example, list) else example for example in data["examples"]),
    )


def _sorted_class(data: dict[str, Any]) -> dict[str, Any]:
    annotation = data["annotation"]
    if annotation is not None:
        annotation = {
            **annotation,
            "searchable": sorted(annotation["searchable"]),
            "compare": sorted(annotation["compare"]),
        }
    columns = sorted(data["columns"], key=lambda column: str(column["name"]))
    return {**data, "columns": columns, "annotation": annotation}
