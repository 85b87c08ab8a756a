"""From a JSON value (or a string) to one value of a dtype: strict, but kind to "42", "yes" and whole floats."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from uuid import UUID

from memreg.core.errors import MemregError
from memreg.registry.models import Column, Kind

Scalar = str | int | float | bool

STRING_LIMIT = 10_000
TEXT_LIMIT = 100_000
INTEGER_LIMIT = 2**63

_SHOWN = 40
_WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ]00:00(:00(\.0{1,9})?)?", re.ASCII)
_DATETIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}(:?\d{2})?)?",
    re.ASCII,
)
_FRACTION = re.compile(r"\.(\d{1,9})", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_YES = frozenset({"true", "yes", "y", "on", "1"})
_NO = frozenset({"false", "no", "n", "off", "0"})
# From here on a float's text has an exponent, and jsonb gives it back as a whole number: keep it as that number.
_WHOLE_FLOATS = 1e16


class ValueRefused(MemregError):
    """{reason}"""

    reason: str

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)

    def __reduce__(self) -> tuple[type[ValueRefused], tuple[str]]:
        return type(self), (self.reason,)


def shown(column: Column, value: object) -> str:
    """The value as a reason may show it: shortened, and not at all for a `pii` column."""
    if column.pii:
        return "the value"
    text = repr(value) if isinstance(value, str | int | float | bool) and not _huge(value) else type(value).__name__
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def coerce(column: Column, value: object) -> Scalar:
    """One value of the column's kind, JSON-able; dates and datetimes are ISO strings, zoned datetimes in UTC.

    Raises ValueRefused with the reason where the value is not one.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        raise ValueRefused("is null")
    if isinstance(value, str):
        check_text(column, value)
    return _COERCIONS[column.dtype.kind](column, value)


def is_id(text: str) -> bool:
    """Whether a text is written as the id of a memory is."""
    return _ID.fullmatch(text.strip()) is not None


def length_limit(column: Column) -> int:
    """How many characters a string of the column may have."""
    return TEXT_LIMIT if column.dtype.kind is Kind.TEXT else STRING_LIMIT


def check_length(column: Column, value: str) -> None:
    """Refuse a string that is longer than its column holds (10,000 characters; `text`: 100,000)."""
    limit = length_limit(column)
    if len(value) > limit:
        advice = "" if limit == TEXT_LIMIT else "; dtype text holds 100,000"
        raise ValueRefused(f"has {len(value):,} characters, more than the {limit:,} it may have{advice}")


def check_text(column: Column, value: str) -> None:
    """Refuse a text that is too long for its column, cannot be kept, or says nothing."""
    if len(value) > STRING_LIMIT:
        check_length(column, value)
    if "\0" in value:
        raise ValueRefused("contains a NUL character, which the database cannot hold: remove it")
    if not value.isascii() and _LONE_SURROGATE.search(value):
        raise ValueRefused("contains half of a surrogate pair, which is no character: send valid Unicode")
    if not value.strip():
        raise ValueRefused("is empty")


def _string(column: Column, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and not _huge(value):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, UUID):
        return str(value)
    raise ValueRefused(f"{shown(column, value)} is not text")


def _integer(column: Column, value: object) -> int:
    number: int | None = None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        number = int(value.strip())  # int and float take fewer characters for white space than strip does
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and math.isfinite(value) and value == int(value):
        number = int(value)
    if number is None:
        raise ValueRefused(f"{shown(column, value)} is not a whole number")
    if not -INTEGER_LIMIT <= number < INTEGER_LIMIT:
        raise ValueRefused("is a whole number beyond 64 bits: use dtype string for long codes")
    return number


def _number(column: Column, value: object) -> float | int:
    number: float | None = None
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        number = float(value.strip())
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            number = float(value)
        except (OverflowError, ValueError):
            number = math.inf
    if number is None:
        raise ValueRefused(f"{shown(column, value)} is not a number")
    if not math.isfinite(number):
        raise ValueRefused("is not a finite number")
    if abs(number) >= _WHOLE_FLOATS:
        return int(Decimal(repr(number)))
    return number + 0.0  # -0.0 becomes 0.0


def _boolean(column: Column, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in _YES or word in _NO:
            return word in _YES
    raise ValueRefused(f"{shown(column, value)} is neither true nor false")


def _date(column: Column, value: object) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, datetime):
        value = value.isoformat()
    if not isinstance(value, str):
        raise ValueRefused(f"{shown(column, value)} is not a date: write YYYY-MM-DD")
    text = value.strip()
    if midnight := _MIDNIGHT.fullmatch(text):
        text = midnight[1]
    if not _DATE.fullmatch(text):
        raise ValueRefused(f"{shown(column, value)} is not a date: write YYYY-MM-DD")
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueRefused(f"{shown(column, value)} is not a date ({error}): write YYYY-MM-DD") from error


def _datetime(column: Column, value: object) -> str:
    advice = "write YYYY-MM-DDThh:mm, with Z or an offset where the zone is known"
    moment = value
    if isinstance(value, str):
        text = value.strip()
        if _DATE.fullmatch(text):
            raise ValueRefused(f"{shown(column, value)} has no time: {advice}, or use dtype date")
        if not _DATETIME.fullmatch(text):
            raise ValueRefused(f"{shown(column, value)} is not a date and time: {advice}")
        try:
            # fromisoformat of Python 3.11 reads fractions of 3 or 6 digits in some builds only; pad to six
            text = _FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), text)
            moment = datetime.fromisoformat(text.upper())
        except ValueError as error:
            raise ValueRefused(f"{shown(column, value)} is not a date and time ({error}): {advice}") from error
    if not isinstance(moment, datetime):
        raise ValueRefused(f"{shown(column, value)} is not a date and time: {advice}")
    try:
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).isoformat()
    except (OverflowError, ValueError) as error:
        raise ValueRefused(f"{shown(column, value)} is outside the years 1 to 9999 in UTC") from error


def _enum(column: Column, value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and not _huge(value):
        value = str(value)
    if isinstance(value, str):
        if value in column.values:
            return value
        wanted = value.strip().casefold()
        for declared in column.values:
            if declared.casefold() == wanted:
                return declared
    raise ValueRefused(f"{shown(column, value)} is not one of {', '.join(column.values)}")


def _reference(column: Column, value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and _ID.fullmatch(value.strip()):
        return value.strip().lower()
    raise ValueRefused(f"{shown(column, value)} is not the id of a memory")


def _huge(value: object) -> bool:
    """Whether Python would refuse to print the number (its limit is 4,300 digits)."""
    return isinstance(value, int) and value.bit_length() > 2_000


_COERCIONS: Mapping[Kind, Callable[[Column, object], Scalar]] = MappingProxyType(
    {
        Kind.STRING: _string,
        Kind.TEXT: _string,
        Kind.INTEGER: _integer,
        Kind.NUMBER: _number,
        Kind.BOOLEAN: _boolean,
        Kind.DATE: _date,
        Kind.DATETIME: _datetime,
        Kind.ENUM: _enum,
        Kind.REF: _reference,
    }
)
