"""The decision table: a tuple of rules of one shape, tried in order; the first that answers wins. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from memreg.engine.identity import Hit
from memreg.engine.model import Action, Basis
from memreg.engine.once import once
from memreg.engine.score import PLACES, Score
from memreg.engine.validate import Checked

ReviewKind = Literal["possible_duplicate", "identity_conflict", "identity_contradiction", "dead_letter"]
Mode = Literal["normal", "kill_switch", "pending"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`update`: a score from here on is an UPDATE; `possible`: from here on it may be the same object."""

    update: float = 0.80
    possible: float = 0.55


THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live memory that might be the same object."""

    memory_id: UUID
    score: Score
    partial_identity: bool


@dataclass(frozen=True)
class Situation:
    """Everything a decision depends on, as values. `hits`: keys that answer, in declared order; `repeats`: the
    memory (or
    nothing) of the same proposal decided before in this turn, with nothing else about it since; `released`: deleted
    memories that the keys match; `missing`: required columns without a value."""

    proposal: Checked
    mode: Mode = "normal"
    hits: tuple[Hit, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    repeated: bool = False
    repeats: UUID | None = None
    missing: tuple[str, ...] = ()
    released: tuple[UUID, ...] = ()
    has_keys: bool = True
    thresholds: Thresholds = THRESHOLDS

    @property
    def is_delete(self) -> bool:
        """Whether the proposal asks for a delete."""
        return self.proposal.operation == "delete"

    @property
    def hit_memories(self) -> tuple[UUID, ...]:
        """The distinct memories that keys answered with, in declared order of the keys."""
        return tuple(dict.fromkeys(hit.memory_id for hit in self.hits))

    @once
    def ranked(self) -> Sequence[Candidate]:
        """The candidates, the highest score first, and the lowest id among equals."""
        if len(self.candidates) < 2:
            return self.candidates
        return sorted(self.candidates, key=lambda c: (-c.score.value, c.memory_id.int))

    @property
    def best(self) -> Candidate | None:
        """The candidate of the highest score; the lowest id among equals."""
        return self.ranked[0] if self.candidates else None

    def score_of(self, memory_id: UUID) -> float | None:
        """The score of one memory, if it was scored."""
        for candidate in self.candidates:
            if candidate.memory_id == memory_id:
                return candidate.score.value
        return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do and why. `without`: columns not to be written; `reviews`: questions to a person; `reasons`: words."""

    action: Action
    basis: Basis
    target: UUID | None = None
    score: float | None = None
    reasons: tuple[str, ...] = ()
    reviews: tuple[ReviewKind, ...] = ()
    without: frozenset[str] = frozenset()
    unresolved: bool = False


Rule = Callable[[Situation], Verdict | None]


def invalid(at: Situation) -> Verdict | None:
    """The validator refused the proposal, or the extractor what was to be one."""
    if at.proposal.refusal is None:
        return None
    reviews: tuple[ReviewKind, ...] = ("dead_letter",) if at.proposal.dead_letter else ()
    return Verdict(Action.REJECT, Basis.INVALID, reasons=(at.proposal.refusal,), reviews=reviews)


def duplicate_in_turn(at: Situation) -> Verdict | None:
    """The same operation, class, identity and values were decided before in this turn, and nothing else about the
    object since."""
    if not at.repeated:
        return None
    return Verdict(
        Action.SKIP, Basis.DUPLICATE_IN_TURN, at.repeats, reasons=("the same was decided before in this turn",)
    )


def delete_while_create_only(at: Situation) -> Verdict | None:
    """A delete, and the class is create-only: its switch is on, or its only version is pending."""
    if not at.is_delete or at.mode == "normal":
        return None
    return Verdict(Action.REJECT, Basis(at.mode), reasons=(_create_only(at.mode) + "; nothing is deleted meanwhile",))


def delete_identity_conflict(at: Situation) -> Verdict | None:
    """A delete whose keys match different live memories."""
    if not at.is_delete or len(at.hit_memories) < 2:
        return None
    return Verdict(Action.REJECT, Basis.IDENTITY_CONFLICT, reasons=(_conflict(at),), reviews=("identity_conflict",))


def delete_by_identity(at: Situation) -> Verdict | None:
    """A delete, and a strong key (or a shared key plus an equal name token) matches exactly one live memory."""
    if not at.is_delete or not at.hits:
        return None
    hit = at.hits[0]
    return Verdict(Action.DELETE, Basis.IDENTITY, hit.memory_id, at.score_of(hit.memory_id), (_matched(hit),))


def delete_without_identity(at: Situation) -> Verdict | None:
    """A delete whose keys match no live memory: a score is never enough to delete."""
    if not at.is_delete:
        return None
    why = "no identity key of the proposal matches a live memory" if at.has_keys else "the class has no identity key"
    return Verdict(Action.REJECT, Basis.DELETE_WITHOUT_IDENTITY, reasons=(why, *_released(at)))


def create_only(at: Situation) -> Verdict | None:
    """The class is create-only: the object is kept apart, unresolved, until `memreg resolve`."""
    if at.mode == "normal":
        return None
    if at.missing:
        return incomplete(at)
    return Verdict(Action.CREATE, Basis(at.mode), reasons=(_create_only(at.mode),), unresolved=True)


def identity_conflict(at: Situation) -> Verdict | None:
    """Keys match different live memories: the first declared key's is updated, without the other keys' columns."""
    if len(at.hits) < 2 or len(at.hit_memories) < 2:
        return None
    first = at.hits[0]
    others = frozenset(c for hit in at.hits if hit.memory_id != first.memory_id for c in hit.key.columns)
    return Verdict(
        Action.UPDATE,
        Basis.IDENTITY_CONFLICT,
        first.memory_id,
        at.score_of(first.memory_id),
        (_conflict(at),),
        ("identity_conflict",),
        others - frozenset(first.key.columns),
    )


