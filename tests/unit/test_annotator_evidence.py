"""Whether words are quoted from a message, in any script, and whether an identity value stands in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.annotator.evidence import MOST_PARTS, dated, grounded, needs_grounding, quoted

TEXT = "Ana López moved to Oslo, she said; “call me” at +44 20 7946 0958 – or write."


@pytest.mark.parametrize(
    "evidence",
    [
        "Ana López moved to Oslo",
        "ana lópez MOVED   to\nOslo",
        "“Ana López moved to Oslo.”",
        "Ana … Oslo",
        "Ana López... at +44 20 7946 0958",
        "Ana [...] Oslo",
        '"call me"',
        "0958 - or write",
        "Ana Lo\u0301pez",
        "Ａｎａ López",
        "… moved to Oslo …",
        "**Ana López** moved to _Oslo_",
        "Ana López moved to Oslo; she said",
        "she said: call me, at +44 20 7946 0958",
        '"Ana López", "moved to Oslo"',
        "Ana López\nmoved to Oslo\n+44 20 7946 0958",
        "Ana López | call me",
    ],
)
def test_quoted(evidence: str) -> None:
    assert quoted(evidence, TEXT)


@pytest.mark.parametrize(
    "evidence",
    [
        "Ana moved to Oslo",
        "Oslo … Ana",
        "Ana López moved to Bergen",
        "",
        "…",
        "...",
        '""',
        "a",
        "A … n … a",
        " … ".join(["Ana"] * (MOST_PARTS + 1)),
        "Ana Lopez",
        "Ana, moved to Oslo",
        "call me\nAna López",
        "A\nn\na",
        '"A", "n", "a"',
        "\n".join(["Ana"] * (MOST_PARTS + 1)),
    ],
)
def test_not_quoted(evidence: str) -> None:
    assert not quoted(evidence, TEXT)


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        ("住在大阪", "田中美穂さんは大阪に住んでいて、以前は東京に住在大阪と書いた。"),
        ("переехала в Осло", "Анна Петрова ПЕРЕЕХАЛА в Осло вчера."),
        ("انتقلت إلى أوسلو", "آنا انتقلت إلى أوسلو أمس"),
        ("Ich heiße Müller", "ICH HEISSE MÜLLER, sagte er"),
        ("ติดต่อ … กรุงเทพ", "ติดต่อ คุณสมชาย ที่ กรุงเทพ"),
        ("नमस्ते आना", "उसने कहा नमस्ते आना!"),
        ("東京", "東京"),
    ],
)
def test_quoted_in_any_script(evidence: str, text: str) -> None:
    assert quoted(evidence, text)
    assert not quoted(evidence, "Something else was said here.")


def test_a_message_of_one_letter_can_be_quoted() -> None:
    assert quoted("A", "A")


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40), st.text(max_size=20))
def test_quoting_takes_any_text(text: str, other: str) -> None:
    assert quoted(other, text) in (True, False)
    if sum(char.isalnum() for char in text) > 2 and "…" not in text and "..." not in text:
        assert quoted(text, f"{other} {text} {other}")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ana@lopez.io", "write to Ana@Lopez.io, please"),
        ("+44 20 7946 0958", "call 44-20-7946-0958"),
        ("+442079460958", TEXT),
        ("BK-4471", "booking bk 4471"),
        ("090-1234-5678", "電話は090-1234-5678です"),
        ("４４７１", "order 4471"),
        ("bk4471", "about BK-4471: cancel it"),
    ],
)
def test_grounded(value: str, text: str) -> None:
    assert grounded(value, ["hello", text])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ana@lopez.io", "Ana Lopez Io said so"),
        ("ana@lopez.io", "diana@lopez.io"),
        ("ana@lopez.io", "ana@lopez.ion"),
        ("12", "2012"),
        ("0958", "0958123"),
        ("BK-4471", "BK-44712"),
        ("bk-1", ""),
        ("@", "@"),
    ],
)
def test_not_grounded(value: str, text: str) -> None:
    assert not grounded(value, [text])


def test_what_needs_to_be_grounded() -> None:
    assert needs_grounding("ana@x") and needs_grounding("BK1") and needs_grounding("٤")
    assert not needs_grounding("Ana Lopez")
    assert not needs_grounding(12)


@pytest.mark.parametrize(
    "text",
    [
        "mallory.ana@lopez.io",
        "x_ana@lopez.io",
        "ana@lopez.io.evil.example",
        "ana@lopez.io@evil.example",
        "ana lopez.io @",
    ],
)
def test_a_part_of_a_longer_address_is_not_that_address(text: str) -> None:
    assert not grounded("ana@lopez.io", [text])


@pytest.mark.parametrize("text", ["ana@lopez.io.", "(ana@lopez.io)", "mailto:ana@lopez.io, or", "to—ana@lopez.io—now"])
def test_an_address_among_signs_is_that_address(text: str) -> None:
    assert grounded("ana@lopez.io", [text])


def test_a_day_is_in_a_text_by_its_year_and_day() -> None:
    assert dated("1980-01-05", ["born on 5 January 1980"])
    assert dated("1980-01-05", ["05.01.1980"])
    assert not dated("1980-01-05", ["born in January 1980"])
    assert not dated("1980-01-05", ["born on the 5th"])
    assert not dated("some day", ["some day"])


@pytest.mark.parametrize("space", [" ", "\n", "\t", "' ", '" ', "[", "[ ", ".."])
def test_a_long_run_of_signs_is_read_once(space: str) -> None:
    """A reply has room for a hundred such quotations, and each took a second where a run was read from every place."""
    for number in range(100):
        assert not quoted(f"a{space * (9_900 // len(space))}b{number}", TEXT)
