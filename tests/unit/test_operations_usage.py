"""Days, prices and what lines are told apart by, as they are given."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from memreg.core.errors import ArgumentInvalid
from memreg.core.settings import Settings
from memreg.operations.usage import Prices, check_by, days

NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "first", "end"),
    [
        (None, None, "2026-10-23", "2026-11-22"),
        (1, None, "2026-11-21", "2026-11-22"),
        (7, None, "2026-11-15", "2026-11-22"),
        (date(2026, 11, 1), date(2026, 11, 30), "2026-11-01", "2026-12-01"),
        (None, date(2026, 1, 31), "2026-01-02", "2026-02-01"),
        (datetime(2026, 11, 1, 23, tzinfo=timezone(timedelta(hours=-2))), None, "2026-11-02", "2026-11-22"),
        (None, date.min, "0001-01-01", "0001-01-02"),
        (date(2026, 11, 21), date(2026, 11, 21), "2026-11-21", "2026-11-22"),
    ],
)
def test_both_days_are_counted_in(since: Any, until: Any, first: str, end: str) -> None:
    assert days(since, until, NOW) == (day(first), day(end))


def test_today_is_a_day_in_utc() -> None:
    ahead = datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert days(1, None, ahead) == (day("2026-11-21"), day("2026-11-22"))


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (0, None, "from 1 to 100,000"),
        (100_001, None, "from 1 to 100,000"),
        (date(2026, 11, 2), date(2026, 11, 1), "after the last day, 2026-11-01"),
        (3, date(2026, 1, 1), "after the last day"),
        ("2026-11-01", None, "must be a day"),
        (None, True, "must be a day"),
    ],
)
def test_what_is_no_period_is_refused(since: Any, until: Any, words: str) -> None:
    with pytest.raises(ArgumentInvalid, match=words):
        days(since, until, NOW)


def test_by_takes_parts_once_and_no_other() -> None:
    assert check_by(["class", "day", "class"]) == ("class", "day")
    assert check_by([]) == ()
    with pytest.raises(ArgumentInvalid, match="day, class, model"):
        check_by(["tenant"])


def test_prices_are_exact() -> None:
    prices = Prices.of(Settings(llm_price_in=0.1, llm_price_out=0.3))
    assert prices.cost(1, 1) == Decimal("0.0000004")
    assert prices.cost(3_000_000, 0) == Decimal("0.3")
    assert Prices.of(Settings(llm_price_out=2)).cost(5, 1_000_000) == 2
    assert Prices.of(Settings()).cost(5, 5) is None
    assert Prices.of(Settings(llm_price_in=0)).cost(5, 5) == 0
