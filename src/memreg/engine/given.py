"""Proposals as they came, as JSON that Postgres can keep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memreg.core.errors import ProposalInvalid
from memreg.engine.model import Proposal
from memreg.engine.storable import storable

OFTEN_ABSENT = ("evidence", "confidence")
"""What an audit entry leaves out of a proposal that came without it."""


def given_form(proposal: Proposal, depth: int = 0) -> dict[str, Any]:
    """A proposal as it came, as JSON that stands `depth` deep in another."""
    evidence, confidence = proposal.evidence, proposal.confidence
    return {
        "class": storable(proposal.class_name, depth),
        "operation": storable(proposal.operation, depth),
        "values": storable(proposal.values, depth),
        "evidence": None if evidence is None else storable(evidence, depth),
        "confidence": None if confidence is None else storable(confidence, depth),
    }


def given_told(kept: Any) -> Any:
    """A proposal of an audit entry as it came: one that is kept without evidence or confidence came with neither. What
    was erased stays as it is."""
    if not isinstance(kept, Mapping) or "operation" not in kept:
        return kept
    return {**kept, **{name: kept.get(name) for name in OFTEN_ABSENT}}


def as_proposals(given: object) -> tuple[Proposal, ...]:
    """The proposals that somebody gave. Raises ProposalInvalid for anything else."""
    if isinstance(given, Proposal | str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ProposalInvalid(reason=f"proposals is a {type(given).__name__}; give a list of Proposal")
    found = []
    for number, each in enumerate(given):
        if not isinstance(each, Proposal):
            what = f"proposals[{number}] is a {type(each).__name__}"
            raise ProposalInvalid(reason=f"{what}; write Proposal(class_name, values)")
        found.append(each)
    return tuple(found)


def proposals_text(proposals: Sequence[Proposal]) -> str:
    """Proposals given without a text, as the text that is kept for them."""
    return json.dumps([given_form(proposal) for proposal in proposals], ensure_ascii=False, sort_keys=True)
