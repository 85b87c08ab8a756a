"""Relative days against the time of a message: worked out where they are certain, and never guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.annotator.moments import resolve_date, resolve_datetime

MONDAY = datetime(2026, 11, 16, 23, 30, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("phrase", "day"),
    [
        ("today", "2026-11-16"),
        ("Yesterday.", "2026-11-15"),
        ("the day before yesterday", "2026-11-14"),
        ("tomorrow", "2026-11-17"),
        ("day after tomorrow", "2026-11-18"),
        ("next Friday", "2026-11-20"),
        ("on next Monday", "2026-11-23"),
        ("last Monday", "2026-11-09"),
        ("last Friday", "2026-11-13"),
        ("coming Sunday", "2026-11-22"),
        ("in two weeks", "2026-11-30"),
        ("in 2 weeks' time", "2026-11-30"),
        ("in a fortnight", "2026-11-30"),
        ("10 days ago", "2026-11-06"),
        ("a week ago", "2026-11-09"),
        ("a week from today", "2026-11-23"),
        ("morgen", "2026-11-17"),
        ("vor drei Tagen", "2026-11-13"),
        ("nächsten Freitag", "2026-11-20"),
        ("in zwei Wochen", "2026-11-30"),
        ("demain", "2026-11-17"),
        ("vendredi prochain", "2026-11-20"),
        ("il y a deux jours", "2026-11-14"),
        ("mañana", "2026-11-17"),
        ("el próximo viernes", "2026-11-20"),
        ("hace 3 días", "2026-11-13"),
        ("fra due settimane", "2026-11-30"),
        ("завтра", "2026-11-17"),
        ("в следующую пятницу", "2026-11-20"),
        ("через две недели", "2026-11-30"),
        ("明日", "2026-11-17"),
        ("3天后", "2026-11-19"),
        ("２日前", "2026-11-14"),
        ("내일", "2026-11-17"),
        ("غدا", "2026-11-17"),
    ],
)
def test_days_that_are_certain(phrase: str, day: str) -> None:
    assert resolve_date(phrase, MONDAY) == day


@pytest.mark.parametrize(
    "phrase",
    [
        "", "soon", "Friday", "on Friday", "this weekend", "next week", "next month", "in two months", "a year ago",
        "03/04/2026", "3 March", "May", "the 5th", "10", "2026", "end of the month", "Friday next week", "in the week",
        "tomorrow or on Friday", "not tomorrow", "in 9999 weeks", "in some weeks", "at noon", "yesterday at 9",
    ],
)  # fmt: skip
def test_what_is_not_certain_is_not_guessed(phrase: str) -> None:
    assert resolve_date(phrase, MONDAY) is None


@pytest.mark.parametrize(
    ("phrase", "moment"),
    [
        ("tomorrow at 14:00", "2026-11-17T14:00+01:00"),
        ("tomorrow at 9am", "2026-11-17T09:00+01:00"),
        ("next Friday, 9:30 p.m.", "2026-11-20T21:30+01:00"),
        ("morgen um 14 Uhr", "2026-11-17T14:00+01:00"),
        ("demain à 15h", "2026-11-17T15:00+01:00"),
        ("in two weeks at 12 pm", "2026-11-30T12:00+01:00"),
        ("today 12am", "2026-11-16T00:00+01:00"),
    ],
)
def test_times(phrase: str, moment: str) -> None:
    assert resolve_datetime(phrase, MONDAY) == moment


@pytest.mark.parametrize(
    "phrase", ["tomorrow", "tomorrow at 9", "14:00", "tomorrow at 25:00", "tomorrow at 13pm", "tomorrow at 12:75"]
)
def test_times_that_are_not_certain(phrase: str) -> None:
    assert resolve_datetime(phrase, MONDAY) is None


def test_a_weekday_before_a_written_day_is_that_of_the_day() -> None:
    assert resolve_date("Tuesday, November 17, 2026", MONDAY) == "2026-11-17"
    assert resolve_date("Dienstag, 17.11.2026", MONDAY) == "2026-11-17"
    assert resolve_date("Friday, November 17, 2026", MONDAY) is None


@pytest.mark.parametrize("moment", ["2026-11-17T09:00", "2026-11-17 23:30:00+01:00", "2026-11-17"])
def test_the_day_of_a_time(moment: str) -> None:
    assert resolve_date(moment, MONDAY) == "2026-11-17"


def test_the_day_of_a_time_in_another_zone_may_be_another() -> None:
    assert resolve_date("2026-11-16T23:30:00Z", MONDAY) is None
    assert resolve_date("2026-07-01T01:00+01:00", datetime(2026, 11, 16, tzinfo=ZoneInfo("Europe/Oslo"))) is None


def test_the_day_is_that_of_the_zone_of_the_message() -> None:
    assert resolve_date("today", MONDAY) == "2026-11-16"
    assert resolve_date("today", MONDAY.astimezone(ZoneInfo("Asia/Tokyo"))) == "2026-11-17"
    summer = datetime(2026, 10, 23, 8, tzinfo=ZoneInfo("Europe/Oslo"))
    assert resolve_datetime("in 3 days at 14:00", summer) == "2026-10-26T14:00+01:00"  # clocks go back on the 25th


def test_a_long_text_is_no_day() -> None:
    assert resolve_date("x" * 1_000_000, MONDAY) is None
    assert resolve_datetime("tomorrow at 14:00" + " " * 1_000_000, MONDAY) is None


def test_the_ends_of_the_calendar() -> None:
    assert resolve_date("tomorrow", datetime(9999, 12, 31, tzinfo=UTC)) is None
    assert resolve_date("yesterday", datetime(1, 1, 1, tzinfo=UTC)) is None


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_next_and_last_are_within_a_week(day: date) -> None:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    after = date.fromisoformat(resolve_date("next Thursday", at) or "")
    before = date.fromisoformat(resolve_date("last Thursday", at) or "")
    assert (after.weekday(), before.weekday()) == (3, 3)
    assert timedelta(0) < after - day <= timedelta(7)
    assert timedelta(0) < day - before <= timedelta(7)


@given(st.text(max_size=60))
def test_any_text_is_taken(text: str) -> None:
    for resolve in (resolve_date, resolve_datetime):
        found = resolve(text, MONDAY)
        assert found is None or datetime.fromisoformat(found).year >= 2026 - 30
