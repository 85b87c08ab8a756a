"""Model numbers and the like: what reads as one, what neighbours make together, and how two records' codes meet."""

from __future__ import annotations

import pytest

from memreg.engine.codes import Codes, CodesMet, codes_of, is_code, meet

NONE = frozenset[str]()


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("sd1000", True),
        ("mx500b", True),
        ("a12", False),
        ("1994", False),
        ("12345", False),
        ("123456", True),
        ("room1", False),
        ("oslo", False),
        ("1080p", True),
        ("a1" * 10, True),
        ("a1" * 10 + "b", False),
        ("", False),
    ],
)
def test_what_reads_as_a_code(token: str, expected: bool) -> None:
    assert is_code(token) == expected


def test_neighbours_make_a_code_together() -> None:
    found = codes_of([("panasonic", "vct", "80av", "stand")])
    assert found.whole == {"80av"}
    assert "vct80av" in found.joined


def test_neighbours_of_other_columns_do_not() -> None:
    assert codes_of([("abc",), ("12",)]) == Codes(NONE, NONE)


def test_words_without_a_digit_make_none() -> None:
    assert codes_of([("grand", "hotel", "oslo")]) == Codes(NONE, NONE)


def of(*whole: str, joined: tuple[str, ...] = ()) -> Codes:
    return Codes(frozenset(whole), frozenset(joined))


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (of("sd1000"), of("sd1000"), CodesMet.EQUAL),
        (of("sd1000"), of("sd1000", "mx500b"), CodesMet.EQUAL),
        (of("sd1000", "kk22"), of("sd1000", "mx500b"), CodesMet.SOME),
        (of("vct80av"), of(joined=("vct80av",)), CodesMet.EQUAL),
        (of("sd1000"), of("mx500b"), CodesMet.DIFFERENT),
        (of("sd1000"), of("sd1000is"), CodesMet.STEM),
        (of("sd10"), of("sd1000"), CodesMet.DIFFERENT),
        (of("sd1000", "x1000y"), of("x1000y"), CodesMet.EQUAL),
        (of("sd1000is", "sd1000"), of("sd1000"), CodesMet.EQUAL),
        (of("sd1000"), of(), None),
        (of(), of(), None),
        (of("1080p"), of("1080p"), None),
    ],
)
def test_how_codes_meet(mine: Codes, theirs: Codes, expected: CodesMet | None) -> None:
    for found in (meet(mine, theirs, lambda code: code != "1080p"), meet(theirs, mine, lambda code: code != "1080p")):
        assert (found[0] if found else None) is expected


def test_a_stem_names_both() -> None:
    found = meet(of("sd1000"), of("sd1000is"), lambda _: True)
    assert found is not None
    assert found[1] == ("sd1000~sd1000is",)
