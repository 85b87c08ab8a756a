"""Whether words that ask to forget mean a whole object or only one of its columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from memreg.annotator.evidence import dated, grounded
from memreg.annotator.words import desc_words, words
from memreg.registry.models import ClassSpec, Column, Kind
from memreg.registry.normalize import is_absent

_LEAST = 4  # letters of a word of a description that says what a class is; shorter ones are mostly articles
_SHORTEST = 2  # characters of a value whose words are its own
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w+(?:-\w+)?")
# Somebody's, or one that is pointed at: what is to be forgotten is the column itself.
_OWNED = re.compile(
    r"(?:'s?|\b(?:my|your|his|her|their|its|our|that|this|old|wrong|former|only|just|but|was|is|were)"
    r"|(?<!\bwith )(?<!\bunder )(?<!\bat )\b(?:the|an?))\Z"
)
_MOMENTS = frozenset({Kind.DATE, Kind.DATETIME})
_LONGEST_PHRASE = 3  # words; longer descriptions explain rather than name


def names_a_column(evidence: str, spec: ClassSpec, values: Mapping[str, Any] | None = None) -> Column | None:
    """The column that words name, as `number` names phone in "forget my old number"; None where they name the class as
    well, or no column.

    `the contact with the number …` names the class, and so means the object; in `her contact number` the class is only
    part of the column's name. Words of the class and its description never name a column.

    Nor do the words of the object's own `values`, and a column that only tells which object is meant: its value stands
    behind it and another value of the object before it, as in `Ana Lopez, born on 1 January 1980`. Somebody's column,
    as in `Ana's number 555`, or `her number`, is one all the same.
    """
    values = values or {}
    text = _SPACE.sub(" ", evidence.casefold().replace("’", "'"))
    places = [place for value in values.values() for place in _places(value, text)]
    of_class = {*words(spec.name), *(word for word in desc_words(spec.description) if len(word) >= _LEAST)}
    columns: dict[str, Column] = {}
    for column in spec.columns:
        for word in (*words(column.name), *_head(column.desc)):
            if word not in of_class:
                columns.setdefault(_singular(word), column)
    said = [(word, found) for found in _WORD.finditer(text) for word in desc_words(found[0])]
    said = [(word, found) for word, found in said if not any(first <= found.start() < last for first, last in places)]
    class_words = {*words(spec.name)}
    for at, (word, _) in enumerate(said):
        if word in class_words and not (at + 1 < len(said) and _singular(said[at + 1][0]) in columns):
            return None
    told = [(columns[_singular(word)], found) for word, found in said if _singular(word) in columns]
    if len(told) > len(spec.columns):  # no words of a person
        return told[0][0]
    for named, found in told:
        if not _only_tells_which(named, found, text, values, places):
            return named
    return None


def _only_tells_which(
    column: Column, found: re.Match[str], text: str, values: Mapping[str, Any], places: list[tuple[int, int]]
) -> bool:
    """Whether a column is named to say which object is meant."""
    value = values.get(column.name)
    if is_absent(value) or not any(last <= found.start() for _, last in places):
        return False
    before, behind = text[: found.start()].rstrip(" ,;:(-–—"), text[found.end() :]
    if _OWNED.search(before):
        return False
    return dated(str(value), (behind,)) if column.dtype.kind in _MOMENTS else grounded(str(value), (behind,))


def _places(value: object, text: str) -> list[tuple[int, int]]:
    """Where a value stands in a text, word for word."""
    wanted = _SPACE.sub(" ", value.casefold().replace("’", "'")).strip() if isinstance(value, str) else ""
    if len(wanted) < _SHORTEST:
        return []
    return [found.span() for found in re.finditer(rf"(?<!\w){re.escape(wanted)}(?!\w)", text)]


def _head(desc: str) -> tuple[str, ...]:
    """The last word of a short description, which is another name of the column: number, of `Phone number, …`."""
    phrase = desc_words(re.split("[,:;(]", desc.casefold())[0])
    return phrase[-1:] if len(phrase) <= _LONGEST_PHRASE else ()


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > _LEAST else word
