"""The candidates of an audit entry in the form in which they are kept: short, as every entry has some."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from memreg.engine.decide import Candidate
from memreg.engine.score import FEATURES

LEAST_TOLD = 0.001
"""The score from which a candidate is kept with all that it was compared by. Of one below, score and levels are kept:
`explain --why-not` computes the rest again."""
_ABSENT = "-"
_ID = 22


def worth_telling(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Those of candidates, best first, that are kept with all that they were compared by."""
    return [each for each in candidates if each.score.value >= LEAST_TOLD]


def kept_form(candidates: Sequence[Candidate]) -> Any:
    """Candidates, best first, as `audit_log.candidates` has them; an empty list where there are none.

    `{"levels": [name ...], "held": [[memory id, score, levels, parts, partial identity] ...]}`: the levels of each are
    a text with a digit at the place of each name, and "-" where a candidate has none; a part is its name, its amount
    and true where it bounds the score. An identity that is not partial is left out at the end. A candidate that is not
    worth telling of is a text: its memory id in base 64, its levels, and after a comma its score.
    """
    if not candidates:
        return []
    levels = [candidate.score.levels for candidate in candidates]
    names = sorted(levels[0] if len(levels) == 1 else set().union(*levels))
    held: list[Any] = []
    for candidate, found in zip(candidates, levels, strict=True):
        score = candidate.score
        text = "".join([str(found[name]) if name in found else _ABSENT for name in names])
        if score.value < LEAST_TOLD and not candidate.partial_identity:
            held.append(f"{_short(candidate.memory_id)}{text},{score.value}")
            continue
        # Tuples, as the collector of garbage leaves those alone that hold nothing which it has to follow.
        parts = [
            (part.name, round(part.amount, 4), True) if part.bounds else (part.name, round(part.amount, 4))
            for part in score.parts
            if part.amount or part.bounds
        ]
        told = str(candidate.memory_id), score.value, text, parts
        held.append((*told, True) if candidate.partial_identity else told)
    return {"levels": names, "held": held}


def candidates_told(kept: Any) -> list[dict[str, Any]]:
    """Candidates of an audit entry, best first: `memory_id`, `score`, `partial_identity`, `levels` by column, and
    `parts` with name, amount and whether it bounds the score; those of a candidate that is not told of are none.

    Entries of before kept them as they are told.
    """
    if not isinstance(kept, Mapping):
        return [dict(each) for each in kept or ()]
    return [
        {
            "memory_id": row[0],
            "score": row[1],
            "partial_identity": len(row) > 4,
            "levels": _levels(kept["levels"], row[2]),
            "parts": _parts(row[3]) if len(row) > 3 else [],
        }
        for row in map(_row, kept["held"])
    ]


def levels_told(kept: Any) -> list[Mapping[str, int]]:
    """The levels alone of the candidates of an audit entry; those that are alike are mostly one and the same."""
    if not isinstance(kept, Mapping):
        return [each["levels"] for each in kept or () if each.get("levels")]
    names = tuple(kept["levels"])
    texts = [held[_ID:].partition(",")[0] if isinstance(held, str) else held[2] for held in kept["held"]]
    return [_levels_once(names, text) for text in texts if text]


def _short(memory_id: UUID) -> str:
    return urlsafe_b64encode(memory_id.bytes).decode().rstrip("=")


def _row(held: Any) -> Sequence[Any]:
    """A candidate as a list, however it is kept."""
    if not isinstance(held, str):
        return cast("Sequence[Any]", held)
    levels, _, score = held[_ID:].partition(",")
    return str(UUID(bytes=urlsafe_b64decode(held[:_ID] + "=="))), float(score), levels


@lru_cache(4_096)
def _levels_once(names: tuple[str, ...], text: str) -> Mapping[str, int]:
    return _levels(names, text)


def _levels(names: Sequence[str], text: str) -> dict[str, int]:
    return {name: int(level) for name, level in zip(names, text, strict=True) if level != _ABSENT}


def _parts(kept: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Every part in the order of the features, those too that say nothing."""
    if not kept:
        return []
    found = {part[0]: {"name": part[0], "amount": part[1], "bounds": len(part) > 2} for part in kept}
    names = dict.fromkeys((*(feature.__name__ for feature in FEATURES), *found))
    return [found.get(name, {"name": name, "amount": 0, "bounds": False}) for name in names]
