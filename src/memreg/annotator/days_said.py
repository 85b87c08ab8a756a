"""Whether a day stands in a text: by its numbers, or by words that mean it at the time of the message. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from memreg.annotator.day_words import DAYS, WEEKDAYS
from memreg.annotator.evidence import dated
from memreg.annotator.moments import resolve_date

_ISO = re.compile(r"\s*(\d{4}-\d{2}-\d{2})")
_NUMBER = re.compile(r"\d{1,9}")
_LONGEST = 2_000  # characters that are searched for words
_WORDS = 5
_NEAR = timedelta(days=183)
_TWO_WEEKS = timedelta(days=14)


def day_is_said(value: str, texts: Sequence[str], times: Sequence[datetime | None]) -> bool:
    """Whether an ISO date stands in texts that were said at these times: its year and its day as numbers, or words that
    mean it: `tomorrow`, `in two weeks`, the weekday of a day within two weeks, or the number of a day within half a
    year where no year is named."""
    if dated(value, texts):
        return True
    found = _ISO.match(value)
    if found is None:
        return False
    try:
        day = date.fromisoformat(found[1])
    except ValueError:
        return False
    said = ((text[:_LONGEST].casefold(), at) for text, at in zip(texts, times, strict=False) if at is not None)
    return any(_by_words(day, text, at) or _by_number(day, text, at.date()) for text, at in said)


def _by_words(day: date, text: str, at: datetime) -> bool:
    return day in _named(text, at) or (
        abs(day - at.date()) <= _TWO_WEEKS
        and any(number == day.weekday() and _has(name, text) for name, number in WEEKDAYS.items())
    )


# A thousand items may be held against one text.
@lru_cache(maxsize=8)
def _named(text: str, at: datetime) -> frozenset[date]:
    """The days that words of a text mean at a time."""
    found = {at.date() + timedelta(days=days) for phrase, days in DAYS.items() if _has(phrase, text)}
    words = text.split()
    for first in range(len(words)):
        for last in range(first + 2, first + _WORDS + 1):
            if day := resolve_date(" ".join(words[first:last]), at):
                found.add(date.fromisoformat(day))
    return frozenset(found)


def _by_number(day: date, text: str, today: date) -> bool:
    numbers = {int(number) for number in _NUMBER.findall(text)}
    return abs(day - today) <= _NEAR and day.day in numbers and not any(1000 <= number <= 9999 for number in numbers)


def _has(phrase: str, text: str) -> bool:
    """Whether a phrase stands in a text, not in the midst of a word of a script that sets spaces."""
    if phrase[0].lower() == phrase[0].upper():
        return phrase in text
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text) is not None
