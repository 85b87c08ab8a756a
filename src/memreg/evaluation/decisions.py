"""Decision files: one JSON object a record, from which anyone can compute the figures again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from memreg.core.errors import EvaluationRefused
from memreg.evaluation.judge import Outcome


def write_decisions(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write {record_id, action, basis, memory_id, score} a line, in the order of the stream.

    Raises EvaluationRefused where the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            for each in outcomes:
                line = {
                    "record_id": each.record_id,
                    "action": each.action,
                    "basis": each.basis,
                    "memory_id": each.memory_id,
                    "score": each.score,
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise EvaluationRefused(source=path, reason=f"it cannot be written ({error.strerror or error})") from error
