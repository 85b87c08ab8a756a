"""The SQL statements in the text of a function, as far as memreg writes them: enough to ask whose rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

_COMMENT = re.compile(r"--[^\n]*")
_ASKS = re.compile(r"\b(from|join|into|update|using)\s+memreg\.", re.I)
_ATOMIC = re.compile(r"^\s*begin atomic\s*(.*?)\s*end\s*$", re.I | re.S)
_START = re.compile(r"\b(with|select|insert|update|delete|perform)\b", re.I)
_INTO = re.compile(r"\binto\s+(?!memreg\.)[\w.]+(\s*,\s*[\w.]+)*", re.I)


def statements_of(language: str, text: str) -> Iterator[str]:
    """Each statement that reads or writes a table of memreg, as sqlglot understands it."""
    plain = _COMMENT.sub("", text)
    if language == "sql":
        atomic = _ATOMIC.match(plain)
        for part in (atomic[1] if atomic else plain).split(";"):
            if _ASKS.search(part):
                yield re.sub(r"^\s*return\b", "select", part, flags=re.I)
        return
    for part in re.split(r";|\bloop\b|\bbegin\b|\bthen\b", plain):
        if not _ASKS.search(part):
            continue
        start = _START.search(part)
        assert start is not None, f"nothing begins in {part!r}"
        before, asked = part[: start.start()], part[start.start() :]
        asked = re.sub(r"^perform\b", "select", asked, flags=re.I)
        if before.count("(") > before.count(")"):
            asked = f"select {before[before.index('(') :]}{asked}"
        yield _INTO.sub("", asked).strip()
