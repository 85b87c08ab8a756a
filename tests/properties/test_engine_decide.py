"""Decisions (invariant 3): pure, whatever the order of candidates; a target is a candidate or an identity hit."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from memreg.engine.decide import RULES, Candidate, Situation, Verdict, decide, rule_number, rule_sentence
from memreg.engine.identity import Hit
from memreg.engine.model import Action, Basis
from memreg.engine.score import Score
from memreg.engine.validate import Checked
from memreg.registry.models import IdentityKey

IDS = [UUID(int=n) for n in range(1, 7)]
KEYS = [IdentityKey(("email",)), IdentityKey(("phone",), "shared"), IdentityKey(("name", "born"))]

proposals = st.builds(
    Checked,
    st.just("Person"),
    st.sampled_from(["upsert", "delete"]),
    st.just({"name": "Ana"}),
    refusal=st.none() | st.none() | st.just("Person.born = 'x': is no date"),
)
scores = st.builds(Score, st.integers(0, 10_000).map(lambda n: n / 10_000), st.just(()), st.just(1)) | st.builds(
    Score, st.sampled_from([0.55, 0.5499, 0.8, 0.7999, 1.0]), st.just(()), st.just(1)
)
candidates = st.lists(
    st.builds(Candidate, st.sampled_from(IDS), scores, st.booleans()), max_size=5, unique_by=lambda c: c.memory_id
)
hits = st.lists(st.tuples(st.sampled_from(range(3)), st.sampled_from(IDS)), max_size=3, unique_by=lambda h: h[0]).map(
    lambda found: tuple(Hit(KEYS[index], memory) for index, memory in sorted(found))
)
situations = st.builds(
    Situation,
    proposal=proposals,
    mode=st.sampled_from(["normal", "normal", "normal", "kill_switch", "pending"]),
    hits=hits,
    candidates=candidates.map(tuple),
    repeated=st.sampled_from([False, False, False, True]),
    repeats=st.none() | st.sampled_from(IDS),
    missing=st.sampled_from([(), (), ("name",)]),
    released=st.lists(st.sampled_from(IDS), max_size=2, unique=True).map(tuple),
    has_keys=st.booleans(),
)


@given(situations, st.randoms(use_true_random=False))
def test_the_order_of_candidates_is_irrelevant(at: Situation, random: object) -> None:
    shuffled = list(at.candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = Situation(
        at.proposal,
        at.mode,
        at.hits,
        tuple(shuffled),
        at.repeated,
        at.repeats,
        at.missing,
        at.released,
        at.has_keys,
        at.thresholds,
    )
    assert decide(at) == decide(other) == decide(at)


@given(situations)
def test_a_target_is_a_candidate_or_a_hit(at: Situation) -> None:
    verdict = decide(at)
    known = {*at.hit_memories, *(candidate.memory_id for candidate in at.candidates)}
    if verdict.action is Action.SKIP:
        assert verdict.target == at.repeats
    elif verdict.target is not None:
        assert verdict.target in known
    assert (verdict.target is not None) == (verdict.action in (Action.UPDATE, Action.UPSERT, Action.DELETE)) or (
        verdict.action is Action.SKIP
    )


@given(situations)
def test_the_first_rule_that_answers_names_the_basis(at: Situation) -> None:
    verdict = decide(at)
    first = next(found for rule in RULES if (found := rule(at)) is not None)
    assert verdict == first
    assert rule_number(verdict.basis, at.proposal.operation) in range(1, 15)
    assert rule_sentence(verdict.basis, at.proposal.operation)
    assert verdict.reasons


def expected(at: Situation) -> tuple[Action, Basis, UUID | None]:
    """The table of DESIGN once more, written by hand."""
    best = min(at.candidates, key=lambda c: (-c.score.value, c.memory_id), default=None)
    hits = list(dict.fromkeys(hit.memory_id for hit in at.hits))
    create_only = None if at.mode == "normal" else Basis(at.mode)
    if at.proposal.refusal:
        return Action.REJECT, Basis.INVALID, None
    if at.repeated:
        return Action.SKIP, Basis.DUPLICATE_IN_TURN, at.repeats
    if at.proposal.operation == "delete":
        if create_only:
            return Action.REJECT, create_only, None
        if len(hits) > 1:
            return Action.REJECT, Basis.IDENTITY_CONFLICT, None
        if hits:
            return Action.DELETE, Basis.IDENTITY, hits[0]
        return Action.REJECT, Basis.DELETE_WITHOUT_IDENTITY, None
    if create_only:
        return (Action.REJECT, Basis.INCOMPLETE, None) if at.missing else (Action.CREATE, create_only, None)
    if len(hits) > 1:
        return Action.UPDATE, Basis.IDENTITY_CONFLICT, hits[0]
    if hits:
        return Action.UPDATE, Basis.IDENTITY, hits[0]
    if best and best.score.value >= 0.80:
        return Action.UPDATE, Basis.SCORE, best.memory_id
    if best and best.score.value >= 0.55 and best.partial_identity:
        return Action.UPSERT, Basis.PARTIAL_IDENTITY, best.memory_id
    if at.missing:
        return Action.REJECT, Basis.INCOMPLETE, None
    if best and best.score.value >= 0.55:
        return Action.CREATE, Basis.POSSIBLE_DUPLICATE, None
    return Action.CREATE, Basis.NEW, None


@given(situations)
def test_the_table(at: Situation) -> None:
    verdict: Verdict = decide(at)
    assert (verdict.action, verdict.basis, verdict.target) == expected(at)
    contradicts = (
        verdict.basis is Basis.IDENTITY
        and verdict.action is Action.UPDATE
        and verdict.score is not None
        and verdict.score < 0.55
    )
    asked = {
        Basis.IDENTITY_CONFLICT: ("identity_conflict",),
        Basis.POSSIBLE_DUPLICATE: ("possible_duplicate",),
        Basis.INCOMPLETE: ("dead_letter",),
    }
    assert verdict.reviews == (("identity_contradiction",) if contradicts else asked.get(verdict.basis, ()))
    assert verdict.unresolved == (verdict.action is Action.CREATE and verdict.basis in ("kill_switch", "pending"))


@given(situations)
def test_a_conflict_writes_no_column_of_the_other_keys(at: Situation) -> None:
    verdict = decide(at)
    if verdict.basis is not Basis.IDENTITY_CONFLICT or verdict.action is not Action.UPDATE:
        assert verdict.without == frozenset()
        return
    first = at.hits[0]
    others = {c for hit in at.hits if hit.memory_id != first.memory_id for c in hit.key.columns}
    assert verdict.without == others - set(first.key.columns)
