"""What agreement is worth: it never falls with more agreement, is kept as JSON, and has its limits."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.engine.calibration import (
    MATCHES,
    SIBLINGS_BY_ROLE,
    STRANGERS,
    Calibration,
    ColumnShares,
    common_words_limit,
    place,
    worth_of,
)
from memreg.engine.level import LEVELS, Level
from memreg.engine.record import Role
from tests.support.scoring import columns_learned, learned

ROLES = list(Role)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_promises_shares_of_every_level(role: Role) -> None:
    for shares in (MATCHES[role], SIBLINGS_BY_ROLE[role], STRANGERS[role]):
        assert len(shares) == LEVELS
        assert sum(shares) == pytest.approx(1.0)
        assert min(shares) > 0


@pytest.mark.parametrize("role", ROLES)
def test_equal_speaks_for_and_nothing_in_common_speaks_against(role: Role) -> None:
    worth = Calibration().worth("any", role)
    assert worth.against_stranger[Level.EQUAL] > 0 > worth.against_stranger[Level.NONE]
    assert worth.against_sibling[Level.EQUAL] > 0 > worth.against_sibling[Level.NONE]


@given(columns_learned, st.sampled_from(ROLES))
def test_worth_never_falls_from_a_level_to_the_next(shares: ColumnShares, role: Role) -> None:
    worth = worth_of(shares, role)
    for row in (worth.against_stranger, worth.against_sibling):
        assert len(row) == LEVELS
        assert all(after >= before - 1e-9 for before, after in pairwise(row))


@given(columns_learned, st.sampled_from([Role.NAME, Role.CODE]))
def test_a_name_that_agrees_for_the_most_part_never_speaks_against_a_sibling(shares: ColumnShares, role: Role) -> None:
    assert max(worth_of(shares, role).against_sibling[: Level.MOST + 1]) <= 0


def test_levels_whose_ratio_would_fall_are_pooled_with_shares_summed() -> None:
    matches = (0.1, 0.1, 0.3, 0.1, 0.1, 0.1, 0.2)
    others = (0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05)
    worth = worth_of(ColumnShares(matches, others, others), Role.DATE).against_stranger
    assert worth[0] == pytest.approx(math.log(0.1 / 0.4))
    pooled = math.log((0.3 + 0.1 + 0.1) / (0.1 + 0.1 + 0.1))
    assert worth[2:5] == pytest.approx((pooled, pooled, pooled))


@given(learned())
def test_a_calibration_comes_back_from_json(calibration: Calibration) -> None:
    kept = calibration.to_json()
    again = Calibration.from_json(json.loads(json.dumps(kept)))
    assert again.to_json() == kept
    assert again.columns.keys() == calibration.columns.keys()
    assert again.shift == calibration.shift
    assert again.repeats == pytest.approx(calibration.repeats, abs=1e-5)
    for key, shares in calibration.columns.items():
        assert again.columns[key].matches == pytest.approx(shares.matches, abs=1e-5)
        role = Role(key.split(":")[0])
        assert len(again.worth(key.split(":")[1], role).against_stranger) == LEVELS


def test_a_share_too_small_to_write_still_has_a_worth() -> None:
    tiny = (1.0 - 6e-7, *[1e-7] * 6)
    kept = Calibration({place("name", Role.NAME): ColumnShares(tiny, tiny, tiny)}).to_json()
    worth = Calibration.from_json(kept).worth("name", Role.NAME)
    assert all(math.isfinite(each) for each in (*worth.against_stranger, *worth.against_sibling))


def test_nothing_kept_is_what_roles_promise() -> None:
    assert Calibration.from_json(None) == Calibration()
    assert Calibration().worth("x", Role.DATE) == worth_of(ColumnShares.expected(Role.DATE), Role.DATE)


@given(st.floats(0.001, 0.95), st.floats(0.001, 0.95))
def test_the_prior_rises_with_the_repeats_to_a_point(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert Calibration(repeats=less).prior <= Calibration(repeats=more).prior
    assert Calibration(repeats=one, shift=1.5).prior == pytest.approx(Calibration(repeats=one).prior + 1.5)


frequencies = st.lists(st.integers(0, 5_000), min_size=1, max_size=3).map(lambda found: tuple(sorted(found)))


@given(st.floats(0.01, 1.0), frequencies, st.integers(0, 2), st.integers(0, 5_000))
def test_rarer_words_never_lower_the_limit(of_matches: float, held: tuple[int, ...], which: int, less: int) -> None:
    rarer = list(held)
    rarer[which % len(held)] = max(0, rarer[which % len(held)] - less)
    limit = common_words_limit(of_matches, held, 5_000)
    assert limit >= 0
    assert common_words_limit(of_matches, tuple(sorted(rarer)), 5_000) >= limit - 1e-9


@given(st.floats(0.01, 1.0), frequencies, st.integers(0, 5_000))
def test_one_more_word_never_lowers_the_limit(of_matches: float, held: tuple[int, ...], more: int) -> None:
    longer = tuple(sorted((*held, more)))[:3]
    assert common_words_limit(of_matches, longer, 5_000) >= common_words_limit(of_matches, held, 5_000) - 1e-9


def test_a_word_that_everybody_has_is_worth_nothing() -> None:
    assert common_words_limit(0.6, (5_000,), 5_000) == 0
    assert common_words_limit(0.6, (0,), 5_000) > common_words_limit(0.6, (3,), 5_000) > 0


def test_against_siblings_with_one_name_is_its_worth() -> None:
    found = Calibration().against_siblings({"title": 1.7}, ("title",), 0.4)
    assert found == pytest.approx(2.1)


def test_against_siblings_with_several_names_the_one_that_tells_counts_most() -> None:
    even = Calibration()
    title_tells = Calibration(telling={"artist": 0.02, "title": 0.98})
    title_differs = {"artist": 2.0, "title": -2.0}
    artist_differs = {"artist": -2.0, "title": 2.0}
    names = ("artist", "title")
    assert even.against_siblings(title_differs, names, 0) == even.against_siblings(artist_differs, names, 0)
    assert title_tells.against_siblings(title_differs, names, 0) < even.against_siblings(title_differs, names, 0)
    assert (
        title_tells.against_siblings(artist_differs, names, 0)
        > 0
        > title_tells.against_siblings(title_differs, names, 0)
    )


def test_a_name_that_one_side_lacks_says_nothing_of_siblings() -> None:
    names = ("artist", "title")
    both = Calibration().against_siblings({"artist": 2.0, "title": 2.0}, names, 0)
    one = Calibration().against_siblings({"artist": 2.0}, names, 0)
    assert Calibration().against_siblings({}, names, 0.3) == pytest.approx(0.3)
    assert 0 < one < both


def test_weights_that_do_not_know_every_name_do_not_count() -> None:
    partial = Calibration(telling={"artist": 1.0})
    named, names = {"artist": 1.0, "title": -1.0}, ("artist", "title")
    assert partial.against_siblings(named, names, 0) == Calibration().against_siblings(named, names, 0)


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(0.001, 0.999))
def test_against_both_lies_between_strangers_and_siblings(stranger: float, sibling: float, share: float) -> None:
    found = Calibration(siblings=share).together(stranger, sibling)
    assert min(stranger, sibling) - 1e-9 <= found <= max(stranger, sibling) + 1e-9


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(0, 30), st.floats(0.001, 0.999))
def test_more_evidence_against_either_never_lowers_it(
    stranger: float, sibling: float, more: float, share: float
) -> None:
    calibration = Calibration(siblings=share)
    before = calibration.together(stranger, sibling)
    assert calibration.together(stranger + more, sibling) >= before - 1e-9
    assert calibration.together(stranger, sibling + more) >= before - 1e-9
