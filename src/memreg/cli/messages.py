"""Message and proposal files as turns: what goes to the engine in one call, or what is wrong with its line."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from memreg.cli.lines import Line, Source
from memreg.core.errors import ProposalInvalid
from memreg.engine import structured
from memreg.engine.many import Turn
from memreg.engine.model import Message, Proposal
from memreg.engine.structured import ProposalLine

KEYS = ("text", "id", "session", "role", "at")
_PLACE = re.compile(r", line (?P<line>\d+): (?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line: its number from 1, and what to write instead."""

    line: int
    error: str


@dataclass(frozen=True, slots=True)
class Given:
    """One turn of a file: the line it starts in, and a message, proposals or both; or the problems in it."""

    line: int
    message: Message | None = None
    proposals: tuple[Proposal, ...] | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def item(self) -> Message | Turn:
        """What the engine is given."""
        message = self.message or Message("")
        return message if self.proposals is None else Turn(self.proposals, message=message)

    @property
    def size(self) -> int:
        """About how many characters it holds."""
        said = sum(len(str(each.values)) for each in self.proposals or ())
        return said + (len(self.message.text) if self.message is not None else 0)


def named_by_line(given: Iterator[Given], name: str) -> Iterator[Given]:
    """The same, where what has no id gets one of a name and its line, so that it is known when it comes again."""
    for each in given:
        message = each.message or Message("")
        if each.problems or message.id is not None:
            yield each
        else:
            yield replace(each, message=replace(message, id=f"{name}:{each.line}"))


def read_messages(source: Source) -> Iterator[Given]:
    """The messages of a file: Message objects if its first line is a JSON object, else a message a line."""
    lines = source.lines()
    first = next(lines, None)
    if first is None:
        return
    objects = first.text.lstrip().startswith("{")
    for line in itertools.chain([first], lines):
        if line.error is not None:
            yield _refused(line.number, line.error)
        elif objects:
            try:
                yield Given(line.number, message_of(line.text))
            except ValueError as error:
                yield _refused(line.number, str(error))
        else:
            yield Given(line.number, Message(line.text))


def message_of(text: str) -> Message:
    """The message that a line of JSON is. Raises ValueError with the reason."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at character {error.colno}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deep to be a message") from error
    if not isinstance(data, Mapping):
        raise ValueError("a message is an object with a text, as every line of this file")
    if unknown := [key for key in data if key not in KEYS]:
        hint = "; give --proposals to read proposals" if {"class", "values"} & set(unknown) else ""
        raise ValueError(f"unknown key {_shown(unknown[0])}; a message has {', '.join(KEYS)}{hint}")
    for key in KEYS:
        if data.get(key) is not None and not isinstance(data[key], str):
            raise ValueError(f"{key} is {_shown(data[key])}; write a text in quotes")
    if data.get("text") is None:
        raise ValueError("text is missing; write what was said")
    return Message(data["text"], data.get("id"), data.get("session"), data.get("role") or "user", _time(data.get("at")))


def read_turns(source: Source) -> Iterator[Given]:
    """The turns of a proposal file: lines of one message_id are one turn, wherever they stand.

    The file is read twice, first for the last line of each turn, so that only the turns under way are held.
    """
    try:
        source.rewindable()
        first = next(source.lines(), None)
        source.rewind()
        if first is not None and first.error is None and first.text.lstrip().startswith("["):
            yield from _one_list(source)
            return
        last = {
            message_id: line.number
            for line in source.lines()
            if line.error is None and (message_id := structured.message_of_line(line.text)) is not None
        }
        source.rewind()
        waiting: dict[str, list[ProposalLine]] = {}
        for each in _proposal_lines(source):
            if each.message_id is None:
                yield _turn(source, None, [each])
                continue
            waiting.setdefault(each.message_id, []).append(each)
            if each.line == last[each.message_id]:
                yield _turn(source, each.message_id, waiting.pop(each.message_id))
    finally:
        source.forget()


def _proposal_lines(source: Source) -> Iterator[ProposalLine]:
    return structured.read_lines(((line.number, _content(line)) for line in source.lines()), source.name)


def _content(line: Line) -> Any:
    return line.text if line.error is None else _Unreadable(line.error)


class _Unreadable(Mapping[str, Any]):
    """Stands for a line that is no text: whoever reads it gets the reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __getitem__(self, key: str) -> Any:
        raise ValueError(self.reason)

    def __iter__(self) -> Iterator[str]:
        raise ValueError(self.reason)

    def __len__(self) -> int:
        return 0


def _one_list(source: Source) -> Iterator[Given]:
    for turn in structured.read_turns(source.stream.read(), source.name):
        problems = tuple(_problem(source, turn.line, error) for error in turn.errors)
        yield Given(turn.line, _named(turn.message_id), None if problems else turn.proposals, problems)


def _turn(source: Source, message_id: str | None, members: list[ProposalLine]) -> Given:
    problems = [_problem(source, each.line, each.error) for each in members if each.error is not None]
    if problems and len(members) > 1:
        lines = ", ".join(str(each.line) for each in members)
        told = f"{problems[-1].error} (so nothing of message {_shown(message_id)}, lines {lines}, was taken)"
        problems[-1] = Problem(problems[-1].line, told)
    proposals = None if problems else tuple(each.proposal for each in members if each.proposal is not None)
    return Given(members[0].line, _named(message_id), proposals, tuple(problems))


def _refused(line: int, error: str) -> Given:
    return Given(line, problems=(Problem(line, error),))


def _problem(source: Source, line: int, error: ProposalInvalid) -> Problem:
    """The reader of proposals names the place in its errors; a list's turns know only their first line."""
    found = _PLACE.match(str(error.facts["reason"]).removeprefix(source.name))
    if found is None:
        return Problem(line, str(error))
    return Problem(int(found["line"]), found["rest"])


def _named(message_id: str | None) -> Message | None:
    return None if message_id is None else Message("", id=message_id)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"at is {_shown(text)}; write a time as 2026-11-20T09:30:00+00:00") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
