"""Tokens set against each other: equal, across columns, nearly equal, and in bounded work."""

from __future__ import annotations

import pytest

from memreg.engine import align as module
from memreg.engine.align import SOFT_TOKENS, align, similarity
from memreg.engine.record import Record
from memreg.engine.statistics import Statistics
from tests.support.engines import people_version, person

SPEC, ANNOTATION = person()


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("lopez", "lopes", True),
        ("anna", "ana", False),
        ("martinez", "martines", True),
        ("a", "ana", True),
        ("alex", "alexander", True),
        ("al", "alexander", False),
        ("b12", "b13", False),
        ("1990", "1991", False),
        ("cat", "car", False),
        ("ab", "ba", False),
        ("form", "from", True),
    ],
)
def test_which_tokens_are_alike(one: str, other: str, alike: bool) -> None:
    assert (similarity(one, other) > 0) == alike


def test_each_token_is_aligned_once() -> None:
    mine = Record.of({"name": "Ana Lopez", "city": "Lopez"}, SPEC, ANNOTATION)
    theirs = Record.of({"name": "Ana Maria", "city": "Oslo"}, SPEC, ANNOTATION)
    met = [match.mine for match in align(mine, theirs, Statistics()).matches]
    assert met.count("ana") == 1
    assert "lopez" not in met


def test_a_token_may_meet_across_columns() -> None:
    mine = Record.of({"name": "Oslo Tours"}, SPEC, ANNOTATION)
    theirs = Record.of({"city": "Oslo"}, SPEC, ANNOTATION)
    (match,) = align(mine, theirs, Statistics()).matches
    assert (match.mine, match.theirs) == ("oslo", "oslo")


def test_long_texts_are_compared_in_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    original = module.similarity

    def counted(one: str, other: str) -> float:
        nonlocal asked
        asked += 1
        return original(one, other)

    monkeypatch.setattr(module, "similarity", counted)
    note, annotation = people_version().spec.by_name["Note"], people_version().annotation_of("Note")
    one = Record.of(
        {"title": " ".join(f"alpha{chr(97 + n % 26) * (1 + n // 26)}" for n in range(400))}, note, annotation
    )
    other = Record.of(
        {"title": " ".join(f"omega{chr(97 + n % 26) * (1 + n // 26)}" for n in range(400))}, note, annotation
    )
    found = align(one, other, Statistics())
    assert asked <= SOFT_TOKENS**2
    assert found.size == pytest.approx(3 * 400)
