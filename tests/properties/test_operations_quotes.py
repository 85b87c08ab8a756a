"""Laws of quotes: whatever the spelling, a quote is found, nothing of it is left, and the rest stays as it is."""

from __future__ import annotations

import json
import unicodedata
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from memreg.operations.quotes import Quotes, fold, is_findable

LETTERS = "abcdeåéßøłñçşθдя雷"
WORD = st.text(LETTERS, min_size=2, max_size=8)
NAME = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
AROUND = st.sampled_from(["", "so ", "(", "«", "\n", "a, "])
AFTER = st.sampled_from(["", " said", ")", "», b", ".", "!\n"])


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """The same in other letters: case, composed or not, full width, other spaces, as JSON writes it."""
    found = draw(st.sampled_from([text, text.lower(), text.upper(), text.title()]))
    if fold(found)[0] != fold(text)[0]:  # some letters have no way back from their capitals
        found = text
    found = unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"])), found)
    found = found.replace(" ", draw(st.sampled_from([" ", "  ", "\u00a0", "\n", "_"])))
    return json.dumps(found)[1:-1] if draw(st.booleans()) else found


@given(st.data(), NAME, AROUND, AFTER)
def test_a_quote_is_found_in_any_spelling_and_nothing_is_left(
    data: st.DataObject, name: str, around: str, after: str
) -> None:
    assume(is_findable(name))
    quotes = Quotes.of([name])
    text = around + data.draw(spelled(name)) + after
    assert quotes.are_in(text)
    assert quotes.quoted(text) == {name}
    hidden = quotes.hide(text, "\x00")
    assert not quotes.are_in(hidden)
    assert hidden.startswith(around)
    assert hidden.endswith(after)


@given(st.lists(NAME, max_size=4), st.text(LETTERS + " .,-_0123456789", max_size=60))
def test_what_is_hidden_is_what_was_found_and_the_rest_is_as_it_was(names: list[str], text: str) -> None:
    quotes = Quotes.of(names)
    spans = quotes.spans(text)
    assert spans == sorted(spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert bool(spans) == quotes.are_in(text) == bool(quotes.quoted(text))
    assert quotes.hide(text, "") == "".join(
        character for place, character in enumerate(text) if not any(start <= place < end for start, end in spans)
    )


@given(st.data(), NAME)
def test_what_the_database_looks_for_is_in_every_text_that_quotes(data: st.DataObject, name: str) -> None:
    assume(is_findable(name))
    anchors = Quotes.of([name]).anchors
    text = data.draw(spelled(name))
    assert anchors.unsure or "\\u" in text or any(word in fold(text)[0] for word in anchors.words)


@given(st.text(max_size=40))
def test_folding_knows_where_each_character_was(text: str) -> None:
    folded, places = fold(text)
    for place in range(len(folded)):
        start, end = places(place)
        assert 0 <= start < end <= len(text)
        assert folded[place] in fold(text[start:end])[0]
