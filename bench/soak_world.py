"""The made-up world of the soak: a pure function of seed, loader and number tells each message, what it says and by
which way it comes; what must be remembered of it in the end is folded from the same function."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Any, Literal

from bench.people import TOWNS
from memreg import Message, Proposal

SCHEMA = """
schema: soak
classes:
  Account:
    description: What the final state is known of, in whatever order it is told
    columns:
      number: {dtype: string, desc: Its number, required: true, normalize: [trim]}
      tags: {dtype: "list[string]", desc: Labels, merge: union}
      highest: {dtype: integer, desc: The most that was on it, merge: max}
      lowest: {dtype: integer, desc: The least that was on it, merge: min}
    patterns: ["Account {number} holds {highest} tagged {tags}."]
    annotation:
      searchable: {}
      identity: [{columns: [number], strength: strong}]
  Place:
    description: What has no identity but what it is called
    columns:
      name: {dtype: string, desc: What it is called, required: true, normalize: [trim, collapse]}
      town: {dtype: string, desc: Where it is}
      visits: {dtype: integer, desc: The most visits of a day, merge: max}
    patterns: ["The place {name} in {town} had {visits} visits."]
    annotation:
      searchable: {name: 3, town: 1}
  Person:
    description: Who comes and goes, and whom a person puts right
    columns:
      email: {dtype: string, desc: E-mail, normalize: [email], pii: true}
      name: {dtype: string, desc: Full name, required: true, normalize: [trim, collapse]}
      town: {dtype: string, desc: Where they live}
      notes: {dtype: "list[string]", desc: Anything else, merge: union}
    patterns:
      - "{name} writes from {email}."
      - {text: "Forget {email}.", operation: delete}
    annotation:
      searchable: {name: 3, town: 1}
      identity: [{columns: [email], strength: strong}]
