"""Learning a calibration from decisions whose truth the test knows and the learner does not."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence

import pytest

from memreg.engine.calibration import CAPPED, MATCHES, Calibration, ColumnShares, Shares
from memreg.engine.learn import LEARNED_FROM, Observed, learn, observed_from
from memreg.engine.level import LEVELS, Level
from memreg.engine.record import Role

NAMES = ("artist", "title")
TRUE: Mapping[str, ColumnShares] = {
    "name:artist": ColumnShares(
        (0.01, 0.01, 0.02, 0.06, 0.10, 0.20, 0.60),
        (0.60, 0.10, 0.10, 0.10, 0.05, 0.03, 0.02),
        (0.90, 0.05, 0.02, 0.01, 0.01, 0.005, 0.005),
    ),
    "name:title": ColumnShares(
        (0.01, 0.01, 0.02, 0.06, 0.10, 0.10, 0.70),
        (0.60, 0.10, 0.10, 0.10, 0.05, 0.03, 0.02),
        (0.80, 0.15, 0.02, 0.01, 0.01, 0.005, 0.005),
    ),
    "date:released": ColumnShares(
        (0.05, 0.01, 0.02, 0.10, 0.10, 0.02, 0.70),
        (0.30, 0.05, 0.05, 0.05, 0.05, 0.05, 0.45),
        (0.90, 0.01, 0.02, 0.02, 0.02, 0.01, 0.02),
    ),
}
REPEATS, SIBLINGS, TITLE_TELLS = 0.4, 0.3, 0.9


def drawn(shares: Shares, chance: random.Random) -> int:
    return chance.choices(range(LEVELS), shares)[0]


def like(kind: str, chance: random.Random) -> dict[str, int]:
    """The levels of a candidate: the same object, a sibling (another title of the artist, mostly), or a stranger."""
    of = {"match": "matches", "stranger": "strangers"}
    if kind != "sibling":
        return {name: drawn(getattr(shares, of[kind]), chance) for name, shares in TRUE.items()}
    found = {name: drawn(shares.matches, chance) for name, shares in TRUE.items()}
    told = "name:title" if chance.random() < TITLE_TELLS else "name:artist"
    found[told] = drawn(TRUE[told].siblings, chance)
    found["date:released"] = drawn(TRUE["date:released"].siblings, chance)
    return found


def decisions(count: int, *, duplicates: float = 0.0, seed: int = 1) -> list[Observed]:
    """Decisions with five candidates each. `duplicates`: how often a repeat has a second match among its rivals, since
    the engine missed one before."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        rivals = [like("sibling" if chance.random() < SIBLINGS else "stranger", chance) for _ in range(5)]
        if chance.random() < REPEATS:
            rivals[0] = like("match", chance)
            if chance.random() < duplicates:
                rivals[1] = like("match", chance)
        found.append(Observed(tuple(sorted(rivals, key=lambda levels: -sum(levels.values())))))
    return found


