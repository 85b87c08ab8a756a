"""What holds of the figures of any pass: bounds, counts, and that names of memories mean nothing."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from memreg.evaluation.judge import Outcome, judge
from memreg.evaluation.metrics import bcubed, measure, pairwise
from memreg.evaluation.sweep import sweep, trials

PLACES = st.tuples(st.sampled_from("abc"), st.sampled_from("st"), st.integers(0, 3) | st.none())


@st.composite
def passes(draw: st.DrawFn) -> list[Outcome]:
    """A pass as an engine could leave it: a memory is created by its first record, then updated."""
    found: list[Outcome] = []
    for number, (entity, source, memory) in enumerate(draw(st.lists(PLACES, max_size=25))):
        if memory is None:
            found.append(Outcome(f"r{number}", entity, source, "REJECT", "invalid", None))
            continue
        known = {each.memory_id for each in found}
        action, basis = ("UPDATE", "score") if f"m{memory}" in known else ("CREATE", "new")
        found.append(Outcome(f"r{number}", entity, source, action, basis, f"m{memory}", 0.9))
    return found


@given(passes(), st.sets(st.sampled_from("st")))
def test_rates_and_agreements_are_shares(outcomes: list[Outcome], dirty: set[str]) -> None:
    figures = measure(list(judge(outcomes, dirty_sources=dirty)), dirty)
    agreements = (figures.pairwise, figures.bcubed, figures.known_pairwise, figures.known_bcubed)
    shares = [figures.false_update_rate, figures.missed_update_rate]
    shares += [share for each in agreements for share in (each.precision, each.recall, each.f1)]
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in shares)
    assert figures.known_pairwise.precision >= figures.pairwise.precision
    assert sum(figures.errors_by_basis.values()) == figures.false_updates + figures.missed_updates
    assert sum(figures.decided.values()) == figures.decisions == len(outcomes)


@given(passes(), st.permutations(range(4)))
def test_the_names_of_memories_mean_nothing(outcomes: list[Outcome], order: list[int]) -> None:
    def renamed(outcome: Outcome) -> Outcome:
        return replace(outcome, memory_id=outcome.memory_id and f"m{order[int(outcome.memory_id[1:])]}")

    others = [renamed(outcome) for outcome in outcomes]
    assert [each.verdict for each in judge(others)] == [each.verdict for each in judge(outcomes)]
    assert pairwise(others) == pairwise(outcomes)
    assert bcubed(others).f1 == bcubed(outcomes).f1


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_a_memory_for_each_entity_is_perfect(entities: list[str]) -> None:
    outcomes = [
        Outcome(f"r{n}", entity, "s", "UPDATE" if entity in entities[:n] else "CREATE", "score", f"m{entity}")
        for n, entity in enumerate(entities)
    ]
    figures = measure(list(judge(outcomes)))
    assert (figures.false_updates, figures.missed_updates) == (0, 0)
    assert figures.pairwise.f1 == 1.0
    assert abs(figures.bcubed.f1 - 1.0) < 1e-9
    assert figures.memories_per_entity == 1.0


@given(passes(), st.lists(st.floats(0, 1), min_size=2, max_size=5).map(sorted))
def test_a_higher_threshold_misses_no_less(outcomes: list[Outcome], thresholds: list[float]) -> None:
    best = {each.record_id: (each.memory_id or "m0", each.score or 0.0) for each in outcomes}
    points = sweep(list(trials(outcomes, best)), thresholds)
    assert [point.missed_updates for point in points] == sorted(point.missed_updates for point in points)
    assert [point.false_updates for point in points] == sorted((p.false_updates for p in points), reverse=True)
