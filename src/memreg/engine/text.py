"""Text as tokens, and tokens as the tsvector and tsquery that Postgres keeps and asks: one tokenizer for every
place."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

MAX_TOKENS = 2_000
MAX_TOKEN_LENGTH = 64
MAX_VECTOR = 1_000_000
LEXEME_OVERHEAD = 8
REMEMBERED = 200
"""The characters of the longest text whose tokens are kept, for those that come again."""

_APOSTROPHES = re.compile(r"(?<=\w)['’ʼ`](?=\w)")
# Letters and digits; with the sign before a negative number, and the signs that end a name or a grade: C++, C#, A-.
_WORD = re.compile(r"(?:(?<![^\W_])(?<![^\W_][.,:/])-(?=\d))?[^\W_]+(?:\+\+|[+#](?![^\W_])|(?<=\b[a-z])-(?=\s|$))?")
# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han. Their runs become pairs of neighbours.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]+")


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order: NFKC, casefolded, accents dropped, words of letters and digits.

    An apostrophe inside a word joins it (`O'Brien` → `obrien`). A run of a script written without spaces gives its
    pairs of neighbouring characters. A token is at most 64 characters, a text gives at most 2,000 tokens.
    """
    folded = _fold(text)
    found: list[str] = []
    for match in _WORD.finditer(_APOSTROPHES.sub("", folded)):
        if len(found) >= MAX_TOKENS:
            break
        word = match.group()
        if word.isascii():
            found.append(word[:MAX_TOKEN_LENGTH])
        else:
            found.extend(_split_unspaced(word))
    return found[:MAX_TOKENS]


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold()
    decomposed = unicodedata.normalize("NFD", plain)
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if not _is_accent(c)))


def _is_accent(character: str) -> bool:
    return "\u0300" <= character <= "\u036f"


def _split_unspaced(word: str) -> Iterable[str]:
    start = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > start:
            yield word[start : run.start()][:MAX_TOKEN_LENGTH]
        text = run.group()
        yield from (text[i : i + 2] for i in range(max(1, len(text) - 1)))
        start = run.end()
    if start < len(word):
        yield word[start:][:MAX_TOKEN_LENGTH]


def value_tokens(value: object) -> tuple[str, ...]:
    """The distinct tokens of a column's value (a string or a list of them), in order."""
    if isinstance(value, str):
        return _distinct_tokens(value) if len(value) <= REMEMBERED else tuple(dict.fromkeys(tokens(value)))
    if not isinstance(value, (list, tuple)):
        return value_tokens(str(value))
    if len(value) == 1:
        return value_tokens(str(value[0]))
    return tuple(dict.fromkeys(token for part in value for token in value_tokens(str(part))))


@lru_cache(maxsize=4_096)
def _distinct_tokens(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tokens(text)))


def weight_of(boost: float) -> str:
    """The tsvector weight nearest to a boost: A for 3 and more, B for 2, C for 1 and less."""
    if boost >= 2.5:
        return "A"
    return "B" if boost >= 1.5 else "C"


def scope_token(tenant: str, schema: str, class_name: str) -> str:
    """The lexeme that every tsvector of a class in a tenant carries, so that a GIN search stays within them.

    It begins with `=`, which no token of a text can.
    """
    parts = (tenant, schema, class_name)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return "=" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def tsvector(scope: str, columns: Sequence[tuple[str, Iterable[str]]]) -> str:
    """The text form of a tsvector: the scope lexeme, and each column's tokens under the column's weight letter.

    Tokens beyond what Postgres holds (a megabyte, positions included) are left out, of the lightest columns first.
    """
    weights: dict[str, str] = {}
    room = MAX_VECTOR
    for letter, column_tokens in sorted(columns, key=lambda column: column[0]):
        for token in column_tokens:
            if token not in weights:
                room -= len(token.encode()) + LEXEME_OVERHEAD
                if room < 0:
                    break
                weights[token] = letter
    lexemes = [f"{_quote(token)}:{position}{letter}" for position, (token, letter) in enumerate(weights.items(), 1)]
    return " ".join([_quote(scope), *lexemes])


def tsquery(scopes: Iterable[str], any_of: Iterable[str], prefix: bool = False) -> str:
    """The text form of a tsquery: within one of the scopes, any of the tokens (as beginnings, if `prefix`)."""
    mark = ":*" if prefix else ""
    within = " | ".join(_quote(scope) for scope in scopes)
    words = " | ".join(_quote(token) + mark for token in any_of)
    return f"({within}) & ({words})"


def rank_query(any_of: Iterable[str], prefix: bool = False) -> str:
    """The text form of the tsquery that ranks: the tokens alone, without the scope."""
    mark = ":*" if prefix else ""
    return " | ".join(_quote(token) + mark for token in any_of)


def _quote(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def searchable_columns(payload: Mapping[str, object], boosts: Mapping[str, float]) -> list[tuple[str, tuple[str, ...]]]:
    """For each searchable column that the payload fills: its weight letter and its tokens."""
    return [
        (weight_of(boost), value_tokens(payload[column]))
        for column, boost in boosts.items()
        if payload.get(column) is not None
    ]
