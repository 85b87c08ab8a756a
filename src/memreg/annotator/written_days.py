"""Days that are written out in a form that can be read one way only: `3 May 1990`, `1990/5/3`, `25.12.1990`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date

from memreg.annotator.day_words import WEEKDAYS

_MONTHS = {
    name: number
    for number, line in enumerate(
        """january jan januar janvier enero gennaio janeiro januari января
        february feb februar février febrero febbraio fevereiro februari февраля
        march mar märz mars marzo março maart марта
        april apr avril abril aprile апреля
        may mai mayo maggio maio mei maj мая
        june jun juni juin junio giugno junho июня
        july jul juli juillet julio luglio julho июля
        august aug août agosto augustus augusti августа
        september sep sept septembre septiembre settembre setembro сентября
        october oct oktober octobre octubre ottobre outubro октября
        november nov novembre noviembre novembro ноября
        december dec dezember desember décembre diciembre dicembre dezembro декабря""".splitlines(),
        1,
    )
    for name in line.split()
}
_YEAR, _MONTH, _DAY = r"(?P<year>\d{4})", r"(?P<month>[^\W\d_]+)\.?", r"(?P<day>\d{1,2})"
_NAMED = (
    re.compile(rf"{_DAY}(?:st|nd|rd|th|er|\.|º|°)?,? (?:of |de |d')?{_MONTH},? (?:of |de )?{_YEAR}"),
    re.compile(rf"{_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"),
)
_YEAR_FIRST = (
    re.compile(rf"{_YEAR}(?P<sep>[-/.])(?P<month>\d{{1,2}})(?P=sep){_DAY}"),
    re.compile(rf"{_YEAR}年(?P<month>\d{{1,2}})月{_DAY}日"),
    re.compile(rf"{_YEAR}년 ?(?P<month>\d{{1,2}})월 ?{_DAY}일"),
    re.compile(rf"{_YEAR}-(?P<month>\d\d)-{_DAY}[t ]00:00(?::00(?:\.0+)?)?z"),
)
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2{_YEAR}")


def written_day(text: str) -> date | None:
    """The day that a folded text is, or None where it is none, or may be one of two: which of `03/04/2026` is the month
    is not certain. A weekday before it must be that of the day."""
    name, _, rest = text.partition(" ")
    weekday = WEEKDAYS.get(name.rstrip(",."))
    found = set(_readings(text if weekday is None else rest))
    if len(found) != 1:
        return None
    day = found.pop()
    return day if weekday in (None, day.weekday()) else None


def _readings(text: str) -> Iterator[date]:
    with suppress(ValueError):
        for pattern in _NAMED:
            if (named := pattern.fullmatch(text)) and named["month"] in _MONTHS:
                yield date(int(named["year"]), _MONTHS[named["month"]], int(named["day"]))
        for pattern in _YEAR_FIRST:
            if first := pattern.fullmatch(text):
                yield date(int(first["year"]), int(first["month"]), int(first["day"]))
    if last := _YEAR_LAST.fullmatch(text):
        for day, month in ((last[1], last[3]), (last[3], last[1])):
            with suppress(ValueError):
                yield date(int(last["year"]), int(month), int(day))
