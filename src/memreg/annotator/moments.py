"""Days that a model left as they were said ("yesterday", "in two weeks"), worked out from the time of the message.

A closed list of phrases in some languages, because a wrong day is worse than none: what is not on it is no day.
General readers of dates guess: the one that was tried read "a week from today" as a week ago. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta

from memreg.annotator.day_words import (
    AGO_AFTER,
    AGO_BEFORE,
    AHEAD_AFTER,
    AHEAD_BEFORE,
    ARTICLES,
    AT,
    DAYS,
    HOUR_AFTER,
    LAST,
    NEXT,
    NUMBERS,
    UNITS,
    WEEKDAYS,
)
from memreg.annotator.written_days import written_day

_LONGEST = 80
_NAMES = "|".join(map(re.escape, WEEKDAYS))
_WEEKDAY = (
    re.compile(rf"(?:(?:{ARTICLES}) )?(?:(?P<next>{NEXT})|(?P<last>{LAST})) (?P<name>{_NAMES})"),
    re.compile(rf"(?:(?:{ARTICLES}) )?(?P<name>{_NAMES}) (?:(?P<next>{NEXT})|(?P<last>{LAST}))"),
)
_COUNT = r"(?P<count>\d{1,3}|[^\W\d_]+?)\s*(?P<unit>[^\W\d_]+?)"
_DISTANCE = (
    (1, re.compile(rf"(?:{AHEAD_BEFORE}) {_COUNT}(?:'?s? time)?")),
    (1, re.compile(rf"{_COUNT}\s*(?:{AHEAD_AFTER})")),
    (-1, re.compile(rf"(?:{AGO_BEFORE}) {_COUNT}(?: siden)?")),
    (-1, re.compile(rf"{_COUNT}\s*(?:{AGO_AFTER})")),
)
_TIME = re.compile(
    rf"[, ]\s*(?:(?:{AT}) )?(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d{{2}}))?\s*(?:(?P<half>[ap])\.?m\.?|{HOUR_AFTER})?\Z"
)


def resolve_date(text: str, at: datetime) -> str | None:
    """The day that a phrase means at a time, as YYYY-MM-DD in the time's zone; None where that is not certain.

    The next Friday is the first one after the day of the message, the last one the latest before it.
    """
    plain = _plain(text) if len(text) <= _LONGEST else ""
    found = written_day(plain) or _day(plain, at.date()) or _day_of_a_time(plain, at)
    return None if found is None else found.isoformat()


def resolve_datetime(text: str, at: datetime) -> str | None:
    """The day and time that a phrase means, in ISO 8601 with the time's zone; None without a day and a certain time.

    `tomorrow at 9` has none: it may be in the morning or in the evening.
    """
    plain = _plain(text) if len(text) <= _LONGEST else ""
    found = _TIME.search(plain)
    if found is None or (hour := _hour(found)) is None:
        return None
    phrase = plain[: found.start()].strip(" ,")
    day = written_day(phrase) or _day(phrase, at.date())
    if day is None:
        return None
    return datetime.combine(day, hour, tzinfo=at.tzinfo).isoformat(timespec="minutes")


def _day_of_a_time(text: str, at: datetime) -> date | None:
    """The day of a time in ISO 8601, without a zone or in that of the message: in another it may be another day."""
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    local = found.replace(tzinfo=at.tzinfo)
    return found.date() if found.utcoffset() in (None, local.utcoffset()) else None


def _day(phrase: str, today: date) -> date | None:
    days = DAYS.get(phrase)
    if days is None:
        days = _weekday(phrase, today)
    if days is None:
        days = _distance(phrase)
    try:
        return None if days is None else today + timedelta(days=days)
    except OverflowError:
        return None


def _weekday(phrase: str, today: date) -> int | None:
    found = _WEEKDAY[0].fullmatch(phrase) or _WEEKDAY[1].fullmatch(phrase)
    if found is None:
        return None
    ahead = (WEEKDAYS[found["name"]] - today.weekday()) % 7
    return (ahead or 7) if found["next"] else (ahead - 7)


def _distance(phrase: str) -> int | None:
    """Days that `in two weeks` or `3 days ago` is away. Months and years do not tell a day."""
    for sign, pattern in _DISTANCE:
        if found := pattern.fullmatch(phrase):
            count = int(found["count"]) if found["count"].isdecimal() else NUMBERS.get(found["count"])
            unit = UNITS.get(found["unit"])
            if count is not None and unit is not None:
                return sign * count * unit
    return None


def _hour(found: re.Match[str]) -> time | None:
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if half := found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    elif found["minute"] is None and hour <= 12:
        return None
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join(text.split()).strip(" .,;!。")
