"""Answers by rule: which messages give what, for a scripted server and for the scripted extractor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from memreg.testing.reply import Reply, answer
from memreg.testing.request import Request

T = TypeVar("T")

Condition = str | re.Pattern[str] | Callable[[str], bool]
"""When a rule holds for a message: it contains this text (whatever the case), this pattern is found in it, or the
function says so."""

Rules = Mapping[Any, T]
"""What is given, by Condition, in order. Any, because a mapping of one kind of condition is no mapping of all kinds."""

Items = Sequence[Mapping[str, Any]] | Callable[[str], Iterable[Mapping[str, Any]]]


def item(
    class_name: str,
    values: Mapping[str, Any],
    evidence: str | None = None,
    *,
    operation: str = "upsert",
    confidence: float = 0.9,
    **more: Any,
) -> dict[str, Any]:
    """One item of a model's answer, as the extractor asks for it; `more` are further fields, known or not.

    `evidence` are the words of the message that say so; without it `answers_by` quotes the words that its rule found.
    """
    found = {"class": class_name, "operation": operation, "values": dict(values), "confidence": confidence, **more}
    return found if evidence is None else {**found, "evidence": evidence}


def answers_by(
    rules: Rules[Items], *, otherwise: Items = (), usage: tuple[int, int] | None = (100, 20)
) -> Callable[[Request], Reply]:
    """A script by rules: the items of every rule that holds for the message, in the order of the rules.

        answers_by({"Ana Lopez": [item("Person", {"name": "Ana Lopez"})], re.compile("forget (.*)"): ...})

    Items may be a function of the message. Where no rule holds the items are `otherwise`, at first none. `usage` is the
    tokens in and out that the server reports.
    """

    def script(request: Request) -> Reply:
        text = request.message
        held = matching(rules, text) or [(otherwise, text)]
        items = [_quoted(each, words) for given, words in held for each in (given(text) if callable(given) else given)]
        return answer({"items": items}, usage=usage)

    return script


def matching(rules: Rules[T], text: str) -> list[tuple[T, str]]:
    """What the rules that hold for a text give, each with the words that it found (the whole text for a function)."""
    found = ((given, words_of(condition, text)) for condition, given in rules.items())
    return [(given, words) for given, words in found if words is not None]


def words_of(condition: Condition, text: str) -> str | None:
    """The words of a text that a condition found; None where it does not hold."""
    if isinstance(condition, str):
        condition = re.compile(re.escape(condition), re.IGNORECASE)
    if isinstance(condition, re.Pattern):
        found = condition.search(text)
        return found[0] if found else None
    return text if condition(text) else None


def _quoted(given: Mapping[str, Any], words: str) -> Mapping[str, Any]:
    return given if "evidence" in given else {**given, "evidence": words}
