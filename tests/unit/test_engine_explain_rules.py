"""Why each rule did not fire, in words, for every basis that there is."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.engine.decide import RULES
from memreg.engine.explain_rules import Case, rules_told

UPSERTS = (
    "invalid", "duplicate_in_turn", "kill_switch", "pending", "identity_conflict", "identity", "score",
    "partial_identity", "possible_duplicate", "incomplete", "new",
)  # fmt: skip
DELETES = ("kill_switch", "identity_conflict", "identity", "delete_without_identity")


def key(why: str | None, *answers: str) -> dict[str, Any]:
    return {"key": "email", "why": why, "answers": list(answers)}


def best(score: float, **agreement: list[str]) -> dict[str, Any]:
    return {"score": score, "identity": {"equal": [], "differing": [], "absent": [], **agreement}}


def case(basis: str, operation: str = "upsert", **about: Any) -> Case:
    given = {"mode": "normal", "keys": [], "best": None, "thresholds": (0.80, 0.55), **about}
    return Case(operation=operation, basis=basis, **given)


@pytest.mark.parametrize(
    ("operation", "basis"), [("upsert", each) for each in UPSERTS] + [("delete", each) for each in DELETES]
)
def test_one_rule_fired_those_before_say_why_not_and_those_after_were_not_asked(operation: str, basis: str) -> None:
    told = rules_told(case(basis, operation))
    assert [each["number"] for each in told] == list(range(1, len(RULES) + 1))
    fired = [each["outcome"] for each in told].index("fired")
    assert {each["outcome"] for each in told[:fired]} <= {"passed"}
    assert {each["outcome"] for each in told[fired + 1 :]} <= {"not_reached"}
    assert told[fired]["basis"] == basis
    assert all(bool(each["why"]) == (each["outcome"] == "passed") for each in told)


def why(told: Case, number: int) -> str:
    found: str = rules_told(told)[number - 1]["why"]
    return found


def test_a_score_below_its_threshold() -> None:
    assert why(case("new"), 10) == "there was no candidate"
    assert why(case("new", best=best(0.4)), 10) == "the best score 0.4000 is below 0.80"
    assert why(case("new", best=best(0.4)), 11) == "the best score 0.4000 is below 0.55"
    assert why(case("new", best=best(0.4)), 12) == "the best score 0.4000 is below 0.55"


def test_a_missing_column_stands_before_the_rules_that_create() -> None:
    assert why(case("incomplete", best=best(0.6)), 12) == (
        "the best score 0.6000 is from 0.55 to below 0.80, but a required column is missing: rule 13 stands before it"
    )
    switched = case("incomplete", mode="kill_switch", keys=[key(None, "m1")])
    assert why(switched, 7).startswith("the class was create-only, but a required column is missing")
    assert {why(switched, number) for number in range(8, 13)} == {"it was not asked, because the class was create-only"}


def test_identity_that_does_not_agree_in_part() -> None:
    assert "email differs" in why(case("possible_duplicate", best=best(0.6, differing=["email"], equal=["name"])), 11)
    assert "no identity column is equal" in why(case("possible_duplicate", best=best(0.6, absent=["email"])), 11)
    assert "on both sides" in why(case("possible_duplicate", best=best(0.6, equal=["email"])), 11)


def test_keys_that_did_not_answer() -> None:
    assert why(case("new"), 9) == "no key answered: the class has no identity key"
    assert why(case("new", keys=[key("no live memory has it")]), 9) == "no key answered: email: no live memory has it"
    assert why(case("identity", keys=[key(None, "m1")]), 8) == "the keys that answered all lead to memory m1"


def test_a_delete_is_asked_by_its_own_rules() -> None:
    told = case("delete_without_identity", "delete", keys=[key("no live memory has it")])
    assert why(told, 3) == "the class was not create-only"
    assert why(told, 4) == "no key answered"
    assert "no live memory has it" in why(told, 5)
    assert {why(case("new"), number) for number in (3, 4, 5, 6)} == {"it is no delete"}
