"""Verdicts and figures of small streams that were worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memreg.evaluation.judge import Judged, Outcome, Verdict, judge
from memreg.evaluation.metrics import Agreement, bcubed, measure, pairwise, percentile


def outcomes(text: str, source: str = "s") -> list[Outcome]:
    """Outcomes from `entity>memory` words, in order: the first record of a memory creates it, a `!` forces a CREATE's
    memory to be named anew, a `-` is a reject."""
    found: list[Outcome] = []
    for number, word in enumerate(text.split()):
        entity, memory = word.split(">")
        if memory == "-":
            found.append(Outcome(f"r{number}", entity, source, "REJECT", "invalid", None))
            continue
        is_new = memory not in {each.memory_id for each in found}
        action, basis = ("CREATE", "new") if is_new else ("UPDATE", "score")
        found.append(Outcome(f"r{number}", entity, source, action, basis, memory))
    return found


def verdicts(text: str) -> list[str]:
    return [str(each.verdict) for each in judge(outcomes(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a>1 a>1 b>2", ["right", "right", "right"]),
        ("a>1 b>1", ["right", "false_update"]),
        ("a>1 a>2", ["right", "missed_update"]),
        # the first and the majority count: after two of b, b's third is no error, nor is a's second
        ("a>1 b>1 b>1 b>1 a>1", ["right", "false_update", "false_update", "right", "right"]),
        # c is neither the first nor the majority
        ("a>1 b>1 b>1 c>1", ["right", "false_update", "false_update", "false_update"]),
        # what was put into a wrong memory was there all the same
        ("a>1 b>1 b>2", ["right", "false_update", "missed_update"]),
        # a rejected record was not kept, so its entity is new afterwards
        ("a>- a>1", ["rejected", "right"]),
    ],
)
def test_verdicts(text: str, expected: list[str]) -> None:
    assert verdicts(text) == expected


def test_a_link_within_a_dirty_source_is_unknown() -> None:
    stream = [
        Outcome("1", "a", "A", "CREATE", "new", "m"),
        Outcome("2", "b", "A", "UPDATE", "score", "m"),
        Outcome("3", "c", "B", "UPDATE", "score", "m"),
    ]
    found = [each.verdict for each in judge(stream, dirty_sources=["A"])]
    assert found == [Verdict.RIGHT, Verdict.UNKNOWN, Verdict.FALSE_UPDATE]
    assert [each.verdict for each in judge(stream)][1] is Verdict.FALSE_UPDATE


def test_identical_text_is_told() -> None:
    texts = ["the same", "the same", "another"]
    found = list(judge(outcomes("a>1 b>1 c>1"), text_of=texts.__getitem__))
    assert [each.identical for each in found] == [False, True, False]


def test_homes_are_the_memories_of_the_entity_the_fullest_first() -> None:
    last = list(judge(outcomes("a>1 a>2 a>2 a>3")))[-1]
    assert last.homes == ("2", "1")


def test_figures() -> None:
    # memories: 1 = {a, a, b}, 2 = {b}, 3 = {c, c}; a reject of a
    judged = list(judge(outcomes("a>1 a>1 b>1 b>2 c>3 c>3 a>-")))
    figures = measure(judged)
    assert figures.decisions == 7
    assert (figures.false_updates, figures.false_update_rate) == (1, 1 / 7)
    assert figures.existing == 4  # a's second, b's second, c's second, and the rejected a
    assert (figures.missed_updates, figures.missed_update_rate) == (1, 1 / 4)
    assert figures.rejected == 1
    assert (figures.memories, figures.entities, figures.memories_per_entity) == (3, 3, 1.0)
    # together: {a a b} 3 pairs, {c c} 1; same: a 3, b 1, c 1; both: aa, cc
    assert figures.pairwise == Agreement.of(2 / 4, 2 / 5)
    assert figures.errors_by_basis == {"score": 1, "new": 1}
    assert figures.decided == {"UPDATE score": 3, "CREATE new": 3, "REJECT invalid": 1}


def test_bcubed() -> None:
    # 1 = {a, a, b}, 2 = {b}: precision (2/3 + 2/3 + 1/3 + 1) / 4, recall (1 + 1 + 1/2 + 1/2) / 4
    found = bcubed(outcomes("a>1 a>1 b>1 b>2"))
    assert found.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert found.recall == pytest.approx(3 / 4)


def test_unknown_pairs_can_be_left_out() -> None:
    # a, b and c of the dirty source in one memory with a clean a: of 6 pairs, ab, ac and bc of the source are unknown
    stream = [replace(each, source="A") for each in outcomes("a>1 b>1 c>1")] + outcomes("x>9 a>1")[1:]
    stream[-1] = replace(stream[-1], memory_id="1", action="UPDATE", source="clean")
    assert pairwise(stream).precision == pytest.approx(1 / 6)
    assert pairwise(stream, ["A"]).precision == pytest.approx(1 / 3)
    # the clean a: 2 of 4; the dirty a: 2 of its 2 known; the dirty b and c: 1 of 2 each
    assert bcubed(stream, ["A"]).precision == pytest.approx((2 / 4 + 2 / 2 + 1 / 2 + 1 / 2) / 4)
    assert bcubed(stream, ["A"]).recall == 1.0


def test_everything_right_is_one_and_nothing_is_no_error() -> None:
    perfect = measure(list(judge(outcomes("a>1 b>2 a>1"))))
    assert (perfect.pairwise.f1, perfect.bcubed.f1) == (1.0, 1.0)
    empty: list[Judged] = []
    assert measure(empty).false_update_rate == 0.0
    assert measure(empty).pairwise.f1 == 1.0


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, 0.0), ([3.0], 0.95, 3.0), ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0), (list(map(float, range(1, 101))), 0.95, 95)],
)
def test_percentiles_by_nearest_rank(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected
