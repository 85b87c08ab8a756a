"""The words of a value, read once for all that hold it against others."""

from __future__ import annotations

from functools import lru_cache

from memreg.engine.codes import codes_of
from memreg.engine.text import REMEMBERED, tokens, value_tokens

Place = str | tuple[str | None, ...] | None
"""What a value is known by: a text and a list of texts by themselves, anything else by how it is written, as 1, 1.0 and
true are one key."""


class Words:
    """`tokens`: the distinct ones in order; `distinct`: the same as a set; `codes`: the codes among them."""

    __slots__ = ("codes", "distinct", "tokens")

    def __init__(self, found: tuple[str, ...]) -> None:
        self.tokens = found
        self.distinct = frozenset(found)
        self.codes = codes_of((found,))


NO_WORDS = Words(())


def place_of(value: object) -> Place:
    """What a value is known by."""
    if type(value) is str or value is None:
        return value
    if type(value) is list and {*map(type, value)} == _TEXTS:
        return tuple(value)
    return repr(value), None


_TEXTS = {str}


def words_of(value: object) -> Words:
    """The words of a column's value, a string or a list of them."""
    if type(value) is str:
        return _kept_words(value) if len(value) <= REMEMBERED else Words(value_tokens(value))
    if type(value) is list and {*map(type, value)} == _TEXTS and sum(map(len, value)) <= REMEMBERED:
        return _kept_words(tuple(value))
    return Words(value_tokens(value))


@lru_cache(maxsize=4_096)
def _kept_words(value: str | tuple[str, ...]) -> Words:
    return Words(tuple(dict.fromkeys(tokens(value))) if isinstance(value, str) else value_tokens(value))
