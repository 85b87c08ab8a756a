"""What of a comment is words: without the lines that are drawn around it, and none where it is code put aside."""

from __future__ import annotations

import re

_LETTER = re.compile(r"[^\W\d_]")
_EDGE = re.compile(r"^[\s\-=*#_~+|/]+|[\s\-=*#_~+|/]+$")
_CODE = re.compile(r"[,;({]\s*$|^\s*(?:CREATE|ALTER|DROP|CONSTRAINT|INSERT|SELECT|GRANT)\b")


def plain_comment(text: str) -> str:
    """The words of a comment in one line; empty where it has none, or is code."""
    lines = (_EDGE.sub("", line) for line in text.splitlines())
    words = " ".join(" ".join(lines).split())
    return words if _LETTER.search(words) and not _CODE.search(words) else ""
