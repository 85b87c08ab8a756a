"""What a call will cost, before it is made: tokens by characters, money by prices, one line for a person."""

from __future__ import annotations

import json

import pytest

from memreg.annotator.estimate import Estimate, Reused, Spent, cost_of, estimate_of, money_text
from memreg.annotator.question import question
from memreg.registry.parse import parse_schema

SPEC = parse_schema("schema: s\nclasses: {Note: {columns: {title: {dtype: string}, code: {dtype: string}}}}\n", "test")


def test_tokens_are_a_quarter_of_all_characters_sent() -> None:
    ask = question(SPEC)
    characters = len(ask.system) + len(ask.user) + len(json.dumps(ask.shape.model_json_schema(), ensure_ascii=False))
    found = estimate_of(SPEC, None, "m")
    assert found.tokens_in == -(-characters // 4)
    assert 20 < found.tokens_out < 200
    rows = estimate_of(SPEC, {"Note": ({"title": "x" * 80},) * 3}, "m")
    assert rows.sample_rows == 3
    assert rows.tokens_in > found.tokens_in + 3 * 80 // 4


def test_the_sentence_says_what_is_sent_and_what_it_costs() -> None:
    told = Estimate("m", 1200, 300, 2, 0.5, 2.0)
    assert told.cost == pytest.approx(0.0012)
    assert told.sentence == (
        "One call of m: about 1,200 tokens of prompt (2 sample rows sent) and 300 of answer, about 0.0012;"
        " twice that where its first answer is refused"
    )
    assert "(no rows sent)" in Estimate("m", 1, 1).sentence
    assert "about 0" not in Estimate("m", 1, 1).sentence
    assert "(1 sample row sent)" in Estimate("m", 1, 1, 1).sentence


def test_what_was_spent() -> None:
    assert Spent("m", 1000, 20, 1.0, None).sentence == "m took 1,000 tokens of prompt and 20 of answer, 0.001"
    assert Spent("m", 1000, 20).cost is None
    assert Spent("m", None, None, 1.0, 1.0).sentence == "m did not say how many tokens it took"
    assert Reused("s@1", 2, "m").sentence == "No call: reused from s@1, annotation 2; --fresh asks again"


@pytest.mark.parametrize(
    ("tokens_in", "tokens_out", "price_in", "price_out", "cost"),
    [
        (1_000_000, 1_000_000, 2.0, 8.0, 10.0),
        (1_000_000, None, 2.0, None, 2.0),
        (1_000_000, None, 2.0, 8.0, None),
        (1, 1, None, None, None),
        (1_000_000, 1, 0.0, None, 0.0),
    ],
)
def test_money(
    tokens_in: int | None, tokens_out: int | None, price_in: float | None, price_out: float | None, cost: float | None
) -> None:
    assert cost_of(tokens_in, tokens_out, price_in, price_out) == cost


@pytest.mark.parametrize(("amount", "text"), [(0, "0.00"), (12.5, "12.50"), (0.31, "0.31"), (0.000424, "0.00042")])
def test_money_has_as_many_places_as_it_needs(amount: float, text: str) -> None:
    assert money_text(amount) == text
