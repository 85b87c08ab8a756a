"""The canonical form of a schema: what is stored of it, and the fingerprint by which equal content is recognised.

The fingerprint covers the classes with their columns, patterns and declared annotations. The schema's name, its
compatibility mode and the Pydantic classes are no part of it. The order of classes, columns, searchable and compare
columns does not matter to it; the order of patterns, of enum values, of identity keys and of the columns in a key does.
What a schema may say since schemas evolve (`from:`, defaults, aliases, references) is there only where it is said, so
that older versions keep their fingerprints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from memreg.registry.models import (
    REFUSE,
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    IdentityKey,
    Kind,
    Merge,
    Normalizer,
    OnDelete,
    Pattern,
    SchemaSpec,
    Source,
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


def canonical_source(source: Source) -> dict[str, Any]:
    """What a column is made of as JSON-able data, only what is said; `otherwise` is a list of one value."""
    data: dict[str, Any] = {"columns": list(source.columns)}
    for key in ("split", "part", "join", "cast"):
        if (value := getattr(source, key)) is not None:
            data[key] = value
    if source.rest:
        data["rest"] = True
    if source.map:
        data["map"] = [[old, _listed(new)] for old, new in source.map]
    if source.otherwise is not REFUSE:
        data["otherwise"] = [_listed(source.otherwise)]
    return data


def source_from(data: Mapping[str, Any]) -> Source:
    """What `canonical_source` made the data from."""
    return Source(
        columns=tuple(data["columns"]),
        split=data.get("split"),
        part=data.get("part"),
        rest=bool(data.get("rest", False)),
        join=data.get("join"),
        map=tuple((old, _frozen(new)) for old, new in data.get("map", ())),
        cast=data.get("cast"),
        otherwise=_frozen(data["otherwise"][0]) if "otherwise" in data else REFUSE,
    )


def _class(spec: ClassSpec) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": spec.name,
        "description": spec.description,
        "columns": [_column(column) for column in spec.columns],
        "patterns": [{"text": pattern.text, "operation": pattern.operation} for pattern in spec.patterns],
        "annotation": None if spec.declared is None else canonical_annotation(spec.declared),
    }
    if spec.source is not None:
        data["source"] = spec.source
    if spec.aliases:
        data["aliases"] = list(spec.aliases)
    return data


def _class_from(data: Mapping[str, Any]) -> ClassSpec:
    return ClassSpec(
        name=data["name"],
        description=data["description"],
        columns=tuple(_column_from(column) for column in data["columns"]),
        patterns=tuple(Pattern(pattern["text"], pattern["operation"]) for pattern in data["patterns"]),
        declared=None if data["annotation"] is None else annotation_from(data["annotation"]),
        source=data.get("source"),
        aliases=tuple(data.get("aliases", ())),
    )


def _column(column: Column) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": column.name,
        "kind": str(column.dtype.kind),
        "list": column.dtype.is_list,
        "desc": column.desc,
        "values": list(column.values),
        "required": column.required,
        "pii": column.pii,
        "normalize": [[normalizer.name, normalizer.region] for normalizer in column.normalize],
        "merge": str(column.merge),
        "examples": [_listed(example) for example in column.examples],
    }
    if column.dtype.target is not None:
        data["target"] = column.dtype.target
    if column.source is not None:
        data["source"] = canonical_source(column.source)
    if column.default is not None:
        data["default"] = _listed(column.default)
    if column.on_delete is not OnDelete.KEEP:
        data["on_delete"] = str(column.on_delete)
    return data


def _column_from(data: Mapping[str, Any]) -> Column:
    return Column(
        name=data["name"],
        dtype=Dtype(Kind(data["kind"]), bool(data["list"]), data.get("target")),
        desc=data["desc"],
        values=tuple(data["values"]),
        required=data["required"],
        pii=data["pii"],
        normalize=tuple(Normalizer(name, region) for name, region in data["normalize"]),
        merge=Merge(data["merge"]),
        examples=tuple(_frozen(example) for example in data["examples"]),
        source=source_from(data["source"]) if "source" in data else None,
        default=_frozen(data.get("default")),
        on_delete=OnDelete(data.get("on_delete", OnDelete.KEEP)),
    )


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _sorted_class(data: dict[str, Any]) -> dict[str, Any]:
    annotation = data["annotation"]
    if annotation is not None:
        annotation = {
            **annotation,
            "searchable": sorted(annotation["searchable"]),
            "compare": sorted(annotation["compare"]),
        }
    columns = sorted((_sorted_column(column) for column in data["columns"]), key=lambda column: str(column["name"]))
    sorted_data = {**data, "columns": columns, "annotation": annotation}
    if "aliases" in data:
        sorted_data["aliases"] = sorted(data["aliases"])
    return sorted_data


def _sorted_column(data: dict[str, Any]) -> dict[str, Any]:
    source = data.get("source")
    if source is None or "map" not in source:
        return data
    return {**data, "source": {**source, "map": sorted(source["map"], key=lambda pair: str(pair[0]))}}
