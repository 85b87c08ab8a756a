"""From the items of a model's answer to proposals, one by one: the good are kept, the bad are named. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memreg.annotator.reading import clean
from memreg.engine.extract import MAX_PROPOSALS
from memreg.engine.model import Proposal
from memreg.registry.models import Operation

_LONGEST_NAME = 200
_LONGEST_EVIDENCE = 10_000
_MOST_PROBLEMS = 20


def proposals_of(items: Sequence[Any]) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    """The proposals and the problems of an answer's items. Problems name the item's number and never quote its values.

    Whether a class or column exists is the validator's to say, so that a refusal ends in the audit.
    """
    proposals: list[Proposal] = []
    problems: list[str] = []
    for number, item in enumerate(items[:MAX_PROPOSALS], 1):
        try:
            proposals.append(_proposal(item))
        except ValueError as exc:
            problems.append(f"item {number}: {exc}")
    if len(problems) > _MOST_PROBLEMS:
        problems[_MOST_PROBLEMS:] = [f"{len(problems) - _MOST_PROBLEMS} more items could not be read"]
    if len(items) > MAX_PROPOSALS:
        problems.append(f"the answer has {len(items):,} items, and only the first {MAX_PROPOSALS:,} were read")
    return tuple(proposals), tuple(problems)


def _proposal(item: Any) -> Proposal:
    if not isinstance(item, Mapping):
        raise ValueError(f"it is {_kind(item)}, not an object")
    class_name = item.get("class", item.get("class_name"))
    if not isinstance(class_name, str) or not class_name.strip() or len(class_name) > _LONGEST_NAME:
        raise ValueError("it has no class")
    values = item.get("values")
    if not isinstance(values, Mapping):
        raise ValueError(f"its values are {_kind(values)}, not an object")
    operation: Operation = item.get("operation") or "upsert"
    if operation not in ("upsert", "delete"):
        raise ValueError("its operation is neither upsert nor delete")
    evidence = item.get("evidence")
    return Proposal(
        class_name=clean(class_name.strip()),
        values=dict(values),
        operation=operation,
        evidence=clean(evidence[:_LONGEST_EVIDENCE]) if isinstance(evidence, str) and evidence.strip() else None,
        confidence=_confidence(item.get("confidence")),
    )


def _confidence(value: Any) -> float | None:
    """A number between 0 and 1; anything else a model may say about how sure it is means that it did not say."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def _kind(value: Any) -> str:
    names = {str: "a text", list: "a list", dict: "an object", bool: "a boolean", type(None): "missing"}
    return names.get(type(value), "a number")
