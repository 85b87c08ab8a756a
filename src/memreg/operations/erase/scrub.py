"""What is left of audit entries and of other memories' states when something is erased. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from memreg.engine.store import JsonRow, bytea
from memreg.operations.quotes import Quotes

ERASED = "[erased]"
"""What stands in the place of a quote in a text."""
_KEPT = ("version", "revision", "is_deleted", "unresolved", "merged_into", "void")
_SAID = ("values", "originals", "conflicts")
_STATES = ("before", "after")


class _Gone:
    """Nothing is left of a value."""


GONE: Final = _Gone()


@dataclass(frozen=True)
class Scrub:
    """What is erased: all of the memories of `family` (ids), and quotes of what they said. `everywhere`: texts that are
    erased from other memories' own data too; `needed` says of a class and column whether it may not be without a value;
    `digests`: of the identity keys that are made of such texts.
    """

    family: frozenset[str]
    quotes: Quotes
    everywhere: Quotes
    needed: Callable[[str, str], bool]
    digests: Collection[str] = frozenset()

    def entry(self, row: Mapping[str, Any], *, is_linked: bool = False) -> JsonRow | None:
        """What is left of an audit entry's values (with `class` and `memory_id`); None where nothing is taken.

        `is_linked`: it is about no memory, and of a message that told about the family.
        """
        details = row["details"]
        if str(row["memory_id"]) in self.family or (row["memory_id"] is None and is_linked):
            found = self._of_family(row)
        else:
            found = {
                "proposal": self._proposal(row["proposal"]),
                "evidence": self._text(row["evidence"]),
                "before": row["before"],
                "after": row["after"],
                "reasons": [self._text(each) for each in row["reasons"]],
                "details": self._details(details),
            }
            if row["memory_id"] is None and self._quotes_any(row["proposal"], details, *columns_of(row["proposal"])):
                found |= {"proposal": {}, "evidence": None, "details": _without(found["details"], (*_SAID, "mode"))}
        found = self._everywhere(found, row["class"])
        if all(found[name] == row[name] for name in found):
            return None
        return {"audit_id": str(row["audit_id"]), **found, "salt": bytea(secrets.token_bytes(16))}

    def state(self, values: Mapping[str, Any], class_name: str) -> JsonRow:
        """What is left of another memory's payload, originals and pins."""
        found = {name: self._values(values[name] or {}, class_name) for name in ("payload", "originals")}
        return found | {"pinned": self._deep(values["pinned"] or {})}

    # Parts

    def _of_family(self, row: Mapping[str, Any]) -> JsonRow:
        """An entry about one of the family: its states without values, and what it did to other memories."""
        details = row["details"]
        kept: JsonRow = {"erased": True}
        for name in ("absorbed", "others"):
            if details.get(name):
                kept[name] = self._others(details[name])
        return {
            "proposal": {},
            "evidence": None,
            **{name: blank(row[name]) for name in _STATES},
            "reasons": [],
            "details": kept,
        }

    def _details(self, details: Mapping[str, Any]) -> JsonRow:
        found = dict(details)
        for name in ("compared_with", "met"):
            if found.get(name):
                found[name] = {each: said for each, said in found[name].items() if each not in self.family}
        for name in ("absorbed", "others"):
            if found.get(name):
                found[name] = self._others(found[name])
        for name in ("why", "because"):
            if isinstance(found.get(name), str):
                found[name] = self._text(found[name])
        if found.get("met"):
            found["met"] = {
                each: {name: [self._text(token) for token in tokens] for name, tokens in parts.items()}
                for each, parts in found["met"].items()
            }
        return found

    def _others(self, said: Any) -> Any:
        if isinstance(said, Mapping):
            return self._other(said)
        return [self._other(each) for each in said]

    def _other(self, said: Mapping[str, Any]) -> JsonRow:
        if said["memory_id"] not in self.family:
            return dict(said)
        return {**said, **{name: blank(said[name]) for name in _STATES}}

    def _proposal(self, proposal: Any) -> Any:
        """A proposal about another memory: its values are that memory's, its evidence is a quote of a message."""
        if not isinstance(proposal, Mapping):
            return proposal
        found = dict(proposal)
        for name in ("evidence", "because"):
            if isinstance(found.get(name), str):
                found[name] = self._text(found[name])
        return found

    def _text(self, text: str | None) -> str | None:
        return None if text is None else self.quotes.hide(text, ERASED)

    def _quotes_any(self, *said: Any) -> bool:
        return bool(self.quotes) and any(self.quotes.are_in(text) for text in texts_of(said))

    # Other memories' own data

    def _everywhere(self, row: JsonRow, class_name: str) -> JsonRow:
        if not self.everywhere:
            return row
        details = dict(row["details"])
        for name in ("absorbed", "others"):
            if details.get(name):
                listed = details[name] if isinstance(details[name], list) else [details[name]]
                states = [
                    each | {s: self._snapshot(each[s], each.get("class", class_name)) for s in _STATES}
                    for each in listed
                ]
                details[name] = states if isinstance(details[name], list) else states[0]
        compared = details.get("compared_with") or {}
        for name in _SAID:
            if isinstance(details.get(name), Mapping):
                details[name] = self._values(details[name], class_name)
        if compared:
            details["compared_with"] = {each: self._values(said, class_name) for each, said in compared.items()}
        rest = {name: self._deep(details[name]) for name in details if name not in ("absorbed", "others", "left")}
        return {
            "proposal": self._named(self._deep(row["proposal"])),
            "evidence": self._deep(row["evidence"]),
            **{name: self._snapshot(row[name], class_name) for name in _STATES},
            "reasons": self._deep(row["reasons"]),
            "details": details | rest,
        }

    def _named(self, proposal: Any) -> Any:
        """A proposal in which a text stands where the name of a column should."""
        if not any(self.everywhere.are_in(name) for name in columns_of(proposal)):
            return proposal
        values = {self.everywhere.hide(name, ERASED): value for name, value in proposal["values"].items()}
        return {**proposal, "values": values}

    def _snapshot(self, snapshot: Mapping[str, Any] | None, class_name: str) -> JsonRow | None:
        if snapshot is None:
            return None
        said = {name: snapshot.get(name) or {} for name in ("payload", "originals", "pinned")}
        found = self.state(said, class_name)
        left = {name: found[name] for name in found if name in snapshot}
        keys = [each for each in snapshot["keys"] if each["digest"] not in self.digests]
        return {**snapshot, **left, "keys": keys}

    def _values(self, values: Mapping[str, Any], class_name: str) -> JsonRow:
        found: JsonRow = {}
        for name, value in values.items():
            left = self._left(value)
            if left is not GONE:
                found[name] = left
            elif self.needed(class_name, name):
                found[name] = ERASED
        return found

    def _left(self, value: Any) -> Any:
        """What is left of a value: itself, a part of it, or GONE."""
        if isinstance(value, list):
            items = [self._left(each) for each in value]
            left = [each for each in items if each is not GONE]
            return left if left or not value else GONE
        if isinstance(value, Mapping):
            return {name: left for name, each in value.items() if (left := self._left(each)) is not GONE}
        if isinstance(value, bool) or value is None:
            return value
        text = str(value)
        hidden = self.everywhere.hide(text, ERASED)
        if hidden == text:
            return value
        rest = hidden.replace(ERASED, "")
        return hidden if isinstance(value, str) and any(map(str.isalnum, rest)) else GONE

    def _deep(self, value: Any) -> Any:
        left = self._left(value)
        return (ERASED if isinstance(value, str) else None) if left is GONE else left


def blank(snapshot: Mapping[str, Any] | None) -> JsonRow | None:
    """A memory's state without anything that it said: that it was there, and in which revision."""
    if snapshot is None:
        return None
    kept = {name: snapshot[name] for name in _KEPT if name in snapshot}
    return {"payload": {}, "originals": {}, **kept, "keys": [], "erased": True}


def columns_of(proposal: Any) -> Iterable[str]:
    """What a proposal calls its columns: a model may have put a value there."""
    values = proposal.get("values") if isinstance(proposal, Mapping) else None
    return values.keys() if isinstance(values, Mapping) else ()


def texts_of(said: Any) -> Iterable[str]:
    """Every text in a value of JSON; numbers as texts."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, Mapping):
        for each in said.values():
            yield from texts_of(each)
    elif isinstance(said, list | tuple):
        for each in said:
            yield from texts_of(each)
    elif isinstance(said, int | float) and not isinstance(said, bool):
        yield str(said)


def _without(row: JsonRow, names: Collection[str]) -> JsonRow:
    return {name: value for name, value in row.items() if name not in names}
