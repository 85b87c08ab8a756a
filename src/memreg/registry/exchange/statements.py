"""A file of SQL as statements: cut at semicolons, at GO, at a line with only a slash, and behind the body of a
procedure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memreg.registry.exchange.lexer import Text, Token, Unclosed, tokens

_PROCEDURES = frozenset({"TRIGGER", "FUNCTION", "PROCEDURE", "PACKAGE", "PROC"})
_BEFORE_WHAT = frozenset({"CREATE", "OR", "REPLACE", "ALTER", "EDITIONABLE", "NONEDITIONABLE", "DEFINER", "TEMP",
                          "TEMPORARY", "AGGREGATE", "CONSTRAINT", "SECURE"})  # fmt: skip
_STARTS = frozenset({"CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "EXEC", "EXECUTE", "USE", "PRINT", "IF",
                     "BEGIN", "END", "GRANT", "DECLARE", "TRUNCATE", "MERGE"})  # fmt: skip
_RECOVERY = frozenset({"CREATE", "ALTER", "INSERT", "COMMENT", "DROP", "GRANT"})
_DELIMITER = re.compile(r"[ \t]*DELIMITER[ \t]+(\S+)[^\n]*(\n|\Z)", re.IGNORECASE)
_GO = re.compile(r"[ \t]*GO(?:[ \t]+\d+)?[ \t;]*(?:--[^\n]*)?\r?(?:\n|\Z)", re.IGNORECASE)
_SLASH = re.compile(r"[ \t]*/[ \t]*\r?(?:\n|\Z)")
_META = re.compile(
    r"[ \t]*(?:\\|@@?\w|(?:prompt|rem|spool|whenever)\b|set[ \t]+(?:define|echo|feedback|sqlblanklines|serveroutput|"
    r"scan|heading|linesize|pagesize|termout|verify)\b)[^\n]*(?:\n|\Z)",
    re.IGNORECASE,
)
_NEXT_DELIMITER = re.compile(r"^[ \t]*DELIMITER\b", re.IGNORECASE | re.MULTILINE)
_RECOVER = re.compile(r"^(?:CREATE|ALTER|COMMENT|INSERT)\b", re.MULTILINE | re.IGNORECASE)
_COPY_END = re.compile(r"^\\\.[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """The tokens of a statement (comments apart) and all comments before and in it. `broken`: what has no end."""

    tokens: tuple[Token, ...]
    comments: tuple[Token, ...]
    broken: Unclosed | None = None
    is_procedure: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The plain words that it opens with, in capitals."""
        found: list[str] = []
        for token in self.tokens[:12]:
            if not token.word:
                break
            found.append(token.word)
        return tuple(found)


class _Cut:
    def __init__(self, *, is_oracle: bool = False) -> None:
        self.tokens: list[Token] = []
        self.comments: list[Token] = []
        self.depth = self.blocks = 0
        self.begun = False
        self.is_oracle = is_oracle

    @property
    def is_procedure(self) -> bool:
        words = [token.word for token in self.tokens[:10]]
        if not words or words[0] not in ("CREATE", "ALTER"):
            return words[:1] == ["DECLARE"] or (words[:1] == ["BEGIN"] and self.is_oracle)
        rest = [word for word in words if word and word not in _BEFORE_WHAT]
        return bool(rest) and rest[0] in _PROCEDURES

    def statement(self, broken: Unclosed | None = None) -> Statement:
        return Statement(tuple(self.tokens), tuple(self.comments), broken, self.is_procedure)


def statements(text: Text, dialect: str) -> Iterator[Statement]:
    """The statements of a text, empty ones left out. Text without an end makes the last statement a broken one."""
    at = 0
    while at < len(text.text):
        if dialect == "mysql" and (delimiter := _DELIMITER.match(text.text, at)):
            at = delimiter.end()
            if delimiter[1] != ";":
                following = _NEXT_DELIMITER.search(text.text, at)
                end = following.start() if following else len(text.text)
                yield from _delimited(text.text, at, end, delimiter[1])
                at = end
            continue
        cut = _Cut(is_oracle=dialect == "oracle")
        broken: Unclosed | None = None
        try:
            at = _read(text, at, dialect, cut)
        except Unclosed as problem:
            broken, at = problem, _after(text.text, problem)
        if cut.tokens or broken is not None:
            yield cut.statement(broken)
            if [token.word for token in cut.tokens[:1]] == ["COPY"] and (end_of := _COPY_END.search(text.text, at)):
                at = end_of.end()


