"""What is shared out adds up to what was spent, however lines are told apart."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import chain, combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memreg.operations.apportion import apportion
from memreg.operations.usage import BY, Prices, summed

SUBSETS = list(chain.from_iterable(combinations(BY, size) for size in range(len(BY) + 1)))
TOKENS = st.integers(0, 10**7)
CALLS = st.fixed_dictionaries(
    {
        "day": st.dates(date(2026, 11, 1), date(2026, 11, 3)),
        "model": st.sampled_from(["small", "large", None]),
        "outcome": st.sampled_from(["ok", "http 429", "timeout"]),
        "tokens_in": TOKENS,
        "tokens_out": TOKENS,
        "latency_ms": st.decimals(0, 60_000, places=1),
    }
)
CLASSES = st.lists(st.sampled_from(["Person", "Place", "Event", ""]), max_size=7)
MESSAGES = st.lists(st.tuples(st.lists(CALLS, max_size=4), CLASSES), max_size=6)


def rows(messages: list[tuple[list[dict[str, Any]], list[str]]], *, by_class: bool) -> list[dict[str, Any]]:
    """What `share_calls`, or `count_calls`, gives for messages with their requests and the classes of their entries."""
    found = []
    for calls, classes in messages:
        shares = {name: (classes.count(name), len(classes)) for name in classes} or {"": (1, 1)}
        if not by_class:
            shares = {"": (1, 1)}
        for call in calls:
            for name, (entries, of_all) in shares.items():
                found.append(
                    {**call, "class": name, "entries": entries, "all_entries": of_all, "requests": 1, "uncounted": 0}
                )
    return found


@given(messages=MESSAGES, by=st.sampled_from(SUBSETS))
def test_the_lines_add_up_to_the_requests(messages: Any, by: tuple[str, ...]) -> None:
    prices = Prices(Decimal("2.5"), Decimal("10"))
    lines = summed("messages", rows(messages, by_class="class" in by), by, prices)
    calls = [call for each, _ in messages for call in each]
    assert sum(line.requests for line in lines) == len(calls)
    assert sum(line.failed for line in lines) == sum(call["outcome"] != "ok" for call in calls)
    tokens_in = sum(call["tokens_in"] for call in calls)
    tokens_out = sum(call["tokens_out"] for call in calls)
    assert sum(line.tokens_in for line in lines) == tokens_in
    assert sum(line.tokens_out for line in lines) == tokens_out
    assert sum((line.cost or Decimal(0) for line in lines), Decimal(0)) == prices.cost(tokens_in, tokens_out)
    assert all(0 <= line.failed <= line.requests for line in lines)
    keys = [(line.day, line.class_name, line.model) for line in lines]
    assert len(set(keys)) == len(keys)


@given(messages=MESSAGES)
def test_the_shares_of_equal_entries_are_equal_within_one_token(messages: Any) -> None:
    lines = summed("messages", rows(messages, by_class=True), ("class",), Prices())
    for line in lines:
        share = sum(
            (
                Fraction(
                    call["tokens_in"] * [name or "-" for name in classes].count(line.class_name or ""), len(classes)
                )
                if classes
                else Fraction(call["tokens_in"] if line.class_name == "-" else 0)
                for calls, classes in messages
                for call in calls
            ),
            Fraction(0),
        )
        assert abs(line.tokens_in - share) < 1


@given(st.lists(st.fractions(0, 1000, max_denominator=50), max_size=12))
def test_parts_are_whole_and_near_their_shares(shares: list[Fraction]) -> None:
    total = sum(shares, Fraction(0))
    rest = Fraction(-total.numerator % total.denominator, total.denominator)
    whole = [*shares, rest]
    parts = apportion(whole)
    assert sum(parts) == sum(whole)
    assert all(abs(part - share) < 1 for part, share in zip(parts, whole, strict=True))
