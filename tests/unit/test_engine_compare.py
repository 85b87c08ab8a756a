"""Two records column by column: what met and what stands against each other, crosswise and across columns."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.engine.alignment import Alignment, align
from memreg.engine.compare import CODES, Comparison, Evidence, Memo, compare
from memreg.engine.level import Level
from memreg.engine.record import Record, Role
from memreg.engine.statistics import Statistics
from memreg.registry.parse import parse_schema
from tests.support.scoring import record


def both(one: dict[str, Any], other: dict[str, Any], known: Statistics | None = None) -> Comparison:
    """The comparison, which is the same from either side."""
    known = known or Statistics()
    here, there = (compare(record(a), record(b), known) for a, b in ((one, other), (other, one)))
    assert [(e.column, e.role, e.level, e.frequencies) for e in here.evidence] == [
        (e.column, e.role, e.level, e.frequencies) for e in there.evidence
    ]
    assert (here.same_text, here.touches) == (there.same_text, there.touches)
    return here


def of(found: Comparison, column: str) -> Evidence:
    (evidence,) = (each for each in found.evidence if each.column == column)
    return evidence


def test_only_columns_that_both_fill_say_something() -> None:
    found = both({"title": "Oslo", "born": "1990-05-01"}, {"title": "Oslo", "email": "a@x.io"})
    assert [evidence.column for evidence in found.evidence] == ["title"]
    assert not found.evidence[0].met[1:]


def test_each_column_has_its_role_and_words() -> None:
    found = both(
        {"title": "Grand Hotel", "city": "Oslo", "born": "1990-05-01", "email": "a@x.io", "phone": "5551234"},
        {"title": "Grand Hostel", "city": "Bergen", "born": "1990-05-02", "email": "a@x.io", "phone": "5551235"},
    )
    assert {evidence.column: evidence.role for evidence in found.evidence} == {
        "title": Role.NAME, "city": Role.ATTRIBUTE, "born": Role.DATE, "email": Role.STRONG, "phone": Role.SHARED,
    }  # fmt: skip
    assert of(found, "title").met == ("grand", "hotel~hostel")
    assert of(found, "city").level is Level.NONE
    assert of(found, "city").met == ("oslo / bergen",)
    assert of(found, "born").met == ("1990-05-01 / 1990-05-02",)
    assert of(found, "email").met == ("a@x.io",)
    assert found.touches


def test_swapped_names_agree() -> None:
    found = both({"given": "Ana", "surname": "Lopez"}, {"given": "Lopez", "surname": "Ana"})
    assert [of(found, name).level for name in ("given", "surname")] == [Level.EQUAL, Level.EQUAL]
    assert not found.same_text


def test_swapped_names_agree_as_far_as_the_lesser_of_the_two() -> None:
    found = both({"given": "Ana", "surname": "Martinez"}, {"given": "Martines", "surname": "Ana"})
    assert Level.PART < of(found, "given").level < Level.EQUAL
    assert of(found, "surname").level is of(found, "given").level


def test_swapped_names_are_as_common_as_the_commoner() -> None:
    known = Statistics(1, 100, {"ana": 40, "lopez": 3}, 100)
    found = both({"given": "Ana", "surname": "Lopez"}, {"given": "Lopez", "surname": "Ana"}, known)
    assert of(found, "given").frequencies == of(found, "surname").frequencies == (40,)


def test_a_name_in_the_other_column_is_contained_at_most() -> None:
    found = both({"given": "Lopez"}, {"surname": "Lopez"})
    assert of(found, "given").level is Level.CONTAINED


def test_names_that_stay_are_not_swapped() -> None:
    found = both({"given": "Ana", "surname": "Lopez"}, {"given": "Ana", "surname": "Garcia"})
    assert of(found, "given").level is Level.EQUAL
    assert of(found, "surname").level is Level.NONE


def test_a_word_that_stays_does_not_hide_a_swap() -> None:
    found = both({"given": "Ana Maria", "surname": "Lopez"}, {"given": "Lopez Maria", "surname": "Ana"})
    assert of(found, "given").level >= Level.NEAR


def test_a_word_in_another_column_counts_in_both() -> None:
    apart = both({"title": "Grand Hotel", "city": "Bergen"}, {"title": "Grand Hotel", "city": "Tromso"})
    found = both({"title": "Grand Hotel Bergen", "city": "Norway"}, {"title": "Grand Hotel", "city": "Bergen"})
    assert of(found, "title").level is Level.EQUAL
    assert of(found, "city").level > of(apart, "city").level
    assert "bergen" in of(found, "city").met
    assert not found.same_text


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("Camera red DSC", "Camera silver DSC", Level.PART),
        ("Rocky II", "Rocky III", Level.PART),
        ("II", "III", Level.PART),
        ("Room 101 north", "Room 102 north", Level.PART),
        ("Steak House Oslo", "Steakhouse Oslo", Level.EQUAL),
    ],
)
def test_another_word_in_the_same_place_of_a_name(one: str, other: str, level: Level) -> None:
    assert of(both({"title": one}, {"title": other}), "title").level <= level


def test_joins_are_the_same_from_either_side() -> None:
    assert of(both({"title": "a b abc"}, {"title": "ab c"}), "title").level > Level.NONE


def test_codes_of_the_whole_record_meet() -> None:
    same = both({"title": "Sony Camera DSCW55", "city": "x"}, {"title": "Sony DSCW55", "city": "y"})
    other = both({"title": "Sony Camera DSCW55"}, {"title": "Sony Camera DSCW90"})
    assert (of(same, CODES).level, of(other, CODES).level) == (Level.EQUAL, Level.NONE)


def test_common_codes_tell_nothing() -> None:
    known = Statistics(1, 1_000, {"1080p": 300}, 1_000)
    found = both({"title": "Monitor 1080p"}, {"title": "Projector 1080p"}, known)
    assert CODES not in [evidence.column for evidence in found.evidence]


def test_another_name_that_the_other_side_lists() -> None:
    found = both({"given": "Bill"}, {"given": "William", "aliases": ["Bill", "Billy"]})
    assert of(found, "given").level is Level.EQUAL
    assert of(both({"given": "Robert"}, {"given": "William", "aliases": ["Bill"]}), "given").level is Level.NONE


def test_the_same_text_is_each_word_in_its_column() -> None:
    said = {"given": "Ana", "surname": "Lopez", "city": "Oslo"}
    assert both(said, said).same_text
    assert both(said, {**said, "surname": "López"}).same_text
    assert not both(said, {**said, "notes": "more"}).same_text
    assert not both(said, {"given": "Lopez", "surname": "Ana", "city": "Oslo"}).same_text
    assert not both({"born": "1990-05-01"}, {"born": "1990-05-01"}).same_text


def test_equal_dates_alone_do_not_touch() -> None:
    assert not both({"born": "1990-05-01", "given": "Ana"}, {"born": "1990-05-01", "given": "Olga"}).touches
    assert both({"phone": "5551234"}, {"phone": "5551234"}).touches


def test_a_text_that_revisions_share_is_aligned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def counted(mine: tuple[str, ...], theirs: tuple[str, ...], known: Statistics, is_open: bool) -> Alignment:
        asked.append(theirs)
        return align(mine, theirs, known, is_open)

    monkeypatch.setattr("memreg.engine.compare.align", counted)
    memo: Memo = {}
    mine, known = record({"title": "Grand Hotel", "city": "Oslo"}), Statistics()
    for city in ("Oslo", "Bergen", "Oslo"):
        compare(mine, record({"title": "Grand Hotel Bergen", "city": city}), known, memo)
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("column", "desc", "is_a_name"),
    [
        ("tags", "What the person is to the user, as friend or colleague", False),
        ("friends", "Names of the people they know", False),
        ("nicknames", "", True),
        ("also_known_as", "", True),
        ("others", "Other names that they use", True),
    ],
)
def test_a_tag_that_mentions_somebody_is_no_name_of_whoever_has_it(column: str, desc: str, is_a_name: bool) -> None:
    columns = f'{{name: {{dtype: string}}, {column}: {{dtype: "list[string]", desc: "{desc}"}}}}'
    annotation = f"{{searchable: {{name: 3, {column}: 2}}}}"
    spec = parse_schema(
        f"schema: s\nclasses:\n  Person:\n    columns: {columns}\n    annotation: {annotation}", "s"
    ).by_name["Person"]
    assert spec.declared is not None
    eva, ana = (
        Record.of(values, spec, spec.declared)
        for values in ({"name": "Eva Smith", column: ["friend of Ana Lopez"]}, {"name": "Ana Lopez"})
    )
    found = of(compare(eva, ana, Statistics()), "name").level
    assert (found is Level.EQUAL) is is_a_name
