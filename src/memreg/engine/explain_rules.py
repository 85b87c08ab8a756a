"""Why each rule of the decision table fired, did not, or was not asked, from what an audit entry keeps. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memreg.engine.decide import RULES, rule_number

_BASES = (
    "invalid", "duplicate_in_turn", "kill_switch", "identity_conflict", "identity", "delete_without_identity",
    "kill_switch", "identity_conflict", "identity", "score", "partial_identity", "possible_duplicate", "incomplete",
    "new",
)  # fmt: skip
OF_DELETES = (3, 4, 5, 6)
"""The rules that are about deletes only."""
_OF_NORMAL_MODE = range(8, 13)
_BEFORE_CREATING = "but a required column is missing: rule 13 stands before it"


@dataclass(frozen=True, slots=True)
class Case:
    """What a decision was made on, as far as it is kept. `keys`: the identity keys of the class as `explain` tells
    them; `best`: the candidate of the highest score; `thresholds`: update and possible."""

    operation: str
    basis: str
    mode: str
    keys: Sequence[Mapping[str, Any]]
    best: Mapping[str, Any] | None
    thresholds: tuple[float, float]

    @property
    def answered(self) -> list[str]:
        """The distinct memories that keys answered with."""
        return list(dict.fromkeys(memory for key in self.keys for memory in key["answers"]))

    @property
    def unanswered(self) -> str:
        """Why no key answered, in words."""
        if not self.keys:
            return "the class has no identity key"
        return "; ".join(f"{key['key']}: {key['why']}" for key in self.keys)


def rules_told(case: Case) -> list[dict[str, Any]]:
    """The table's fourteen rules in order: number, basis, when it applies, and `outcome`.

    That is `fired`, `passed` (asked before, and did not answer, `why`) or `not_reached`.
    """
    fired = rule_number(case.basis, case.operation)
    told = []
    for number, (rule, basis, why) in enumerate(zip(RULES, _BASES, _WHY, strict=True), start=1):
        outcome = "fired" if number == fired else "passed" if number < fired else "not_reached"
        told.append(
            {
                "number": number,
                "basis": case.basis if outcome == "fired" else basis,
                "when": " ".join((rule.__doc__ or "").split()),
                "outcome": outcome,
                "why": _why_not(number, why, case) if outcome == "passed" else None,
            }
        )
    return told


def _why_not(number: int, why: Callable[[Case], str], case: Case) -> str:
    if case.mode != "normal" and number in _OF_NORMAL_MODE:
        return "it was not asked, because the class was create-only"
    return why(case)


def _valid(_: Case) -> str:
    return "the validator let the proposal pass"


def _first_time(_: Case) -> str:
    return "the message had not said the same before, or something else about the object came in between"


def _not_create_only(case: Case) -> str:
    if case.operation != "delete":
        return "it is no delete"
    return "the class was not create-only"


def _no_conflict_of_delete(case: Case) -> str:
    if case.operation != "delete":
        return "it is no delete"
    return _agreeing(case)


def _no_identity_of_delete(case: Case) -> str:
    if case.operation != "delete":
        return "it is no delete"
    return f"no key answered: {case.unanswered}"


def _no_delete(_: Case) -> str:
    return "it is no delete"


def _normal(case: Case) -> str:
    if case.mode != "normal":
        return f"the class was create-only, {_BEFORE_CREATING}"
    return "the class was not create-only: its kill switch was off and its version approved"


def _agreeing(case: Case) -> str:
    if not case.answered:
        return "no key answered"
    return f"the keys that answered all lead to memory {case.answered[0]}"


def _no_identity(case: Case) -> str:
    return f"no key answered: {case.unanswered}"


def _too_low(case: Case) -> str:
    update, _ = case.thresholds
    if case.best is None:
        return "there was no candidate"
    return f"the best score {case.best['score']:.4f} is below {update:.2f}"


def _no_partial_identity(case: Case) -> str:
    _, possible = case.thresholds
    if case.best is None:
        return "there was no candidate"
    if case.best["score"] < possible:
        return f"the best score {case.best['score']:.4f} is below {possible:.2f}"
    agreement: Mapping[str, Sequence[str]] = case.best["identity"]
    if agreement["differing"]:
        return f"identity does not agree in part: {', '.join(agreement['differing'])} differs"
    if not agreement["equal"]:
        return "identity does not agree in part: no identity column is equal"
    return "identity does not agree in part: every identity column is there on both sides"


def _far_below(case: Case) -> str:
    update, possible = case.thresholds
    if case.best is None:
        return "there was no candidate"
    if case.best["score"] >= possible:
        score = f"the best score {case.best['score']:.4f}"
        return f"{score} is from {possible:.2f} to below {update:.2f}, {_BEFORE_CREATING}"
    return f"the best score {case.best['score']:.4f} is below {possible:.2f}"


def _complete(_: Case) -> str:
    return "no required column is missing"


def _never(_: Case) -> str:
    return "it answers always"


_WHY: tuple[Callable[[Case], str], ...] = (
    _valid,
    _first_time,
    _not_create_only,
    _no_conflict_of_delete,
    _no_identity_of_delete,
    _no_delete,
    _normal,
    _agreeing,
    _no_identity,
    _too_low,
    _no_partial_identity,
    _far_below,
    _complete,
    _never,
)
