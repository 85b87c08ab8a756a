"""The text that a person sees: without the characters that hide words, as far as no script or emoji needs them. Pure.

Tag characters, bidirectional controls, zero-width characters, variation selectors and control characters can carry a
text that nobody sees and a model reads. Persian, Hindi, Khmer, Mongolian and emoji need some of them at some places:
there one is kept, everywhere else all go. Code points and their use: the Unicode Standard 16, chapters 9, 12 to 16 and
23, and UTS #51 for emoji.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

ZWSP, ZWNJ, ZWJ, MVS = "\u200b", "\u200c", "\u200d", "\u180e"
_KEYCAP = "\u20e3"
_TEXT, _EMOJI = "\ufe0e", "\ufe0f"
_FILLERS = "\u115f\u1160"

# A line break for programs, and often a separator: words must not run together where one goes.
_BREAKS = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
# The flags of England, Scotland and Wales are the only emoji with tags that are in use.
_FLAG = "\U0001f3f4(?:" + "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) for region in ("gbeng", "gbsct", "gbwls")
) + ")\U000e007f"  # fmt: skip
_HIDDEN = re.compile(
    f"({_FLAG})|["
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # controls but tab and line breaks
    "\u00ad\u034f\u061c\u17b4\u17b5\u3164\uffa0"  # soft hyphen, joiners and fillers without a look
    "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction: a model reads in the order of the text anyway
    "\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
    "]"
)
_AT_TIMES = re.compile(f"[{ZWSP}{ZWNJ}{ZWJ}{MVS}{_FILLERS}\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]+")

Spans = Sequence[tuple[int, int]]
# Cursive and Brahmic scripts, whose letters join and whose joining is spelled.
_JOINING: Spans = (
    (0x0600, 0x077F), (0x07C0, 0x07FF), (0x0840, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x18AF), (0x1A00, 0x1AAF),
    (0x1B00, 0x1C4F), (0x1CD0, 0x1CFF), (0xA840, 0xA8FF), (0xA980, 0xA9FF), (0xAA60, 0xAA7F), (0xAAE0, 0xAAFF),
    (0xABC0, 0xABFF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC), (0x10A00, 0x10A5F), (0x10AC0, 0x10AFF), (0x10B80, 0x10BAF),
    (0x10D00, 0x10D3F), (0x10F30, 0x10F6F), (0x11000, 0x11FFF), (0x1E900, 0x1E95F),
)  # fmt: skip
# Scripts that write no spaces: a zero-width space is where a word ends.
_UNSPACED: Spans = (
    (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19FF), (0x1A20, 0x1AAF), (0x1B00, 0x1B7F),
    (0xA980, 0xA9DF), (0xA9E0, 0xA9FF), (0xAA00, 0xAADF),
)  # fmt: skip
_MONGOLIAN: Spans = ((0x1800, 0x18AF), (0x11660, 0x1167F))
_HAN: Spans = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
_JAMO: Spans = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))
_PICTURES: Spans = ((0x1F000, 0x1FAFF),)
_KEYS = "0123456789#*"
_ALSO_EMOJI = "\u203c\u2049\u2139\u3030\u303d"


def visible(text: str) -> str:
    """The text without hidden characters; what is left is in the same order, and of a hidden break a new line is left.

    `visible(visible(text)) == visible(text)`. Letters that merely look alike are left: they are seen.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _HIDDEN.sub(lambda match: match[1] or "", _BREAKS.sub("\n", text))
    return _AT_TIMES.sub(_needed, text)


def visible_in(value: Any) -> Any:
    """A JSON value with the texts in it, those in lists and objects too, as a person sees them."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {name: visible_in(each) for name, each in value.items()}
    return [visible_in(each) for each in value] if isinstance(value, list) else value


def _needed(run: re.Match[str]) -> str:
    """What of a run of such characters its neighbours need: at most one selector, then at most one joiner."""
    text, hidden = run.string, run[0]
    before, after = text[run.start() - 1 : run.start()] if run.start() else "", text[run.end() : run.end() + 1]
    selector = hidden[0] if _selects(before, hidden[0], after) else ""
    rest = hidden[len(selector) :]
    return selector + next((each for each in rest if _joins(before, each, after)), "")


def _selects(before: str, selector: str, after: str) -> bool:
    """Whether a variation selector belongs to the character before it."""
    if not before:
        return False
    if selector in (_TEXT, _EMOJI):
        return after == _KEYCAP if before in _KEYS else _is_emoji(before) or _is_symbol(before)
    if "\u180b" <= selector <= "\u180f":
        return selector != MVS and _is_in(before, _MONGOLIAN)
    if "\ufe00" <= selector <= "\ufe02":
        return not before.isascii() and (_is_symbol(before) or unicodedata.category(before) in ("Lo", "Po"))
    return selector >= "\U000e0100" and _is_in(before, _HAN)


def _joins(before: str, joiner: str, after: str) -> bool:
    """Whether a joiner, separator or filler has something to do between two characters."""
    if joiner in _FILLERS:
        return _is_in(before, _JAMO) or _is_in(after, _JAMO)
    if not before or before.isspace():
        return False
    if joiner == ZWSP:
        return bool(after) and not after.isspace() and (_is_in(before, _UNSPACED) or _is_in(after, _UNSPACED))
    if joiner == MVS:
        return _is_in(before, _MONGOLIAN) and _is_in(after, _MONGOLIAN)
    if joiner == ZWJ and _is_emoji(before) and (_is_emoji(after) or after == "\u2194"):
        return True
    return joiner in (ZWNJ, ZWJ) and (_is_in(before, _JOINING) or _is_in(after, _JOINING))


def _is_emoji(character: str) -> bool:
    """Symbols, pictures (those of a later Unicode than Python's, too) and skin tones."""
    return bool(character) and (
        unicodedata.category(character) == "So" or character in _ALSO_EMOJI or _is_in(character, _PICTURES)
    )


def _is_symbol(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character).startswith("S")


def _is_in(character: str, spans: Spans) -> bool:
    if not character:
        return False
    at = bisect_right(spans, (ord(character), 0x110000)) - 1
    return at >= 0 and ord(character) <= spans[at][1]
