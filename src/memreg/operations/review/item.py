"""A question to a person: of which kind, about which memories, and what can be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from memreg.engine.decide import ReviewKind

DerivedKind = Literal["unresolved", "annotation_doubt"]
"""Kinds of questions that come of how things stand, and not of one decision."""
KINDS: tuple[str, ...] = (*get_args(ReviewKind), *get_args(DerivedKind))

Verdict = Literal["merge", "apart", "right", "wrong"]
LETTERS = "ABCDEFGHIJ"
"""What memories that are compared are called."""
VERDICTS: Mapping[str, tuple[Verdict, ...]] = {
    "possible_duplicate": ("merge", "apart"),
    "identity_conflict": ("merge", "apart", "right", "wrong"),
    "identity_contradiction": ("right", "wrong"),
    "dead_letter": ("right", "wrong"),
    "unresolved": (),
    "annotation_doubt": ("right", "wrong"),
}
"""What can be answered to each kind of question."""

MEANINGS: Mapping[tuple[str, str], str] = {
    ("possible_duplicate", "merge"): "they are one: the newer one goes into the older one",
    ("possible_duplicate", "apart"): "they are two, and nobody is asked about them again",
    ("identity_conflict", "merge"): "they are one: the newer ones go into the oldest one",
    ("identity_conflict", "apart"): "they are different, and nobody is asked about them again",
    ("identity_conflict", "right"): "what was decided is right",
    ("identity_conflict", "wrong"): "what was decided is wrong: it is undone",
    ("identity_contradiction", "right"): "it is the same object: what was decided is right",
    ("identity_contradiction", "wrong"): "it is another object: what was decided is undone",
    ("dead_letter", "right"): "it was refused rightly, or is dealt with",
    ("dead_letter", "wrong"): "it should have been taken; say it again in other words",
    ("annotation_doubt", "right"): "the annotation is right as it is, and nobody is asked again",
    ("annotation_doubt", "wrong"): "the annotation is to be changed: memreg annotate NAME",
}
"""What an answer to a question of a kind means."""


@dataclass(frozen=True, slots=True)
class ReviewMemory:
    """A memory that a question is about, as it is now, in the form of the version in use; masked unless revealed."""

    id: UUID
    values: Mapping[str, Any]
    revision: int
    is_deleted: bool
    unresolved: bool
    merged_into: UUID | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReviewSide:
    """One of the things that are compared: a memory by its letter (`A` is the first of `memories`), the memory `before`
    the decision, or what was `said`."""

    label: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A question: of which kind, since when, how often it was asked and when last, about which memories, and why.

    A dead message has no class. `action` and `basis` are those of the decision that asked it (`audit_id`); `proposal`
    are the values that it was about. `sides` is what is to be compared; `same`: whether all of them say the same, by
    column that all of them have, the masked ones too. Values are masked unless revealed. `age` is the time since it was
    first asked.
    """

    id: UUID
    kind: str
    class_name: str | None
    reason: str
    memories: tuple[ReviewMemory, ...]
    message_id: str | None
    audit_id: UUID | None
    created_at: datetime
    age: timedelta
    times: int = 1
    last_asked_at: datetime | None = None
    action: str | None = None
    basis: str | None = None
    score: float | None = None
    proposal: Mapping[str, Any] | None = None
    sides: tuple[ReviewSide, ...] = ()
    same: Mapping[str, bool] = field(default_factory=dict)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What can be answered."""
        return VERDICTS[self.kind]


@dataclass(frozen=True, slots=True)
class Review:
    """The oldest open questions, and how many there are in all, by kind and class."""

    items: tuple[ReviewItem, ...]
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    is_masked: bool = True

    @property
    def total(self) -> int:
        """How many questions are open, those beyond the limit too."""
        return sum(self.counts.values())
