"""A report's blocks as Markdown, or as one HTML file that needs nothing beside it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from memreg.evaluation.document import Block, Heading, Lines, Paragraph, Plot, Table

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
_BREAKS = re.compile(r"[\r\n\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin-top: 1.6rem; }
table { border-collapse: collapse; margin: 0.8rem 0; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: 0.2rem 0.8rem 0.2rem 0; }
th, td { text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; background: white; }
li { overflow-wrap: anywhere; }
"""


def markdown(blocks: Iterable[Block]) -> str:
    """The blocks as Markdown. A plot becomes its words: Markdown has no place for one in the same file."""
    return "\n\n".join(filter(None, map(_markdown, blocks))) + "\n"


def html_page(blocks: Iterable[Block], title: str) -> str:
    """The blocks as one HTML file; its plots are in it, and it loads nothing."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title>",
            f"<style>{STYLE}</style></head><body>",
            *(line for block in blocks for line in _html(block)),
            "</body></html>",
            "",
        ]
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_escaped(text)}"
        case Paragraph(text):
            return _escaped(text)
        case Lines(items):
            return "\n".join(f"- {_escaped(item)}" for item in items)
        case Table(header, rows, right):
            rule = ["---:" if index in right else "---" for index in range(len(header))]
            cells = [[_escaped(cell) for cell in row] for row in [header, *rows]]
            return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], rule, *cells[1:]])
        case Plot():
            return ""


def _html(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"<h{level}>{_text(text)}</h{level}>"
        case Paragraph(text):
            yield f"<p>{_text(text)}</p>"
        case Lines(items):
            yield "<ul>"
            yield from (f"<li>{_text(item)}</li>" for item in items)
            yield "</ul>"
        case Table(header, rows, right):
            yield "<table>"
            yield from (_row(cells, right, tag) for tag, cells in [("th", header), *(("td", row) for row in rows)])
            yield "</table>"
        case Plot(svg, alt):
            yield f'<figure role="img" aria-label="{html.escape(_BREAKS.sub(" ", alt))}">{svg}</figure>'


def _row(cells: Iterable[str], right: frozenset[int], tag: str) -> str:
    written = (
        f'<{tag} class="number">{_text(cell)}</{tag}>' if index in right else f"<{tag}>{_text(cell)}</{tag}>"
        for index, cell in enumerate(cells)
    )
    return f"<tr>{''.join(written)}</tr>"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _BREAKS.sub(" ", text))


def _text(text: str) -> str:
    return html.escape(_BREAKS.sub(" ", text))
