"""Texts quoted in other texts, however they are spelled there: case, accents, widths, spaces, separators. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

LEAST = 2
"""The fewest letters and digits that a text has to be looked for."""
LEAST_DIGITS = 6
"""From so many digits on, a number is found with other separators in it, or none."""
LEAST_ANCHOR = 3

_DROPPED = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufeff]")
# A character, also as it is written in JSON that is kept as a text.
_CHARACTER = re.compile(r"\\u([0-9a-fA-F]{4})|.", re.DOTALL)
_MARKS = re.compile(f"{_DROPPED.pattern}*")
_RUN = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\+?[\d\s().\-/\u2010-\u2015]+")
_SPACE = r"(?:[\s_.,;/-]|\\[nrt]){1,3}"
_SIGNS = r"(?:[\W_]){0,3}"
_BETWEEN_DIGITS = r"[\s().\-/\u2010-\u2015]{0,3}"
# Scripts written without spaces, where a word has no border.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")


@dataclass(frozen=True, slots=True)
class Anchors:
    """What a text has in it at least, folded, where it quotes one of the texts: one of the `words`, or one of the
    `digits` when all else is taken away. `unsure`: some of the texts have nothing that the database could look for."""

    words: tuple[str, ...]
    digits: tuple[str, ...]
    unsure: bool


@dataclass(frozen=True)
class Quotes:
    """Some texts, to be found in others as whole words. Make it with `Quotes.of`; `texts` are those that are looked
    for, too short ones are not."""

    texts: tuple[str, ...] = ()
    _pattern: re.Pattern[str] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Quotes:
        """What finds these texts, in any spelling of them."""
        return _compiled(tuple(dict.fromkeys(text for text in texts if is_findable(text))))

    def __bool__(self) -> bool:
        return self._pattern is not None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where a text quotes one of these: starts and ends, in order, without overlaps."""
        if self._pattern is None:
            return []
        folded, places = fold(text)
        found = [(places(each.start())[0], places(each.end() - 1)[1]) for each in self._pattern.finditer(folded)]
        # An accent that stands by itself belongs to the letter before it.
        return [(start, _end(text, end)) for start, end in found]

    def quoted(self, text: str) -> set[str]:
        """Those of the texts that are quoted in a text."""
        if self._pattern is None:
            return set()
        folded, _ = fold(text)
        return {self.texts[(found.lastindex or 1) - 1] for found in self._pattern.finditer(folded)}

    def are_in(self, text: str) -> bool:
        """Whether a text quotes one of these."""
        return self._pattern is not None and self._pattern.search(fold(text)[0]) is not None

    def hide(self, text: str, mark: str) -> str:
        """A text with a mark in the place of each quote."""
        spans = self.spans(text)
        if not spans:
            return text
        kept = [text[: spans[0][0]]]
        for (_, end), (start, _) in pairwise([*spans, (len(text), 0)]):
            kept.append(text[end:start])
        return mark.join(kept)

    @property
    def anchors(self) -> Anchors:
        """What a database can look for before each text is looked at closely."""
        words, digits, unsure = dict[str, None](), dict[str, None](), False
        for text in self.texts:
            if _is_number(text):
                digits[_digits(text)] = None
                continue
            runs = [run for run in _RUN.findall(fold(text)[0]) if run.isascii()]
            longest = max(runs, key=len, default="")
            if len(longest) < LEAST_ANCHOR:
                unsure = True
            else:
                words[longest] = None
        return Anchors(tuple(words), tuple(digits), unsure)


def fold(text: str) -> tuple[str, Callable[[int], tuple[int, int]]]:
    """A text in the form in which equal spellings are equal, and where each of its characters was: start and end."""
    if text.isascii() and "\\u" not in text:
        return text.lower(), _same
    found: list[str] = []
    places: list[tuple[int, int]] = []
    for each in _CHARACTER.finditer(text):
        character = chr(int(each[1], 16)) if each[1] else each[0]
        plain = _DROPPED.sub("", unicodedata.normalize("NFKD", character).casefold())
        plain = unicodedata.normalize("NFC", plain)
        found.append(plain)
        places += [each.span()] * len(plain)
    return "".join(found), places.__getitem__


def is_findable(text: str) -> bool:
    """Whether a text has enough in it to be looked for."""
    return sum(map(len, _RUN.findall(text))) >= LEAST or _UNSPACED.search(text) is not None


def _same(place: int) -> tuple[int, int]:
    return place, place + 1


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and len(_digits(text)) >= LEAST_DIGITS


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


@lru_cache(maxsize=256)
def _compiled(texts: tuple[str, ...]) -> Quotes:
    if not texts:
        return Quotes()
    # The longest first: of a name and a part of it, the name is found.
    ordered = tuple(sorted(texts, key=lambda text: (-len(text), text)))
    return Quotes(ordered, re.compile("|".join(f"({_pattern_of(text)})" for text in ordered)))


def _pattern_of(text: str) -> str:
    if _is_number(text):
        digits = _BETWEEN_DIGITS.join(_digits(text))
        return rf"(?<!\d)(?:00)?{digits}(?!\d)"
    folded = fold(text)[0]
    runs = list(_RUN.finditer(folded))
    if not runs:
        return re.escape(folded)
    parts = [re.escape(runs[0].group())]
    for one, other in pairwise(runs):
        between = folded[one.end() : other.start()]
        parts += [_SPACE if between.isspace() else _SIGNS, re.escape(other.group())]
    start = "" if _UNSPACED.match(runs[0].group()[0]) else r"(?<![^\W_])"
    end = "" if _UNSPACED.match(runs[-1].group()[-1]) else r"(?![^\W_])"
    return start + "".join(parts) + end


def _end(text: str, end: int) -> int:
    marks = _MARKS.match(text, end)
    return marks.end() if marks else end
