"""Whatever is hidden in a text: what is left is of the text, in its order, and is left again."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from memreg.annotator.disguise import visible

HIDDEN = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u2066\u2069\u200f\ufe00\ufe0e\ufe0f\u180b\u180e\u115f\u1160\u3164"
    "\U000e0041\U000e007f\U000e0100\U000e01ef\x00\x1b\x85\x0b\u17b4\ufff9"
)
SEEN = "aZ1# \n\u0301👨👩🏽🏴❤☺‼ℹ葛क्षمیខ្ថงᠮᠣ\u1100\u1161\u20e3一"
MIXED = st.lists(st.sampled_from(HIDDEN) | st.sampled_from(SEEN) | st.characters(), max_size=40).map("".join)
PLAIN = st.text(st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters=HIDDEN + "\u034f\uffa0\u17b5"))


def is_within(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(character in rest for character in part)


@given(MIXED)
def test_nothing_is_added_moved_or_changed(text: str) -> None:
    breaks = str.maketrans(dict.fromkeys("\x0b\x0c\x1c\x1d\x1e\x1f\x85", "\n"))
    assert is_within(visible(text), text.translate(breaks))


@given(MIXED)
def test_what_is_visible_stays_so(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(MIXED)
def test_no_letter_digit_mark_or_sign_is_lost(text: str) -> None:
    kept = visible(text)
    invisible = HIDDEN + "\u034f\uffa0\u17b5"
    for character in set(text) - set(invisible):
        if unicodedata.category(character)[0] in "LNPSZ":
            assert kept.count(character) == text.count(character)


@given(MIXED)
def test_no_two_joiners_or_selectors_follow_each_other(text: str) -> None:
    joiners = set("\u200b\u200c\u200d\u180e\u115f\u1160")
    kept = visible(text)
    for first, second in pairwise(kept):
        assert not (first in joiners and second in joiners)
        assert not (unicodedata.name(first, "").startswith("VARIATION SELECTOR") and second in HIDDEN[10:13])


@given(PLAIN.filter(lambda text: not any("\ufe00" <= c <= "\ufe0f" or "\u180b" <= c <= "\u180f" for c in text)))
def test_a_text_without_such_characters_is_left(text: str) -> None:
    if not any(0xE0100 <= ord(character) <= 0xE01EF for character in text):
        assert visible(text) == text
