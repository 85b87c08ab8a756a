"""The documentation as values: pages, their fenced blocks, headings and links.

A fence's info string says what the tests do with it: `title="x.yaml"` writes the block to that file before what
follows, `no-run` keeps the block from being run. Fences inside HTML comments count: they prepare what the reader
already has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPENING = re.compile(r"^(?P<indent> *)(?P<marks>```+)(?P<language>[\w-]*)(?P<info>.*)$")
TITLE = re.compile(r'title="([^"]+)"')
HEADING = re.compile(r"^#+ +(.*?) *$")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Fence:
    """One fenced block: where it starts (1-based line), its language, title and text."""

    path: Path
    line: int
    language: str
    title: str | None
    runs: bool
    text: str

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    def __str__(self) -> str:
        return self.where


def pages() -> list[Path]:
    """Every Markdown page that a reader may open."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def name_of(page: Path) -> str:
    """The page's path from the root, for test ids."""
    return str(page.relative_to(ROOT))


def fences(page: Path) -> Iterator[Fence]:
    """The fenced blocks of a page, in order; their common indentation is taken off."""
    opening: re.Match[str] | None = None
    start, block = 0, list[str]()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if opening is None:
            opening, start, block = OPENING.match(line), number, []
        elif line.strip() == opening["marks"]:
            info = opening["info"]
            title = TITLE.search(info)
            text = "".join(f"{row.removeprefix(opening['indent'])}\n" for row in block)
            runs = "no-run" not in info.split()
            yield Fence(page, start, opening["language"], title[1] if title else None, runs, text)
            opening = None
        else:
            block.append(line)
    assert opening is None, f"{name_of(page)}:{start}: the fence is never closed"


def prose(page: Path) -> str:
    """The page's text without its fenced blocks."""
    kept, marks = list[str](), ""
    for line in page.read_text().splitlines():
        opening = OPENING.match(line)
        if marks:
            marks = "" if line.strip() == marks else marks
        elif opening:
            marks = opening["marks"]
        else:
            kept.append(line)
    return "\n".join(kept)


def anchors(page: Path) -> set[str]:
    """The anchors that the usual renderers make of the page's headings."""
    slugs = set[str]()
    for line in prose(page).splitlines():
        heading = HEADING.match(line)
        if heading:
            words = re.sub(r"[^\w\- ]", "", heading[1].replace("`", "").lower())
            slugs.add(words.replace(" ", "-"))
    return slugs


def links(page: Path) -> list[str]:
    """The targets of the page's links, images apart."""
    return LINK.findall(CODE_SPAN.sub("", prose(page)))


def commands(fence: Fence) -> list[str]:
    """The shell commands of a console block, continuation lines joined."""
    joined = fence.text.replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


def code_spans(page: Path) -> list[str]:
    """The page's inline code."""
    return CODE_SPAN.findall(prose(page))
