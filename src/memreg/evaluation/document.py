"""A report as data: headings, paragraphs, tables, plots and lists, for any form that it is written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the report's own."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a header; the columns in `right` hold numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Lines:
    """Items, one a line."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Plot:
    """An SVG, and what it shows in words."""

    svg: str
    alt: str


Block = Heading | Paragraph | Table | Lines | Plot
