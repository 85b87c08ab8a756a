"""Values into their columns: what is taken, what it becomes, and why the rest is refused."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from memreg.core.errors import MemregError
from memreg.registry.models import Column, Dtype, Kind, Normalizer
from memreg.registry.normalize import LIST_LIMIT, Normalized, ValueRefused, is_absent, normalize


class Stance(enum.Enum):
    """An enum as a Pydantic model gives it."""

    LIKES = "likes"


def column(dtype: str, *steps: str, values: tuple[str, ...] = (), pii: bool = False) -> Column:
    """A column of a dtype; `phone:NO` is the phone normalizer with a region."""
    is_list = dtype.startswith("list[")
    normalizers = tuple(Normalizer(*step.split(":")) for step in steps)
    kind = Kind(dtype.removeprefix("list[").removesuffix("]"))
    return Column("c", Dtype(kind, is_list), normalize=normalizers, values=values, pii=pii)


@pytest.mark.parametrize(
    ("target", "given", "kept"),
    [
        (column("string"), "  x ", "  x "),
        (column("string"), 42, "42"),
        (column("string"), 1.5, "1.5"),
        (column("string"), UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (column("string", "trim", "collapse"), "  Ana \n Lopez ", "Ana Lopez"),
        (column("string", "casefold"), "STRASSE Straße", "strasse strasse"),
        (column("string", "nfkc"), "ﬁne Ａ", "fine A"),
        (column("string", "casefold", "nfkc"), "ℋello", "hello"),
        (column("string", "digits"), "No. 12-٣4", "1234"),
        (column("string", "email"), " Ana@Lopez.IO ", "ana@lopez.io"),
        (column("string", "email"), "Ana Lopez <ana@lopez.io>", "ana@lopez.io"),
        (column("string", "phone"), "+47 22 12 34 56", "+4722123456"),
        (column("string", "phone"), "0047 22123456", "+4722123456"),
        (column("string", "phone:NO"), "22 12 34 56", "+4722123456"),
        (column("string", "phone:NO"), "22 12 34 56 ext. 7", "+4722123456;ext=7"),
        (column("string", "url"), "HTTPS://Example.com:443/A?b=1#c", "https://example.com/A?b=1#c"),
        (column("string", "url"), "example.com/a b", "https://example.com/a%20b"),
        (column("integer"), "42", 42),
        (column("integer"), " -7 ", -7),
        (column("integer"), 2.0, 2),
        (column("integer"), 2**63 - 1, 2**63 - 1),
        (column("number"), 3, 3.0),
        (column("number"), "1e3", 1000.0),
        (column("number"), ".5", 0.5),
        (column("number"), 6.02e23, 602000000000000000000000),
        (column("boolean"), "Yes", True),
        (column("boolean"), "off", False),
        (column("boolean"), 1, True),
        (column("date"), "2026-02-28", "2026-02-28"),
        (column("date"), "2026-02-28T00:00:00", "2026-02-28"),
        (column("date"), date(2026, 2, 28), "2026-02-28"),
        (column("date"), datetime(2026, 2, 28, tzinfo=None), "2026-02-28"),  # noqa: DTZ001
        (column("datetime"), "2026-02-28T10:00Z", "2026-02-28T10:00:00+00:00"),
        (column("datetime"), "2026-02-28 10:00+02", "2026-02-28T08:00:00+00:00"),
        (column("datetime"), "2026-02-28T10:00", "2026-02-28T10:00:00"),
        (column("datetime"), "2026-02-28t10:00:00.5z", "2026-02-28T10:00:00.500000+00:00"),
        (column("datetime"), datetime(2026, 2, 28, 10, tzinfo=UTC), "2026-02-28T10:00:00+00:00"),
        (column("enum", values=("likes", "Dislikes")), "LIKES", "likes"),
        (column("enum", values=("likes", "Dislikes")), "dislikes", "Dislikes"),
        (column("enum", values=("likes",)), Stance.LIKES, "likes"),
        (column("enum", values=("1", "2")), 2, "2"),
        (column("list[string]"), "one", ["one"]),
        (column("list[string]", "trim", "casefold"), [" A", "a", None, "b"], ["a", "b"]),
        (column("list[integer]"), ["1", 2, 2.0], [1, 2]),
        (column("list[date]"), ["2026-01-01"], ["2026-01-01"]),
        (column("string"), ["only"], "only"),
    ],
)
def test_a_value_that_is_taken(target: Column, given: object, kept: object) -> None:
    result = normalize(target, given).value
    assert result == kept
    assert type(result) is type(kept)


@pytest.mark.parametrize(
    ("target", "given", "reason"),
    [
        (column("string"), None, "is null"),
        (column("string"), "", "is empty"),
        (column("string"), " \n", "is empty"),
        (column("string"), "a\0b", "NUL character"),
        (column("string"), "a\ud800", "half of a surrogate pair"),
        (column("string"), "x" * 10_001, "has 10,001 characters, more than the 10,000 it may have; dtype text"),
        (column("text"), "x" * 100_001, "has 100,001 characters, more than the 100,000 it may have"),
        (column("string"), True, "True is not text"),
        (column("string"), {"a": 1}, "dict is not text"),
        (column("string"), [1, 2], "list is not text"),
        (column("string", "nfkc"), "\ufdfa" * 9_000, "has 162,000 characters"),
        (column("string", "digits"), "none", "has no digits"),
        (column("string", "email"), "ana@lopez", "the part after @ needs a dot"),
        (column("string", "email"), "ana", "is not an e-mail address"),
        (column("string", "phone"), "22 12 34 56", "or declare the region, as normalize: [{phone: NO}]"),
        (column("string", "phone:NO"), "12", "too many or too few digits"),
        (column("string", "phone"), "nobody", "is not a phone number"),
        (column("string", "url"), "not a url", "is not a web address: write it as https://host/path"),
        (column("string", "url"), "javascript:alert(1)", "is not a web address"),
        (column("string", "url"), "http://[::1", "is not a web address"),
        (column("integer"), "4.5", "'4.5' is not a whole number"),
        (column("integer"), 4.5, "4.5 is not a whole number"),
        (column("integer"), True, "True is not a whole number"),
        (column("integer"), 2**63, "beyond 64 bits: use dtype string"),
        pytest.param(column("integer"), 10**5000, "beyond 64 bits", id="huge integer"),
        (column("integer"), "9" * 5000, "is not a whole number"),
        (column("number"), "1,5", "'1,5' is not a number"),
        (column("number"), float("nan"), "is not a finite number"),
        (column("number"), float("-inf"), "is not a finite number"),
        (column("number"), "1e999", "is not a finite number"),
        pytest.param(column("number"), 10**5000, "is not a finite number", id="huge number"),
        (column("boolean"), "maybe", "'maybe' is neither true nor false"),
        (column("boolean"), 2, "2 is neither true nor false"),
        (column("date"), "2026-02-30", "'2026-02-30' is not a date (day is out of range for month): write YYYY-MM-DD"),
        (column("date"), "30.02.2026", "'30.02.2026' is not a date: write YYYY-MM-DD"),
        (column("date"), "tomorrow", "is not a date"),
        (column("date"), 20260230, "20260230 is not a date"),
        (column("date"), "2026-02-28T10:00", "is not a date"),
        (column("datetime"), "2026-02-28", "has no time: write YYYY-MM-DDThh:mm"),
        (column("datetime"), "2026-02-28T25:00", "is not a date and time (hour must be in 0..23"),
        (column("datetime"), "0001-01-01T00:00+05:00", "outside the years 1 to 9999"),
        (column("enum", values=("a", "b")), "c", "'c' is not one of a, b"),
        (column("enum", values=("a",)), True, "True is not one of a"),
        (column("list[string]"), [], "is empty"),
        (column("list[string]"), [None], "is empty"),
        (column("list[string]"), ["a", ["b"]], "item 2 list is not text"),
        (column("list[integer]"), [1, "x"], "item 2 'x' is not a whole number"),
        (column("list[integer]"), [1] * (LIST_LIMIT + 1), "has 1,001 items, more than the 1,000 it may have"),
    ],
)
def test_a_value_that_is_refused_says_why(target: Column, given: object, reason: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        normalize(target, given)
    assert reason in caught.value.reason
    assert str(caught.value) == caught.value.reason
    assert isinstance(caught.value, MemregError)


@pytest.mark.parametrize(
    ("target", "given", "original"),
    [
        (column("string", "trim"), " x", " x"),
        (column("string", "trim"), "x", None),
        (column("integer"), "42", "42"),
        (column("integer"), 2.0, None),
        (column("datetime"), "2026-02-28T10:00Z", "2026-02-28T10:00Z"),
        (column("list[string]", "trim"), [" x", 5], [" x", 5]),
        (column("list[string]", "trim"), " x", " x"),
        (column("list[string]"), "x", None),
    ],
)
def test_the_original_is_kept_where_text_changed(target: Column, given: object, original: object) -> None:
    assert normalize(target, given).original == original


def test_a_pii_value_is_never_in_a_reason() -> None:
    for target in (column("date", pii=True), column("integer", pii=True), column("enum", values=("a",), pii=True)):
        with pytest.raises(ValueRefused) as caught:
            normalize(target, "secret-1970")
        assert "secret" not in caught.value.reason


def test_absent_values() -> None:
    assert all(is_absent(value) for value in (None, "", "  ", [], [None], ["", None]))
    assert not any(is_absent(value) for value in (0, False, "x", ["x"], [0]))


def test_a_normalized_value_is_a_value() -> None:
    assert normalize(column("string"), "x") == Normalized("x")


@pytest.mark.parametrize("space", ["\x1c", "\x1f", "\u00a0", "\u2003"])
@pytest.mark.parametrize(("kind", "value"), [(Kind.INTEGER, 7), (Kind.NUMBER, 7.0)])
def test_any_white_space_around_a_number_is_left_out(kind: Kind, value: float, space: str) -> None:
    assert normalize(Column("c", Dtype(kind)), f"{space}7{space}").value == value
