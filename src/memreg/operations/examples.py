"""Examples of what would match and what would not, as values; with placeholders where a value is nobody's business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from memreg.engine.identity import canonical
from memreg.operations.example_rows import Origin
from memreg.registry.models import ClassSpec

Outcome = Literal["match", "question", "apart"]


@dataclass(frozen=True, slots=True)
class Example:
    """What a message would say (`said`) beside what is known of an object, what comes of it, and why.

    `question`: a person would be asked. `score` in [0, 1] where the text decides; None where a key does.
    """

    said: Mapping[str, Any]
    known: Mapping[str, Any]
    outcome: Outcome
    why: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ClassExamples:
    """Up to three examples of what would match, and of what would not, by each key (by name) and by the text.

    `origin`: they are made of rows `stored` in the tenant, of examples `declared` in the schema, or of `invented`
    values; `invented` are the columns that are made up. `made_up`: the keys of which no stored row says anything, by
    name, with what their examples are made of instead.
    """

    class_name: str
    origin: Origin
    keys: Mapping[str, tuple[Example, ...]]
    text: tuple[Example, ...]
    invented: frozenset[str] = frozenset()
    made_up: Mapping[str, Origin] = field(default_factory=dict)


def hide_pii(examples: ClassExamples, spec: ClassSpec) -> ClassExamples:
    """The same with placeholders for the values of pii columns, as `[email 1]`: the same one for the same value."""
    pii = [column.name for column in spec.columns if column.pii]
    if not pii:
        return examples
    numbers: dict[tuple[str, str], int] = {}
    written: dict[tuple[str, str], list[Any]] = {}
    every = [each for found in (*examples.keys.values(), examples.text) for each in found]
    for row in [row for each in every for row in (each.known, each.said)]:
        for name in pii:
            if name in row:
                place = name, canonical(row[name])
                numbers.setdefault(place, 1 + sum(known == name for known, _ in numbers))
                ways = written.setdefault(place, [])
                if row[name] not in ways:
                    ways.append(row[name])

    def hidden(row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: label(name, value) if name in pii else value for name, value in row.items()}

    def label(name: str, value: Any) -> str:
        place = name, canonical(value)
        way = written[place].index(value)
        otherwise = ("", ", written otherwise")[way] if way < 2 else f", written otherwise ({way})"
        return f"[{name} {numbers[place]}{otherwise}]"

    return replace(
        examples,
        keys={name: tuple(_with(each, hidden) for each in found) for name, found in examples.keys.items()},
        text=tuple(_with(each, hidden) for each in examples.text),
    )


def _with(example: Example, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Example:
    return replace(example, said=change(example.said), known=change(example.known))
