"""Questions to a person: which are open, with what they are about, and what a person answers.

Some are asked by decisions (`engine.audit.review`), some come of how things stand (`derived`); an answer (`settle`)
does what it says, and is remembered.
"""

from __future__ import annotations

from memreg.operations.review.answering import Answer, Settled, reopen, settle
from memreg.operations.review.item import KINDS, LETTERS, VERDICTS, Review, ReviewItem, ReviewMemory, ReviewSide
from memreg.operations.review.listing import Asked, open_items, review

__all__ = [
    "KINDS",
    "LETTERS",
    "VERDICTS",
    "Answer",
    "Asked",
    "Review",
    "ReviewItem",
    "ReviewMemory",
    "ReviewSide",
    "Settled",
    "open_items",
    "reopen",
    "review",
    "settle",
]
