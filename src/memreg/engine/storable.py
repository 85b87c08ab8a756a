"""Values as Postgres can keep them: what it refuses (NUL, lone surrogates, NaN) is written out, so that nothing is
lost."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_DEPTH = 50
LONGEST_NUMBER = 4_000  # bits; Python writes no longer ones in decimal


def storable_text(text: str) -> str:
    """The text with NUL characters and lone surrogates written as `\\u0000`-like escapes."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def storable(value: Any, depth: int = 0) -> Any:
    """The value as plain JSON: texts storable, NaN and infinities as their names, what JSON has no form for as text."""
    if depth > MAX_DEPTH:
        return "…"
    kind = type(value)
    if kind is str:
        return value if value.isascii() and "\0" not in value else storable_text(value)
    if value is None or kind is bool:
        return value
    if isinstance(value, int):
        return value if value.bit_length() < LONGEST_NUMBER else hex(value)
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if kind is dict or isinstance(value, Mapping):
        below = depth + 1
        return {storable_text(str(key)): storable(item, below) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        below = depth + 1
        return [storable(item, below) for item in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return storable_text(str(value))
