"""The conversions that a `from:` can name with `cast:`: each loses something, so that nobody gets one unasked. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from memreg.registry.coerce import STRING_LIMIT, ValueRefused
from memreg.registry.models import Kind

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER})
_DAYS = frozenset({Kind.DATE, Kind.DATETIME})
_WORDS = frozenset({Kind.STRING, Kind.TEXT, Kind.ENUM})
_ALL = frozenset(Kind)
_NUMBER = re.compile(r"(?<![\w.,])[+-]?\d+(\.\d+)?(?![\w]*[.,]?\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cast:
    """A named conversion: which kinds it takes, and which it gives (None: the same). `of_list`: it takes a whole list;
    others are done to each of its items."""

    name: str
    convert: Callable[[Any], Any]
    takes: frozenset[Kind]
    gives: Kind | None = None
    of_list: bool = False

    @property
    def help(self) -> str:
        """What it does, in a sentence."""
        return " ".join((self.convert.__doc__ or "").split())

    def __call__(self, value: Any) -> Any:
        """The value converted. Raises ValueRefused where the value is not of a kind that it takes."""
        try:
            if isinstance(value, list):
                return self.convert(value) if self.of_list else [self.convert(item) for item in value]
            return self.convert([value] if self.of_list else value)
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise ValueRefused(f"the cast {self.name} does not take it") from error


def nearest(value: float) -> int:
    """The nearest whole number; halves go away from zero."""
    return int(Decimal(repr(value)).quantize(Decimal(1), ROUND_HALF_UP)) if isinstance(value, float) else int(value)


def down(value: float) -> int:
    """The whole number at or below it."""
    return math.floor(value)


def up(value: float) -> int:
    """The whole number at or above it."""
    return math.ceil(value)


def toward_zero(value: float) -> int:
    """The number without its fraction."""
    return math.trunc(value)


def day(value: str) -> str:
    """The day of a date and time; where its zone is known, the day in UTC."""
    return value[:10]


def start_of_day(value: str) -> str:
    """The day at 00:00, without a zone."""
    return f"{value[:10]}T00:00:00"


def year_of(value: str) -> int:
    """The year of a date, or of a date and time."""
    return int(value[:4])


def from_seconds(value: float) -> str:
    """The date and time, in UTC, so many seconds after the start of 1970."""
    return (_EPOCH + timedelta(seconds=value)).isoformat()


def from_milliseconds(value: float) -> str:
    """The date and time, in UTC, so many milliseconds after the start of 1970."""
    return (_EPOCH + timedelta(milliseconds=value)).isoformat()


def first_of(value: list[Any]) -> Any:
    """The first item of a list, or the first of several columns that has a value."""
    return value[0]


def last_of(value: list[Any]) -> Any:
    """The last item of a list, or the last of several columns that has a value."""
    return value[-1]


def count_of(value: list[Any]) -> int:
    """How many items a list has."""
    return len(value)


def digits_of(value: object) -> str:
    """The digits of a text, without everything else."""
    return "".join(character for character in str(value) if character.isdecimal())


def number_in(value: str) -> float | int:
    """The one number that a text has, written with a point, as 12.5 in `12.5 kg`."""
    found = [match[0] for match in _NUMBER.finditer(value)]
    if len(found) != 1:
        raise ValueRefused("has no number" if not found else "has more than one number")
    return float(found[0]) if "." in found[0] else int(found[0])


def text_of(value: object) -> str:
    """The value as text: `true`, `12`, `2026-01-31`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def yes_or_no(value: bool) -> str:
    """`yes` for true and `no` for false."""
    if not isinstance(value, bool):
        raise TypeError
    return "yes" if value else "no"


def is_more_than_zero(value: float) -> bool:
    """true for a number above zero, false for others."""
    return value > 0


def shortened(value: str) -> str:
    """The first 10,000 characters of a text, as many as a string holds."""
    return value[:STRING_LIMIT]


CASTS = {
    cast.name: cast
    for cast in (
        Cast("round", nearest, _NUMBERS, Kind.INTEGER),
        Cast("floor", down, _NUMBERS, Kind.INTEGER),
        Cast("ceil", up, _NUMBERS, Kind.INTEGER),
        Cast("truncate", toward_zero, _NUMBERS, Kind.INTEGER),
        Cast("date", day, _DAYS, Kind.DATE),
        Cast("midnight", start_of_day, _DAYS, Kind.DATETIME),
        Cast("year", year_of, _DAYS, Kind.INTEGER),
        Cast("seconds", from_seconds, _NUMBERS, Kind.DATETIME),
        Cast("milliseconds", from_milliseconds, _NUMBERS, Kind.DATETIME),
        Cast("first", first_of, _ALL, of_list=True),
        Cast("last", last_of, _ALL, of_list=True),
        Cast("count", count_of, _ALL, Kind.INTEGER, of_list=True),
        Cast("digits", digits_of, _WORDS | _NUMBERS, Kind.STRING),
        Cast("number", number_in, _WORDS, Kind.NUMBER),
        Cast("text", text_of, _ALL - {Kind.REF}, Kind.TEXT),
        Cast("yes_no", yes_or_no, frozenset({Kind.BOOLEAN}), Kind.STRING),
        Cast("positive", is_more_than_zero, _NUMBERS, Kind.BOOLEAN),
        Cast("shorten", shortened, _WORDS, Kind.STRING),
    )
}
"""Every cast by its name."""
