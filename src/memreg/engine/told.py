"""Lines of 80 columns for a person at a terminal: labels on the left, long text wrapped beside them. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

WIDTH = 80
LABEL = 10
_LONGEST = 300


@dataclass
class Page:
    """Lines as they are told. What is longer than a line goes on below, a little further in. `told`: what was explained
    already, and need not be again."""

    lines: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def say(self, text: str, *, indent: int = 0, hang: int | None = None) -> None:
        """A sentence at an indent; its further lines at `hang` (two further in, where none is given)."""
        start, rest = " " * indent, " " * (indent + 2 if hang is None else hang)
        for part in text.split("\n"):
            self.lines += textwrap.wrap(
                part,
                WIDTH,
                initial_indent=start,
                subsequent_indent=rest,
                break_on_hyphens=False,
                break_long_words=False,
            ) or [""]

    def row(self, label: str, text: str) -> None:
        """A label and what it is about."""
        self.say(f"{label:<{LABEL}}{text}" if label else text, indent=0 if label else LABEL, hang=LABEL)

    def rows(self, label: str, texts: Iterable[str]) -> None:
        """A label and several things, each beginning a line."""
        for text in texts:
            self.say(f"{label:<{LABEL}}{text}" if label else text, indent=0 if label else LABEL, hang=LABEL + 2)
            label = ""

    def remark(self, text: str) -> None:
        """Something about the last line, behind it where it fits, else below."""
        if not text:
            return
        if self.lines and len(self.lines[-1]) + 1 + len(text) <= WIDTH:
            self.lines[-1] += f" {text}"
        else:
            self.say(text, indent=LABEL + 2, hang=LABEL + 4)

    def gap(self) -> None:
        """An empty line, unless there is one already."""
        if self.lines and self.lines[-1]:
            self.lines.append("")

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines).rstrip("\n")


def shown(value: Any) -> str:
    """A value as a person reads it: texts in quotes, nothing as `nothing`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return short(repr(value))


def short(text: str | None, length: int = _LONGEST) -> str:
    """A text on one line, cut where it is very long."""
    text = " ".join((text or "").split())
    return text if len(text) <= length else text[: length - 1] + "…"


def moment(at: datetime | str | None) -> str:
    """A time to the second, in UTC."""
    if at is None:
        return "unknown"
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def pairs(values: Mapping[str, Any]) -> str:
    """Values by column on one line."""
    return ", ".join(f"{column}: {shown(value)}" for column, value in values.items())
