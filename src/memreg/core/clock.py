"""The clock: a function that gives the present time in UTC, passed in so that the core never reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present time, with the zone UTC."""
    return datetime.now(UTC)
