"""Whether words that ask to forget mean a whole object or only one of its columns. Pure."""

from __future__ import annotations

import re

from memreg.annotator.words import desc_words, words
from memreg.registry.models import ClassSpec, Column

_LEAST = 4  # letters of a word of a description that says what a class is; shorter ones are mostly articles
_LONGEST_PHRASE = 3  # words; longer descriptions explain rather than name


def names_a_column(evidence: str, spec: ClassSpec) -> Column | None:
    """The column that words name, as `number` names phone in "forget my old number"; None where they name the class as
    well, or no column.

    `the contact with the number …` names the class, and so means the object; in `her contact number` the class is only
    part of the column's name. Words of the class and its description never name a column.
    """
    said = desc_words(evidence.casefold().replace("’", "'"))
    of_class = {*words(spec.name), *(word for word in desc_words(spec.description) if len(word) >= _LEAST)}
    columns: dict[str, Column] = {}
    for column in spec.columns:
        for word in (*words(column.name), *_head(column.desc)):
            if word not in of_class:
                columns.setdefault(_singular(word), column)
    class_words = {*words(spec.name)}
    for at, word in enumerate(said):
        if word in class_words and not (at + 1 < len(said) and _singular(said[at + 1]) in columns):
            return None
    return next((columns[_singular(word)] for word in said if _singular(word) in columns), None)


def _head(desc: str) -> tuple[str, ...]:
    """The last word of a short description, which is another name of the column: number, of `Phone number, …`."""
    phrase = desc_words(re.split("[,:;(]", desc.casefold())[0])
    return phrase[-1:] if len(phrase) <= _LONGEST_PHRASE else ()


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > _LEAST else word
