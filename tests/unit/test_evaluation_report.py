"""The report's forms: Markdown and HTML that hostile values cannot break, plots that are the same each time."""

from __future__ import annotations

import builtins
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from memreg.core.errors import EvaluationRefused, PlotsUnavailable
from memreg.evaluation.document import Block, Heading, Lines, Paragraph, Plot, Table
from memreg.evaluation.judge import Outcome, judge
from memreg.evaluation.plots import histogram, sweep_plot
from memreg.evaluation.render import html_page, markdown
from memreg.evaluation.report import check_report_path, confusion
from memreg.evaluation.sweep import Point

HOSTILE = "<script>alert(1)</script> | `x` *y* [z](u) &amp; \n# a"
BLOCKS: list[Block] = [
    Heading(1, "A report"),
    Paragraph(HOSTILE),
    Table(["field", "count"], [[HOSTILE, "1"]], frozenset({1})),
    Lines([HOSTILE]),
    Plot("<svg></svg>", "what it shows"),
]


class Tags(HTMLParser):
    """Collects tags, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href"}, "the file must need nothing beside it"

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_shows_hostile_text_as_text() -> None:
    page = Tags(html_page(BLOCKS, HOSTILE))
    assert "script" not in page.tags
    assert page.tags.count("td") == 2
    assert "svg" in page.tags
    assert page.text.count("<script>alert(1)</script>") == 4  # the title among them


def test_markdown_keeps_hostile_text_in_its_cell() -> None:
    text = markdown(BLOCKS)
    row = next(line for line in text.splitlines() if line.endswith("| 1 |"))
    assert row.replace(r"\|", "").count("|") == 3
    assert "<script>" not in text
    assert "\n# a" not in text
    assert "| --- | ---: |" in text


def test_the_confusion_table() -> None:
    outcomes = [
        Outcome("1", "a", "s", "CREATE", "new", "m1"),
        Outcome("2", "a", "s", "UPDATE", "score", "m1"),
        Outcome("3", "b", "s", "UPDATE", "score", "m1"),
        Outcome("4", "a", "s", "CREATE", "new", "m2"),
        Outcome("5", "a", "s", "UPDATE", "score", "m1"),
    ]
    table = confusion(tuple(judge(outcomes)))
    assert table.header == [
        "decision", "right: the same entity", "right: a new entity", "false update", "missed update",
    ]  # fmt: skip
    assert table.rows == [["UPDATE score", "2", "0", "1", "0"], ["CREATE new", "0", "1", "0", "1"]]


def test_the_histogram_is_the_same_each_time_and_well_formed() -> None:
    scores = {"the same": [0.9, 0.95, 1.0], "another": [0.1, 0.2], "unknown": []}
    first = histogram(scores, {"update": 0.8, "possible": 0.55}, title="Scores")
    assert first == histogram(scores, {"update": 0.8, "possible": 0.55}, title="Scores")
    text = "".join(ET.fromstring(first).itertext())
    for told in ("the same (3)", "another (2)", "update", "possible", "Scores"):
        assert told in text
    assert "unknown" not in text


@pytest.mark.parametrize("scores", [{}, {"nothing": []}, {"one": [0.5]}])
def test_a_histogram_of_little(scores: Mapping[str, Sequence[float]]) -> None:
    for log in (True, False):
        assert ET.fromstring(histogram(scores, [0.8], log=log)).tag.endswith("svg")


def test_the_sweep_is_drawn() -> None:
    points = [Point(0.5, 3, 0, 0.03, 0.0), Point(0.8, 0, 2, 0.0, 0.2)]
    text = "".join(ET.fromstring(sweep_plot(points, [0.8], title="Sweep")).itertext())
    assert "false updates" in text
    assert ET.fromstring(sweep_plot([])).tag.endswith("svg")


@pytest.mark.parametrize("name", ["r.pdf", "report"])
def test_a_report_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(EvaluationRefused, match=r"written as \.md or \.html"):
        check_report_path(Path(name))


def test_without_matplotlib_html_is_refused_in_words_and_markdown_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(PlotsUnavailable, match=r'pip install "memreg\[plots\]"'):
        check_report_path(Path("r.html"))
    with pytest.raises(PlotsUnavailable):
        histogram({"a": [0.5]})
    check_report_path(Path("r.md"))
