"""The classes of a schema in few words, for the extractor's prompt: a line for each column, and no more of it than the
number of columns allows. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from memreg.registry.models import ClassSpec, Column, Kind

LEGEND = "Classes with their columns (! required, [] a list, a text where no type is said):"
REFERENCES = " → another object, of that class: its name, or an object of its columns where the message says more of it"
OF_A_CLASS, OF_A_COLUMN, LEAST = 60, 80, 1_500
"""Characters that a listing may have: for each class, for each column, and in any case."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is told of a column: characters of its description, examples, characters of an example, enum values."""

    desc: int
    examples: int
    example: int
    values: int


# What says least goes first: more examples, the ends of long descriptions, all examples. Of the values of an enum a
# model needs every one, so they go last.
DETAILS = (
    Detail(200, 3, 80, 40),
    Detail(200, 1, 60, 40),
    Detail(120, 1, 40, 40),
    Detail(90, 1, 30, 40),
    Detail(70, 1, 20, 40),
    Detail(70, 0, 0, 40),
    Detail(55, 0, 0, 40),
    Detail(40, 0, 0, 40),
    Detail(30, 0, 0, 20),
    Detail(20, 0, 0, 10),
    Detail(0, 0, 0, 8),
)


def legend(classes: Sequence[ClassSpec]) -> str:
    """What the signs of the listing mean; of references, where there are some."""
    more = f",{REFERENCES}):" if any(spec.references for spec in classes) else "):"
    return LEGEND.removesuffix("):") + more


def listing(classes: Sequence[ClassSpec]) -> str:
    """The classes and columns, a line each, in the fullest detail that stays within `allowance`."""
    most = allowance(classes)
    text = ""
    for detail in DETAILS:
        text = "\n".join(line for spec in classes for line in _lines(spec, detail))
        if len(text) <= most:
            break
    return text


def allowance(classes: Sequence[ClassSpec]) -> int:
    """The characters that a listing of these classes may have."""
    return max(LEAST, OF_A_CLASS * len(classes) + OF_A_COLUMN * sum(len(spec.columns) for spec in classes))


def one_line(text: str, most: int) -> str:
    """A text on one line, cut to at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: max(most - 1, 0)].rstrip() + "…" if most else ""


def _lines(spec: ClassSpec, detail: Detail) -> list[str]:
    about = one_line(spec.description, detail.desc)
    return [spec.name + (f": {about}" if about else ""), *(_line(column, detail) for column in spec.columns)]


def _line(column: Column, detail: Detail) -> str:
    text = f" {column.name}{'!' if column.required else ''}"
    if dtype := _dtype(column, detail):
        text += f" {dtype}"
    about = [one_line(column.desc, detail.desc)] if column.desc and detail.desc else []
    shown = [json.dumps(example, ensure_ascii=False, default=str) for example in column.examples[: detail.examples]]
    if shown := [example for example in shown if len(example) <= detail.example]:
        about.append("e.g. " + one_line(", ".join(shown), 3 * detail.example))
    return text + (": " + "; ".join(about) if about else "")


def _dtype(column: Column, detail: Detail) -> str:
    kind = column.dtype.kind
    if kind is Kind.ENUM:
        more = "|…" if len(column.values) > detail.values else ""
        name = f"({'|'.join(column.values[: detail.values])}{more})"
    elif kind is Kind.REF:
        name = f"→{column.dtype.target}"
    else:
        name = "" if kind in (Kind.STRING, Kind.TEXT) else str(kind)
    return name + ("[]" if column.dtype.is_list else "")
