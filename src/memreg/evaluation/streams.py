"""Streams of records with gold entities, from JSON lines or CSV; a line that holds no record is told by number."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memreg.core.errors import EvaluationRefused

META = ("record_id", "entity_id", "source")
CSV_SUFFIXES = frozenset({".csv", ".tsv"})
LONGEST_LINE = 16_000_000
_DELIMITERS = ",;\t|"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record: the line it is in (from 1), its id, the entity that it is by the gold, its source, its fields as they
    came."""

    line: int
    record_id: str
    entity_id: str
    source: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamProblem:
    """What is wrong with a line (or with the whole, line 0), and what to write instead."""

    line: int
    error: str


StreamItem = StreamRecord | StreamProblem


def read_stream(path: Path) -> Iterator[StreamItem]:
    """The records of a file, in order, and the problems of lines that hold none; `.csv` and `.tsv` are tables.

    A record of a table has the columns record_id, entity_id, optionally source, and every other column is a field. A
    record_id that was there before is a problem. Raises EvaluationRefused where the file cannot be read or its header
    lacks the ids.
    """
    read = _table if path.suffix.lower() in CSV_SUFFIXES else _objects
    seen: dict[str, int] = {}
    try:
        for item in read(path):
            if isinstance(item, StreamRecord):
                before = seen.setdefault(item.record_id, item.line)
                if before != item.line:
                    error = f"the record_id {_shown(item.record_id)} is that of line {before} too; give each its own"
                    yield StreamProblem(item.line, error)
                    continue
            yield item
    except OSError as error:
        reason = f"it cannot be read ({error.strerror or error})"
        raise EvaluationRefused(source=path, reason=reason) from error


def lines_of(path: Path) -> int:
    """How many lines a file has, to know how far one is in it."""
    count, end = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            count, end = count + chunk.count(b"\n"), chunk[-1:]
    return count + (end != b"\n")


def _objects(path: Path) -> Iterator[StreamItem]:
    for number, text in _lines(path):
        if isinstance(text, StreamProblem):
            yield text
        elif text.strip():
            try:
                yield _record(number, json.loads(text))
            except json.JSONDecodeError as error:
                yield StreamProblem(number, f"it is not JSON: {error.msg} at character {error.colno}")
            except RecursionError:
                yield StreamProblem(number, "it is nested too deep to be a record")
            except ValueError as error:
                yield StreamProblem(number, str(error))


def _record(line: int, data: object) -> StreamRecord:
    """The record that an object is. Raises ValueError with the reason."""
    if not isinstance(data, Mapping):
        raise ValueError('a record is an object: {"record_id": ..., "entity_id": ..., "fields": {...}}')
    fields = data.get("fields")
    if not isinstance(fields, Mapping):
        raise ValueError('fields is missing: write the record\'s values under it, as "fields": {"name": ...}')
    source = data.get("source")
    return StreamRecord(
        line,
        _id(data, "record_id", "what the record is called"),
        _id(data, "entity_id", "which entity it is by the gold"),
        "" if source is None else str(source),
        fields,
    )


def _id(data: Mapping[Any, Any], name: str, meaning: str) -> str:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(f"{name} is missing: write {meaning}")
    text = str(value)
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{name} holds NUL or half of a surrogate pair; remove it")
    return text


def _table(path: Path) -> Iterator[StreamItem]:
    problems: list[StreamProblem] = []
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(path)
    rows = csv.reader(_texts(path, problems), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    began = 1
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield StreamProblem(rows.line_num, f"it is not CSV: {error}")
            began = rows.line_num + 1
            continue
        yield from problems
        problems.clear()
        if row is None:
            return
        line, began = began, rows.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if header is None:
            header = _header(path, row)
            continue
        if len(row) != len(header):
            yield StreamProblem(line, f"it has {len(row)} cells and the header has {len(header)}")
            continue
        cells = dict(zip(header, row, strict=True))
        fields = {name: cell for name, cell in cells.items() if name not in META and cell.strip()}
        try:
            yield _record(line, {name: cells.get(name) for name in META} | {"fields": fields})
        except ValueError as error:
            yield StreamProblem(line, str(error))


def _header(path: Path, row: list[str]) -> list[str]:
    names = [name.strip() for name in row]
    missing = [name for name in META[:2] if name not in names]
    if missing:
        reason = f"its first line must name the columns, and lacks {' and '.join(missing)}"
        raise EvaluationRefused(source=path, reason=reason)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        reason = f"its first line names {_shown(twice[0])} twice; give each column its own name"
        raise EvaluationRefused(source=path, reason=reason)
    return names


def _delimiter(path: Path) -> str:
    """The delimiter that stands most often in the first line."""
    with path.open("rb") as file:
        first = file.readline(LONGEST_LINE).decode("utf-8", "replace")
    return max(_DELIMITERS, key=first.count)


def _texts(path: Path, problems: list[StreamProblem]) -> Iterator[str]:
    """The lines for the CSV reader: one that cannot be read is told, and blank, so that the count stays right."""
    for _, text in _lines(path):
        if isinstance(text, StreamProblem):
            problems.append(text)
            yield "\n"
        else:
            yield text


def _lines(path: Path) -> Iterator[tuple[int, str | StreamProblem]]:
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(LONGEST_LINE):
            number += 1
            if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield number, StreamProblem(number, f"the line is longer than {LONGEST_LINE:,} bytes; split it")
                continue
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            try:
                yield number, raw.decode()
            except UnicodeDecodeError as error:
                reason = f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"
                yield number, StreamProblem(number, reason)


def _shown(value: str) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
