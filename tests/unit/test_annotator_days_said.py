"""Whether a day by which an object is to be deleted was said, in whatever words."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from memreg.annotator.days_said import day_is_said

MONDAY = datetime(2026, 11, 16, 23, 30, tzinfo=ZoneInfo("Europe/Oslo"))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Cancel the dentist tomorrow", "2026-11-17"),
        ("cancel the dentist on Friday", "2026-11-20"),
        ("cancel next Friday's dentist", "2026-11-27"),
        ("cancel the dentist in two weeks, please", "2026-11-30"),
        ("cancel the dentist on 24 November", "2026-11-24"),
        ("cancel the dentist of 24 November 2026", "2026-11-24"),
        ("sag den Zahnarzt morgen ab", "2026-11-17"),
        ("取消明天的牙医", "2026-11-17"),
        ("金曜日の歯医者をキャンセル", "2026-11-20"),
        ("ألغ موعد غدا", "2026-11-17"),
        ("בטל את התור מחר", "2026-11-17"),
        ("tomorrow at nine", "2026-11-17T09:00+01:00"),
    ],
)
def test_a_day_that_is_said(text: str, day: str) -> None:
    assert day_is_said(day, (text,), (MONDAY,))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Cancel the dentist", "2026-11-17"),
        ("Cancel the dentist tomorrow", "2026-11-18"),
        ("cancel the dentist on Friday", "2026-11-19"),
        ("cancel the dentist on Friday", "2027-01-01"),
        ("forget Ana Lopez, the 5th", "1980-01-05"),
        ("forget Ana Lopez of 1980, the 17th", "2026-11-17"),
        ("cancel the Fridays film", "2026-11-20"),
        ("tomorrow", "soon"),
        ("tomorrow", "2026-02-31"),
    ],
)
def test_a_day_that_is_not(text: str, day: str) -> None:
    assert not day_is_said(day, (text,), (MONDAY,))


def test_words_of_an_earlier_turn_have_a_time_of_their_own() -> None:
    turn = ("cancel it", "the dentist is tomorrow")
    saturday = MONDAY - timedelta(days=2)
    assert not day_is_said("2026-11-17", turn, (MONDAY,))
    assert day_is_said("2026-11-17", turn, (MONDAY, MONDAY))
    assert not day_is_said("2026-11-17", turn, (MONDAY, saturday))
    assert day_is_said("2026-11-15", turn, (MONDAY, saturday))
    assert day_is_said("2026-11-17", ("cancel it", "the dentist is on 17 November 2026"), (MONDAY,))
    assert not day_is_said("2026-11-17", ("tomorrow",), (None,))
