"""The shapes that a model is asked to answer in. They guide it; what comes back is read item by item, leniently."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def short(schema: dict[str, Any]) -> None:
    """Drop the titles and defaults that pydantic adds: a model reads the names already, and each costs tokens."""
    for column in schema.get("properties", {}).values():
        column.pop("title", None)
        column.pop("default", None)


class Key(BaseModel):
    """Columns that together identify an object."""

    model_config = ConfigDict(json_schema_extra=short)

    columns: list[str]
    strength: Literal["strong", "shared"]
    confidence: float
    rationale: str


class ClassAnswer(BaseModel):
    """How objects of one class are found again."""

    model_config = ConfigDict(json_schema_extra=short)

    class_name: str = Field(alias="class")
    searchable: dict[str, float]
    compare: list[str]
    identity: list[Key]
    confidence: float
    rationale: str


class Annotations(BaseModel):
    """How the objects of every class are found again."""

    model_config = ConfigDict(json_schema_extra=short)

    classes: list[ClassAnswer]