def far(one: Sequence[float], other: Sequence[float]) -> float:
    """How much of the share lies at other levels."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2


def test_the_shares_that_made_the_decisions_are_found() -> None:
    found = learn(decisions(2_000), NAMES, Calibration())
    assert found.decisions == 2_000
    assert found.repeats == pytest.approx(REPEATS, abs=0.1)
    assert found.siblings == pytest.approx(SIBLINGS, abs=0.12)
    assert found.telling["title"] > 0.7 > found.telling["artist"]
    for name, shares in TRUE.items():
        assert far(found.columns[name].matches, shares.matches) < 0.08, name
        assert far(found.columns[name].strangers, shares.strangers) < 0.08, name


def test_missed_duplicates_among_the_rivals_change_little() -> None:
    clean, dirty = (learn(decisions(1_500, duplicates=share), NAMES, Calibration()) for share in (0.0, 0.3))
    assert dirty.repeats == pytest.approx(clean.repeats, abs=0.05)
    for name in TRUE:
        assert far(dirty.columns[name].matches, clean.columns[name].matches) < 0.12, name
    for role, column in ((Role.NAME, "title"), (Role.NAME, "artist"), (Role.DATE, "released")):
        equal = [each.worth(column, role).against_stranger[Level.EQUAL] for each in (clean, dirty)]
        assert equal[1] > 0.6 * equal[0] > 0


def test_at_most_one_match_a_decision() -> None:
    """Five candidates that agree in all are not five repeats."""
    alike = {name: int(Level.EQUAL) for name in TRUE}
    found = learn([Observed((alike,) * 5)] * 200, NAMES, Calibration())
    assert found.repeats <= 1
    once = learn([Observed((alike,))] * 200, NAMES, Calibration())
    assert once.repeats > 0.8
    others = {name: int(Level.NONE) for name in TRUE}
    told = learn([Observed((alike, others, others, others, others))] * 200, NAMES, Calibration())
    assert told.repeats > 0.8
    assert told.columns["name:title"].strangers[Level.NONE] > 0.9


def test_only_the_best_five_count() -> None:
    seen = decisions(100)
    noise = dict.fromkeys(TRUE, int(Level.PART))
    longer = [Observed((*each.candidates, noise, noise)) for each in seen]
    assert learn(longer, NAMES, Calibration()) == learn(seen, NAMES, Calibration())


def test_few_decisions_stay_near_what_roles_promise() -> None:
    found = learn(decisions(3), NAMES, Calibration())
    for name, role in (("name:title", Role.NAME), ("date:released", Role.DATE)):
        assert far(found.columns[name].matches, MATCHES[role]) < 0.15


def test_the_same_decisions_teach_the_same() -> None:
    assert learn(decisions(300), NAMES, Calibration()) == learn(decisions(300), NAMES, Calibration())


def test_a_name_may_not_be_learned_to_disagree() -> None:
    """A class whose repeats seem to have other names has been misread: its lowest levels stay as promised."""
    odd = {"name:title": int(Level.NONE), "date:released": int(Level.EQUAL)}
    found = learn([Observed((odd,), identified=True)] * 500, ("title",), Calibration())
    lowest = CAPPED[Role.NAME]
    for level in range(lowest):
        assert found.columns["name:title"].matches[level] <= MATCHES[Role.NAME][level] + 1e-12
    assert found.worth("title", Role.NAME).against_stranger[Level.NONE] < 0


def test_a_decision_by_identity_shows_how_repeats_differ() -> None:
    """A key says that they are one object, so that its other columns tell how far repeats may be apart."""
    moved = {"strong:email": int(Level.EQUAL), "name:title": int(Level.NEAR), "date:released": int(Level.PART)}
    apart = dict.fromkeys(moved, int(Level.NONE))
    known, guessed = (
        learn([Observed((moved, apart), identified=identified)] * 300, ("title",), Calibration())
        for identified in (True, False)
    )
    assert known.repeats >= guessed.repeats
    assert known.columns["date:released"].matches[Level.PART] > 0.5
    assert known.worth("released", Role.DATE).against_stranger[Level.PART] > 0


def test_what_a_person_set_stays() -> None:
    before = Calibration(shift=-1.25, fixed=True)
    for seen in ([], decisions(20)):
        found = learn(seen, NAMES, before)
        assert (found.shift, found.fixed) == (-1.25, True)


@pytest.mark.parametrize("seen", [[], [Observed(())], [Observed((), identified=True)] * 3])
def test_nothing_seen_is_what_roles_promise(seen: list[Observed]) -> None:
    found = learn(seen, NAMES, Calibration())
    assert not found.columns
    assert found.worth("title", Role.NAME) == Calibration().worth("title", Role.NAME)


def test_levels_that_are_one_object_and_those_that_only_look_alike_teach_the_same() -> None:
    apart = decisions(300)
    once = {tuple(sorted(levels.items())): levels for seen in apart for levels in seen.candidates}
    shared = [Observed(tuple(once[tuple(sorted(levels.items()))] for levels in seen.candidates)) for seen in apart]
    assert len(once) < 900
    assert learn(shared, NAMES, Calibration()) == learn(apart, NAMES, Calibration())


def test_a_class_without_a_name_learns_too() -> None:
    seen = [Observed(tuple({"date:released": each["date:released"]} for each in d.candidates)) for d in decisions(50)]
    found = learn(seen, (), Calibration())
    assert not found.telling
    assert 0 < found.repeats < 1


def test_every_row_of_shares_is_positive_and_what_is_learned_comes_back() -> None:
    found = learn(decisions(400), NAMES, Calibration())
    for shares in found.columns.values():
        for row in (shares.matches, shares.siblings, shares.strangers):
            assert min(row) > 0
            assert sum(row) <= 1 + 1e-9
    assert sum(found.telling.values()) == pytest.approx(1)
    assert Calibration.from_json(found.to_json()).to_json() == found.to_json()


def test_a_decision_as_the_audit_keeps_it() -> None:
    row = {
        "candidates": [{"levels": {"name:title": 6}}, {"levels": {}}, {}, {"levels": {"name:title": 0}}],
        "identified": True,
    }
    assert observed_from(row) == Observed(({"name:title": 6}, {"name:title": 0}), True)
    assert observed_from({**row, "candidates": json.dumps(row["candidates"])}) == observed_from(row)
    assert observed_from({"candidates": [], "identified": False}) == Observed(())
    assert LEARNED_FROM > 0
