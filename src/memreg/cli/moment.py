"""A point in time as an option takes it: ISO 8601, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import rich_click as click

_AGO = re.compile(r"(?P<count>[0-9]{1,6})\s*(?P<unit>[smhdw])(?:\s+ago)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """`2026-11-21T03:00Z`, `2026-11-21` (its midnight), or `90m`, `2h`, `3d` ago. Without a zone: of this machine."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, with a zone."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        if found := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[found["unit"]]: int(found["count"])})
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is no time; write 2026-11-21T03:00Z, or how long ago, as 90m, 2h or 3d.", param, ctx)
        return at if at.tzinfo is not None else at.astimezone()


MOMENT = Moment()
