"""Codes in a text: model numbers, part numbers and the like, which tell an object from its kind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

SHORTEST = 4
LONGEST = 20
DIGITS = 2
LONG_NUMBER = 6
LONGEST_PIECE = 5
STEM = 5
REMEMBERED = 40
"""The tokens of the longest text whose codes are kept, for those that come again."""


@dataclass(frozen=True, slots=True)
class Codes:
    """`whole`: tokens that are codes; `joined`: neighbouring tokens that are one when written together (`VCT 80AV`)."""

    whole: frozenset[str]
    joined: frozenset[str]


NO_CODES = Codes(frozenset(), frozenset())


class CodesMet(Enum):
    """How the codes of two texts stand to each other."""

    EQUAL = "equal"
    SOME = "some equal"
    STEM = "one begins like the other"
    DIFFERENT = "different"


def is_code(token: str) -> bool:
    """Whether a token reads as a code: 4 to 20 characters, two digits at least, letters among them or six digits."""
    return _reads_as_code(_digits(token), len(token))


def _digits(token: str) -> int:
    return 0 if token.isalpha() else sum(map(str.isdigit, token))


def _reads_as_code(digits: int, length: int) -> bool:
    return digits >= DIGITS and SHORTEST <= length <= LONGEST and (digits < length or length >= LONG_NUMBER)


def codes_of(texts: Collection[tuple[str, ...]]) -> Codes:
    """The codes of a record's texts, each a tuple of tokens in order."""
    if "".join(map("".join, texts)).isalpha():
        return NO_CODES
    kept = [(_kept_codes if len(text) <= REMEMBERED else _codes_in)(text) for text in texts]
    found = [codes for codes in kept if codes is not NO_CODES]
    if not found:
        return NO_CODES
    return Codes(
        frozenset().union(*(each.whole for each in found)), frozenset().union(*(each.joined for each in found))
    )


def _codes_in(tokens: tuple[str, ...]) -> Codes:
    if "".join(tokens).isalpha():
        return NO_CODES
    digits = [_digits(token) for token in tokens]
    whole = {token for token, count in zip(tokens, digits, strict=True) if _reads_as_code(count, len(token))}
    joined: set[str] = set()
    if sum(digits) >= DIGITS:
        for size in (2, 3):
            for start in range(len(tokens) - size + 1):
                count = sum(digits[start : start + size])
                if count >= DIGITS:
                    pieces = tokens[start : start + size]
                    if size == 2 or max(map(len, pieces)) <= LONGEST_PIECE:
                        together = "".join(pieces)
                        if _reads_as_code(count, len(together)):
                            joined.add(together)
    return Codes(frozenset(whole), frozenset(joined)) if whole or joined else NO_CODES


_kept_codes = lru_cache(maxsize=1_024)(_codes_in)


def meet(mine: Codes, theirs: Codes, is_rare: Callable[[str], bool]) -> tuple[CodesMet, tuple[str, ...]] | None:
    """How the rare codes of two records stand to each other, with the codes that met or differ.

    Common ones (`1080p`) tell nothing. None where a side has no rare code and nothing meets. Symmetric.
    """
    if not (mine.whole or theirs.whole):
        return None
    left, right = _rare(mine.whole, is_rare), _rare(theirs.whole, is_rare)
    for one in sorted(left - _all(theirs)):  # not among the codes that met: one more of those never takes anything off
        for other in sorted(right - _all(mine)):
            if _extends(one, other):
                return CodesMet.STEM, (f"{one}~{other}",)
    shared = {code for code in left | right if code in _all(mine) and code in _all(theirs)}
    if shared:
        rest = left - shared, right - shared
        return (CodesMet.SOME if all(rest) else CodesMet.EQUAL), tuple(sorted(shared))
    if not left or not right:
        return None
    return CodesMet.DIFFERENT, (f"{' '.join(sorted(left)[:3])} / {' '.join(sorted(right)[:3])}",)


def _extends(one: str, other: str) -> bool:
    """Whether one code is the beginning of the other: another model of a line, more often than not."""
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    return len(short) >= STEM and one != other and long.startswith(short)


def _rare(codes: frozenset[str], is_rare: Callable[[str], bool]) -> set[str]:
    return {code for code in codes if is_rare(code)}


def _all(codes: Codes) -> frozenset[str]:
    return codes.whole | codes.joined
