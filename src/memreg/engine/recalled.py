"""Memories as a block of text for a prompt, and a text without such blocks, so that what was recalled is not learned
again.

A block is one mark, a line for each memory, and a closing mark:

    <recalled-memories>
    - Person {"name": "Ana Lopez", "city": "Oslo"} [recalled]
    </recalled-memories>

A value cannot end a block or a line: its braces, angle brackets and ampersands are written as JSON escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from memreg.engine.model import Stored
from memreg.registry.models import SchemaVersion

_NAME = "recalled-memories"
_LINE_MARK = "recalled"

# What a value must not hold literally: what marks are made of, what breaks a line somewhere, what turns text around,
# and the invisible characters of tags.
_ESCAPED = re.compile("[<>{}&＜＞\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]")

# What may get into a mark on its way through editors, mail and other programs: white space, the quote signs of a line
# that was broken, invisible characters, one kind of dash for another.
_GAP = r"[\s>\u00ad\u200b-\u200d\u2060\ufeff]*"
_OPENS, _CLOSES, _SLASH = r"\\?(?:<|&lt;|＜)", rf"{_GAP}?\\?(?:>|&gt;|＞)", r"(?P<closing>/)"
_LETTERS = _GAP.join(r"[-_‐‑–]?" if letter == "-" else letter for letter in _NAME)
_MARK = re.compile(rf"{_OPENS}{_GAP}(?:{_SLASH}{_GAP})?{_LETTERS}{_CLOSES}", re.IGNORECASE)
_LINE = re.compile(
    rf"(?:\b[A-Za-z]\w{{0,62}}\s*)?\{{[^{{}}:]*:[^{{}}]*\}}{_GAP}\[{_GAP}{_GAP.join(_LINE_MARK)}{_GAP}\]", re.IGNORECASE
)
# Signs of quotes, lists and emphasis: a line that has nothing else beside a mark says nothing.
_SIGNS = " \t\r\n>|*_`•‣·#+-–—\u200b\ufeff"
_AFTER = " \t\r*_`|\u200b\ufeff"
_NUMBER = re.compile(r"\d{1,4}[.)]")


def recalled(memories: Iterable[Stored[Any]], *, without_pii_of: SchemaVersion | None = None) -> str:
    """Memories as text to put into a prompt, a line each, between marks that ingest recognises; "" for none.

    A line has the class and the values as JSON: no ids, no times, nothing that is null. With `without_pii_of`, such as
    `engine.version()`, only columns that this version has and does not call `pii` are shown, and a memory that is left
    with none is left out. The text ends without a line break.

    What is ingested later may hold the block, whole or in part: a block is ignored together with its marks, quoted or
    indented or with marks of other case and spacing too, and so is a copied line as long as its braces and the
    `[recalled]` after them are there. What was said again in other words is not recognised.
    """
    shown = [(memory.class_name, _values(memory, without_pii_of)) for memory in memories]
    lines = [f"- {_word(name)} {_json(values)} [{_LINE_MARK}]" for name, values in shown if values]
    return "\n".join([f"<{_NAME}>", *lines, f"</{_NAME}>"]) if lines else ""


def without_recalled(text: str) -> str:
    """A text without what `recalled` made; as it is where nothing is recognised.

    A block inside another belongs to it, and one that is not closed goes to the end of the text. Of what is around,
    only white space next to a cut is changed, and the quote and list signs of a line that had nothing else.
    """
    text = _without(text, list(_blocks(text)))
    return _without(text, [found.span() for found in _LINE.finditer(text)])


def _values(memory: Stored[Any], version: SchemaVersion | None) -> dict[str, Any]:
    given = memory.values
    values: Mapping[str, Any] = given if isinstance(given, Mapping) else given.model_dump(mode="json", by_alias=True)
    if version is not None:
        spec = version.spec.by_name.get(memory.class_name)
        columns = {column.name for column in spec.columns if not column.pii} if spec else set()
        values = {name: value for name, value in values.items() if name in columns}
    return {name: value for name, value in values.items() if value is not None}


def _json(values: Mapping[str, Any]) -> str:
    parts = (f"{_encoded(str(name))}: {_encoded(value)}" for name, value in values.items())
    return "{" + ", ".join(parts) + "}"


def _encoded(value: Any) -> str:
    return _ESCAPED.sub(_escape, json.dumps(value, ensure_ascii=False, default=str))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\u{ord(character):04x}" if character.isascii() else json.dumps(character)[1:-1]


def _word(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Where the blocks are, the outermost ones; a closing mark alone is one too."""
    depth = start = 0
    for mark in _MARK.finditer(text):
        if depth == 0:
            start = mark.start()
        depth = max(0, depth + (-1 if mark["closing"] else 1))
        if depth == 0:
            yield start, mark.end()
    if depth:
        yield start, len(text)


def _without(text: str, cuts: Sequence[tuple[int, int]]) -> str:
    if not cuts:
        return text
    bounds = [0, *(place for cut in cuts for place in cut), len(text)]
    pieces = [text[start:end] for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
    first, *middle, last = pieces
    kept = [_before_cut(first), *(_before_cut(_after_cut(piece)) for piece in middle), _after_cut(last)]
    return "\n".join(piece for piece in kept if piece)


def _before_cut(piece: str) -> str:
    above, _, line = piece.rpartition("\n")
    left = line.strip(_SIGNS)
    says_nothing = not left or _NUMBER.fullmatch(left)
    return (above if says_nothing else piece).rstrip()


def _after_cut(piece: str) -> str:
    line, _, below = piece.partition("\n")
    return (piece if line.strip(_AFTER) else below).lstrip()
