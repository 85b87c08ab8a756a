"""A schema as the YAML file that would register it again."""

from __future__ import annotations

from io import StringIO
from typing import Any

from memreg.registry.before import is_plain
from memreg.registry.fingerprint import canonical_source
from memreg.registry.models import (
    REFUSE,
    ClassAnnotation,
    ClassSpec,
    Column,
    IdentityKey,
    Merge,
    Normalizer,
    OnDelete,
    SchemaSpec,
    Source,
)


def dump_schema(spec: SchemaSpec) -> str:
    """The schema as YAML text; `parse_schema` reads it to the same schema, its Pydantic classes apart."""
    return to_yaml(schema_data(spec))


def schema_data(spec: SchemaSpec) -> dict[str, Any]:
    """The schema in the shape of a schema file, without what is the default."""
    return {
        "schema": spec.name,
        "compatibility": spec.compatibility,
        "classes": {each.name: _class(each) for each in spec.classes},
    }


def annotation_data(annotation: ClassAnnotation) -> dict[str, Any]:
    """The annotation of a class in the shape of a schema file."""
    return {
        "searchable": {column: _number(boost) for column, boost in annotation.searchable.items()},
        "compare": list(annotation.compare),
        "identity": [_key(key) for key in annotation.identity],
    }


def to_yaml(data: object) -> str:
    """Plain data as block-style YAML."""
    from ruamel.yaml import YAML

    yaml = YAML(pure=True)
    yaml.width = 4096
    yaml.allow_unicode = True
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _class(spec: ClassSpec) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if spec.description:
        data["description"] = spec.description
    if spec.source is not None:
        data["from"] = spec.source
    if spec.aliases:
        data["aliases"] = list(spec.aliases)
    data["columns"] = {column.name: _column(column) for column in spec.columns}
    if spec.patterns:
        data["patterns"] = [
            pattern.text
            if pattern.operation == "upsert"
            else {"text": pattern.text, "operation": str(pattern.operation)}
            for pattern in spec.patterns
        ]
    if spec.declared is not None:
        data["annotation"] = annotation_data(spec.declared)
    return data


def _column(column: Column) -> dict[str, Any]:
    data: dict[str, Any] = {"dtype": str(column.dtype)}
    if column.desc:
        data["desc"] = column.desc
    if column.values:
        data["values"] = list(column.values)
    if column.required:
        data["required"] = True
    if column.pii:
        data["pii"] = True
    if column.normalize:
        data["normalize"] = [_normalizer(normalizer) for normalizer in column.normalize]
    if column.merge is not (Merge.UNION if column.dtype.is_list else Merge.REPLACE):
        data["merge"] = str(column.merge)
    if column.examples:
        data["examples"] = [list(each) if isinstance(each, tuple) else each for each in column.examples]
    if column.source is not None:
        data["from"] = source_data(column.source, column.name)
    if column.default is not None:
        data["default"] = list(column.default) if isinstance(column.default, tuple) else column.default
    if column.on_delete is not OnDelete.KEEP:
        data["on_delete"] = str(column.on_delete)
    return data


def source_data(source: Source, name: str) -> Any:
    """What a column of the name is made of, in the shape of a schema file: shortest form."""
    if not source.columns:
        return []
    if is_plain(source) and source.otherwise is REFUSE:
        return source.columns[0]
    data = canonical_source(source)
    del data["columns"]
    if len(source.columns) > 1:
        data = {"columns": list(source.columns), **data}
    elif source.columns != (name,):
        data = {"column": source.columns[0], **data}
    if source.map:
        data["map"] = dict(data["map"])
    if source.otherwise is not REFUSE:
        data["otherwise"] = data["otherwise"][0]
    return data


def _normalizer(normalizer: Normalizer) -> str | dict[str, str]:
    return {normalizer.name: normalizer.region} if normalizer.region else normalizer.name


def _key(key: IdentityKey) -> dict[str, Any]:
    data: dict[str, Any] = {"columns": list(key.columns), "strength": str(key.strength)}
    if key.confidence != 1.0:
        data["confidence"] = key.confidence
    if key.rationale:
        data["rationale"] = key.rationale
    return data


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value
