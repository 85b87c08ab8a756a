"""The zone of a time survives being kept, so that "yesterday" means the day before it was said there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from memreg.engine.zone import in_zone, zone_of

ZONES: list[tuple[tzinfo, str]] = [
    (UTC, "+00:00"),
    (timezone(timedelta(hours=9)), "+09:00"),
    (timezone(timedelta(hours=-3, minutes=-30)), "-03:30"),
    (ZoneInfo("Asia/Tokyo"), "Asia/Tokyo"),
    (ZoneInfo("Europe/Oslo"), "Europe/Oslo"),
]


@pytest.mark.parametrize(("zone", "name"), ZONES, ids=[name for _, name in ZONES])
def test_a_zone_is_kept_by_its_name_or_offset(zone: tzinfo, name: str) -> None:
    at = datetime(2026, 11, 16, 0, 30, tzinfo=zone)
    assert zone_of(at) == name
    back = in_zone(at.astimezone(UTC), name)
    assert back is not None
    assert (back, back.date(), back.utcoffset()) == (at, at.date(), at.utcoffset())


def test_odd_offsets_are_exact_to_the_second() -> None:
    at = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1, minutes=2, seconds=3)))
    back = in_zone(at.astimezone(UTC), zone_of(at))
    assert back is not None
    assert back.isoformat() == at.isoformat()


def test_what_is_not_known_stays_as_it_is() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert zone_of(None) is None
    assert zone_of(datetime(2026, 1, 1)) is None  # noqa: DTZ001
    assert in_zone(None, "UTC") is None
    for zone in (None, "Mars/Olympus", "../../etc/passwd", "+99:99", ""):
        back = in_zone(at, zone)
        assert back is not None
        assert back.isoformat() == at.isoformat()
