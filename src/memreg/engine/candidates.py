"""The keys that a memory is found by: tokens, their shapes, codes, values and pairs of these, as 64-bit numbers.

A record asks by the keys that it would be kept under. No key knows its column, so that swapped names still meet. A key
of many memories is read in part only (`POSTINGS`), newest first, so that the work of a lookup has a bound: there are
pairs for what single tokens cannot tell apart.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any
from uuid import UUID

from memreg.engine.record import Record
from memreg.engine.text import REMEMBERED, tokens

Keys = dict[str, float]
"""Keys as text, with the weight that meeting one has."""

MOST_KEYS = 64
"""The keys of one record: those of a long text end here."""
MOST_KEYS_OF_MEMORY = 160
"""The keys of a memory, the current revision's first, then those of the four before."""
CANDIDATES = 20
"""The memories that a proposal is scored against, at most."""
LIKELY = 3
"""The first of them, of which the lookup tells all that a decision about one of them needs."""
SHORTLIST = 60
"""The memories of which it is looked up whether they are under the common keys too."""
POSTINGS = 100
"""The memories read for one key."""
MOST_TOKENS = 24
MOST_CODES = 12
MOST_NAMES = 6
LEAST_PAIRED = 4
NAMES_WITH_VALUE = 4
MOST_VALUES = 6
VALUES_WITH_NAME = 2
MOST_PARTS = 4
SHAPED_BOOST = 0.6
LEAST_SHAPED = 3
LEAST_CODE = 5
LONGEST_CODE = 24
CODE_PARTS = 3

_VOWELS = frozenset("aeiouyhw")
_SOUNDS = str.maketrans("zcqv", "skkf")
_DIGIT_WORTH = 4


@dataclass(frozen=True, slots=True)
class Content:
    """What the keys of a record are made of.

    `tokens`: distinct ones with the share that their column's boost has of the highest, the most telling first;
    `codes`: the same of codes; `values`: the compared values, each as its tokens.
    """

    tokens: tuple[tuple[str, float], ...]
    codes: tuple[tuple[str, float], ...]
    values: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, record: Record) -> Content:
        """The content of a record, bounded however long it is."""
        top = max([record.boosts[column] for column in record.fields], default=1.0)
        shares: Keys = {}
        codes: Keys = {}
        for column, found in record.fields.items():
            share = record.boosts[column] / top
            for token in found:
                if share > shares.get(token, 0.0):
                    shares[token] = share
            for code in _joins(found):
                codes[code] = max(share, codes.get(code, 0.0))
        # Length stands for rarity: unlike a count it is the same for two records, whenever they came.
        best = [token for _, _, token in sorted([(-share, -_telling(token), token) for token, share in shares.items()])]
        tokens = tuple([(token, shares[token]) for token in best[:MOST_TOKENS]])
        if not codes:
            return cls(tokens, (), _values(record))
        longest = sorted(codes.items(), key=lambda each: (-each[1], -len(each[0]), each[0]))
        return cls(tokens, tuple(longest[:MOST_CODES]), _values(record))


Family = Callable[[Content], Iterator[tuple[str, float]]]


def value_keys(content: Content) -> Iterator[tuple[str, float]]:
    """Compared values (dates, numbers), and dates by all pairs of their parts: where one part is wrong, or day and
    month are swapped, a pair is left."""
    for value in content.values:
        yield f"v{''.join(value)}", 1.0
        if 1 < len(value) <= MOST_PARTS:
            for one, other in combinations(sorted(value), 2):
                yield f"d{one} {other}", 0.5


def code_keys(content: Content) -> Iterator[tuple[str, float]]:
    """Codes with and without separators (`KP-36IP`, `KP36IP`): neighbours of which one has a digit, joined; and a
    code without the letters at its end, which often tell a colour or a country."""
    for code, share in content.codes:
        yield f"c{code}", 0.5 * share
        yield f"c{stem(code)}", 1.0 * share


def token_keys(content: Content) -> Iterator[tuple[str, float]]:
    """The tokens themselves: the 24 of the highest boost, the longest first."""
    for token, share in content.tokens:
        yield f"t{token}", (0.4 if _is_shaped(token, share) else 1.0) * share


def shape_keys(content: Content) -> Iterator[tuple[str, float]]:
    """The shapes of words of important columns: their consonants, each once and sorted, which most slips of the
    keyboard and of the ear leave as they are."""
    for token, share in content.tokens:
        if _is_shaped(token, share):
            yield f"s{shape(token)}", 0.6 * share


def pair_keys(content: Content) -> Iterator[tuple[str, float]]:
    """Pairs of words by shape, and of a word with a value: few memories share one, even where each part is common. The
    words are the first six of the most important columns, and where these have fewer than four, others too."""
    names = _distinct((token for token, share in content.tokens if share == 1.0), MOST_NAMES)
    words = _distinct((token for token, _ in content.tokens), max(len(names), LEAST_PAIRED))
    for one, other in combinations(sorted(words), 2):
        yield f"p{one} {other}", 0.5
    for value in content.values[:VALUES_WITH_NAME]:
        for name in names[:NAMES_WITH_VALUE]:
            yield f"q{name} {''.join(value)}", 0.5


def _distinct(words: Iterable[str], most: int) -> list[str]:
    robust = [shape(w) if len(w) >= LEAST_SHAPED and w.isalpha() else w for w in words if len(w) > 1]
    return list(dict.fromkeys(robust))[:most]


