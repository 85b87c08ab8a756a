"""Proposals as they came, as JSON that Postgres can keep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from memreg.engine.model import Proposal
from memreg.engine.storable import storable


def given_form(proposal: Proposal) -> dict[str, Any]:
    """A proposal as it came, as JSON."""
    return {
        "class": storable(proposal.class_name),
        "operation": storable(proposal.operation),
        "values": storable(proposal.values),
        "evidence": storable(proposal.evidence),
        "confidence": storable(proposal.confidence),
    }


def proposals_text(proposals: Sequence[Proposal]) -> str:
    """Proposals given without a text, as the text that is kept for them."""
    return json.dumps([given_form(proposal) for proposal in proposals], ensure_ascii=False, sort_keys=True)
