"""A batch of messages about persons that come back: news by e-mail and by name, nothing new, and to be forgotten."""

from __future__ import annotations

import random
from typing import Any

from bench.people import TAGS, TOWNS, people
from memreg import Message, Proposal

Batch = list[tuple[Message, list[Proposal]]]


def batch(messages: int, persons: int = 60) -> Batch:
    """That many messages of one to four proposals each, with ids, the same at every call."""
    chance = random.Random(3)
    known = people(persons)
    found: Batch = []
    for number in range(messages):
        proposals = []
        for values in chance.sample(known, chance.randint(1, 4)):
            kind = chance.choice(("whole", "moved", "named", "tagged", "forget"))
            news: dict[str, Any] = {
                "whole": values,
                "moved": {"name": values["name"], "email": values["email"], "city": chance.choice(TOWNS)},
                "named": {"name": values["name"], "employer": values["employer"]},
                "tagged": {"name": values["name"], "email": values["email"], "tags": [chance.choice(TAGS)]},
                "forget": {"email": values["email"]},
            }[kind]
            proposals.append(Proposal("Person", news, "delete" if kind == "forget" else "upsert"))
        found.append((Message(f"message {number}", id=f"batch-{number}"), proposals))
    return found