"""
NAME = "soak"
CLASSES = {"Account": "number", "Place": "name", "Person": "email"}
"""The column that tells which object of the world a memory of a class is."""
Way = Literal["submit", "text", "direct", "many"]
"""Left to the workers; read here and now by the schema's patterns; as proposals; as many messages with proposals."""
MANY = 12
UNREADABLE = "nobody can read this"
_SYLLABLES = [c + v for c in ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z") for v in "aeiou"]
_TAGS = tuple(f"tag{number}" for number in range(24))


@dataclass(frozen=True, slots=True)
class Told:
    """One step of a loader: messages of a tenant, each with what it says, by one way.

    `proposals` are those that each must be decided by, in order; None: it is dead in the end.
    """

    tenant: str
    way: Way
    messages: tuple[Message, ...]
    proposals: tuple[tuple[Proposal, ...] | None, ...]


@dataclass(frozen=True)
class World:
    """`tenants` and `objects` (of a class in a tenant) are met by Zipf's law: the n-th is as common as 1/n."""

    seed: int
    tenants: int = 6
    objects: int = 200

    @property
    def names(self) -> tuple[str, ...]:
        """The tenants."""
        return tuple(f"t{number}" for number in range(self.tenants))

    def told(self, loader: int, number: int) -> Told:
        """The step of a number of a loader, the same at every call."""
        chance = random.Random(f"{self.seed}/{loader}/{number}")
        tenant = f"t{_zipf(self.tenants, chance)}"
        way: Way = chance.choices(("submit", "text", "direct", "many"), (35, 15, 45, 5))[0]
        messages, proposals = [], []
        for part in range(MANY if way == "many" else 1):
            said = [self._said(tenant, chance) for _ in range(chance.choice((1, 1, 1, 2, 3)))]
            name = f"{tenant}-{loader}-{number}-{part}"
            if way in ("submit", "text"):
                session = f"{tenant}-s{chance.randrange(40)}" if chance.random() < 0.3 else None
                text = " ".join(sentence for sentence, _ in said)
                if chance.random() < 0.02:
                    text, said = f"{UNREADABLE}: {name}", []
                messages.append(Message(text, id=name, session=session))
                proposals.append(tuple(each for _, each in said) or None)
                continue
            given = [each for _, each in said]
            if chance.random() < 0.06:
                given.insert(chance.randrange(len(given) + 1), _malformed(tenant, chance))
            messages.append(Message(f"proposals of {name}", id=name))
            proposals.append(tuple(given))
        return Told(tenant, way, tuple(messages), tuple(proposals))

    def account(self, tenant: str, number: int) -> str:
        """The number of an account."""
        return f"{tenant}x{number:05}"

    def place(self, tenant: str, number: int) -> tuple[str, str]:
        """Name and town of a place: words that no other place has."""
        return _place(tenant, number)

    def _said(self, tenant: str, chance: random.Random) -> tuple[str, Proposal]:
        """Something about an object of a tenant: as a sentence that a pattern reads, and as the proposal of it."""
        number, kind = _zipf(self.objects, chance), chance.random()
        if kind < 0.45:
            account, worth, tag = self.account(tenant, number), chance.randrange(100_000), chance.choice(_TAGS)
            values: dict[str, Any] = {"number": account, "highest": str(worth), "tags": tag}
            return f"Account {account} holds {worth} tagged {tag}.", Proposal("Account", values)
        if kind < 0.65:
            (name, town), visits = self.place(tenant, number), chance.randrange(10_000)
            values = {"name": name, "town": town, "visits": str(visits)}
            return f"The place {name} in {town} had {visits} visits.", Proposal("Place", values)
        email = f"p{number}@{tenant}.example"
        if kind < 0.70:
            return f"Forget {email}.", Proposal("Person", {"email": email}, "delete")
        name = " ".join(_word(random.Random(f"person {tenant} {number} {part}")) for part in range(2))
        return f"{name} writes from {email}.", Proposal("Person", {"name": name, "email": email})


@dataclass
class Truth:
    """What the accounts and places of one tenant must be, folded from every message that was told."""

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fold(self, proposals: Iterable[Proposal]) -> None:
        """Take in the proposals of a message, which may come in any order."""
        for proposal in proposals:
            values = proposal.values
            if proposal.class_name == "Account" and "number" in values:
                known = self.accounts.setdefault(values["number"], {"tags": set()})
                if isinstance(values.get("tags"), str):
                    known["tags"].add(values["tags"])
                for column, better in (("highest", max), ("lowest", min)):
                    if str(values.get(column, "")).lstrip("-").isdigit():
                        value = int(values[column])
                        known[column] = better(known.get(column, value), value)
            elif proposal.class_name == "Place" and proposal.operation == "upsert":
                known = self.places.setdefault(values["name"], {"town": values["town"], "visits": 0})
                known["visits"] = max(known["visits"], int(values["visits"]))


def _malformed(tenant: str, chance: random.Random) -> Proposal:
    """A proposal that is refused, or decided without the part of it that is wrong."""
    account = f"{tenant}x{chance.randrange(20):05}"
    return chance.choice(
        (
            Proposal("Ghost", {"name": "nobody"}),
            Proposal("Account", {"highest": "7"}),
            Proposal("Account", {"number": account, "lowest": "not a number", "colour": "green"}),
            Proposal("Account", {"number": account, "lowest": str(-chance.randrange(1000))}),
            Proposal("Person", {"name": "Nobody Atall", "email": "no e-mail at all"}),
            Proposal("Person", {}),
            Proposal("Place", {"name": None}, "delete"),
        )
    )


@lru_cache(maxsize=4096)
def _place(tenant: str, number: int) -> tuple[str, str]:
    chance = random.Random(f"place {tenant} {number}")
    return f"{_word(chance)} {_word(chance)}", chance.choice(TOWNS)


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=5)).capitalize()


def _zipf(count: int, chance: random.Random) -> int:
    """A number below `count`; the n-th is as common as 1/n."""
    weights = _weights(count)
    return min(bisect(weights, chance.random() * weights[-1]), count - 1)


@lru_cache(maxsize=8)
def _weights(count: int) -> list[float]:
    return list(accumulate(1 / rank for rank in range(1, count + 1)))