def identity(at: Situation) -> Verdict | None:
    """A strong key (or a shared key plus an equal name token) matches one live memory."""
    if not at.hits:
        return None
    hit = at.hits[0]
    score = at.score_of(hit.memory_id)
    reasons, reviews = [_matched(hit)], []
    if score is not None and score < at.thresholds.possible:
        reasons.append(f"yet the rest contradicts: score {_show(score)} is below {at.thresholds.possible:.2f}")
        reviews.append("identity_contradiction")
    return Verdict(
        Action.UPDATE,
        Basis.IDENTITY,
        hit.memory_id,
        score,
        tuple(reasons),
        ("identity_contradiction",) if reviews else (),
    )


def by_score(at: Situation) -> Verdict | None:
    """The best score is 0.80 or more."""
    best = at.best
    if best is None or best.score.value < at.thresholds.update:
        return None
    why = f"score {_show(best.score.value)} is at least {at.thresholds.update:.2f}"
    return Verdict(Action.UPDATE, Basis.SCORE, best.memory_id, best.score.value, (why,))


def partial_identity(at: Situation) -> Verdict | None:
    """The best score is from 0.55 to below 0.80, and identity agrees in part: one column equal, none differing,
    one absent."""
    best = at.best
    if best is None or best.score.value < at.thresholds.possible or not best.partial_identity:
        return None
    why = f"score {_between(at, best)}, and the identity columns agree as far as both sides have them"
    return Verdict(Action.UPSERT, Basis.PARTIAL_IDENTITY, best.memory_id, best.score.value, (why,))


def possible_duplicate(at: Situation) -> Verdict | None:
    """The best score is from 0.55 to below 0.80, otherwise: a new memory, and a question to a person."""
    best = at.best
    if best is None or best.score.value < at.thresholds.possible:
        return None
    if at.missing:
        return incomplete(at)
    why = f"score {_between(at, best)}: perhaps the same as {best.memory_id}"
    reasons = (why, *_released(at))
    return Verdict(Action.CREATE, Basis.POSSIBLE_DUPLICATE, None, best.score.value, reasons, ("possible_duplicate",))


def incomplete(at: Situation) -> Verdict | None:
    """A required column is missing, so that no memory can be created."""
    if not at.missing:
        return None
    names = ", ".join(at.missing)
    best = at.best
    return Verdict(
        Action.REJECT,
        Basis.INCOMPLETE,
        score=best.score.value if best else None,
        reasons=(f"{names} is required for a new {at.proposal.class_name}, and no known one matches",),
        reviews=("dead_letter",),
    )


def new(at: Situation) -> Verdict | None:
    """Nothing known is the same object."""
    best = at.best
    if best is None:
        why = "nothing known resembles it"
    else:
        why = f"the best score {_show(best.score.value)} is below {at.thresholds.possible:.2f}"
    return Verdict(Action.CREATE, Basis.NEW, None, best.score.value if best else None, (why, *_released(at)))


RULES: tuple[Rule, ...] = (
    invalid,
    duplicate_in_turn,
    delete_while_create_only,
    delete_identity_conflict,
    delete_by_identity,
    delete_without_identity,
    create_only,
    identity_conflict,
    identity,
    by_score,
    partial_identity,
    possible_duplicate,
    incomplete,
    new,
)


_OF_DELETES: tuple[Rule, ...] = (
    delete_while_create_only,
    delete_identity_conflict,
    delete_by_identity,
    delete_without_identity,
)
_OF_UPSERTS = tuple(rule for rule in RULES if rule not in _OF_DELETES)


def decide(at: Situation) -> Verdict:
    """The verdict of the first rule that answers. Pure: the same situation, the same verdict, in any order of
    candidates."""
    for rule in RULES if at.is_delete else _OF_UPSERTS:
        verdict = rule(at)
        if verdict is not None:
            return verdict
    raise AssertionError("the last rule answers always")


def rule_number(basis: str, operation: str) -> int:
    """The row of the decision table (1 to 14) that a basis names for an operation."""
    upsert = {
        "invalid": 1, "duplicate_in_turn": 2, "kill_switch": 7, "pending": 7, "identity_conflict": 8, "identity": 9,
        "score": 10, "partial_identity": 11, "possible_duplicate": 12, "incomplete": 13, "new": 14,
    }  # fmt: skip
    delete = {"kill_switch": 3, "pending": 3, "identity_conflict": 4, "identity": 5, "delete_without_identity": 6}
    return {**upsert, **delete}[basis] if operation == "delete" else upsert[basis]


def rule_sentence(basis: str, operation: str) -> str:
    """The sentence of the rule, from its docstring."""
    return " ".join((RULES[rule_number(basis, operation) - 1].__doc__ or "").split())


def _show(score: float) -> str:
    return f"{score:.{PLACES}f}"


def _between(at: Situation, best: Candidate) -> str:
    return f"{_show(best.score.value)} is from {at.thresholds.possible:.2f} to below {at.thresholds.update:.2f}"


def _create_only(mode: Mode) -> str:
    return "the kill switch of the class is on" if mode == "kill_switch" else "the schema version awaits approval"


def _matched(hit: Hit) -> str:
    return f"the {hit.key.strength} key {hit.key.name} matches memory {hit.memory_id}"


def _conflict(at: Situation) -> str:
    return "keys match different memories: " + ", ".join(f"{hit.key.name} → {hit.memory_id}" for hit in at.hits)


def _released(at: Situation) -> tuple[str, ...]:
    return tuple(f"a key matches memory {memory}, which was deleted" for memory in at.released)
