"""One proposal of a turn: as it was given, as the validator left it, and what it is looked up and scored by. No I/O."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from memreg.core.steps import Row
from memreg.engine.candidates import probes
from memreg.engine.decide import Candidate, Mode
from memreg.engine.given import given_form
from memreg.engine.identity import KeyValue, key_values, name_tokens
from memreg.engine.links import Link
from memreg.engine.model import Proposal, Refused
from memreg.engine.record import Record
from memreg.engine.references import Said, ids_in
from memreg.engine.state import in_form
from memreg.engine.storable import storable
from memreg.engine.validate import Checked, validate
from memreg.engine.workspace import KeyPlace
from memreg.registry.models import ClassAnnotation, ClassSpec, SchemaVersion, Status


@dataclass(slots=True)
class Item:
    """A proposal of the turn with what was made of it. `found`: candidates by the database, which knew of the changes
    up to the one of the number `mark` that turns decided together made (-1: of none); `scores`: those that were scored,
    by memory and revision; `unresolved`: the memory that it made while its class was create-only; `links`: its
    references; `memory_id`: the memory that it was about, once it is decided, or else `rejected`, why not."""

    ordinal: int
    given: Any
    checked: Checked
    mode: Mode = "normal"
    spec: ClassSpec | None = None
    annotation: ClassAnnotation = field(default_factory=ClassAnnotation)
    record: Record | None = None
    keys: tuple[KeyValue, ...] = ()
    names: frozenset[str] = frozenset()
    found: list[UUID] = field(default_factory=list)
    looked_up: bool = False
    mark: int = -1
    scores: dict[tuple[UUID, int], Candidate] = field(default_factory=dict)
    unresolved: UUID | None = None
    links: list[Link] = field(default_factory=list)
    memory_id: UUID | None = None
    rejected: str | None = None
    _said: Checked | None = None
    _schema: str = ""
    _probes: Mapping[int, float] | None = None
    _places: tuple[tuple[KeyValue, ...], list[KeyPlace]] | None = None
    _fingerprint: tuple[Checked, str] | None = None

    @classmethod
    def of(
        cls,
        ordinal: int,
        proposal: Proposal,
        version: SchemaVersion,
        switched: Collection[str],
        made: Row | None,
        *,
        ids: bool = False,
    ) -> Item:
        """The item of a proposal. `switched`: classes whose kill switch is on (`*`: every one); `made`: the row of the
        unresolved memory that it made before; `ids`: whether it may name memories by their ids."""
        checked = validate(proposal, version, ids=ids) if made is None else _said_by(made, proposal, version)
        item = cls(ordinal, given_form(proposal, 1), checked)
        if checked.refusal is not None:
            return item
        item.spec = version.spec.by_name[checked.class_name]
        item.annotation = version.annotation_of(checked.class_name)
        if version.status is Status.PENDING:
            item.mode = "pending"
        elif "*" in switched or checked.class_name in switched:
            item.mode = "kill_switch"
        else:
            item.view(version)
        if checked.references:
            place = {column.name: at for at, column in enumerate(item.spec.references)}
            item.links = [Link(said) for said in sorted(checked.references, key=lambda said: place[said.column])]
        return item

    def refer(self, *, notes: Sequence[str] = ()) -> None:
        """Take what its links have turned out to be among its values, and what has to be said about them."""
        if self._said is None:
            self._said = self.checked
        assert self.spec is not None
        values, originals = dict(self._said.values), dict(self._said.originals)
        for column in self.spec.references:
            links = [link for link in self.links if link.said.column == column.name and link.memory_id is not None]
            ids = list(dict.fromkeys(str(link.memory_id) for link in links))
            if ids:
                values[column.name] = ids if column.dtype.is_list else ids[0]
            texts = [link.said.text for link in links]
            if ids and all(texts):
                originals[column.name] = texts if column.dtype.is_list else texts[0]
        told = (*self._said.notes, *notes)
        refusal = None if values else "; ".join(["no value is left", *told])
        self.checked = replace(
            self._said, values=values, originals=originals, notes=told if values else (), refusal=refusal
        )

    def view(self, version: SchemaVersion) -> None:
        """Take what it is looked up and scored by from its values."""
        assert self.spec is not None
        values = self.checked.values
        self.record = Record.of(values, self.spec, self.annotation)
        self._schema, self._probes = version.name, None
        self.keys = key_values(values, self.annotation)
        self.names = name_tokens(values, self.annotation)

    @property
    def probes(self) -> Mapping[int, float]:
        """The keys that it is looked up by, with their weights: made when asked for, as who has a hit needs none."""
        if self.record is None or self.spec is None:
            return _NO_PROBES
        if self._probes is None:
            self._probes = probes(self.record, self._schema, self.spec.name)
        return self._probes

    @property
    def is_judged_by_references(self) -> bool:
        """Whether its keys or its score depend on what it refers to."""
        if not self.links:
            return False
        judged = self.annotation.identity_columns.union(self.annotation.compare)
        return any(link.said.column in judged for link in self.links)

    @classmethod
    def unread(cls, ordinal: int, refused: Refused) -> Item:
        """What an extractor could not take for a proposal: refused, for the reason that it gave."""
        was = "unread" if refused.given is None else "refused"
        given = {was: storable(refused.reason if refused.given is None else refused.given, 1)}
        return cls(
            ordinal,
            given,
            Checked(
                refused.class_name,
                refused.operation,
                refusal=refused.reason,
                evidence=refused.evidence,
                dead_letter=refused.dead_letter,
            ),
        )

    @property
    def key_places(self) -> list[KeyPlace]:
        """Where its keys would be held."""
        if self._places is None or self._places[0] is not self.keys:
            places = [(self.checked.class_name, held.key.held_as, held.digest) for held in self.keys]
            self._places = self.keys, places
        return self._places[1]

    @property
    def fingerprint(self) -> str:
        """What makes another proposal of the turn the same: operation, class and values, identity among them."""
        if self._fingerprint is None or self._fingerprint[0] is not self.checked:
            values = json.dumps(self.checked.values, sort_keys=True, ensure_ascii=True)
            self._fingerprint = self.checked, f"{self.checked.operation} {self.checked.class_name} {values}"
        return self._fingerprint[1]


_NO_PROBES: Mapping[int, float] = {}


def _said_by(made: Row, proposal: Proposal, version: SchemaVersion) -> Checked:
    """A proposal that made an unresolved memory was validated then, so that memory speaks for it."""
    class_name, payload, originals = made["class"], made["payload"], dict(made["originals"])
    notes: tuple[str, ...] = ()
    if version.lineage is not None:
        read = in_form(made, version.lineage)
        class_name, payload, originals = read.class_name or class_name, read.payload, read.originals
        notes = tuple(f"{each.column} was left out: {each.reason}" for each in read.problems)
    columns = version.spec.by_name[class_name].by_name
    values = {name: value for name, value in payload.items() if name in columns}
    references: list[Said] = []
    for column in version.spec.by_name[class_name].references:
        values.pop(column.name, None)
        target = column.dtype.target or ""
        references += [Said(column.name, target, memory_id=UUID(each)) for each in ids_in(payload, column)]
    return Checked(
        class_name,
        "upsert",
        values,
        originals,
        notes,
        evidence=proposal.evidence,
        confidence=proposal.confidence,
        references=tuple(references),
    )
