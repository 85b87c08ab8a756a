"""Texts quoted in others are found in any spelling, and nothing else is."""

from __future__ import annotations

import json

import pytest

from memreg.operations.quotes import Quotes, fold

NAMES = Quotes.of(
    ["Ana Lopez", "ana@lopez.io", "+47 900 00 000", "José Ñu", "李雷", "O'Brien", "1990-05-03", "Straße 7"]
)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("call ANA  LOPEZ now", "call • now"),
        ("Ana\nLópez", "•"),
        ("Ana_Lopez.pdf", "•.pdf"),
        ("write to <ana@lopez.io>, please", "write to <•>, please"),
        ("tel 4790000000.", "tel •."),
        ("00 47 90 00 00 00", "00 •"),
        ("004790000000", "•"),
        ("(+47) 900-00-000 is it", "(+• is it"),
        ("JOSE\u0301 n\u0303u\u0301 is", "• is"),
        ("Ｊｏｓｅ Ñu", "•"),
        ("我见到李雷了", "我见到•了"),
        ("OBRIEN and O’Brien's", "• and •'s"),
        ("born 1990/05/03 or 19900503", "born • or •"),
        ("STRASSE 7", "•"),
        (json.dumps("JOSÉ Ñu"), '"•"'),
        (json.dumps("Ana\nLopez"), '"•"'),
    ],
)
def test_a_quote_is_found_however_it_is_spelled(text: str, hidden: str) -> None:
    assert NAMES.hide(text, "•") == hidden


@pytest.mark.parametrize(
    "text", ["banana lopez", "Anaé Lopez", "AnaLopez", "lopez@ana.io", "147900000001", "ana", "", "Joséñu", "straße 71"]
)
def test_what_is_another_word_is_no_quote(text: str) -> None:
    assert not NAMES.are_in(text)
    assert NAMES.hide(text, "•") == text


def test_the_longest_of_several_is_found() -> None:
    both = Quotes.of(["Ana", "Ana Lopez"])
    assert both.quoted("Ana Lopez") == {"Ana Lopez"}
    assert both.quoted("Ana Lopez, ana") == {"Ana Lopez", "Ana"}


def test_too_little_to_be_told_apart_is_not_looked_for() -> None:
    assert not Quotes.of(["", "-", "x", "7"])
    assert Quotes.of(["雷"])


def test_the_anchors_are_in_every_text_that_quotes() -> None:
    anchors = NAMES.anchors
    assert set(anchors.words) == {"lopez", "jose", "brien", "strasse"}
    assert set(anchors.digits) == {"4790000000", "19900503"}
    assert anchors.unsure, "two signs of a name are nothing that a database could look for"
    assert not Quotes.of(["Ana Lopez"]).anchors.unsure


def test_places_are_those_of_the_text_as_it_was() -> None:
    text = "x ﬁn José\u0301 \\u00e9!"
    folded, places = fold(text)
    assert folded == "x fin jose e!"
    assert text[slice(*places(folded.index("e!")))] == "\\u00e9"
    assert text[slice(*places(2))] == "ﬁ"
