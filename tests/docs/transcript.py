"""Compares what a page says a command prints with what it printed.

Lines are compared in order and gaps are allowed, so that a page may show an excerpt. `...` or `…` stands for anything
within a line; table borders and runs of blanks count as one blank. An id (a UUID) in a page stands for the id that was
printed where it first appears; later commands of the page get the printed one.
"""

from __future__ import annotations

import re

UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
BORDERS = re.compile(r"[\s─-╿|]+")
ANYTHING = re.compile(r"\s?(?:\.\.\.|…)\s?")


def plain(line: str) -> str:
    """The line without table borders, its blanks collapsed."""
    return BORDERS.sub(" ", line).strip()


def substitute(command: str, ids: dict[str, str]) -> str:
    """The command with the page's ids replaced by the printed ones."""
    return UUID.sub(lambda found: ids.get(found[0], found[0]), command)


def missing(expected: list[str], printed: list[str], ids: dict[str, str]) -> str | None:
    """The first expected line that was not printed after the ones before it, or None; binds new ids in `ids`."""
    rest = iter([plain(line) for line in printed])
    for line in map(plain, expected):
        if not line or not ANYTHING.sub("", line):
            continue
        pattern, fresh = _pattern(line, ids)
        found = next((match for text in rest if (match := pattern.fullmatch(text))), None)
        if found is None:
            return line
        ids.update(zip(fresh, found.groups(), strict=True))
    return None


def _pattern(line: str, ids: dict[str, str]) -> tuple[re.Pattern[str], list[str]]:
    fresh, parts, end = list[str](), list[str](), 0
    for found in UUID.finditer(line):
        parts.append(_wild(line[end : found.start()]))
        if found[0] in ids:
            parts.append(re.escape(ids[found[0]]))
        elif found[0] in fresh:
            parts.append(rf"(?:\{fresh.index(found[0]) + 1})")
        else:
            fresh.append(found[0])
            parts.append(rf"({UUID.pattern})")
        end = found.end()
    parts.append(_wild(line[end:]))
    return re.compile("".join(parts)), fresh


def _wild(text: str) -> str:
    return ".*".join(re.escape(part) for part in ANYTHING.split(text))