def _delimited(raw: str, at: int, end: int, delimiter: str) -> Iterator[Statement]:
    """The statements up to an offset that end with a delimiter of the author's choice."""
    while at < end:
        stop = raw.find(delimiter, at, end)
        stop = end if stop < 0 else stop
        cut = _Cut()
        broken: Unclosed | None = None
        try:
            for token in tokens(raw[:stop], "mysql", at):
                (cut.comments if token.kind == "comment" else cut.tokens).append(token)
        except Unclosed as problem:
            broken = problem
        if cut.tokens or broken is not None:
            yield cut.statement(broken)
        at = stop + len(delimiter)


def _after(text: str, problem: Unclosed) -> int:
    """Where to go on behind something without an end: at the next line that begins a statement."""
    found = _RECOVER.search(text, problem.start)
    return found.start() if found else len(text)


def _read(text: Text, at: int, dialect: str, cut: _Cut) -> int:
    """Reads one statement into `cut`; where the next one begins."""
    while (token := next(tokens(text.text, dialect, at), None)) is not None:
        first = not text.text[text.line_start(token.start) : token.start].strip()
        if first and not cut.tokens and dialect == "mysql" and token.word == "DELIMITER":
            return text.line_start(token.start)
        if first and (skipped := _line_of_its_own(text, text.line_start(token.start), dialect, cut)) is not None:
            if cut.tokens:
                return skipped
            at = skipped
            continue
        if token.kind == "comment":
            cut.comments.append(token)
        elif first and _ends_before(token, dialect, cut):
            return token.start
        elif token.kind == "sign" and token.value == ";" and _ends_at_semicolon(dialect, cut):
            return token.end
        else:
            _take(token, cut)
        at = token.end
    return len(text.text)


def _line_of_its_own(text: Text, at: int, dialect: str, cut: _Cut) -> int | None:
    """Behind a line that is no SQL but an order to the tool that runs it; None where there is none at the offset."""
    if dialect == "tsql" and (found := _GO.match(text.text, at)):
        return found.end()
    if dialect == "oracle" and (found := _SLASH.match(text.text, at)):
        return found.end()
    if cut.tokens:
        return None
    if dialect in ("postgres", "oracle", "sqlite") and (found := _META.match(text.text, at)):
        return found.end()
    return None


def _ends_before(token: Token, dialect: str, cut: _Cut) -> bool:
    """Whether a statement ends before the first word of a line."""
    if not cut.tokens or cut.is_procedure:
        return False
    if dialect == "tsql" and cut.depth == 0 and token.word in _STARTS:
        return True
    # A bracket that is never closed would take the rest of the file with it.
    return cut.depth > 0 and token.word in _RECOVERY and cut.tokens[-1].value == ";"


def _ends_at_semicolon(dialect: str, cut: _Cut) -> bool:
    if cut.is_procedure:
        if dialect == "tsql" or (cut.is_oracle and any(token.word == "PACKAGE" for token in cut.tokens[:6])):
            return False
        return cut.blocks == 0 and (cut.begun or dialect != "oracle")
    return cut.depth == 0


def _take(token: Token, cut: _Cut) -> None:
    if token.kind == "sign" and token.value in "()":
        cut.depth = max(0, cut.depth + (1 if token.value == "(" else -1))
    if cut.is_procedure:
        before = cut.tokens[-1].word if cut.tokens else ""
        if token.word in ("BEGIN", "CASE") and before != "END":
            cut.blocks += 1
            cut.begun = True
        elif token.word == "END":
            cut.blocks = max(0, cut.blocks - 1)
        elif token.word in ("IF", "LOOP", "WHILE", "FOR", "REPEAT") and before == "END":
            cut.blocks += 1
    cut.tokens.append(token)
