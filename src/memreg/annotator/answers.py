"""From a model's answer to the annotations of a schema's classes, with every reason why one is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memreg.annotator.check import check
from memreg.annotator.disguise import visible
from memreg.annotator.doubts import doubts
from memreg.annotator.reading import clean
from memreg.registry.models import ClassAnnotation, ClassSpec, IdentityKey, SchemaSpec, Strength

SOURCE = "llm"
_LONGEST_RATIONALE = 500
_MOST_REASONS = 20


def annotations_of(spec: SchemaSpec, answers: Sequence[Any]) -> tuple[dict[str, ClassAnnotation], list[str]]:
    """The annotations by class, in the schema's order, and the reasons why any of them is refused (at most 20)."""
    found: dict[str, ClassAnnotation] = {}
    reasons: list[str] = []
    for number, answer in enumerate(answers, 1):
        name = answer.get("class", answer.get("class_name")) if isinstance(answer, Mapping) else None
        if not isinstance(name, str) or name not in spec.by_name:
            said = f"{name[:60]!r}" if isinstance(name, str) else "no class"
            reasons.append(f"item {number} is for {said}; the classes are {', '.join(spec.by_name)}")
        elif name in found:
            reasons.append(f"{name}: it is given twice; give one item for each class")
        else:
            try:
                found[name] = annotation_of(spec.by_name[name], answer)
            except ValueError as exc:
                found[name] = ClassAnnotation(source=SOURCE)
                reasons.append(f"{name}: {exc}")
            else:
                reasons.extend(check(spec.by_name[name], found[name]) or doubts(spec.by_name[name], found[name]))
    reasons.extend(f"{name}: its item is missing" for name in spec.by_name if name not in found)
    if len(reasons) > _MOST_REASONS:
        reasons[_MOST_REASONS:] = [f"and {len(reasons) - _MOST_REASONS} more"]
    return {name: found[name] for name in spec.by_name if name in found}, reasons


def annotation_of(spec: ClassSpec, answer: Mapping[str, Any]) -> ClassAnnotation:
    """One class's annotation as answered, unchecked. Raises ValueError naming a part of another shape."""
    searchable = answer.get("searchable") or {}
    if not isinstance(searchable, Mapping) or not all(_is_number(boost) for boost in searchable.values()):
        raise ValueError("searchable must be an object of columns and boosts")
    identity = answer.get("identity") or []
    if not isinstance(identity, list):
        raise ValueError("identity must be a list of keys")
    order = {column.name: at for at, column in enumerate(spec.columns)}
    ranked = sorted(searchable.items(), key=lambda pair: order.get(pair[0], len(order)))
    return ClassAnnotation(
        searchable={name: float(boost) for name, boost in ranked},
        compare=_names(answer.get("compare") or [], "compare"),
        identity=tuple(sorted(map(_key, identity), key=lambda key: key.strength != "strong")),
        confidence=_number(answer.get("confidence"), "confidence"),
        rationale=_rationale(answer.get("rationale")),
        source=SOURCE,
    )


def _key(given: Any) -> IdentityKey:
    if not isinstance(given, Mapping):
        raise ValueError("each identity key must be an object with columns, strength, confidence and rationale")
    strength: Strength = given.get("strength")  # type: ignore[assignment]  # check() refuses any other
    if not isinstance(strength, str):
        raise ValueError("the strength of a key must be strong or shared")
    return IdentityKey(
        columns=_names(given.get("columns"), "the columns of a key"),
        strength=strength,
        confidence=_number(given.get("confidence"), "the confidence of a key"),
        rationale=_rationale(given.get("rationale")),
    )


def _names(given: Any, what: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"{what} must be a list of column names")
    return tuple(given)


def _number(given: Any, what: str) -> float:
    if not _is_number(given):
        raise ValueError(f"{what} must be a number between 0 and 1")
    return float(given)


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 1e9


def _rationale(given: Any) -> str:
    return clean(visible(given[:_LONGEST_RATIONALE])) if isinstance(given, str) else ""
