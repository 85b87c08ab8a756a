"""Decision files: one JSON object a record, from which anyone can compute the figures again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from memreg.core.errors import EvaluationRefused
from memreg.engine.model import Action
from memreg.evaluation.judge import Outcome
from memreg.evaluation.run import Pass, note_unknown
from memreg.evaluation.streams import StreamItem, StreamProblem
from memreg.evaluation.subject import Subject

KEYS = ("record_id", "action", "basis", "memory_id", "score")


def check_writable(path: Path) -> None:
    """Refuse a file that could not be written, before the work is done. Raises EvaluationRefused."""
    folder = path.parent
    if not folder.is_dir():
        raise EvaluationRefused(source=path, reason=f"there is no folder {folder} to write it into")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise EvaluationRefused(source=path, reason="this account may not write it")


def write_decisions(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write {record_id, action, basis, memory_id, score} a line, in the order of the stream.

    Raises EvaluationRefused where the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            for each in outcomes:
                line = {key: getattr(each, key) for key in KEYS}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise EvaluationRefused(source=path, reason=f"it cannot be written ({error.strerror or error})") from error


def read_decisions(path: Path, subject: Subject, items: Iterable[StreamItem], *, limit: int | None = None) -> Pass:
    """A pass from a decision file and its stream, at most `limit` records; it has no latency and no audit.

    Raises EvaluationRefused where a line is no decision, or a record of the stream has none.
    """
    decided = _decided(path)
    done = Pass()
    for item in items:
        if isinstance(item, StreamProblem):
            done.problems.append(item)
            continue
        if limit is not None and len(done.records) >= limit:
            break
        found = decided.get(item.record_id)
        if found is None:
            reason = f"it has no decision on the record {item.record_id!r}, which is in line {item.line} of the stream"
            raise EvaluationRefused(source=path, reason=reason)
        note_unknown(done, subject, item)
        done.records.append(item)
        done.outcomes.append(
            Outcome(
                item.record_id,
                item.entity_id,
                item.source,
                found["action"],
                found["basis"],
                found["memory_id"],
                found["score"],
            )
        )
    return done


def _decided(path: Path) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    decision = _decision(path, number, line)
                    found[decision["record_id"]] = decision
    except (OSError, UnicodeDecodeError) as error:
        reason = f"it cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'})"
        raise EvaluationRefused(source=path, reason=reason) from error
    return found


def _decision(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        data = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        data = None
    texts, score = ("record_id", "action", "basis"), (int, float, type(None))
    right = (
        isinstance(data, dict)
        and all(isinstance(data.get(key), str) for key in texts)
        and data["action"] in set(Action)
        and isinstance(data.get("memory_id"), str | None)
        and isinstance(data.get("score"), score)
    )
    if not right:
        reason = f"line {number} is no decision; it takes the file that --decisions wrote"
        raise EvaluationRefused(source=path, reason=reason)
    decision: dict[str, Any] = {key: data.get(key) for key in KEYS}
    return decision
