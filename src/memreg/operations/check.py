"""What a doctor says: one line on one thing, with what to do where it is not well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Health = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it is, in words, and what to do where it is not well.

    `fail`: something does not work now. `warn`: it works, and a person should look at it.
    """

    name: str
    health: Health
    text: str
    advice: str | None = None


def worst(checks: Iterable[Check]) -> Health:
    """How all of it is: as its worst part."""
    found = {check.health for check in checks}
    return "fail" if "fail" in found else "warn" if "warn" in found else "ok"


def span(age: timedelta) -> str:
    """A length of time in words, by its largest unit."""
    seconds = max(0, int(age.total_seconds()))
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return counted(seconds // size, name)
    return counted(seconds, "second")


def counted(count: int, noun: str) -> str:
    """A number with its noun: 1 message, 2,000 messages."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
