"""Reading files line by line, bounded, and printing values as people and machines need them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from memreg.cli import lines
from memreg.cli.lines import Source
from memreg.cli.messages import read_messages, read_turns
from memreg.cli.output import data_of, plain, safe
from memreg.engine.model import Action, Message, Proposal


def source(content: bytes) -> Source:
    return Source(io.BytesIO(content), "x.jsonl")


class Pipe(io.BytesIO):
    """A stream that cannot go back."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation(offset, whence)


def test_lines_have_numbers_and_no_breaks() -> None:
    found = list(source(b"\xef\xbb\xbfone\r\n\n  \ntwo\nthree").lines())
    assert [(line.number, line.text) for line in found] == [(1, "one"), (4, "two"), (5, "three")]


def test_a_line_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 10)
    found = list(source(b"x" * 35 + b"\nshort\n" + b"y" * 12).lines())
    assert [(line.number, line.text, line.error is None) for line in found] == [
        (1, "", False),
        (2, "short", True),
        (3, "", False),
    ]


def test_the_bytes_taken_are_counted() -> None:
    reading = source(b"one\ntwo\n")
    assert [reading.taken for _ in reading.lines()] == [4, 8]


def test_plain_text_is_a_message_a_line() -> None:
    found = list(read_messages(source(b"Hello\n[10:31] {not json}\n")))
    assert [each.message for each in found] == [Message("Hello"), Message("[10:31] {not json}")]


def test_objects_are_read_whole() -> None:
    text = json.dumps({"text": "Hello", "id": "a", "session": "s", "role": "tool", "at": "2026-11-20T09:30:00+01:00"})
    (found,) = read_messages(source(text.encode()))
    at = datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=1)))
    assert found.message == Message("Hello", "a", "s", "tool", at)
    assert next(read_messages(source(b'{"text": "x", "id": null, "role": null}'))).message == Message("x")


@pytest.mark.parametrize("deep", [b'{"text": ' + b"[" * 200_000, b'{"text": "x", "at": "2026-13-01"}', b"{}"])
def test_what_is_no_message_is_a_problem(deep: bytes) -> None:
    (found,) = read_messages(source(deep))
    assert found.message is None
    assert [problem.line for problem in found.problems] == [1]


@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
def test_turns_are_whole_and_at_their_last_line(stream: type[io.BytesIO]) -> None:
    rows = [("a", "1"), (None, "2"), ("b", "3"), ("a", "4"), ("b", "5")]
    content = "".join(
        json.dumps({"class": "C", "values": {"n": n}, "message_id": message_id}) + "\n" for message_id, n in rows
    )
    found = list(read_turns(Source(stream(content.encode()), "x")))
    names = [each.message.id if each.message else None for each in found]
    assert names == [None, "a", "b"]
    assert found[1].proposals == (Proposal("C", {"n": "1"}), Proposal("C", {"n": "4"}))
    assert [each.line for each in found] == [2, 1, 3]


def test_a_turn_with_a_bad_line_is_not_taken() -> None:
    content = b'{"class": "C", "values": {}, "message_id": "a"}\n\xff\n{"class": "C", "values": 3, "message_id": "a"}\n'
    unreadable, turn = read_turns(source(content))
    assert [(problem.line, "UTF-8" in problem.error) for problem in unreadable.problems] == [(2, True)]
    assert turn.proposals is None
    assert "lines 1, 3" in turn.problems[0].error


def test_control_characters_are_shown() -> None:
    assert safe("a\x1b[31m\r\u202eb\tc\nd") == "a\\x1b[31m\\r\\u202eb\tc\nd"


def test_values_for_machines_and_people() -> None:
    at = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    given = {"id": UUID(int=1), "at": at, "action": Action.CREATE, "raw": b"\1", "none": None, "list": ("a", 1.5)}
    data = data_of(given)
    assert json.loads(json.dumps(data)) == data
    assert data["action"] == "CREATE"
    assert data["list"] == ["a", 1.5]
    assert plain({"name": "Ana", "tags": ["a", "b"], "rating": 4.5, "old": True}) == (
        "name: Ana · tags: a, b · rating: 4.5 · old: yes"
    )
    assert (plain(0.5), plain(None), plain(at)) == ("0.5000", "", "2026-11-20 09:30:00")
