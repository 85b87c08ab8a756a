"""Sample rows that help a model to annotate: only where somebody asked for it, never a pii column, bounded. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memreg.annotator.reading import clean
from memreg.core.errors import Mistake
from memreg.registry.models import ClassSpec, SchemaSpec

MOST_ROWS = 20
"""Sample rows of a class that are sent at most."""
LONGEST_VALUE = 80
MOST_ITEMS = 5

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """Which rows a model may see beside a schema's columns.

    `stored`: so many memories of each class (at most 20), of one `tenant` (None: the setting's), on the schema's newest
    earlier version. `rows`: rows of one's own, as `{"class": …, "values": {…}}`, or the path of a file with one a line.
    Columns marked `pii` are left out of both.
    """

    stored: int = 0
    tenant: str | None = None
    rows: Path | str | Sequence[Row] = ()


def shown_row(spec: ClassSpec, values: Row, also_hidden: Iterable[str] = ()) -> dict[str, Any]:
    """A row as it may be sent: columns of the class that are not pii, nor `also_hidden`; long values are cut."""
    hidden = {*also_hidden, *(column.name for column in spec.columns if column.pii)}
    names = [column.name for column in spec.columns if column.name not in hidden]
    return {name: _short(values[name]) for name in names if values.get(name) is not None}


def take(spec: SchemaSpec, rows: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, tuple[dict[str, Any], ...]]:
    """Rows by class, in the schema's order, each once, none empty, at most 20 of a class."""
    found: dict[str, dict[str, dict[str, Any]]] = {each.name: {} for each in spec.classes}
    for name, row in rows:
        if row and name in found and len(found[name]) < MOST_ROWS:
            found[name].setdefault(json.dumps(row, sort_keys=True, default=str), row)
    return {name: tuple(kept.values()) for name, kept in found.items() if kept}


def given_rows(spec: SchemaSpec, rows: Sequence[Row]) -> tuple[list[tuple[str, dict[str, Any]]], list[Mistake]]:
    """Rows of one's own by class, as they may be sent, and what is wrong with the others, by line from 1."""
    found: list[tuple[str, dict[str, Any]]] = []
    mistakes: list[Mistake] = []
    for line, row in enumerate(rows, 1):
        if isinstance(row, Mapping) and not row:  # an empty line of a file
            continue
        try:
            name, values = _place(spec, row)
        except ValueError as exc:
            mistakes.append(Mistake(str(exc), line, 1))
        else:
            found.append((name, shown_row(spec.by_name[name], values)))
    return found, mistakes


def masked(samples: Mapping[str, Sequence[Row]]) -> dict[str, tuple[dict[str, Any], ...]]:
    """The rows with placeholders for e-mail addresses, phone numbers and the like, wherever they stand."""
    from memreg.annotator.mask import Mask

    mask = Mask.of([text for rows in samples.values() for row in rows for text in _texts(row)])
    return {name: tuple({**_hidden(row, mask.hide)} for row in rows) for name, rows in samples.items()}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for part in parts for text in _texts(part)]


def _hidden(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {key: _hidden(item, hide) for key, item in value.items()}
    return [_hidden(item, hide) for item in value] if isinstance(value, list | tuple) else value


def _place(spec: SchemaSpec, row: object) -> tuple[str, Row]:
    if not isinstance(row, Mapping):
        raise ValueError(f"a row must be an object, not a {type(row).__name__}")
    name, values = row.get("class", row.get("class_name")), row.get("values")
    if name is None and len(spec.classes) == 1:
        name = spec.classes[0].name
    if not isinstance(name, str) or name not in spec.by_name:
        raise ValueError(f"its class must be one of {', '.join(spec.by_name)}")
    if not isinstance(values, Mapping):
        raise ValueError('its values must be an object of columns: {"class": …, "values": {…}}')
    if unknown := [str(column) for column in values if column not in spec.by_name[name].by_name]:
        raise ValueError(f"{name} has no column {unknown[0][:60]!r}; it has {', '.join(spec.by_name[name].by_name)}")
    return name, values


def _short(value: Any) -> Any:
    if isinstance(value, str):
        text = clean(" ".join(value.split()))
        return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
    if isinstance(value, list | tuple):
        return [_short(item) for item in value[:MOST_ITEMS]]
    return value if isinstance(value, bool | int | float) or value is None else _short(str(value))
