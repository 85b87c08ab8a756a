"""Streams: records out of JSON lines and tables, and each line that holds none told by its number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memreg.core.errors import EvaluationRefused
from memreg.evaluation.run import begun
from memreg.evaluation.streams import StreamProblem, StreamRecord, lines_of, read_stream


def line(number: int = 1, **changes: Any) -> str:
    record: dict[str, Any] = {"record_id": f"r{number}", "entity_id": "e", "source": "s", "fields": {"name": "ana"}}
    return json.dumps({key: value for key, value in (record | changes).items() if value != "absent"}) + "\n"


def read(path: Path, content: str | bytes) -> tuple[list[StreamRecord], dict[int, str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    items = list(read_stream(path))
    return [each for each in items if isinstance(each, StreamRecord)], {
        each.line: each.error for each in items if isinstance(each, StreamProblem)
    }


def test_records_keep_their_order_and_lines(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "s.jsonl", "\n" + line(1) + "\r\n" + line(2, source=None))
    assert not problems
    assert [(each.line, each.record_id, each.source) for each in records] == [(2, "r1", "s"), (4, "r2", "")]
    assert records[0].fields == {"name": "ana"}


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "s.jsonl", b"\xef\xbb\xbf" + line(1).encode())
    assert (len(records), problems) == (1, {})


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("{nonsense\n", "it is not JSON"),
        ("[1, 2]\n", "a record is an object"),
        (line(9, record_id="absent"), "record_id is missing"),
        (line(9, record_id="  "), "record_id is missing"),
        (line(9, record_id=True), "record_id is missing"),
        (line(9, entity_id=None), "entity_id is missing"),
        (line(9, record_id="a\0b"), "NUL"),
        (line(9, fields="absent"), "fields is missing"),
        (line(9, fields=["name"]), "fields is missing"),
        (line(1), "the record_id 'r1' is that of line 1 too"),
        ("[" * 100_000 + "\n", "nested too deep"),
    ],
)
def test_a_bad_line_is_told_by_number_and_the_rest_goes_on(tmp_path: Path, bad: str, told: str) -> None:
    records, problems = read(tmp_path / "s.jsonl", line(1) + bad + line(3))
    assert [each.line for each in records] == [1, 3]
    assert list(problems) == [2]
    assert told in problems[2]


def test_a_line_that_is_no_text(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "s.jsonl", line(1).encode() + b'{"record_id": "\xff"}\n' + line(3).encode())
    assert len(records) == 2
    assert problems == {2: "byte 16 is not UTF-8; save the file as UTF-8"}


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    records, _ = read(tmp_path / "s.jsonl", line(1, record_id=7, entity_id=8))
    assert (records[0].record_id, records[0].entity_id) == ("7", "8")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table(tmp_path: Path, delimiter: str) -> None:
    rows = [["record_id", "entity_id", "source", "name", "city"], ["1", "a", "s", "Ana", ""], ["2", "a", "", "An", "x"]]
    text = "".join(delimiter.join(row) + "\r\n" for row in rows)
    records, problems = read(tmp_path / "s.csv", text)
    assert not problems
    assert [(each.record_id, each.source, dict(each.fields)) for each in records] == [
        ("1", "s", {"name": "Ana"}),
        ("2", "", {"name": "An", "city": "x"}),
    ]


def test_a_table_with_quotes_and_bad_rows(tmp_path: Path) -> None:
    text = (
        "record_id,entity_id,name\n"
        '1,a,"Ana ""A"" Lopez, of\nOslo"\n'  # lines 2 and 3
        "2,a\n"  # 4: too short
        ",a,Ana\n"  # 5: no id
        "3,b,Bo\n"
    )
    records, problems = read(tmp_path / "s.csv", text)
    assert [(each.line, each.fields["name"]) for each in records] == [(2, 'Ana "A" Lopez, of\nOslo'), (6, "Bo")]
    assert problems[4] == "it has 2 cells and the header has 3"
    assert problems[5].startswith("record_id is missing")


def test_a_table_row_that_is_no_text_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "s.csv", b"record_id,entity_id,name\n1,a,\xff\n2,a,Ana\n")
    assert [each.line for each in records] == [3]
    assert "is not UTF-8" in problems[2]


@pytest.mark.parametrize(
    ("header", "told"), [("id,name", "lacks record_id and entity_id"), ("record_id,entity_id,a,a", "names 'a' twice")]
)
def test_a_header_that_cannot_be(tmp_path: Path, header: str, told: str) -> None:
    with pytest.raises(EvaluationRefused, match=told):
        read(tmp_path / "s.csv", header + "\n1,2\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EvaluationRefused, match="it cannot be read"):
        list(read_stream(tmp_path / "none.jsonl"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "it is empty; write one record a line"),
        ("\n \n", "it is empty"),
        ("{\n", "no line of it is a record; of line 1"),
    ],
)
def test_a_stream_without_a_record(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(content)
    with pytest.raises(EvaluationRefused, match=told):
        begun(read_stream(path), path)


def test_begun_gives_everything_once(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text("{\n" + line(1) + line(2))
    assert [each.line for each in begun(read_stream(path), path)] == [1, 2, 3]


def test_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(line(1) * 3)
    assert lines_of(path) >= 3
