"""A length of time as an option takes it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import rich_click as click

_LENGTH = re.compile(r"(?P<count>[0-9]{1,6})\s*(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Duration(click.ParamType[timedelta]):
    """`90s`, `30m`, `12h`, `7d` or `4w`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length, above zero."""
        if isinstance(value, timedelta):
            return value
        found = _LENGTH.fullmatch(str(value).strip())
        if found is None or not int(found["count"]):
            self.fail(f"{str(value)!r} is no length of time; write 90s, 30m, 12h, 7d or 4w.", param, ctx)
        return timedelta(**{_UNITS[found["unit"]]: int(found["count"])})


DURATION = Duration()
