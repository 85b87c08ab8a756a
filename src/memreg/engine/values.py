"""Compared and identity values set against each other: how near two dates, two numbers or two keys are."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from memreg.engine.edits import edits
from memreg.engine.level import Level
from memreg.engine.record import Role
from memreg.registry.coerce import is_id

CLOSE_DAYS = 31
SEASON_DAYS = 150
REMEMBERED = 200
"""The characters of the two longest values whose comparison is kept, for those that come again."""
NEAR_NUMBER, CLOSE_NUMBER, ROUGH_NUMBER = 0.95, 0.8, 0.5

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ].*)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YEAR = re.compile(r"[12]\d{3}")
_DAY_MONTH = re.compile(r"(\d{1,2})[ -]([a-z]{3,9})[ -](\d{4}|\d{2})")
_MONTH_DAY = re.compile(r"([a-z]{3,9}) (\d{1,2}),? (\d{4})")
_NUMBER = re.compile(r"[^\d\-]{0,5}(-?\d[\d,]*\.?\d*)[^\d]{0,10}")

Day = tuple[int, int, int]
"""Year, month, day; a year alone has month and day 0."""


def read_day(text: str) -> Day | None:
    """A canonical value as a day or a year: ISO 8601, `19510224`, `1994`, `22-feb-11`, `october 4, 2005`."""
    return (_kept_day if len(text) <= REMEMBERED else _read_day)(text)


def _read_day(text: str) -> Day | None:
    if _YEAR.fullmatch(text):
        return int(text), 0, 0
    if found := _ISO.fullmatch(text) or _COMPACT.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
    elif found := _DAY_MONTH.fullmatch(text):
        day, month, year = int(found[1]), _month(found[2]), int(found[3])
        if len(found[3]) == 2:
            year += 2000 if year < 50 else 1900
    elif found := _MONTH_DAY.fullmatch(text):
        month, day, year = _month(found[1]), int(found[2]), int(found[3])
    else:
        return None
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


_kept_day = lru_cache(maxsize=4_096)(_read_day)


def _month(word: str) -> int:
    return _MONTHS.index(word[:3]) + 1 if word[:3] in _MONTHS else 0


def read_number(text: str) -> float | None:
    """A canonical value as a number, with a sign of money or a unit beside it if there is one (`$ 1.29`)."""
    return (_kept_number if len(text) <= REMEMBERED else _read_number)(text)


def _read_number(text: str) -> float | None:
    found = _NUMBER.fullmatch(text)
    return float(found[1].replace(",", "")) if found else None


_kept_number = lru_cache(maxsize=4_096)(_read_number)


def compare_values(one: str, other: str) -> tuple[Role, Level]:
    """Two canonical values of a compared column: dates by typing slips and days between them, numbers by their ratio,
    others by edits; references are the same or they are not. Symmetric."""
    return (_kept_values if len(one) + len(other) <= REMEMBERED else _compare_values)(one, other)


def _compare_values(one: str, other: str) -> tuple[Role, Level]:
    if is_id(one) and is_id(other):
        return Role.NUMBER, Level.EQUAL if one == other else Level.NONE
    days = read_day(one), read_day(other)
    if days[0] and days[1]:
        role = Role.YEAR if 0 in days[0] or 0 in days[1] else Role.DATE
        level = _days(days[0], days[1])
        at_other_times = level is Level.EQUAL and "t" in one and "t" in other and one != other
        return role, Level.CONTAINED if at_other_times else level
    numbers = read_number(one), read_number(other)
    if numbers[0] is not None and numbers[1] is not None:
        return Role.NUMBER, _numbers(numbers[0], numbers[1])
    if one == other:
        return Role.NUMBER, Level.EQUAL
    distance = edits(one, other, 2)
    return Role.NUMBER, Level.CONTAINED if distance <= 1 and len(one) > 3 else Level.NONE


_kept_values = lru_cache(maxsize=4_096)(_compare_values)


def _days(one: Day, other: Day) -> Level:
    if one == other:
        return Level.EQUAL
    if 0 in one or 0 in other:
        return Level.CONTAINED if one[0] == other[0] else Level.NONE
    written = ["{:04d}{:02d}{:02d}".format(*day) for day in (one, other)]
    swapped = one[0] == other[0] and one[1:] == (other[2], other[1])
    if swapped or edits(written[0], written[1], 1) <= 1:
        return Level.CONTAINED
    apart = abs((_date(one) - _date(other)).days)
    if apart <= CLOSE_DAYS:
        return Level.MOST
    if apart <= SEASON_DAYS:
        return Level.PART
    return Level.LOW if sum(a == b for a, b in zip(one, other, strict=True)) == 2 else Level.NONE


def _date(day: Day) -> date:
    year, month, number = day
    while True:
        try:
            return date(max(year, 1), month, number)
        except ValueError:  # 31 June is a slip for a day near it
            number -= 1


def _numbers(one: float, other: float) -> Level:
    if one == other:
        return Level.EQUAL
    if one * other <= 0:
        return Level.NONE
    ratio = min(abs(one), abs(other)) / max(abs(one), abs(other))
    if ratio > NEAR_NUMBER:
        return Level.CONTAINED
    if ratio > CLOSE_NUMBER:
        return Level.MOST
    return Level.PART if ratio > ROUGH_NUMBER else Level.NONE


def compare_keys(one: str, other: str) -> Level:
    """Two values of an identity column: equal, nearly equal, different. Nearly equal is evidence, never identity.

    Nearly: one edit in 5 characters and more, two in 10, and one more for every 8 beyond; in numbers one in 7 digits,
    two in 12, since neighbours have neighbouring numbers. The ids of references made soon after each other are alike
    and tell nothing by it.
    """
    return (_kept_keys if len(one) + len(other) <= REMEMBERED else _compare_keys)(one, other)


def _compare_keys(one: str, other: str) -> Level:
    if one == other:
        return Level.EQUAL
    if is_id(one) and is_id(other):
        return Level.NONE
    longest = max(len(one), len(other))
    if any(character.isalpha() for character in one + other):
        allowed = 0 if longest < 5 else 1 if longest < 10 else 1 + longest // 8
    else:
        allowed = 0 if longest < 7 else 1 if longest < 12 else 2
    return Level.MOST if edits(one, other, allowed) <= allowed else Level.NONE


_kept_keys = lru_cache(maxsize=8_192)(_compare_keys)
