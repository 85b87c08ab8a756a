"""Reading the items of an answer one by one."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.annotator.items import proposals_of
from memreg.engine.extract import MAX_PROPOSALS
from memreg.engine.model import Proposal

ANA: dict[str, Any] = {"class": "Person", "operation": "upsert", "values": {"name": "Ana"}, "evidence": "Ana"}


def test_a_good_item() -> None:
    assert proposals_of([{**ANA, "confidence": 0.9}]) == (
        (Proposal("Person", {"name": "Ana"}, "upsert", "Ana", 0.9),),
        (),
    )


def test_the_good_are_kept_and_the_bad_are_named() -> None:
    proposals, problems = proposals_of(
        [ANA, "Bob", {**ANA, "values": ["x"]}, {"values": {}}, {**ANA, "class": "Other"}]
    )
    assert [proposal.class_name for proposal in proposals] == ["Person", "Other"]
    assert problems == (
        "item 2: it is a text, not an object",
        "item 3: its values are a list, not an object",
        "item 4: it has no class",
    )


@pytest.mark.parametrize("operation", ["drop", "DELETE", 3, ["delete"]])
def test_an_unknown_operation_is_never_guessed(operation: object) -> None:
    assert proposals_of([{**ANA, "operation": operation}]) == (
        (),
        ("item 1: its operation is neither upsert nor delete",),
    )


@pytest.mark.parametrize("confidence", [None, "high", 2, -1, True, float("nan"), {}])
def test_a_confidence_that_is_none_is_unknown(confidence: object) -> None:
    (proposal,), problems = proposals_of([{**ANA, "confidence": confidence}])
    assert (proposal.confidence, problems) == (None, ())


def test_evidence_that_is_no_text_is_unknown_and_nul_is_replaced() -> None:
    (first, second), _ = proposals_of([{**ANA, "evidence": 3}, {**ANA, "evidence": "a\x00\ud800"}])
    assert (first.evidence, second.evidence) == (None, "a\ufffd\ufffd")


def test_ten_thousand_items_are_bounded_with_a_problem() -> None:
    proposals, problems = proposals_of([ANA] * 10_000)
    assert len(proposals) == MAX_PROPOSALS
    assert problems == ("the answer has 10,000 items, and only the first 1,000 were read",)


def test_problems_are_bounded_and_quote_no_values() -> None:
    _, problems = proposals_of([{"class": "Person", "values": "555-1234"}] * 100)
    assert len(problems) == 21
    assert problems[-1] == "80 more items could not be read"
    assert not any("555" in problem for problem in problems)
