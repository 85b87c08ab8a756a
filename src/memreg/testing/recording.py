"""A recording: a file of questions and answers that a person can read, compare and correct.

    recording: 1
    answers:
      - asked: |-
          role: user
          <message-2c26b46b68ff>
          Ana Lopez moved to Oslo
          </message-2c26b46b68ff>
        prompt: 9f86d081…
        answer:
          value: {items: [{class: Person, values: {name: Ana Lopez, city: Oslo}, evidence: Ana Lopez moved to Oslo}]}

`asked` is the question without the time of the message, `prompt` stands for everything else that the answer depends on
(the instructions with the classes, and the shape of the answer). No key, no address and no duration is in it.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from memreg.core.errors import MemregError, SettingsInvalid

Mode = Literal["replay", "record", "auto"]
"""`replay`: answer from the file and ask nobody. `record`: ask, and keep the answers. `auto`: ask only what is new."""

VARIABLE = "MEMREG_RECORDING"
FORMAT = 1
_HEADER = (
    "# What a language model was asked and what it answered, for tests. Messages and answers are in it as they were.\n"
    f"# Ask anew: {VARIABLE}=record. Start over: delete this file first.\n"
)
_SHOWN = 200
_WRITING = threading.Lock()


class NotRecorded(MemregError):
    """{file} has no answer to {asked!r}: {reason}."""


class RecordingInvalid(MemregError):
    """The recording {file} cannot be read: {reason}."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the text that varies, a hash of what does not, and the words that a person knows it by."""

    asked: str
    prompt: str
    known_as: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two questions the same."""
        return self.asked, self.prompt


class Recording:
    """The answers in a file, by question; safe to share between threads. Written after each new answer.

    Two processes must not record into one file at the same time.
    """

    def __init__(self, file: str | Path, mode: Mode | None = None, environ: Mapping[str, str] = os.environ) -> None:
        """Read the file, if there is one. `mode` None: what MEMREG_RECORDING says, else `replay`.

        Raises RecordingInvalid, and SettingsInvalid for a mode that is none.
        """
        self.file = Path(file)
        self.mode = _mode(mode or environ.get(VARIABLE) or "replay")
        self._lock = threading.Lock()
        self._answers = self._read()
        self._fresh: set[tuple[str, str]] = set()
        self._written: tuple[int, int] | None = None

    def answer_to(self, question: Question) -> Mapping[str, Any] | None:
        """The answer to a question; None where there is none, or where the mode wants it asked anew."""
        with self._lock:
            if self.mode == "record" and question.key not in self._fresh:
                return None
            return self._answers.get(question.key)

    def keep(self, question: Question, answer: Mapping[str, Any]) -> None:
        """Write an answer to the file; it takes the place of an earlier one to the same question."""
        with self._lock, _WRITING:
            self._fresh.add(question.key)
            is_as_left = self._written is not None and self._written == self._stamp()
            if not is_as_left:
                self._answers = self._read()
            is_new = question.key not in self._answers
            self._answers[question.key] = _plain(answer)
            if is_new and is_as_left and self.file.suffix != ".json":
                self._append(question.key)
            else:
                self._write()
            self._written = self._stamp()

    def lack(self, question: Question) -> NotRecorded:
        """The error that says what was asked, why there is no answer, and what to do."""
        shown = " ".join((question.known_as or question.asked).split())
        with self._lock:
            other = any(asked == question.asked for asked, _ in self._answers)
        if other:
            reason = "it was recorded with another prompt; the schema, the settings or memreg changed since"
        elif not self._answers:
            reason = "the file is empty" if self.file.exists() else "there is no such file"
        else:
            reason = "it was never recorded"
        advice = f"; run the same once with {VARIABLE}=record, and with a model configured"
        return NotRecorded(file=self.file.name, asked=shown[:_SHOWN], reason=reason + advice)

    def _read(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        if not self.file.exists():
            return {}
        try:
            text = self.file.read_text("utf-8")
            data = json.loads(text) if self.file.suffix == ".json" else YAML(typ="safe", pure=True).load(text)
        except (YAMLError, ValueError, OSError) as exc:
            raise RecordingInvalid(file=self.file.name, reason=" ".join(str(exc).split())) from exc
        if data is None:
            return {}
        if not isinstance(data, dict) or data.get("recording") != FORMAT:
            raise RecordingInvalid(file=self.file.name, reason=f"it does not begin with `recording: {FORMAT}`")
        answers: dict[tuple[str, str], Mapping[str, Any]] = {}
        for number, entry in enumerate(data.get("answers") or (), 1):
            if not isinstance(entry, dict) or set(entry) != {"asked", "prompt", "answer"}:
                reason = f"answer {number} must have `asked`, `prompt` and `answer` and nothing else"
                raise RecordingInvalid(file=self.file.name, reason=reason)
            answers[str(entry["asked"]), str(entry["prompt"])] = _plain(entry["answer"])
        return answers

    def _stamp(self) -> tuple[int, int] | None:
        if not self.file.exists():
            return None
        found = self.file.stat()
        return found.st_mtime_ns, found.st_size

    def _entry(self, key: tuple[str, str]) -> dict[str, Any]:
        return {"asked": key[0], "prompt": key[1], "answer": self._answers[key]}

    def _append(self, key: tuple[str, str]) -> None:
        """Add an answer to a file that was written here, whose last part is the list of answers."""
        _, _, lines = _written({"answers": [self._entry(key)]}).partition("\n")
        with self.file.open("a", encoding="utf-8") as file:
            file.write(lines)

    def _write(self) -> None:
        data = {"recording": FORMAT, "answers": [self._entry(key) for key in self._answers]}
        if self.file.suffix == ".json":
            text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
        else:
            text = _HEADER + _written(data)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        half = self.file.with_name(self.file.name + ".tmp")
        half.write_text(text, "utf-8")
        half.replace(self.file)


def _mode(text: str) -> Mode:
    for mode in get_args(Mode):
        if text == mode:
            return mode  # type: ignore[no-any-return]
    raise SettingsInvalid(name=VARIABLE, reason=f"{text!r} is none of {', '.join(get_args(Mode))}")


def _written(data: Any) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_blocks(data), text)
    return text.getvalue()


def _plain(value: Any) -> Any:
    """Values as JSON has them; a date that a person wrote without quotes is its text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _blocks(value: Any) -> Any:
    """Texts of several lines as blocks, so that a change of one line is a change of one line."""
    if isinstance(value, dict):
        return {_blocks(key): _blocks(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_blocks(item) for item in value]
    if not isinstance(value, str):
        return value
    lines = value.split("\n")
    if not all(line.isprintable() and line == line.rstrip() for line in lines):
        return DoubleQuotedScalarString(value)  # what blocks and plain texts do not bring back as it was
    return LiteralScalarString(value) if len(lines) > 1 and lines[0].strip() == lines[0] != "" else value
