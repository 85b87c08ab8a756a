"""Values written otherwise, and values that are nearly the same."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.operations.retell import near_miss, retold
from memreg.registry.models import Column, Dtype, Kind


@pytest.mark.parametrize(
    ("value", "ways"),
    [
        ("ana@lopez.io", ("ANA@LOPEZ.IO", "ana@lopez.io", " ana@lopez.io ")),
        ("ABC", ("abc", "ABC", " ABC ")),
        ("Ana Lopez", ("ANA LOPEZ", "Ana Lopez", " Ana  Lopez ")),
        ("3-522-17750-0", ("3-522-17750-0", "3522177500", " 3-522-17750-0 ")),
        ("+12025550123", ("+12025550123", "+120 255 501 23", " +12025550123 ")),
        (7, (7, 7, 7)),
    ],
)
def test_ways_to_write_a_value(value: Any, ways: tuple[Any, ...]) -> None:
    assert tuple(retold(value, way) for way in range(3)) == ways


@pytest.mark.parametrize(
    ("kind", "value", "near"),
    [
        (Kind.STRING, "ana@lopez.io", "anb@lopez.io"),
        (Kind.STRING, "AB-19", "AB-10"),
        (Kind.STRING, "Ruiz", "Ruiy"),
        (Kind.STRING, "李", None),
        (Kind.INTEGER, 4, 5),
        (Kind.NUMBER, 1.5, 2.5),
        (Kind.DATE, "1999-12-31", "2000-01-01"),
        (Kind.DATETIME, "1999-12-31T09:30:00", "2000-01-01T09:30:00"),
        (Kind.ENUM, "a", "b"),
        (Kind.BOOLEAN, True, None),
        (Kind.STRING, ["a"], None),
        (Kind.STRING, None, None),
    ],
)
def test_near_misses(kind: Kind, value: Any, near: Any) -> None:
    assert near_miss(Column("c", Dtype(kind), values=("a", "b")), value) == near
