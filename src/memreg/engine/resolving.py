"""Which memories the references of a turn's proposals are: guessed before the lock, so that what follows from them is
read then, and known under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.core.queries import Statement
from memreg.core.steps import Rows, Steps, fetch, fetch_rows
from memreg.engine.decide import decide
from memreg.engine.identity import KeyValue, key_values
from memreg.engine.item import Item
from memreg.engine.links import Link
from memreg.engine.model import Action
from memreg.engine.record import Record
from memreg.engine.references import followed, ids_in
from memreg.engine.state import KEPT_PAYLOADS, MemoryState
from memreg.engine.store import REFERENCES

if TYPE_CHECKING:
    from memreg.engine.turn import Turn

MOST_ALIASES = 1_000
"""The forms of one key that are looked up, where what it refers to took other memories in."""


class Resolving:
    """The references of one turn. `known`: the memories that were given by id, each with the one that it is now;
    `keepers`: memories that went into others."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.known: dict[UUID, UUID] = {}
        self.keepers: dict[str, str] = {}
        self._families: set[UUID] = set()
        self._guessed: dict[int, set[UUID]] = {}

    # Statements that go along with others

    def given(self) -> Statement:
        """Reads the memories that are given by id."""
        turn = self.turn
        asked = {link.said.memory_id for item in turn.asking for link in item.links if link.said.memory_id is not None}
        where = {"tenant": turn.tenant, "schema": turn.version.name, "version": turn.version.version}
        return REFERENCES["followed"](ids=sorted(asked), **where)

    def take_given(self, rows: Rows) -> None:
        """Take in the memories that are given by id."""
        self.known = {row["asked_id"]: self.turn.workspace.take(row).id for row in rows}

    def families(self, ids: Iterable[UUID]) -> Statement:
        """Reads what went into memories that may be referred to."""
        wanted = set(ids)
        self._families |= wanted
        return REFERENCES["gone_into"](tenant=self.turn.tenant, ids=sorted(wanted))

    def knows_family(self, memory_id: UUID) -> bool:
        """Whether it was read what went into a memory."""
        return memory_id in self._families or self.turn.workspace.memories[memory_id].is_new

    def take_families(self, rows: Rows) -> None:
        """Take in what went into others."""
        self.keepers.update({str(row["id"]): str(row["keeper_id"]) for row in rows})

    # Before the lock

    def guess(self) -> Steps[None]:
        """Look up proposals whose keys or score depend on a reference by what that will likely turn out to be."""
        waiting = [item for item in self.turn.asking if item.record is not None and item.is_judged_by_references]
        while waiting:
            later = {id(item) for item in waiting}
            ready = [i for i in waiting if not any(_leads_to(link, later) for link in i.links if not link.is_late)]
            ready = ready or waiting  # a look-up may go round in a circle
            for item in ready:
                self._guess(item)
            yield from self._read(ready)
            done = {id(item) for item in ready}
            waiting = [item for item in waiting if id(item) not in done]

    def _guess(self, item: Item) -> None:
        for link in item.links:
            link.memory_id = None if link.is_late else self._likely(link)
        self._guessed[id(item)] = {link.memory_id for link in item.links if link.memory_id is not None}
        item.refer()
        self._view(item)

    def _likely(self, link: Link) -> UUID | None:
        if link.said.memory_id is not None:
            return self.known.get(link.said.memory_id)
        leads_to = link.to or link.looks_up
        if leads_to is None or leads_to.spec is None:
            return None
        return decide(self.turn.situation(leads_to)).target

    # Under the lock

    def settle(self, item: Item) -> Steps[None]:
        """Find out which memories the references of a proposal are, now that what they lead to is decided."""
        if not item.links:
            return
        notes = []
        for link in item.links:
            if link.looks_up is not None:
                yield from self._look_up(link)
            link.memory_id = self.found(link)
            if link.problem is not None:
                notes.append(f"{link.said.column} was left empty: {link.problem}")
            elif link.is_late:
                back = f"the {link.said.target} that it refers to refers back to this one"
                notes.append(f"{link.said.column} is filled in at the end: {back}")
        said = {link.memory_id for link in item.links if link.memory_id is not None}
        item.refer(notes=notes)
        old = {memory_id for memory_id in said if not self.turn.workspace.memories[memory_id].is_new}
        if old - self._families:
            self.take_families((yield from fetch_rows(self.families(old - self._families))))
        if item.record is None or not item.is_judged_by_references:
            return
        self._view(item)
        item.looked_up = item.looked_up and old <= self._guessed.get(id(item), set())
        yield from self._read([item])

    def found(self, link: Link) -> UUID | None:
        """The memory that a link leads to, once that is decided; else None, and the link has the problem."""
        if link.problem is not None or link.is_late:
            return None
        target = link.said.target
        if link.said.memory_id is not None:
            found = self.known.get(link.said.memory_id)
            state = None if found is None else self.turn.workspace.memories[found]
            if state is None or state.class_name != target or state.is_deleted:
                link.problem = f"there is no {target} with the id {link.said.memory_id}"
                return None
            return found
        if link.looks_up is not None:
            if link.memory_id is None:
                link.problem = f"no {target} that is known is meant by it"
            return link.memory_id
        if link.to is None:
            link.problem = f"nothing is known of the {target}"
            return None
        found = link.to.memory_id
        if found is None:
            link.problem = f"the {target} was not taken: {link.to.rejected or 'it was rejected'}"
        elif self.turn.workspace.memories[found].is_deleted:
            link.problem, found = f"the {target} is deleted", None
        return found

    def _look_up(self, link: Link) -> Steps[None]:
        """The memory that a proposal which makes nothing is about."""
        item = link.looks_up
        assert item is not None
        link.memory_id = None
        if item.record is None:
            return
        if item.links:
            yield from self.settle(item)
        yield from self.turn.hand.look_up([item])
        verdict = decide(self.turn.situation(item))
        if verdict.action in (Action.UPDATE, Action.UPSERT):
            link.memory_id = verdict.target

    # What is judged by references

    def _view(self, item: Item) -> None:
        """See a proposal by its references as well. A key is looked up in every form that it may have been stored
        under: what went into the memory that it refers to is the same object."""
        item.scores.clear()
        item.view(self.turn.version)
        assert item.spec is not None
        memories = self.turn.workspace.memories
        new = {str(link.memory_id) for link in item.links if link.memory_id and memories[link.memory_id].is_new}
        for key, place in zip(item.keys, item.key_places, strict=True):
            if any(item.checked.values.get(column) in new for column in key.key.columns):
                self.turn.workspace.known_keys.add(place)  # nothing stored can refer to what is made just now
        merged = set(self.keepers.values())
        alone = [c.name for c in item.spec.references if not c.dtype.is_list]  # no key has a list
        columns = [name for name in alone if item.checked.values.get(name) in merged]
        if not columns:
            return
        forms: dict[str, list[str]] = {}
        for column in columns:
            keeper = item.checked.values[column]
            forms[column] = [keeper, *sorted(gone for gone, into in self.keepers.items() if into == keeper)]
        found: dict[tuple[str, bytes], KeyValue] = {}
        for values in islice(product(*forms.values()), MOST_ALIASES):
            payload = item.checked.values | dict(zip(forms, values, strict=True))
            for key in key_values(payload, item.annotation):
                found[key.key.name, key.digest] = key
        item.keys = tuple(found.values())

    def _read(self, items: list[Item]) -> Steps[None]:
        """Who holds the keys of proposals, where it is not known, and what resembles them."""
        turn = self.turn
        unknown = {place for item in items for place in item.key_places if place not in turn.workspace.known_keys}
        places = sorted(unknown)
        asking = [item for item in items if item.probes and not item.looked_up]
        if not places and not asking:
            return
        holders = [turn.hand.holders(places)] if places else []
        candidates = [turn.hand.candidates(asking)] if asking else []
        results = yield from fetch(*holders, *candidates)
        if places:
            turn.hand.take_holders(places, results[0])
        if asking:
            turn.hand.take_candidates(asking, results[-1])


def records_of(state: MemoryState, item: Item, resolving: Resolving | None) -> Sequence[Record]:
    """A memory's records as a proposal of its class is held against them, references to what went into others as
    references to those."""
    assert item.spec is not None
    keepers = resolving.keepers if resolving is not None else None
    if not keepers:
        return state.records(item.spec, item.annotation)
    columns = item.spec.references
    if not any(each in keepers for column in columns for each in ids_in(state.payload, column)):
        return state.records(item.spec, item.annotation)
    payloads = [state.payload, *state.earlier[:KEPT_PAYLOADS]]
    return tuple(Record.of(followed(payload, columns, keepers), item.spec, item.annotation) for payload in payloads)


def _leads_to(link: Link, items: set[int]) -> bool:
    return any(item is not None and id(item) in items for item in (link.to, link.looks_up))
