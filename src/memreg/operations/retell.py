"""A value as somebody else would write it, and a value that is nearly the same. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from memreg.registry.models import Column, Kind

_SEPARATORS = re.compile(r"(?<=\w)[\s\-./()]+(?=\w)|^\(")
_LONG_NUMBER = re.compile(r"\d{6,}")


def retold(value: Any, way: int) -> Any:
    """A text in another case (0), with other separators (1), with more white space (2); any other value as it is."""
    if not isinstance(value, str):
        return value
    match way:
        case 0:
            return value.upper() if value != value.upper() else value.lower()
        case 1:
            return _separated(value)
    return f" {'  '.join(value.split())} "


def _separated(value: str) -> str:
    """Without the separators that are in it; a long number without any gets some."""
    if "@" in value or "://" in value:
        return value
    plain = _SEPARATORS.sub("", value) if any(character.isdigit() for character in value) else value
    if plain != value:
        return plain
    return _LONG_NUMBER.sub(lambda found: " ".join(re.findall(r"\d{1,3}", found[0])), value)


def near_miss(column: Column, value: Any) -> Any:
    """A value of the column that differs from it in one letter, digit, day or step; None where there is none."""
    if isinstance(value, list | tuple) or column.dtype.is_list or value is None:
        return None
    match column.dtype.kind:
        case Kind.ENUM:
            return next((other for other in column.values if other != value), None)
        case Kind.BOOLEAN | Kind.REF:
            return None
        case Kind.INTEGER | Kind.NUMBER:
            return value + 1
        case Kind.DATE:
            return (date.fromisoformat(str(value)) + timedelta(days=1)).isoformat()
        case Kind.DATETIME:
            return (datetime.fromisoformat(str(value)) + timedelta(days=1)).isoformat()
    return _slip(str(value))


def _slip(text: str) -> str | None:
    """The text with the last letter or digit before an @, else the last one at all, exchanged for its neighbour."""
    at = text.find("@")
    for place in range((at if at > 0 else len(text)) - 1, -1, -1):
        letter = text[place]
        if letter.isascii() and letter.isalnum():
            return text[:place] + _neighbour(letter) + text[place + 1 :]
    return None


def _neighbour(letter: str) -> str:
    if letter.isdigit():
        return str((int(letter) + 1) % 10)
    return chr(ord(letter) + (-1 if letter in "zZ" else 1))
