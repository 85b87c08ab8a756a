"""The zone of a time, as text that Postgres can keep beside it: it says the day where the message came from."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)(?::(\d\d))?$")


def zone_of(at: datetime | None) -> str | None:
    """The name of a time's zone (`Europe/Oslo`) where it has one, else its offset (`+09:00`); None without a zone."""
    if at is None or at.tzinfo is None:
        return None
    key = getattr(at.tzinfo, "key", None)
    if isinstance(key, str) and key:
        return key
    offset = _OFFSET.search(at.isoformat(timespec="seconds"))
    return None if offset is None else offset[0]


def in_zone(at: datetime | None, zone: str | None) -> datetime | None:
    """A kept time, in the zone that it came in; as it is where the zone is not known here."""
    if at is None or zone is None:
        return at
    try:
        return at.astimezone(_offset(zone) or ZoneInfo(zone))
    except (LookupError, ValueError, OSError):
        return at


def _offset(zone: str) -> timezone | None:
    found = _OFFSET.fullmatch(zone)
    if found is None:
        return None
    sign, hours, minutes, seconds = found.groups("0")
    offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
    return timezone(-offset if sign == "-" else offset)
