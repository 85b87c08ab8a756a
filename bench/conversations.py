"""Conversations in sessions, and what a model that reads them well answers: the same for the same message."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

from bench.people import EMPLOYERS, TOWNS, people
from memreg import Message
from memreg.testing import Reply, Request, answer, content

HOPELESS = "Grmpf"
"""A word that the model never answers with JSON."""

_KINDS = {
    "moved": re.compile(r"(?P<name>[\w' -]+) \((?P<email>[^)]+)\) moved to (?P<city>\w+)\."),
    "works": re.compile(r"(?P<name>[\w' -]+) \((?P<email>[^)]+)\) works at (?P<employer>\w+)\."),
    "forget": re.compile(r"Forget (?P<email>\S+@\S+)\."),
}


def conversations(messages: int, sessions: int, hopeless: int = 0) -> list[Message]:
    """That many messages in that many sessions, mixed: each session speaks of two persons of its own, moves them about,
    forgets and meets them again, so that its order matters. `hopeless` of them no model can read."""
    chance = random.Random(7)
    known = people(2 * sessions)
    grumbling = set(chance.sample(range(messages), hopeless))
    found = []
    for number in range(messages):
        session = chance.randrange(sessions)
        said = [_said(person, chance) for person in chance.sample(known[2 * session : 2 * session + 2], 1)]
        if number in grumbling:
            said = [f"{HOPELESS} {number}"]
        found.append(Message(" ".join(said), id=f"m{number:04}", session=f"s{session}"))
    return found


def reading(text: str) -> list[dict[str, Any]]:
    """The items of a message, in its order."""
    found = [(match.start(), kind, match) for kind, pattern in _KINDS.items() for match in pattern.finditer(text)]
    return [
        {
            "class": "Person",
            "operation": "delete" if kind == "forget" else "upsert",
            "values": {name: value.strip() for name, value in match.groupdict().items()},
            "evidence": match[0],
            "confidence": 0.9,
        }
        for _, kind, match in sorted(found, key=lambda each: each[0])
    ]


def model(request: Request) -> Reply:
    """The model's reply to a request of the extractor."""
    if HOPELESS in request.message:
        return content("I would rather talk about the weather.")
    return answer({"items": reading(request.message)})


def by_session(messages: list[Message]) -> Iterator[list[Message]]:
    """The messages of each session, in order."""
    for session in sorted({str(message.session) for message in messages}):
        yield [message for message in messages if message.session == session]


def _said(person: dict[str, Any], chance: random.Random) -> str:
    who = f"{person['name']} ({person['email']})"
    match chance.randrange(7):
        case 0:
            return f"Forget {person['email']}."
        case 1 | 2 | 3:
            return f"{who} moved to {chance.choice(TOWNS)}."
        case _:
            return f"{who} works at {chance.choice(EMPLOYERS)}."
