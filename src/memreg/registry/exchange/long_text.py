"""Which columns hold long texts, where a format has one type for names and for long texts: their name tells."""

from __future__ import annotations

import re

from memreg.registry.names import snake_case

_WORDS = frozenset(
    """
    abstract article bio biography blurb body caption comment comments content contents decription description
    details diagnosis excerpt explanation feedback history html instructions letter lyrics markdown memo message
    note notes observation observations overview paragraph plot post prescription question raw reason remark remarks
    report review statement story summary synopsis text transcript
    """.split()
)
_NOT_BEFORE = frozenset({"type", "code", "id", "no", "number", "date", "at", "on", "by", "status", "count", "title",
                         "name", "url", "kind", "language"})  # fmt: skip


def is_long_text(name: str) -> bool:
    """Whether a column of the name holds more than a few words, as `notes` or `job_description`."""
    words = [word for word in re.split(r"[^a-z]+", snake_case(name)) if word]
    return bool(words) and words[-1] in _WORDS and words[-1] not in _NOT_BEFORE
