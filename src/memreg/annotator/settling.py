"""Items that a model gave again, put in the places of those that were refused. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from memreg.annotator.extract_prompt import MOST_SHOWN, shown
from memreg.annotator.items import Read
from memreg.engine.storable import storable


def that_fit(reads: Sequence[Read]) -> list[int]:
    """The places of refused items that are asked for again: the first of them, as many as a question has room for."""
    found: list[int] = []
    room = MOST_SHOWN
    for at, each in enumerate(reads):
        if each.problem is None:
            continue
        room -= len(shown(each.item)) + len(each.problem)
        if room < 0 and found:
            break
        found.append(at)
    return found


def settle(
    reads: Sequence[Read], chosen: Sequence[int], answers: Sequence[Read], *, in_order: bool
) -> tuple[list[Read], list[Read]]:
    """The items with those that came again in their places, and the answers that belong to no place.

    As many answers as questions are taken in their order; else each goes to the refused item that it is most like.
    A refused item that the message does not bear out, and that does not come again, was taken back.
    """
    settled, more = list(reads), []
    # Some models give their whole answer again.
    answers = without_repeated(answers, [each for each in reads if each.problem is None])
    open_places = list(chosen)
    for number, answer in enumerate(answers):
        if in_order and len(answers) == len(chosen):
            at: int | None = chosen[number]
        else:
            at = max(open_places, key=lambda place: _likeness(reads[place], answer), default=None)
            if at is not None and _likeness(reads[at], answer) == 0:
                at = None
        if at is None:
            more.append(answer)
            continue
        open_places.remove(at)
        if answer.proposal is not None or answer.problem is None or reads[at].proposal is None:
            settled[at] = answer
    for at in open_places:
        settled[at] = replace(reads[at], taken_back=reads[at].unfounded)
    return settled, without_repeated(more, settled)


def without_repeated(answers: Sequence[Read], others: Sequence[Read]) -> list[Read]:
    """The answers that do not say what another item says already."""
    said = {_said(each) for each in others}
    return [each for each in answers if _said(each) not in said]


def _likeness(refused: Read, answer: Read) -> int:
    first, second = _values(refused.item), _values(answer.item)
    equal = sum(1 for name, value in first.items() if name in second and second[name] == value)
    same = refused.class_name == answer.class_name and bool(answer.class_name)
    return 2 * equal + same + (refused.evidence is not None and refused.evidence == answer.evidence)


def _said(each: Read) -> str:
    values = each.proposal.values if each.proposal is not None else _values(each.item)
    return json.dumps([each.class_name, each.operation, storable(dict(values))], sort_keys=True)


def _values(item: Any) -> Mapping[Any, Any]:
    values = item.get("values") if isinstance(item, Mapping) else None
    return values if isinstance(values, Mapping) else {}
