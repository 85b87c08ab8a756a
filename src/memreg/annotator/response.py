"""The shape that an extractor's answer is asked in, built from a schema's classes: what a class may be is closed, and
where that is small, the columns are named with lenient types. What comes back is read item by item in any case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from memreg.annotator.shapes import short
from memreg.registry.models import ClassSpec, Column, Kind

TYPED = 1_400
"""Characters up to which a shape names the columns. The prompt tells of them in any case, because a server that makes a
grammar of the shape does not show it to the model, and naming them twice costs a large schema more than it helps."""

_CONFIG = ConfigDict(json_schema_extra=short)
# A value written as text costs nothing: it is read by the column's dtype afterwards.
_TYPES: dict[Kind, list[str]] = {
    Kind.INTEGER: ["integer", "string"],
    Kind.NUMBER: ["number", "string"],
    Kind.BOOLEAN: ["boolean", "string"],
    Kind.REF: ["string", "object"],
}


def response_model(classes: Sequence[ClassSpec], *, typed: bool | None = None) -> type[BaseModel]:
    """An object of one list, `items`, each of one of these classes.

    `typed`: whether columns are named; None decides by the size that it comes to.
    """
    if typed is not False:
        named = _envelope(classes, reduce(or_, map(_values, classes)))
        if typed or len(json.dumps(named.model_json_schema())) <= TYPED:
            return named
    return _envelope(classes, dict[str, Any])


def _envelope(classes: Sequence[ClassSpec], values: Any) -> type[BaseModel]:
    names: Any = Literal[tuple(spec.name for spec in classes)]
    operations: Any = Literal["upsert", "delete"]
    item = create_model(
        "Item",
        __config__=_CONFIG,
        class_name=(names, Field(alias="class")),
        operation=(operations, "upsert"),
        values=(values, ...),
        evidence=(str, ...),
        forget=(list[str], Field(default_factory=list)),
        stated=(bool, True),
        confidence=(float, 1.0),
    )
    return create_model(
        "Items",
        __config__=_CONFIG,
        __doc__="What the message states about objects worth remembering.",
        items=(list[item], ...),
    )


def _values(spec: ClassSpec) -> type[BaseModel]:
    # A column may be called `schema` or `_id`, which an attribute of a model must not: the alias is what is sent.
    columns: dict[str, Any] = {
        f"column_{at}": (Annotated[Any, WithJsonSchema(_type(column))], Field(None, alias=column.name))
        for at, column in enumerate(spec.columns)
    }
    return create_model(spec.name, __config__=_CONFIG, **columns)


def _type(column: Column) -> dict[str, Any]:
    kind = column.dtype.kind
    one: dict[str, Any] = {"enum": list(column.values)} if kind is Kind.ENUM else {"type": _TYPES.get(kind, "string")}
    return {"type": "array", "items": one} if column.dtype.is_list else one
