"""Personal values become placeholders and come back."""

from __future__ import annotations

import pytest

from memreg.annotator.mask import Mask
from memreg.registry.models import Column, Dtype, Kind, Normalizer

FOUND = {
    "email": ("ana@lopez.io", "Ana.B+x@mail.lopez.co.uk", "o'brien@x.ie", "иван@почта.рф", "a@localhost"),
    "phone": ("+47 22 33 44 55", "+1 (555) 123-4567", "+44 20 7946 0958 ext. 12"),
    "iban": ("NO93 8601 1117 947", "GB82WEST12345698765432", "de89370400440532013000"),
    "card": ("4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"),
    "number": ("22 33 44 55", "0047 22334455", "(555) 123-4567", "123-45-6789", "AB1234567", "12345678"),
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in FOUND.items() for value in values])
def test_a_personal_value_is_hidden_and_comes_back(kind: str, value: str) -> None:
    text = f"Ana said: {value}, that is all."
    mask = Mask.of([text])
    assert mask.hide(text) == f"Ana said: [{kind}-1], that is all."
    assert mask.reveal(mask.hide(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "born 1980-01-01, or 31.12.1999, or 12/31/1999",
        "from 2019-2021 at 2026-11-21T00:12:50+01:00",
        "1,000,000 people, 42 of them in room 101",
        "version 1.2.3, @ana, 5 @ home, ana@ and @",
        "GB82WEST12345698765431 is off by one"[25:],
    ],
)
def test_dates_and_short_numbers_are_left(text: str) -> None:
    assert Mask.of([text]).hide(text) == text


def test_a_wrong_check_digit_is_a_long_number_at_most() -> None:
    assert set(Mask.of(["4111 1111 1111 1112"]).placeholders.values()) == {"[number-1]"}
    assert Mask.of(["NO93 8601 1117 948"]).hide("NO93 8601 1117 948").endswith("[number-1]")


def test_the_user_and_password_of_a_url() -> None:
    text = "it is postgresql://ana:pa55@db.example.com/x?to=bo@berg.no"
    mask = Mask.of([text])
    assert mask.hide(text) == "it is postgresql://[login-1]db.example.com/x?to=[email-1]"
    assert mask.reveal(mask.hide(text)) == text


def test_the_same_value_has_the_same_placeholder_in_every_text() -> None:
    texts = ["ana@lopez.io and bo@berg.no", "bo@berg.no, then ana@lopez.io"]
    mask = Mask.of(texts)
    assert [mask.hide(text) for text in texts] == ["[email-1] and [email-2]", "[email-2], then [email-1]"]


def test_a_text_that_has_placeholders_of_its_own_is_not_confused() -> None:
    texts = ["[email-1] is ana@lopez.io", "and [Email-2], [EMAIL-03]"]
    mask = Mask.of(texts)
    assert mask.hide(texts[0]) == "[email-1] is [email-3]"
    assert mask.reveal("[email-1] [Email-2] [email-3] [email-4]") == "[email-1] [Email-2] ana@lopez.io [email-4]"


def test_it_comes_back_inside_longer_texts_lists_and_objects() -> None:
    mask = Mask.of(["ana@lopez.io", "+47 22 33 44 55"])
    said = {"values": {"to": ["mail [Email-1] or call [phone-1].", 1, None]}, "sure": 0.5}
    told = {"values": {"to": ["mail ana@lopez.io or call +47 22 33 44 55.", 1, None]}, "sure": 0.5}
    assert mask.reveal(said) == told


def test_a_known_value_is_hidden_inside_a_word_too() -> None:
    texts = ["at 22334455", "x22334455y and id7722334455"]
    mask = Mask.of(texts)
    assert "22334455" not in mask.hide(texts[0]) + mask.hide(texts[1])
    assert mask.reveal(mask.hide(texts[1])) == texts[1]


def test_an_unknown_value_is_hidden_for_good() -> None:
    mask = Mask.of(["ana@lopez.io"])
    assert mask.hide("bo@berg.no or ana@lopez.io") == "[email] or [email-1]"


def test_an_address_does_not_take_the_words_around_it_along() -> None:
    text = "我的邮箱是ana@lopez.io。"
    assert Mask.of([text]).hide(text) == "我的邮箱是[email-1]。"


@pytest.mark.parametrize("text", ["a'" * 20_000, "1-" * 20_000, "+(1" * 15_000, "a-" * 20_000, "a@" * 20_000])
def test_a_hostile_text_is_read(text: str) -> None:
    mask = Mask.of([text])
    assert mask.reveal(mask.hide(text)) == text


def column(name: str, kind: Kind = Kind.STRING, normalizer: str | None = None) -> Column:
    return Column(name, Dtype(kind), pii=True, normalize=(Normalizer(normalizer),) if normalizer else ())


def test_which_columns_hold_what_it_hides() -> None:
    mask = Mask()
    assert mask.hides(column("email"))
    assert mask.hides(column("workPhone"))
    assert mask.hides(column("reach_by", normalizer="email"))
    assert not mask.hides(column("name"))
    assert not mask.hides(column("born", Kind.DATE))
    assert not mask.hides(column("phone", Kind.INTEGER))
