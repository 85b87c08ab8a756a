"""The structured reading: proposals given as JSON or JSON lines, each mistake named with its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from memreg.core.errors import ExtractionFailed, ProposalInvalid
from memreg.engine.extract import MAX_PROPOSALS
from memreg.engine.model import Extraction, Message, Proposal, Refused
from memreg.registry.models import SchemaVersion

NAME = "structured"
KEYS = ("class", "values", "operation", "evidence", "confidence", "message_id")
OPERATIONS = ("upsert", "delete")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class ProposalLine:
    """One line of a proposal file: its number, the message it belongs to, and the proposal or the error in it."""

    line: int
    message_id: str | None
    proposal: Proposal | None
    error: ProposalInvalid | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """The proposals of one message, in file order; `line` is the first's. A turn with an error has no proposals."""

    message_id: str | None
    proposals: tuple[Proposal, ...]
    line: int
    errors: tuple[ProposalInvalid, ...] = ()


class StructuredExtractor:
    """Reads a message whose text is itself proposals in JSON: no model, no network."""

    name = NAME
    is_local: Literal[True] = True

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
        """The proposals of a message; lines that cannot be read are refused.

        Raises ExtractionFailed when there are only such lines.
        """
        return extract(message.text)


class AsyncStructuredExtractor:
    """The structured extractor for asynchronous engines; it waits for nothing."""

    name = NAME
    is_local: Literal[True] = True

    async def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
        """The proposals of a message; lines that cannot be read are refused.

        Raises ExtractionFailed when there are only such lines.
        """
        return extract(message.text)


def extract(text: str) -> Extraction:
    """The proposals of a text in JSON or JSON lines. Raises ExtractionFailed when no line of it can be read."""
    lines = list(islice(read_lines(_lines(text, "the message"), "the message"), MAX_PROPOSALS + 1))
    proposals = tuple(each.proposal for each in lines[:MAX_PROPOSALS] if each.proposal is not None)
    refused = [Refused(str(each.error.facts["reason"])) for each in lines[:MAX_PROPOSALS] if each.error is not None]
    if refused and not proposals:
        raise ExtractionFailed(extractor=NAME, reason=refused[0].reason)
    if len(lines) > MAX_PROPOSALS:
        refused.append(Refused(f"the message has more than {MAX_PROPOSALS:,} proposals; the rest was not read"))
    return Extraction(proposals, extractor=NAME, refused=tuple(refused))


def read_proposals(text: str | bytes, source: str = "proposals") -> tuple[Proposal, ...]:
    """The proposals of a JSON object, a JSON list of objects, or JSON lines.

    Raises ProposalInvalid naming the source, the line and what to write instead.
    """
    proposals = []
    for each in read_lines(_lines(text, source), source):
        if each.error is not None:
            raise each.error
        if each.proposal is not None:
            proposals.append(each.proposal)
    return tuple(proposals)


def read_turns(text: str | bytes, source: str = "proposals") -> Iterator[Turn]:
    """The turns of a proposal file: lines of one `message_id` are one turn, a line without one is a turn of its own.

    Mistakes do not end the reading: the turn that a bad line belongs to carries them and has no proposals.
    """
    turns: dict[str | int, list[ProposalLine]] = {}
    for each in read_lines(_lines(text, source), source):
        turns.setdefault(each.line if each.message_id is None else each.message_id, []).append(each)
    for members in turns.values():
        errors = tuple(each.error for each in members if each.error is not None)
        proposals = tuple(each.proposal for each in members if each.proposal is not None)
        yield Turn(members[0].message_id, () if errors else proposals, members[0].line, errors)


def read_lines(lines: Iterable[tuple[int, Any]], source: str = "proposals") -> Iterator[ProposalLine]:
    """Read numbered lines: JSON text, or values already decoded."""
    for number, line in lines:
        message_id = None
        try:
            data = _decoded(line) if isinstance(line, str) else line
            if isinstance(data, Mapping):
                message_id = _message_id(data)
            proposal = proposal_of(data)
        except ValueError as exc:
            yield ProposalLine(number, message_id, None, ProposalInvalid(reason=f"{source}, line {number}: {exc}"))
        else:
            yield ProposalLine(number, message_id, proposal)


def message_of_line(line: str) -> str | None:
    """The message that a line belongs to, as `read_lines` tells it; None of a line without one."""
    try:
        data = _decoded(line)
        return _message_id(data) if isinstance(data, Mapping) else None
    except ValueError:
        return None


def proposal_of(data: Any) -> Proposal:
    """The proposal that a decoded JSON object is. Raises ValueError with the reason.

    Whether its class and columns exist and its values fit is the validator's to say, so that a refusal is audited.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"a proposal is an object with class and values, not {_kind(data)}")
    if "class" in data and "class_name" in data:
        raise ValueError("class and class_name mean the same; give one of them")
    if unknown := [key for key in data if key not in KEYS and key != "class_name"]:
        raise ValueError(f"unknown key {_shown(unknown[0])}; a proposal has {', '.join(KEYS)}")
    class_name = data.get("class", data.get("class_name"))
    if not isinstance(class_name, str) or not class_name:
        raise ValueError(f"class is {_shown(class_name)}; write the name of a class")
    values = data.get("values")
    if not isinstance(values, Mapping):
        raise ValueError(f"values is {_kind(values)}; write an object of columns and values")
    operation = data.get("operation", "upsert")
    if operation not in OPERATIONS:
        raise ValueError(f"operation is {_shown(operation)}; write upsert or delete")
    evidence = data.get("evidence")
    if evidence is not None and not isinstance(evidence, str):
        raise ValueError(f"evidence is {_kind(evidence)}; write the quoted words")
    return Proposal(class_name, dict(values), operation, evidence, _confidence(data.get("confidence")))


def _confidence(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"confidence is {_shown(value)}; write a number between 0 and 1")
    return float(value)


def _message_id(data: Mapping[str, Any]) -> str | None:
    value = data.get("message_id")
    if value is None or (isinstance(value, str) and value):
        return value
    raise ValueError(f"message_id is {_shown(value)}; write a text, or leave it out")


def _lines(text: str | bytes, source: str) -> list[tuple[int, Any]]:
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            line = exc.object.count(b"\n", 0, exc.start) + 1
            raise ProposalInvalid(reason=f"{source}, line {line}: it is not UTF-8; save the file as UTF-8") from exc
    text = text.removeprefix("\ufeff")
    whole = _whole(text)
    if whole is not None:
        return whole
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _whole(text: str) -> list[tuple[int, Any]] | None:
    """A text that is one JSON list, or one object over several lines; None when it is to be read line by line."""
    start = text.lstrip()
    first = 1 + text.count("\n", 0, len(text) - len(start))
    if not start.startswith("[") and not (start.startswith("{") and "\n" in start.strip()):
        return None
    try:
        data = _decoded(start)
    except ValueError:
        return None
    if isinstance(data, Mapping):
        return [(first, data)]
    decoder, found, at = json.JSONDecoder(), [], start.index("[") + 1
    for _ in data:
        while start[at] in " \t\r\n,":
            at += 1
        line = first + start.count("\n", 0, at)
        each, at = decoder.raw_decode(start, at)
        found.append((line, each))
    return found


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        raise ValueError(f"it is not JSON: {exc.msg} at character {exc.colno}") from exc
    except RecursionError as exc:
        raise ValueError("it is nested too deep to be a proposal") from exc


def _kind(value: Any) -> str:
    names = {str: "a text", list: "a list", dict: "an object", bool: "a boolean", int: "a number", float: "a number"}
    return "missing" if value is None else names.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    text = "missing" if value is None else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
