"""Decisions at their borders: rounding, ties, and what a person is asked."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from memreg.engine.decide import RULES, Candidate, Situation, decide, rule_number, rule_sentence
from memreg.engine.identity import Hit
from memreg.engine.model import Action, Basis
from memreg.engine.record import Record
from memreg.engine.score import PLACES, Score, best_score, score
from memreg.engine.statistics import Statistics
from memreg.engine.validate import Checked
from memreg.registry.models import IdentityKey
from tests.support.engines import person

ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))
EMAIL = IdentityKey(("email",))
UPSERT = Checked("Person", "upsert", {"name": "Ana"})
SPEC, ANNOTATION = person()


def candidate(value: float, memory_id: UUID = ONE, partial: bool = False) -> Candidate:
    return Candidate(memory_id, Score(value, 0), partial)


@pytest.mark.parametrize(
    ("value", "partial", "action", "basis"),
    [
        (1.0, False, Action.UPDATE, Basis.SCORE),
        (0.80, False, Action.UPDATE, Basis.SCORE),
        (0.80, True, Action.UPDATE, Basis.SCORE),
        (0.7999, True, Action.UPSERT, Basis.PARTIAL_IDENTITY),
        (0.7999, False, Action.CREATE, Basis.POSSIBLE_DUPLICATE),
        (0.55, True, Action.UPSERT, Basis.PARTIAL_IDENTITY),
        (0.55, False, Action.CREATE, Basis.POSSIBLE_DUPLICATE),
        (0.5499, True, Action.CREATE, Basis.NEW),
        (0.0, False, Action.CREATE, Basis.NEW),
    ],
)
def test_the_thresholds_belong_to_what_is_above_them(value: float, partial: bool, action: Action, basis: Basis) -> None:
    verdict = decide(Situation(UPSERT, candidates=(candidate(value, partial=partial),)))
    assert (verdict.action, verdict.basis) == (action, basis)


def test_a_score_is_rounded_to_4_places_before_it_is_compared() -> None:
    """A raw score of 0.79996 is 0.8000 and updates."""
    assert PLACES == 4
    assert round(0.79996, PLACES) == 0.80
    mine = Record.of({"name": "Ana Lopez", "tags": ["a1", "b2", "c3"], "born": "1990-01-01"}, SPEC, ANNOTATION)
    other = Record.of({"name": "Ana Lopes", "tags": ["a1"], "city": "Oslo"}, SPEC, ANNOTATION)
    found = score(mine, other, Statistics()).value
    assert found == round(found, PLACES)


def test_ties_break_by_memory_id() -> None:
    tied = (candidate(0.9, THREE), candidate(0.9, ONE), candidate(0.9, TWO), candidate(0.85, UUID(int=0)))
    assert decide(Situation(UPSERT, candidates=tied)).target == ONE


def test_partial_identity_is_the_best_candidates_not_another_ones() -> None:
    verdict = decide(Situation(UPSERT, candidates=(candidate(0.7, ONE), candidate(0.6, TWO, partial=True))))
    assert (verdict.action, verdict.basis) == (Action.CREATE, Basis.POSSIBLE_DUPLICATE)


def test_identity_stands_before_any_score() -> None:
    verdict = decide(Situation(UPSERT, hits=(Hit(EMAIL, TWO),), candidates=(candidate(1.0, ONE), candidate(0.1, TWO))))
    assert (verdict.basis, verdict.target, verdict.score) == (Basis.IDENTITY, TWO, 0.1)
    assert verdict.reviews == ("identity_contradiction",)


def test_a_contradiction_begins_below_the_lower_threshold() -> None:
    at = Situation(UPSERT, hits=(Hit(EMAIL, ONE),), candidates=(candidate(0.55, ONE),))
    assert decide(at).reviews == ()
    assert decide(replace(at, candidates=(candidate(0.5499, ONE),))).reviews == ("identity_contradiction",)


def test_every_rule_has_a_sentence_that_a_person_can_read() -> None:
    assert len(RULES) == 14
    assert all(len((rule.__doc__ or "").split()) > 4 for rule in RULES)
    for number, (basis, operation) in enumerate(
        [
            ("invalid", "upsert"),
            ("duplicate_in_turn", "upsert"),
            ("kill_switch", "delete"),
            ("identity_conflict", "delete"),
            ("identity", "delete"),
            ("delete_without_identity", "delete"),
            ("pending", "upsert"),
            ("identity_conflict", "upsert"),
            ("identity", "upsert"),
            ("score", "upsert"),
            ("partial_identity", "upsert"),
            ("possible_duplicate", "upsert"),
            ("incomplete", "upsert"),
            ("new", "upsert"),
        ],
        start=1,
    ):
        assert rule_number(basis, operation) == number
        assert rule_sentence(basis, operation)


# Scores in words of DESIGN


def test_a_memorys_score_is_the_maximum_over_its_recent_revisions() -> None:
    mine = Record.of({"name": "Ana Lopez"}, SPEC, ANNOTATION)
    renamed = Record.of({"name": "Wolfgang Schmidt"}, SPEC, ANNOTATION)
    assert best_score(mine, [renamed], Statistics()).value == 0.0
    assert best_score(mine, [renamed, mine], Statistics()).value == 1.0


def test_a_difference_in_identity_is_strong_evidence_but_no_veto() -> None:
    mine = {"name": "Ana Lopez", "city": "Oslo", "email": "a@x.io"}
    same = score(Record.of(mine, SPEC, ANNOTATION), Record.of(mine, SPEC, ANNOTATION), Statistics()).value
    differing = score(
        Record.of(mine, SPEC, ANNOTATION), Record.of(mine | {"email": "b@x.io"}, SPEC, ANNOTATION), Statistics()
    ).value
    outweighed = score(
        Record.of(mine | {"phone": "1"}, SPEC, ANNOTATION),
        Record.of(mine | {"email": "b@x.io", "phone": "1"}, SPEC, ANNOTATION),
        Statistics(),
    ).value
    assert same == 1.0
    assert 0.55 <= differing < 0.80 <= outweighed < 1.0


def test_a_rare_token_weighs_more_than_a_common_one() -> None:
    known = Statistics(1, 1000, {"lopez": 900, "oslo": 900}, 1000)
    mine = Record.of({"name": "Zebulon Lopez"}, SPEC, ANNOTATION)
    rare = Record.of({"name": "Zebulon Hansen"}, SPEC, ANNOTATION)
    common = Record.of({"name": "Wolfgang Lopez"}, SPEC, ANNOTATION)
    assert score(mine, rare, known).value > score(mine, common, known).value