FAMILIES: tuple[Family, ...] = (value_keys, code_keys, token_keys, shape_keys, pair_keys)


def record_keys(record: Record) -> Keys:
    """The keys of a record with their weights, at most 64; none of one without searchable text, which matches nothing.

    What meets under a finer key meets under the coarser one too (a token has the shape of its equal), so the weight of
    a finer one is what it adds.
    """
    kept: Keys | None = record.findings.get("keys")
    if kept is None:
        kept = record.findings["keys"] = _record_keys(record)
    return kept


def _record_keys(record: Record) -> Keys:
    found: Keys = {}
    if not record.fields:
        return found
    content = Content.of(record)
    for family in FAMILIES:
        for key, weight in family(content):
            if weight > found.get(key, 0.0):
                found[key] = weight
    return found if len(found) <= MOST_KEYS else dict(list(found.items())[:MOST_KEYS])


@lru_cache(maxsize=8_192)
def shape(token: str) -> str:
    """The distinct consonants of a word, sorted, letters of one sound as one; where it has fewer than two, its distinct
    letters."""
    letters = set(token.translate(_SOUNDS))
    consonants = letters - _VOWELS
    return "".join(sorted(consonants if len(consonants) > 1 else letters))


def stem(code: str) -> str:
    """A code without the letters after its last digit; as it is where that leaves fewer than four characters or no
    letter."""
    cut = code.rstrip("".join(c for c in set(code) if not c.isdigit()))
    return cut if len(cut) >= LEAST_CODE - 1 and not cut.isdigit() else code


def numbers(schema: str, class_name: str, keys: Iterable[str]) -> list[int]:
    """Keys of a class as signed 64-bit numbers: the first 8 bytes of their SHA-256."""
    scope = f"{schema}\0{class_name}\0"
    return [(_kept_number if len(key) <= REMEMBERED else _number)(scope, key) for key in keys]


def _number(scope: str, key: str) -> int:
    data = (scope + key).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big", signed=True)


_kept_number = lru_cache(maxsize=8_192)(_number)


def probes(record: Record, schema: str, class_name: str) -> dict[int, float]:
    """What a record asks by: the numbers of its keys with their weights."""
    keys = record_keys(record)
    return dict(zip(numbers(schema, class_name, keys), keys.values(), strict=True))


def asked_by(nth: int, keys: Mapping[int, float]) -> dict[str, Any]:
    """What the `nth` record of several asks by, as the query `candidates` takes it."""
    return {"nth": nth, "keys": list(keys), "weights": list(keys.values())}


def memory_keys(records: Iterable[Record], schema: str, class_name: str, known: Sequence[int] = ()) -> tuple[int, ...]:
    """The numbers that a memory is kept under: those of its records, current first, at most 160. `known`: those of
    further, earlier records."""
    found = dict.fromkeys(key for record in records for key in record_keys(record))
    own = numbers(schema, class_name, list(found)[:MOST_KEYS_OF_MEMORY])
    return tuple(dict.fromkeys([*own, *known]))[:MOST_KEYS_OF_MEMORY] if known else tuple(own)


def worth(weight: float, holders: int) -> float:
    """What meeting under a key says, where so many memories were read for it: the weight over the root of their
    number."""
    return weight / math.sqrt(holders)


def summed_worth(posted: Mapping[int, Collection[UUID]], weights: Mapping[int, float]) -> dict[UUID, float]:
    """The sum of `worth` by memory, from who is kept under each key: the rule of the query `candidates`."""
    found: dict[UUID, float] = {}
    for key, holders in posted.items():
        amount = worth(weights[key], min(len(holders), POSTINGS)) if holders else 0.0
        for memory_id in holders:
            found[memory_id] = found.get(memory_id, 0.0) + amount
    return found


def _telling(token: str) -> int:
    return len(token) + (_DIGIT_WORTH if _has_digit(token) else 0)


def _has_digit(token: str) -> bool:
    return not token.isalpha() and any(map(str.isdigit, token))


def _is_shaped(token: str, share: float) -> bool:
    return share >= SHAPED_BOOST and len(token) >= LEAST_SHAPED and token.isalpha()


def _joins(column_tokens: Sequence[str]) -> Iterator[str]:
    if all(map(str.isalpha, column_tokens)):
        return
    digits = [_has_digit(token) for token in column_tokens]
    if not any(digits):
        return
    for start in range(len(column_tokens)):
        code = ""
        has_digit = False
        for place in range(start, min(start + CODE_PARTS, len(column_tokens))):
            code += column_tokens[place]
            has_digit = has_digit or digits[place]
            if has_digit and LEAST_CODE <= len(code) <= LONGEST_CODE and (len(code) > LEAST_CODE or not code.isdigit()):
                yield code


def _values(record: Record) -> tuple[tuple[str, ...], ...]:
    """The compared values as tokens; a day written in eight digits as year, month and day."""
    found = []
    for value in record.compared.values():
        parts = (_kept_parts if len(value) <= REMEMBERED else _parts)(value)
        if parts and parts not in (("true",), ("false",)):
            found.append(parts)
    return tuple(found[:MOST_VALUES])


def _parts(value: str) -> tuple[str, ...]:
    parts = tuple(tokens(value))
    if len(parts) == 1 and len(parts[0]) == 8 and parts[0].isdigit() and parts[0][:2] in ("18", "19", "20"):
        return parts[0][:4], parts[0][4:6], parts[0][6:]
    return parts


_kept_parts = lru_cache(maxsize=2_048)(_parts)
