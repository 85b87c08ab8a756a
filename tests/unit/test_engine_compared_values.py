"""Two values of a compared or identity column: dates in the forms that people write, numbers, keys."""

from __future__ import annotations

import pytest

from memreg.engine.level import Level
from memreg.engine.record import Role
from memreg.engine.values import compare_keys, compare_values, read_day, read_number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1951-02-24", (1951, 2, 24)),
        ("1951-2-4", (1951, 2, 4)),
        ("1951-02-24t10:30:00", (1951, 2, 24)),
        ("19510224", (1951, 2, 24)),
        ("22-feb-11", (2011, 2, 22)),
        ("22-feb-71", (1971, 2, 22)),
        ("22 february 2011", (2011, 2, 22)),
        ("october 4, 2005", (2005, 10, 4)),
        ("oct 4 2005", (2005, 10, 4)),
        ("1994", (1994, 0, 0)),
        ("2001-13-01", None),
        ("2001-00-10", None),
        ("2001-01-32", None),
        ("20011301", None),
        ("22-foo-11", None),
        ("9999999", None),
        ("", None),
        ("soon", None),
    ],
)
def test_a_day_is_read(text: str, day: tuple[int, int, int] | None) -> None:
    assert read_day(text) == day


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12.0),
        ("$ 1.29", 1.29),
        ("$1,299.00", 1299.0),
        ("-3.5", -3.5),
        ("4.5 kg", 4.5),
        ("about ten", None),
        ("", None),
        ("1.2.3", None),
    ],
)
def test_a_number_is_read(text: str, number: float | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("one", "other", "role", "level"),
    [
        ("1951-02-24", "19510224", Role.DATE, Level.EQUAL),
        ("22-feb-11", "2011-02-22", Role.DATE, Level.EQUAL),
        ("october 4, 2005", "2005-10-04", Role.DATE, Level.EQUAL),
        ("1951-02-24", "1951-02-25", Role.DATE, Level.CONTAINED),
        ("1951-02-03", "1951-03-02", Role.DATE, Level.CONTAINED),
        ("1951-02-20", "1951-03-12", Role.DATE, Level.MOST),
        ("1951-02-01", "1951-06-20", Role.DATE, Level.PART),
        ("1951-02-24", "1984-02-24", Role.DATE, Level.LOW),
        ("1951-02-24", "1984-11-03", Role.DATE, Level.NONE),
        ("1951-06-31", "1951-07-15", Role.DATE, Level.MOST),
        ("1994", "1994", Role.YEAR, Level.EQUAL),
        ("1994", "1995", Role.YEAR, Level.NONE),
        ("1994", "1994-05-01", Role.YEAR, Level.CONTAINED),
        ("12", "12.0", Role.NUMBER, Level.EQUAL),
        ("$ 1.29", "1.29", Role.NUMBER, Level.EQUAL),
        ("100", "98", Role.NUMBER, Level.CONTAINED),
        ("100", "85", Role.NUMBER, Level.MOST),
        ("100", "60", Role.NUMBER, Level.PART),
        ("100", "10", Role.NUMBER, Level.NONE),
        ("100", "-100", Role.NUMBER, Level.NONE),
        ("0", "0", Role.NUMBER, Level.EQUAL),
        ("0", "5", Role.NUMBER, Level.NONE),
        ("true", "false", Role.NUMBER, Level.NONE),
        ("true", "true", Role.NUMBER, Level.EQUAL),
    ],
)
def test_two_values_of_a_compared_column(one: str, other: str, role: Role, level: Level) -> None:
    assert compare_values(one, other) == (role, level)
    assert compare_values(other, one) == (role, level)


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("ana@lopez.io", "ana@lopez.io", Level.EQUAL),
        ("ana@lopez.io", "ana@lopes.io", Level.MOST),
        ("ana@lopez.io", "ines@wagner.net", Level.NONE),
        ("a12", "a13", Level.NONE),
        ("1234567", "1234576", Level.MOST),
        ("1234567", "7654321", Level.NONE),
    ],
)
def test_two_keys(one: str, other: str, level: Level) -> None:
    assert compare_keys(one, other) is level
    assert compare_keys(other, one) is level
