"""Printing: tables and lines for people, one JSON document for machines."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import rich_click as click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDE = 140
_UNBOUNDED = 4000
_LONGEST_VALUE = 300
_LONGEST_CELL = 2000
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_STYLES = {
    "CREATE": "green", "UPDATE": "cyan", "UPSERT": "blue", "DELETE": "red", "REJECT": "yellow", "SKIP": "dim",
    "active": "green", "pending": "yellow", "approved": "cyan", "rejected": "red", "draft": "red", "retired": "dim",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Col:
    """A column of a table. `keep`: never wrapped, as an id; `wide`: shown only where the terminal has room."""

    name: str
    keep: bool = False
    wide: bool = False
    right: bool = False


def data_of(value: Any) -> Any:
    """A value as JSON can hold it: dataclasses as objects, ids and times as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: data_of(getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr}
    if isinstance(value, Mapping):
        return {str(key): data_of(each) for key, each in value.items()}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Iterable):
        return [data_of(each) for each in value]
    return str(value)


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """A value as JSON text, in ASCII where the terminal's encoding is not UTF-8."""
    utf8 = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") == "utf8"
    return json.dumps(data_of(value), ensure_ascii=not utf8, indent=indent)


def print_json(value: Any) -> None:
    """The one JSON document of a command."""
    click.echo(json_text(value))


def say(text: str = "") -> None:
    """A line or more for people, on stdout."""
    click.echo(safe(text))


def tell(text: str) -> None:
    """A line for people beside the output: errors, notes and hints, on stderr."""
    click.echo(safe(text), err=True)


def safe(text: str) -> str:
    """The text with control characters made visible, so that a stored value cannot steer a terminal."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def console() -> Console:
    """A console on stdout. Into a pipe it is as wide as its lines, so that a row stays one line."""
    from rich.console import Console

    # Looked at now and not kept: tests and pagers exchange stdout.
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit() else _UNBOUNDED
    return Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)


def print_table(columns: Sequence[Col], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """A table that fits the terminal: ids stay whole, long texts wrap, `wide` columns go where there is no room."""
    from rich import box
    from rich.table import Table

    out = console()
    shown = [index for index, column in enumerate(columns) if out.width >= WIDE or not column.wide]
    table = Table(box=box.SIMPLE_HEAD, title=safe(title) or None, title_justify="left", pad_edge=False)
    for index in shown:
        column = columns[index]
        justify: Any = "right" if column.right else "left"
        table.add_column(column.name, no_wrap=column.keep, overflow="fold", justify=justify)
    for row in rows:
        table.add_row(*(cell(row[index]) for index in shown))
    out.print(table)


def cell(value: Any) -> Text:
    """A value as one cell of a table."""
    from rich.text import Text

    text = plain(value)
    text = text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"
    return Text(safe(text).replace("\t", " "), style=_STYLES.get(text, ""))


def styled(text: str, width: int = 0) -> str:
    """A word of decisions or statuses in its colour, padded to a width."""
    colours = {"green", "cyan", "blue", "red", "yellow"}
    style = _STYLES.get(text, "")
    return click.style(f"{text:<{width}}", fg=style if style in colours else None, dim=style == "dim" or None)


def plain(value: Any) -> str:
    """A value as a person reads it: times in UTC, lists with commas, objects as `name: value`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Mapping):
        return " · ".join(f"{name}: {_value(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(each) for each in value)
    return str(value)


def _value(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else plain(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
