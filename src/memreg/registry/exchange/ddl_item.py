"""One column of a CREATE TABLE, read by sqlglot: what a dialect's parser does not know is taken off and told."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from memreg.registry.exchange.lexer import Token

# What vendors write behind a column that says nothing of its values, and that sqlglot does not parse.
_VENDOR = re.compile(
    r"""\b(?:
        SPARSE | ROWGUIDCOL | FILESTREAM | (?:(?:NON)?CLUSTERED)\b(?!\s*\() | NOT\s+FOR\s+REPLICATION
      | MASKED\s+WITH\s*\((?:[^()']|'[^']*'|\([^()]*\))*\) | ENCRYPTED\s+WITH\s*\([^()]*\)
      | SRID\s+\d+ | ON\s+CONFLICT\s+\w+ | (?:IN)?VISIBLE | (?:EN|DIS)ABLE(?:\s+(?:NO)?VALIDATE)?
      | (?:NO)?VALIDATE | (?:NOT\s+)?DEFERRABLE(?:\s+INITIALLY\s+\w+)? | INITIALLY\s+(?:DEFERRED|IMMEDIATE)
      | USING\s+INDEX(?:\s+TABLESPACE\s+\w+)? | STORAGE\s+(?:PLAIN|EXTERNAL|EXTENDED|MAIN|DEFAULT)
      | COMPRESSION\s+\w+ | ENCODE\s+\w+ | COLUMN_FORMAT\s+\w+ | ENGINE_ATTRIBUTE\s*=?\s*'[^']*'
      | (?<=\))\s*(?:VIRTUAL|STORED|PERSISTED)
    )\b|(?<=\))\s*(?:VIRTUAL|STORED|PERSISTED)\b|\bMASKED\s+WITH\s*\((?:[^()']|'[^']*'|\([^()]*\))*\)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_QUIET_VENDOR = re.compile(r"VIRTUAL|STORED|PERSISTED|ENABLE|VALIDATE|CLUSTERED|DEFERR|INITIALLY|USING", re.IGNORECASE)
_TYPES = (
    (re.compile(r"\bUNSIGNED\s+BIG\s+INT\b", re.IGNORECASE), "BIGINT"),
    (re.compile(r"\bNATIVE\s+CHARACTER\b", re.IGNORECASE), "CHAR"),
    (re.compile(r"\bVARYING\s+CHARACTER\b", re.IGNORECASE), "VARCHAR"),
    (re.compile(r"\bINTERVAL\s+(?:DAY|YEAR)\s*(?:\(\d+\))?\s+TO\s+\w+\s*(?:\(\d+\))?", re.IGNORECASE), "INTERVAL"),
    (re.compile(r"\bLONG\s+RAW\b", re.IGNORECASE), "BLOB"),
    (re.compile(r"\bNATIONAL\s+(?=(?:VAR)?CHAR)", re.IGNORECASE), ""),
)
_CLAUSES = frozenset(
    {"NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "REFERENCES", "CHECK", "CONSTRAINT", "COMMENT", "COLLATE",
     "GENERATED", "IDENTITY", "AUTO_INCREMENT", "AUTOINCREMENT", "OPTIONS", "AS", "ON", "CHARACTER", "WITH", "FOREIGN"}
)  # fmt: skip


@dataclass(slots=True)
class ReadColumn:
    """A column as sqlglot has it, and the words that were taken off because its parser does not know them."""

    node: exp.ColumnDef | None
    vendor: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read_column(raw: str, tokens: tuple[Token, ...], dialect: str) -> ReadColumn:
    """The column that tokens of a text define; `node` None where not even its name and type can be read."""
    text = raw[tokens[0].start : tokens[-1].end]
    if (node := parse_column(text, dialect)) is not None:
        return ReadColumn(node)
    vendor: list[str] = []

    def blank(found: re.Match[str]) -> str:
        word = " ".join(found[0].split())
        if not _QUIET_VENDOR.search(word):
            vendor.append(word)
        return " "

    # The name itself may be such a word.
    head = raw[tokens[0].start : tokens[0].end]
    rest = raw[tokens[0].end : tokens[-1].end]
    for pattern, other in _TYPES:
        rest = pattern.sub(other, rest)
    rest = _VENDOR.sub(blank, rest)
    if (node := parse_column(head + rest, dialect)) is not None:
        return ReadColumn(node, vendor)
    return _piecewise(raw, tokens, dialect)


def parse_column(text: str, dialect: str) -> exp.ColumnDef | None:
    """The definition of one column, None where it does not parse as such."""
    found = parse(f"CREATE TABLE t (\n{text}\n)", dialect)
    if not isinstance(found, exp.Create) or not isinstance(found.this, exp.Schema) or len(found.this.expressions) != 1:
        return None
    first = found.this.expressions[0]
    if isinstance(first, exp.Identifier):
        return exp.ColumnDef(this=first)
    if not isinstance(first, exp.ColumnDef) or not isinstance(first.this, exp.Identifier):
        return None
    return first


def parse_condition(text: str, dialect: str) -> exp.Expression | None:
    """A condition, as stands in a CHECK; None where it does not parse."""
    found = parse(f"SELECT 1 WHERE {text}", dialect)
    where = found.args.get("where") if found is not None else None
    return where.this if isinstance(where, exp.Where) else None


def parse(text: str, dialect: str) -> exp.Expression | None:
    """One statement, None where it does not parse."""
    with _silence():
        try:
            found = sqlglot.parse_one(text, read=dialect)
        except (SqlglotError, RecursionError, ValueError):
            return None
    return found if isinstance(found, exp.Expression) and not isinstance(found, exp.Command) else None


def _piecewise(raw: str, tokens: tuple[Token, ...], dialect: str) -> ReadColumn:
    """Clause by clause: those that do not parse are left out and told."""
    starts = [0]
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind == "sign" and token.value in "()":
            depth += 1 if token.value == "(" else -1
        before = tokens[index - 1].word if index else ""
        follows = (token.word, before) in (("NULL", "NOT"), ("NULL", "DEFAULT"), ("NULL", "SET"), ("AS", "ALWAYS"),
                                            ("AS", "DEFAULT"), ("NULL", "ON"), ("IDENTITY", "AS"))  # fmt: skip
        if index > 1 and depth == 0 and token.word in _CLAUSES and not follows:
            starts.append(index)
    pieces = [
        raw[tokens[start].start : tokens[end - 1].end]
        for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True)
    ]
    kept = pieces[0]
    node = parse_column(kept, dialect)
    if node is None:
        return ReadColumn(None)
    unread: list[str] = []
    for piece in pieces[1:]:
        longer = parse_column(f"{kept} {piece}", dialect)
        if longer is None:
            unread.append(" ".join(piece.split()))
        else:
            kept, node = f"{kept} {piece}", longer
    return ReadColumn(node, unread=unread)


class _Nothing(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        return False


@contextmanager
def _silence() -> Iterator[None]:
    """sqlglot tells on its log what it does not parse; here it is told as a note."""
    logger, nothing = logging.getLogger("sqlglot"), _Nothing()
    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)
