"""SQL text as words, strings, comments and signs with their places: enough to cut a file of any dialect into pieces."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from memreg.registry.yaml_tree import Place

TokenKind = Literal["word", "quoted", "string", "comment", "sign"]

_WORD = re.compile(r"[\w$#@]+")
_DOLLAR = re.compile(r"\$([A-Za-z_]\w*)?\$")
_SPACE = re.compile(r"\s+")
_BACKSLASH = frozenset({"mysql", "bigquery", "snowflake", "databricks", "spark", "hive", "clickhouse"})
_HASH = frozenset({"mysql", "bigquery"})
_DOLLAR_QUOTES = frozenset({"postgres", "snowflake", "duckdb", "redshift", "databricks"})
_BRACKETS = frozenset({"tsql", "sqlite"})
_NESTED_COMMENTS = frozenset({"postgres", "tsql"})
_STRINGS_IN_DOUBLE_QUOTES = frozenset({"mysql", "bigquery"})
_BRACKETED = re.compile(r"\[(?:[^\]\n]|\]\])+\]")


class Unclosed(Exception):
    """A string, a name or a comment has no end; `start` is where it begins."""

    def __init__(self, what: str, start: int) -> None:
        super().__init__(what)
        self.what, self.start = what, start


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL text, from `start` to before `end`. `value`: a name or a string without its quotes."""

    kind: TokenKind
    start: int
    end: int
    value: str

    @property
    def word(self) -> str:
        """A plain word in capitals; empty for everything else."""
        return self.value.upper() if self.kind == "word" else ""

    @property
    def is_name(self) -> bool:
        """Whether it can be a name."""
        return self.kind in ("word", "quoted")


class Text:
    """A text that knows the line and column of every offset."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        """Line and column, from 1."""
        line = bisect_right(self._lines, offset)
        return Place(line, offset - self._lines[line - 1] + 1)

    def line(self, offset: int) -> int:
        """The line of an offset, from 1."""
        return bisect_right(self._lines, offset)

    def line_start(self, offset: int) -> int:
        """The offset at which the line of an offset begins."""
        return self._lines[bisect_right(self._lines, offset) - 1]


def tokens(text: str, dialect: str, start: int = 0) -> Iterator[Token]:
    """The tokens of a text from an offset on. Raises Unclosed."""
    at = start
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
            continue
        token = _token(text, at, dialect)
        yield token
        at = token.end


def _token(text: str, at: int, dialect: str) -> Token:
    sign = text[at]
    slashes = dialect == "snowflake" and text.startswith("//", at)
    if slashes or text.startswith("--", at) or (sign == "#" and dialect in _HASH):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        return Token("comment", at, end, text[at:end].lstrip("-#/").strip())
    if text.startswith("/*", at):
        end = _comment_end(text, at, dialect)
        return Token("comment", at, end, text[at + 2 : end - 2].strip())
    if sign == "$" and dialect in _DOLLAR_QUOTES and (dollar := _DOLLAR.match(text, at)):
        end = text.find(dollar[0], dollar.end())
        if end < 0:
            raise Unclosed("string", at)
        return Token("string", at, end + len(dollar[0]), text[dollar.end() : end])
    if sign in "'\"" and text.startswith(sign * 3, at) and dialect == "bigquery":
        end = text.find(sign * 3, at + 3)
        if end < 0:
            raise Unclosed("string", at)
        return Token("string", at, end + 3, text[at + 3 : end])
    if sign in "\"'`":
        end, value = _quoted(text, at, sign, dialect)
        as_string = sign == "'" or (sign == '"' and dialect in _STRINGS_IN_DOUBLE_QUOTES)
        return Token("string" if as_string else "quoted", at, end, value)
    if sign == "[" and dialect in _BRACKETS and (bracket := _BRACKETED.match(text, at)):
        return Token("quoted", at, bracket.end(), bracket[0][1:-1].replace("]]", "]"))
    if word := _WORD.match(text, at):
        end = word.end()
        if end < len(text) and text[end] == "'" and word[0].upper() in ("E", "N", "B", "X", "R", "U", "Q", "NQ", "RB"):
            return _prefixed(text, at, end, word[0].upper(), dialect)
        return Token("word", at, end, word[0])
    return Token("sign", at, at + 1, sign)


def _prefixed(text: str, at: int, quote: int, prefix: str, dialect: str) -> Token:
    if prefix in ("Q", "NQ") and dialect == "oracle" and quote + 1 < len(text):
        opening = text[quote + 1]
        closing = {"[": "]", "(": ")", "{": "}", "<": ">"}.get(opening, opening)
        end = text.find(f"{closing}'", quote + 2)
        if end < 0:
            raise Unclosed("string", at)
        return Token("string", at, end + 2, text[quote + 2 : end])
    end, value = _quoted(text, quote, "'", "mysql" if prefix == "E" else dialect)
    return Token("string", at, end, value)


def _quoted(text: str, at: int, quote: str, dialect: str) -> tuple[int, str]:
    """The offset behind a quoted text, and the text without its quotes."""
    parts: list[str] = []
    here = at + 1
    backslash = quote != "`" and dialect in _BACKSLASH
    while here < len(text):
        if backslash and text[here] == "\\" and here + 1 < len(text):
            parts.append({"n": "\n", "t": "\t"}.get(text[here + 1], text[here + 1]))
            here += 2
        elif text[here] != quote:
            parts.append(text[here])
            here += 1
        elif text.startswith(quote * 2, here):
            parts.append(quote)
            here += 2
        else:
            return here + 1, "".join(parts)
    raise Unclosed("string" if quote == "'" else "name", at)


def _comment_end(text: str, at: int, dialect: str) -> int:
    depth, here = 1, at + 2
    while depth:
        closing = text.find("*/", here)
        if closing < 0:
            raise Unclosed("comment", at)
        opening = text.find("/*", here, closing) if dialect in _NESTED_COMMENTS else -1
        depth, here = (depth + 1, opening + 2) if opening >= 0 else (depth - 1, closing + 2)
    return here
