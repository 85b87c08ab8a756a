"""The file of a recording: what a person reads in it, its modes, and what is said where there is no answer."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from memreg.core.errors import SettingsInvalid
from memreg.testing import NotRecorded, Recording, RecordingInvalid
from memreg.testing.recording import Mode, Question

ANA = Question("role: user\n<message-1>\nAna moved\n</message-1>", "abc", "Ana moved")
BO = Question("Bo moved", "abc")
ANSWER: dict[str, Any] = {"value": {"items": [{"class": "Person", "values": {"name": "Ana", "born": "2026-03-02"}}]}}

WRITTEN = """\
# What a language model was asked and what it answered, for tests. Messages and answers are in it as they were.
# Ask anew: MEMREG_RECORDING=record. Start over: delete this file first.
recording: 1
answers:
  - asked: |-
      role: user
      <message-1>
      Ana moved
      </message-1>
    prompt: abc
    answer:
      value:
        items:
          - class: Person
            values:
              name: Ana
              born: '2026-03-02'
"""


def test_what_a_person_reads(tmp_path: Path) -> None:
    Recording(tmp_path / "r.yaml", "record").keep(ANA, ANSWER)
    assert (tmp_path / "r.yaml").read_text() == WRITTEN
    assert [each.name for each in tmp_path.iterdir()] == ["r.yaml"]


@pytest.mark.parametrize("name", ["r.yaml", "r.json", "deep/er/r.yml"])
def test_what_was_kept_is_answered(tmp_path: Path, name: str) -> None:
    recording = Recording(tmp_path / name, "record")
    recording.keep(ANA, ANSWER)
    recording.keep(BO, {"value": {"items": []}, "note": "two\nlines\n"})
    again = Recording(tmp_path / name, "replay")
    assert again.answer_to(ANA) == ANSWER
    assert again.answer_to(BO) == {"value": {"items": []}, "note": "two\nlines\n"}
    assert again.answer_to(Question("Ana moved", "abc")) is None


def test_json_is_json(tmp_path: Path) -> None:
    Recording(tmp_path / "r.json", "record").keep(ANA, ANSWER)
    assert json.loads((tmp_path / "r.json").read_text())["answers"][0]["answer"] == ANSWER


def test_the_modes(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    Recording(file, "record").keep(ANA, {"value": 1})
    assert Recording(file, "auto").answer_to(ANA) == {"value": 1}
    anew = Recording(file, "record")
    assert anew.answer_to(ANA) is None
    anew.keep(ANA, {"value": 2})
    assert anew.answer_to(ANA) == {"value": 2}, "in one run a question is asked once"
    assert Recording(file, "replay").answer_to(ANA) == {"value": 2}
    assert file.read_text().count("asked:") == 1


@pytest.mark.parametrize(
    ("given", "variable", "mode"),
    [(None, None, "replay"), (None, "auto", "auto"), ("replay", "record", "replay"), (None, "record", "record")],
)
def test_where_the_mode_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Mode | None, variable: str | None, mode: str
) -> None:
    if variable:
        monkeypatch.setenv("MEMREG_RECORDING", variable)
    assert Recording(tmp_path / "r.yaml", given).mode == mode


def test_a_mode_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREG_RECORDING", "on")
    with pytest.raises(SettingsInvalid, match="MEMREG_RECORDING is not usable: 'on' is none of replay, record, auto"):
        Recording(tmp_path / "r.yaml")


def test_what_is_said_where_there_is_no_answer(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    assert str(Recording(file).lack(ANA)) == (
        "r.yaml has no answer to 'Ana moved': there is no such file; "
        "run the same once with MEMREG_RECORDING=record, and with a model configured."
    )
    file.write_text("")
    assert "the file is empty" in str(Recording(file).lack(ANA))
    Recording(file, "record").keep(ANA, ANSWER)
    assert "it was never recorded" in str(Recording(file).lack(BO))
    changed = Recording(file).lack(Question(ANA.asked, "def", "Ana moved"))
    assert isinstance(changed, NotRecorded)
    assert "with another prompt; the schema, the settings or memreg changed since" in str(changed)
    assert len(str(Recording(file).lack(Question("x" * 10_000, "abc")))) < 500


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "while parsing"),
        ("- 1", "it does not begin with `recording: 1`"),
        ("recording: 2", "it does not begin with `recording: 1`"),
        ("recording: 1\nanswers: [{asked: a}]", "answer 1 must have `asked`, `prompt` and `answer` and nothing else"),
        ("recording: 1\nanswers: [1]", "answer 1 must have"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RecordingInvalid, match="The recording r.yaml cannot be read") as raised:
        Recording(tmp_path / "r.yaml")
    assert reason in str(raised.value)


def test_a_file_corrected_by_hand(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(WRITTEN.replace("'2026-03-02'", "2026-03-03").replace("name: Ana", "name: Bo"))
    answer = Recording(tmp_path / "r.yaml").answer_to(ANA)
    assert answer == {"value": {"items": [{"class": "Person", "values": {"name": "Bo", "born": "2026-03-03"}}]}}


def test_two_that_record_into_one_file_lose_nothing(tmp_path: Path) -> None:
    recordings = [Recording(tmp_path / "r.yaml", "record") for _ in range(2)]

    def keep(recording: Recording, start: int) -> None:
        for number in range(start, 20, 4):
            recording.keep(Question(f"q{number}", "p"), {"value": number})

    threads = [threading.Thread(target=keep, args=(recordings[start % 2], start)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    again = Recording(tmp_path / "r.yaml")
    assert [again.answer_to(Question(f"q{number}", "p")) for number in range(20)] == [{"value": n} for n in range(20)]


def test_answers_added_one_by_one_make_the_file_that_writing_it_whole_makes(tmp_path: Path) -> None:
    questions = [Question(f"line\n  {number}\n", "p" * 64) for number in range(5)]
    one_by_one = Recording(tmp_path / "a.yaml", "record")
    for question in questions:
        one_by_one.keep(question, ANSWER)
        Recording(tmp_path / "b.yaml", "record").keep(question, ANSWER)
    assert (tmp_path / "a.yaml").read_text() == (tmp_path / "b.yaml").read_text()
    assert [Recording(tmp_path / "a.yaml").answer_to(question) for question in questions] == [ANSWER] * 5


def test_a_file_that_a_person_changed_meanwhile_keeps_the_change(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    recording = Recording(file, "record")
    recording.keep(ANA, ANSWER)
    file.write_text(file.read_text().replace("name: Ana", "name: Anna"))
    recording.keep(BO, ANSWER)
    assert "name: Anna" in str(file.read_text())
    assert Recording(file).answer_to(BO) == ANSWER
