"""The proposals of a message that refer to each other: which are nested in which, which name one another, and in what
order they are decided. Pure.

The order of the message stays: a nested proposal stands right before the one that it is nested in, and the decisions
are given in that order. They are made in it too, but for what has to wait for what it refers to.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from memreg.engine.identity import canonical
from memreg.engine.model import Proposal
from memreg.engine.references import MOST_DEPTH, MOST_NESTED, Said, named, naming_column
from memreg.registry.models import OnDelete, SchemaVersion

if TYPE_CHECKING:
    from memreg.engine.item import Item

MOST_ALIKE = 20
"""The proposals of one name that others of the message wait for."""

Make = Callable[[Proposal, bool], "Item"]
"""The item of a proposal that another one holds; whether it is only looked up."""
_Name = tuple[str, str, str]


@dataclass(slots=True, eq=False)
class Link:
    """One reference of a proposal. `to`: the proposal of the message that is what it refers to; `is_nested`: that was
    made of this reference; `looks_up`: a proposal to look up only, which makes nothing. `is_late`: it closes a circle,
    and is filled in when all else is decided. `memory_id`: what it turned out to be; `problem`: why it is nothing."""

    said: Said
    to: Item | None = None
    is_nested: bool = False
    looks_up: Item | None = None
    is_late: bool = False
    memory_id: UUID | None = None
    problem: str | None = None


@dataclass
class Unfolded:
    """The proposals of a message with those nested in them, in the message's order; `looked_up`: those that make
    nothing; `after`: pairs of which the first is rather decided after the second, being about the same object."""

    items: list[Item] = field(default_factory=list)
    looked_up: list[Item] = field(default_factory=list)
    after: list[tuple[Item, Item]] = field(default_factory=list)


def are_tied(items: Sequence[Item], version: SchemaVersion) -> bool:
    """Whether proposals refer to anything, or delete what may be referred to."""
    referring = version.spec.referring
    return bool(referring) and any(
        item.links or (item.checked.operation == "delete" and item.checked.class_name in referring) for item in items
    )


def unfold(items: Sequence[Item], version: SchemaVersion, make: Make, *, makes: bool = True) -> Unfolded:
    """Make the proposals that others hold, and find those that a text names. Every link then has what it leads to, or
    a problem.

    `makes` False: nothing is made of a reference, it is only looked up; so are those of a delete in any case.
    """
    unfolding = _Unfolding(version, make, makes)
    for item in items:
        unfolding.nest(item, 0)
    unfolding.index(items)
    for item in list(unfolding.known):
        unfolding.name(item)
    return Unfolded(list(unfolding.listed(items)), unfolding.looked_up, unfolding.after)


class _Unfolding:
    def __init__(self, version: SchemaVersion, make: Make, makes: bool) -> None:
        self.version, self.make, self.makes = version, make, makes
        self.known: list[Item] = []
        self.looked_up: list[Item] = []
        self.after: list[tuple[Item, Item]] = []
        self._count = 0
        self._named: dict[_Name, list[Item]] = {}

    def nest(self, item: Item, depth: int) -> None:
        """Make the proposals of the objects that stand in a proposal."""
        only_looked_up = not self.makes or item.checked.operation == "delete"
        if item.checked.operation == "delete":
            item.links = [link for link in item.links if link.said.column in item.annotation.identity_columns]
        for link in item.links:
            if link.said.values is not None or (link.said.text is not None and only_looked_up):
                self._make(item, link, link.said.values, only_looked_up, depth)
        self.known.append(item)

    def _make(
        self, owner: Item, link: Link, values: Mapping[str, Any] | None, only_looked_up: bool, depth: int
    ) -> None:
        target = self.version.spec.by_name.get(link.said.target)
        if target is None:
            link.problem = f"{link.said.target} is no class of {self.version}"
            return
        if link.said.text is not None:
            values = named(link.said.text, target, self.version.annotation_of(target.name))
        if values is None:
            link.problem = f"no column names a {target.name}: give an object of its values"
            return
        self._count += 1
        if depth >= MOST_DEPTH or self._count > MOST_NESTED:
            most = f"{MOST_DEPTH} deep" if depth >= MOST_DEPTH else f"{MOST_NESTED:,} in one message"
            link.problem = f"proposals are nested in each other up to {most}, and this is one more"
            return
        said = owner.checked
        nested = self.make(Proposal(target.name, values, "upsert", said.evidence, said.confidence), only_looked_up)
        if only_looked_up:
            link.looks_up = nested
            self.looked_up.append(nested)
            self._look_up_only(nested, depth + 1)
            return
        link.to, link.is_nested = nested, True
        self.nest(nested, depth + 1)

    def _look_up_only(self, item: Item, depth: int) -> None:
        for link in item.links:
            if link.said.memory_id is None:
                self._make(item, link, link.said.values, True, depth)

    def index(self, explicit: Iterable[Item]) -> None:
        """Know the proposals by what a text may call them, and let those of a reference come after the others."""
        own = {id(item) for item in explicit}
        said: set[tuple[_Name, str]] = set()
        for item in sorted(self.known, key=lambda item: id(item) not in own):
            for name in self._names(item):
                if (name, item.fingerprint) not in said:
                    said.add((name, item.fingerprint))
                    self._named.setdefault(name, []).append(item)
        for item in self.known:
            if id(item) not in own:
                self._follow(item, own)

    def _follow(self, item: Item, own: set[int]) -> None:
        self.after += [(item, each) for each in self._alike(item) if id(each) in own]

    def _alike(self, item: Item) -> list[Item]:
        """The proposals that are called the same and say different things, the first few."""
        found = {id(each): each for name in self._names(item) for each in self._named.get(name, ())[:MOST_ALIKE]}
        return [each for each in found.values() if each is not item]

    def name(self, item: Item) -> None:
        """Find what the texts of a proposal name: one proposal of the message, or else one made of the text."""
        for link in item.links:
            if link.said.text is None or link.looks_up is not None or link.problem is not None:
                continue
            self._make(item, link, None, False, 0)
            if link.to is None:
                continue
            made = link.to
            alike = self._alike(made)
            if len(alike) == 1:
                link.to, link.is_nested = alike[0], False
                self._count -= 1
            else:
                self.after += [(made, each) for each in alike]

    def _names(self, item: Item) -> Iterator[_Name]:
        """What a proposal is called: the values of the columns that a text may stand for."""
        if item.spec is None or item.checked.operation == "delete":
            return
        alone = [key.columns[0] for key in item.annotation.identity if len(key.columns) == 1]
        for column in dict.fromkeys([naming_column(item.spec, item.annotation), *alone]):
            value = item.checked.values.get(column) if column is not None else None
            if column is not None and isinstance(value, str | int | float):
                yield item.spec.name, column, canonical(value)

    def listed(self, items: Iterable[Item]) -> Iterator[Item]:
        """The proposals, each after those that are nested in it."""
        for item in items:
            yield from self.listed(link.to for link in item.links if link.is_nested and link.to is not None)
            yield item


@dataclass(frozen=True, slots=True)
class _Wait:
    """A proposal waits for another: for a reference, or (`link` None) because that is rather decided first."""

    item: int
    first: int
    link: Link | None = None


def deciding_order(unfolded: Unfolded, version: SchemaVersion) -> list[Item]:
    """The proposals in the order in which they are decided: that of the message, but what is referred to goes first.

    A circle is broken where that loses least: at what only would rather wait, then at a column that may be empty, one
    that is in no identity key, one that names what stands elsewhere in the message. There the link is late. Where every
    column of a circle is required, one link has a problem.
    """
    items = unfolded.items
    place = {id(item): at for at, item in enumerate(items)}
    waits: list[dict[_Wait, None]] = [{} for _ in items]
    for at, item in enumerate(items):
        for link in item.links:
            if link.to is item and not _is_required(item, link):
                link.is_late = True
            elif link.to is item:
                _give_up(item, link)
            elif link.to is not None:
                waits[at][_Wait(at, place[id(link.to)], link)] = None
    soft = [*unfolded.after, *_deletes_first(items, version)]
    for item, first in soft:
        waits[place[id(item)]][_Wait(place[id(item)], place[id(first)])] = None
    return [items[at] for at in _sorted(items, waits)]


def _sorted(items: Sequence[Item], waits: Sequence[dict[_Wait, None]]) -> list[int]:
    order: list[int] = []
    let_go: dict[int, list[_Wait]] = {}
    for wait in (each for some in waits for each in some):
        let_go.setdefault(wait.first, []).append(wait)
    ready = [at for at, some in enumerate(waits) if not some]
    while len(order) < len(items):
        if not ready:
            wait = _to_break(items, waits)
            _break(items[wait.item], wait)
            del waits[wait.item][wait]
            if not waits[wait.item]:
                ready.append(wait.item)
            continue
        at = heapq.heappop(ready)
        order.append(at)
        for wait in let_go.get(at, ()):
            if waits[wait.item].pop(wait, wait) is None and not waits[wait.item]:
                heapq.heappush(ready, wait.item)
    return order


def _to_break(items: Sequence[Item], waits: Sequence[dict[_Wait, None]]) -> _Wait:
    """The wait of a circle whose end loses least."""
    path: dict[int, _Wait] = {}
    at = next(number for number, some in enumerate(waits) if some)
    while at not in path:
        path[at] = min(waits[at], key=lambda wait: wait.first)
        at = path[at].first
    circle = [path[at]]
    while circle[-1].first != at:
        circle.append(path[circle[-1].first])
    return min(circle, key=lambda wait: (_loss(items[wait.item], wait.link), -wait.item, wait.first))


def _loss(item: Item, link: Link | None) -> int:
    if link is None:
        return 0
    if _is_required(item, link):
        return 9
    return 1 + 2 * (link.said.column in item.annotation.identity_columns) + link.is_nested


def _break(item: Item, wait: _Wait) -> None:
    if wait.link is not None and _is_required(item, wait.link):
        _give_up(item, wait.link)
    elif wait.link is not None:
        wait.link.is_late = True


def _is_required(item: Item, link: Link) -> bool:
    return item.spec is not None and item.spec.by_name[link.said.column].required


def _give_up(item: Item, link: Link) -> None:
    link.to = None
    link.problem = (
        f"the {link.said.target} refers back to this {item.checked.class_name}, and each requires the other: make one"
        " of the columns optional, or tell of one of them in an earlier message"
    )


def _deletes_first(items: Sequence[Item], version: SchemaVersion) -> Iterator[tuple[Item, Item]]:
    """Of deletes that follow each other, those of what refuses the delete of what it refers to go first."""
    for at, item in enumerate(items):
        if item.checked.operation != "delete" or item.spec is None:
            continue
        refusing = {
            name
            for name, column in version.spec.referring.get(item.spec.name, ())
            if column.on_delete is OnDelete.REFUSE and name != item.spec.name
        }
        for later in items[at + 1 :] if refusing else ():
            if later.checked.operation != "delete":
                break
            if later.checked.class_name in refusing:
                yield item, later
