"""What the prompts share: their files, a tag that a text cannot close, their hash; and the annotator's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib import resources

from pydantic import BaseModel

from memreg.registry.models import ClassSpec, Column, Kind, SchemaSpec

_LONGEST_DESC = 200
_MOST_VALUES = 40
_MOST_EXAMPLES = 3


@cache
def template(name: str) -> str:
    """The text of a prompt file."""
    return resources.files("memreg.annotator").joinpath("prompts", f"{name}.txt").read_text("utf-8").strip()


_REFERENCES = (
    "A column of ref[Class] refers to an object of that class. It may be compared, and be part of a key with other"
    " columns (the number of an order of one customer); it is never searchable."
)


def annotate_prompt() -> str:
    """The instructions of the annotator."""
    return template("annotate")


def annotate_user(spec: SchemaSpec) -> str:
    """The schema to annotate."""
    text = f"Schema {spec.name}:\n{classes_text(spec.classes)}"
    return f"{text}\n\n{_REFERENCES}" if spec.referring else text


def classes_text(classes: Iterable[ClassSpec]) -> str:
    """Classes and columns, a line each: `name: dtype, required - description; e.g. …`."""
    return "\n".join(line for spec in classes for line in _class_lines(spec))


def tag_for(text: str) -> str:
    """A tag that does not occur in a text, so that the text cannot close it; the same for the same text."""
    number = 0
    while True:
        tag = "message-" + hashlib.sha256(f"{number}:{text}".encode("utf-8", "replace")).hexdigest()[:12]
        if tag not in text:
            return tag
        number += 1


def prompt_hash(system: str, shape: type[BaseModel]) -> str:
    """The sha256 of all that is sent but the message: instructions with the classes, and the reply's shape."""
    body = json.dumps([system, shape.model_json_schema()], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()


def _class_lines(spec: ClassSpec) -> Iterable[str]:
    yield spec.name + (f" - {_line(spec.description)}" if spec.description else "")
    for column in spec.columns:
        yield f"  {column.name}: {_column(column)}"


def _column(column: Column) -> str:
    text = _dtype(column) + (", required" if column.required else "")
    if column.desc:
        text += f" - {_line(column.desc)}"
    if column.examples:
        shown = [json.dumps(example, ensure_ascii=False, default=str) for example in column.examples[:_MOST_EXAMPLES]]
        text += f"; e.g. {_line(', '.join(shown))}"
    return text


def _dtype(column: Column) -> str:
    if column.dtype.kind is not Kind.ENUM:
        return str(column.dtype)
    values = "|".join(column.values[:_MOST_VALUES]) + ("|…" if len(column.values) > _MOST_VALUES else "")
    return f"{column.dtype} {values}"


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_DESC else text[: _LONGEST_DESC - 1] + "…"
