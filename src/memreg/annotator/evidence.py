"""Whether words are in a text: the evidence that an item quotes, and the identity values that it gives. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MOST_PARTS = 8
"""Into how many parts a quotation may fall; more is a collage."""

_LEAST = 2
_MOST_PLACES = 1_000  # that are looked at; a hostile text may have one at every other letter
_NEAR = 64  # characters beside an address that may be more of it
_GAP = re.compile(r"…|\.{3,}|\[\s*(?:…|\.{3,})\s*\]")  # without the white space around, which may be long
_JOINT = re.compile(r"[\"'”’»][ \t]*[,;/|&+][ \t]*[\"'“‘«]|\s[|/]\s|\n|\\n")
_QUOTES = dict.fromkeys(map(ord, "\"'`´‘’‚‛“”„‟«»‹›「」『』〝〞＂＇"), "'")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
_SIGNS = _QUOTES | _DASHES
_ISO = re.compile(r"\s*(\d{4})-\d{2}-(\d{2})")
_DIGITS = re.compile(r"\d{1,9}")
_EDGES = " .,;:!?'-()[]、。！？，：；"


def quoted(evidence: str, text: str) -> bool:
    """Whether evidence is quoted from a text: in its words and order, `…` standing for what is left out.

    Case, white space, width, punctuation and markup do not count, and quotations beside each other or on lines of their
    own are parts as well. Each part needs two letters or digits, so that a quotation cannot be made of nothing.
    """
    exactly = [_plain(each).strip(_EDGES) for each in _GAP.split(evidence)]
    return _in_order(exactly, _words(text)) or _in_order(
        [_unmarked(part) for each in _GAP.split(evidence) for part in _JOINT.split(each)], _unmarked_words(text)
    )


def _in_order(given: list[str], words: str) -> bool:
    parts = [part for part in given if part]
    if not parts or len(parts) > MOST_PARTS:
        return False
    at = 0
    for part in parts:
        if sum(char.isalnum() for char in part) < min(_LEAST, len(words)):
            return False
        found = words.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def grounded(value: str, texts: Iterable[str]) -> bool:
    """Whether a value stands in one of the texts: its letters and digits one after the other, whatever is between them,
    and not in the midst of a longer number or word. A value with `@` needs one there, not in the midst of a longer
    address."""
    wanted = "".join(char for char in _plain(value) if char.isalnum())
    return bool(wanted) and any(_stands(wanted, text, at_sign="@" in value) for text in texts)


def dated(value: str, texts: Iterable[str]) -> bool:
    """Whether the year and the day of an ISO date stand in the texts as numbers; a day has as many forms as languages
    have months."""
    found = _ISO.match(value)
    numbers = {int(number) for text in texts for number in _DIGITS.findall(text)}
    return found is not None and {int(number) for number in found.groups()} <= numbers


def needs_grounding(value: object) -> bool:
    """Whether a value is of the kind that identifies: a text with a digit or an `@` in it."""
    return isinstance(value, str) and ("@" in value or any(char.isdigit() for char in value))


def _stands(wanted: str, given: str, *, at_sign: bool) -> bool:
    text = _words(given)
    letters, places = _letters(text)
    at = -1
    for _ in range(_MOST_PLACES):
        at = letters.find(wanted, at + 1)
        if at < 0:
            return False
        first, last = places[at], places[at + len(wanted) - 1]
        inside = not (_joined(text, first - 1, first) or _joined(text, last, last + 1))
        if inside and not (at_sign and ("@" not in text[first:last] or _goes_on(text, first, last))):
            return True
    return False


def _joined(text: str, left: int, right: int) -> bool:
    """Whether two neighbours are of one number or one word. Scripts that set no spaces tell nothing by being next."""
    if left < 0 or right >= len(text):
        return False
    one, other = text[left], text[right]
    return (one.isdigit() and other.isdigit()) or (_spaced(one) and _spaced(other))


def _goes_on(text: str, first: int, last: int) -> bool:
    """Whether an address is a part of a longer one: more of it stands before it, or behind it and a full stop."""
    before, behind = text[max(0, first - _NEAR) : first], text[last + 1 : last + 1 + _NEAR]
    more_before, more_behind = before.rstrip("._+%@"), behind.lstrip(".@")
    return (more_before != before and more_before[-1:].isalnum()) or (
        more_behind != behind and more_behind[:1].isalnum()
    )


def _spaced(char: str) -> bool:
    """A letter of a script that sets spaces between words: those are the scripts with capitals."""
    return char.isalpha() and (char.lower() != char.upper())


# A thousand items may be held against one text.
@lru_cache(maxsize=8)
def _words(text: str) -> str:
    return _plain(text)


@lru_cache(maxsize=8)
def _unmarked_words(text: str) -> str:
    return _unmarked(text)


@lru_cache(maxsize=8)
def _letters(text: str) -> tuple[str, tuple[int, ...]]:
    """The letters and digits of a text, and the place of each in it."""
    places = tuple(place for place, char in enumerate(text) if char.isalnum())
    return "".join(text[place] for place in places), places


def _unmarked(text: str) -> str:
    """The words of a text, without the signs and white space between them."""
    return " ".join("".join(char if _of_a_word(char) else " " for char in _plain(text)).split())


def _of_a_word(char: str) -> bool:
    return char.isalnum() or char == "\ufffd" or unicodedata.category(char)[0] == "M"


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text.translate(_SIGNS)).casefold()
    plain = " ".join(unicodedata.normalize("NFKC", folded).translate(_SIGNS).split())
    return plain if plain.isascii() else "".join(map(_digit, plain))


def _digit(char: str) -> str:
    """A digit of any script as 0 to 9."""
    return str(unicodedata.decimal(char)) if char.isdecimal() else char
