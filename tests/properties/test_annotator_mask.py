"""What is hidden is nowhere in the text, and comes back exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memreg.annotator.mask import Mask

PIECES = (
    "ana@lopez.io", "xana@lopez.ioy", "@", "a@b", "bo.berg@x.no", "+47 22 33 44 55", "22 33 44 55", "22334455",
    "33 44 55", "(555) 123-4567", "[22] 33 44 55", "1] 2233445", "NO9386011117947", "GB82 WEST 1234 5698 7654 32",
    "4111111111111111", "[email-1]", "[Email-2]", "[phone-1]", "[number-1]", "[number-", "[email-", "1]", "]", "[", "https://a:b@c.de/",
    "://1@", "email-1", "2024-05-06", "2019-2021", " ", "-", ".", "+", "'", "é", "是", "١٢٣٤٥٦٧٨", "7", "x", "\0", "\n",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_what_is_hidden_comes_back(texts: list[str]) -> None:
    mask = Mask.of(texts)
    assert mask.reveal([mask.hide(text) for text in texts]) == texts


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_no_hidden_value_is_left_in_any_text(texts: list[str]) -> None:
    mask = Mask.of(texts)
    for text in texts:
        hidden = mask.hide(text)
        assert [value for value in mask.placeholders if value in hidden] == []


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_placeholders_are_each_of_one_value_and_in_no_text(texts: list[str]) -> None:
    placeholders = list(Mask.of(texts).placeholders.values())
    assert len(set(placeholders)) == len(placeholders)
    assert not [each for each in placeholders for text in texts if each in text.casefold()]


@given(TEXTS, TEXTS)
def test_a_text_of_no_mask_keeps_no_value_that_is_found_in_it(known: str, other: str) -> None:
    hidden = Mask.of([known]).hide(other)
    assert [value for value in Mask.of([other]).placeholders if value in hidden] == []
