"""Tokens set against each other: equal, written together, nearly equal, across columns, and in bounded work."""

from __future__ import annotations

import pytest

from memreg.engine import alignment as module
from memreg.engine.alignment import SOFT_PAIRS, align, level_of, names_agree, similarity
from memreg.engine.compare import compare
from memreg.engine.level import Level
from memreg.engine.record import Record
from memreg.engine.statistics import Statistics
from memreg.engine.text import value_tokens
from tests.support.engines import person

SPEC, ANNOTATION = person()


def level(one: str, other: str, is_open: bool = False) -> Level:
    return level_of(align(value_tokens(one), value_tokens(other), Statistics(), is_open), is_open)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("lopez", "lopes", True),
        ("anna", "ana", True),
        ("martinez", "martines", True),
        ("a", "ana", True),
        ("alex", "alexander", True),
        ("al", "alexander", False),
        ("b12", "b13", False),
        ("1990", "1991", False),
        ("cat", "car", False),
        ("ab", "ba", False),
        ("form", "from", True),
        ("baxter", "btxaer", True),
    ],
)
def test_which_tokens_are_alike(one: str, other: str, alike: bool) -> None:
    assert (similarity(one, other) > 0) == alike


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Ana Lopez", "Ana Lopez", Level.EQUAL),
        ("Ana Lopez", "Lopez, Ana", Level.EQUAL),
        ("Steakhouse", "Steak House", Level.EQUAL),
        ("Ana Martinez Lopez", "Ana Martines Lopez", Level.NEAR),
        ("Ana Maria Lopez", "Ana Maria Lopez Garcia Ruiz", Level.CONTAINED),
        ("Grand Hotel Oslo Room", "Grand Hotel Oslo Suite", Level.MOST),
        ("Room 101", "Room 102", Level.PART),
        ("Django 4.2.1", "Django 4.1.2", Level.PART),
        ("Ana Lopez", "Ana Garcia", Level.PART),
        ("Ana Garcia Perez", "Ana Lopez Ruiz Soto", Level.LOW),
        ("Ana", "Wolfgang", Level.NONE),
    ],
)
def test_how_far_two_texts_agree(one: str, other: str, expected: Level) -> None:
    assert level(one, other) is expected
    assert level(other, one) is expected


def test_each_token_is_aligned_once() -> None:
    found = align(("ana", "lopez"), ("ana", "maria"), Statistics(), False)
    assert found.met == [("ana", "ana")]
    assert (set(found.mine), set(found.theirs)) == ({"lopez"}, {"maria"})


def test_a_token_may_meet_across_columns() -> None:
    mine = Record.of({"name": "Oslo Tours", "city": "Bergen"}, SPEC, ANNOTATION)
    theirs = Record.of({"city": "Bergen Oslo"}, SPEC, ANNOTATION)
    (city,) = compare(mine, theirs, Statistics()).evidence
    assert (city.column, city.level) == ("city", Level.EQUAL)


def test_work_on_long_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    original = module.similarity

    def counted(one: str, other: str) -> float:
        nonlocal asked
        asked += 1
        return original(one, other)

    monkeypatch.setattr(module, "similarity", counted)
    one = tuple(f"alpha{chr(97 + n % 26) * (1 + n // 26)}" for n in range(400))
    other = tuple(f"omega{chr(97 + n % 26) * (1 + n // 26)}" for n in range(400))
    found = align(one, other, Statistics(), False)
    assert asked <= SOFT_PAIRS
    assert sum(found.mine.values()) == pytest.approx(400)


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("Ana Lopez", "Ana M. Lopez", True),
        ("Ana Lopez", "Anna Lopez", True),
        ("Ana Lopez", "Lopez", True),
        ("Ana Lopez", "Pedro Lopez", False),
        ("Cafe Ritz-Carlton Buckhead", "Dining Room Ritz-Carlton Buckhead", False),
        ("Ana Lopez", "Pedro Garcia", False),
    ],
)
def test_names_agree_where_neither_has_a_word_against_the_other(one: str, other: str, agree: bool) -> None:
    assert names_agree(frozenset(value_tokens(one)), frozenset(value_tokens(other))) == agree
