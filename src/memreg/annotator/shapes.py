"""The shapes that a model is asked to answer in. They guide it; what comes back is read item by item, leniently."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def _short(schema: dict[str, Any]) -> None:
    """Drop the titles that pydantic adds: a model reads the names already, and each costs tokens."""
    for column in schema.get("properties", {}).values():
        column.pop("title", None)


class Item(BaseModel):
    """One object that the message speaks of."""

    model_config = ConfigDict(json_schema_extra=_short)

    class_name: str = Field(alias="class")
    operation: Literal["upsert", "delete"] = "upsert"
    values: dict[str, Any]
    evidence: str
    confidence: float


class Items(BaseModel):
    """What the message says about objects worth remembering."""

    model_config = ConfigDict(json_schema_extra=_short)

    items: list[Item]


class Key(BaseModel):
    """Columns that together identify an object."""

    model_config = ConfigDict(json_schema_extra=_short)

    columns: list[str]
    strength: Literal["strong", "shared"]
    confidence: float
    rationale: str


class ClassAnswer(BaseModel):
    """How objects of one class are found again."""

    model_config = ConfigDict(json_schema_extra=_short)

    class_name: str = Field(alias="class")
    searchable: dict[str, float]
    compare: list[str]
    identity: list[Key]
    confidence: float
    rationale: str


class Annotations(BaseModel):
    """How the objects of every class are found again."""

    model_config = ConfigDict(json_schema_extra=_short)

    classes: list[ClassAnswer]
