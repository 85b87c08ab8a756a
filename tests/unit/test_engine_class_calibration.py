"""A calibration as a person reads it: columns, what tells siblings apart, scores in bins, and what may be set."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.api.arguments import who_and_why
from memreg.cli.calibrated import as_data, histogram, plotted
from memreg.core.errors import ArgumentInvalid
from memreg.engine.calibrate import MOST_SHIFT, check_class, check_shift
from memreg.engine.calibration import Calibration, ColumnShares
from memreg.engine.class_calibration import BINS, ClassCalibration, RecentScores, telling, worths
from memreg.engine.level import LEVELS
from memreg.engine.record import Record
from memreg.engine.score import score
from memreg.engine.statistics import Statistics
from tests.support.engines import people_version, person

EVEN = ColumnShares(*(tuple([1 / LEVELS] * LEVELS) for _ in range(3)))


def calibrated(scores: RecentScores) -> ClassCalibration:
    return ClassCalibration("Person", 0, None, 0, 0, 0.3, 0.1, 0.0, False, {}, (), (), scores)


def test_every_column_of_the_annotation_has_a_line_before_anything_is_learned() -> None:
    spec, annotation = person()
    found = worths(Calibration(), spec, annotation)
    columns = [each.column for each in found]
    assert set(columns) == {*annotation.searchable, *annotation.compare, *annotation.identity_columns, "*"}
    assert columns[-1] == "*"
    assert not any(each.learned for each in found)
    for each in found:
        assert len(each.against_strangers) == len(each.against_siblings) == LEVELS
        assert list(each.against_strangers) == sorted(each.against_strangers)


def test_what_was_learned_is_told_apart_from_what_is_promised() -> None:
    spec, annotation = person()
    learned = Calibration({"name:name": EVEN, "year:born": EVEN, "text:gone": EVEN})
    found = {(each.column, each.role): each for each in worths(learned, spec, annotation)}
    assert found["name", "name"].learned
    assert found["name", "name"].against_strangers == (0.0,) * LEVELS
    # A compared column is shown by the kind of value that was seen in it; a column that is gone is not shown.
    assert found["born", "year"].learned
    assert ("born", "date") not in found
    assert not any(column == "gone" for column, _ in found)
    assert not found["*", "code"].learned


def test_what_tells_siblings_apart_is_even_until_it_is_learned() -> None:
    assert telling(Calibration(), ("title", "artist")) == {"title": 0.5, "artist": 0.5}
    assert telling(Calibration(telling={"title": 0.9, "artist": 0.1}), ("title", "artist"))["title"] == 0.9
    assert telling(Calibration(telling={"title": 1.0}), ("title", "artist")) == {"title": 0.5, "artist": 0.5}
    assert telling(Calibration(), ()) == {}


@given(st.lists(st.integers(0, 10_000)))
def test_every_score_is_in_one_bin_and_thresholds_are_edges(parts: list[int]) -> None:
    scores = tuple(part / 10_000 for part in parts)
    found = RecentScores({"new": scores[::2], "score": scores[1::2]}, 3)
    assert sum(found.bins) == found.count == len(scores)
    assert found.decisions == len(scores) + 3
    for threshold in (found.thresholds.update, found.thresholds.possible):
        edge = round(threshold * BINS)
        assert sum(found.bins[edge:]) == sum(score >= threshold for score in scores)


def test_the_thresholds_stand_between_the_lines() -> None:
    lines = list(histogram(calibrated(RecentScores({"score": (0.8, 1.0), "new": (0.7999, 0.55, 0.5499)}, 2))))
    assert "newest 5 decisions" in lines[0]
    assert "2 more had no candidate" in lines[0]
    update = next(number for number, line in enumerate(lines) if "0.80 ----" in line)
    possible = next(number for number, line in enumerate(lines) if "0.55 ----" in line)
    assert lines[update - 1].split()[:4] == ["0.80", "to", "0.85", "1"]
    assert lines[update + 1].split()[:4] == ["0.75", "to", "0.80", "1"]
    assert lines[possible - 1].split()[:4] == ["0.55", "to", "0.60", "1"]
    assert lines[possible + 1].split()[:4] == ["0.50", "to", "0.55", "1"]


def test_without_scores_there_is_a_sentence_and_no_plot() -> None:
    nothing = calibrated(RecentScores({}, 4))
    assert list(histogram(nothing)) == ["No decision was held against a candidate yet (4 more had no candidate)."]
    with pytest.raises(ArgumentInvalid, match="no score to plot"):
        plotted(nothing, "people", ".svg")


def test_a_plot_is_the_same_bytes_each_time() -> None:
    some = calibrated(RecentScores({"score": (0.9, 1.0), "new": (0.1,)}, 0))
    svg = plotted(some, "people", ".svg")
    assert svg == plotted(some, "people", ".svg")
    for words in (b"best scores of 3 decisions", b"0.80", b"0.55", b"score (2)"):
        assert words in svg
    assert plotted(some, "people", ".png").startswith(b"\x89PNG")


def test_json_names_the_levels_and_counts_the_scores() -> None:
    data = as_data(calibrated(RecentScores({"score": (0.9, 1.0)}, 1)))
    assert data["scores"]["decisions"] == 2
    assert data["scores"]["bins"][-1] == {"from": 0.95, "to": 1.0, "count": 1}
    assert data["scores"]["thresholds"] == {"update": 0.8, "possible": 0.55}


@pytest.mark.parametrize("shift", [math.nan, math.inf, -math.inf, True, "1", 10.01, -11])
def test_a_shift_that_is_none_is_refused(shift: float) -> None:
    with pytest.raises(ArgumentInvalid, match="natural log odds"):
        check_shift(shift)


@pytest.mark.parametrize("shift", [-10, 10, 0, -0.0, 0.5])
def test_a_shift_is_taken(shift: float) -> None:
    found = check_shift(shift)
    assert found == shift
    assert math.copysign(1, found or 0.0) == (1 if not shift else math.copysign(1, shift))
    assert check_shift(None) is None


def test_an_unknown_class_is_refused_with_those_there_are() -> None:
    with pytest.raises(ArgumentInvalid, match=r"class cannot be 'Nobody': people@1 does not have it \(.*Person"):
        check_class(people_version(), "Nobody")


def test_who_and_why_are_asked_for() -> None:
    assert who_and_why("ana", None, needs_why=False) == ("ana", None)
    for by, why, words in [
        (None, "x", "by cannot be missing"),
        (" ", "x", "by cannot be empty"),
        ("ana", None, "why cannot be missing"),
        ("ana", "", "why cannot be empty"),
        ("an\0a", "x", "NUL"),
    ]:
        with pytest.raises(ArgumentInvalid, match=words):
            who_and_why(by, why, needs_why=True)


@given(st.floats(-MOST_SHIFT, MOST_SHIFT), st.floats(-MOST_SHIFT, MOST_SHIFT))
def test_a_shift_only_moves_scores_its_own_way(one: float, other: float) -> None:
    """The higher shift never scores lower; equal text stays 1 and nothing met stays 0, whatever the shift."""
    low, high = sorted((one, other))
    spec, annotation = person()
    ana = Record.of({"name": "Ana Lopez", "city": "Oslo"}, spec, annotation)
    near = Record.of({"name": "Ana Lopes", "city": "Oslo"}, spec, annotation)
    stranger = Record.of({"name": "Per Hagen", "city": "Lima"}, spec, annotation)

    def shifted(theirs: Record, shift: float) -> float:
        return score(ana, theirs, Statistics(calibration=Calibration(shift=shift))).value

    assert shifted(near, low) <= shifted(near, high)
    assert shifted(ana, low) == 1.0
    assert shifted(stranger, high) == 0.0


def test_the_shift_is_in_the_log_odds() -> None:
    spec, annotation = person()
    ana = Record.of({"name": "Ana Lopez"}, spec, annotation)
    near = Record.of({"name": "Ana Lopes"}, spec, annotation)
    values = [score(ana, near, Statistics(calibration=Calibration(shift=shift))).value for shift in (0.0, -1.0)]
    plain, stricter = (math.log(value / (1 - value)) for value in values)
    assert plain - stricter == pytest.approx(1.0, abs=0.01)
