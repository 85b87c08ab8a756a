"""The history of a schema: what was done to its versions, when, by whom and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from memreg.core.errors import SchemaNotFound
from memreg.core.queries import Queries
from memreg.core.steps import Row, Steps, fetch_row, fetch_rows
from memreg.registry import lookup
from memreg.registry.judging import verdict_from

SQL = Queries.load("memreg.registry", "history.sql")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done to a version: `registered`, `annotated`, `approved`, `rejected`, `in force`, `backfill
    begun` or how a backfill ended.

    `by`: who did it (of an annotation, the model or `declared`, `heuristic`, `person`); `why`: the reason that was
    given; `facts`: the rest, by name.
    """

    at: datetime
    version: int
    what: str
    by: str | None = None
    why: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        """The facts in a line for people."""
        return _DETAILS[self.what.split(" ")[0]](self.facts) if self.what.split(" ")[0] in _DETAILS else ""


def read_history(name: str) -> Steps[tuple[Event, ...]]:
    """Every event of a schema, the oldest first. Raises SchemaNotFound."""
    if (yield from fetch_row(lookup.SQL["one_schema"](name=name))) is None:
        raise SchemaNotFound(name=name)
    return tuple(_event(row) for row in (yield from fetch_rows(SQL["schema_history"](name=name))))


def _event(row: Row) -> Event:
    facts = {key: value for key, value in row["facts"].items() if value is not None}
    return Event(row["at"], int(row["version"]), row["what"], row["by"], row["why"], facts)


def _registered(facts: Mapping[str, Any]) -> str:
    words = []
    if "restores" in facts:
        words.append(f"brings back version {facts['restores']}")
    elif "base" in facts:
        words.append(f"based on version {facts['base']}")
    if "verdict" in facts:
        verdict = verdict_from(facts["verdict"])
        if verdict.breaking:
            allowed = "breaks, which the mode allows" if verdict.compatible else "not compatible, forced"
            changes = ", ".join(dict.fromkeys(f"{each.where} {each.kind}" for each in verdict.breaking))
            words.append(f"{verdict.mode}: {allowed}: {changes}")
        elif verdict.against:
            words.append(f"{verdict.mode}: compatible")
    return "; ".join(words)


def _annotated(facts: Mapping[str, Any]) -> str:
    tokens = f", {facts['tokens_in']} tokens in and {facts.get('tokens_out', 0)} out" if facts.get("tokens_in") else ""
    return f"annotation {facts['ordinal']}, {facts['source']}{tokens}"


def _decided(facts: Mapping[str, Any]) -> str:
    return f"annotation {facts['ordinal']}"


def _backfill(facts: Mapping[str, Any]) -> str:
    if "total" in facts:
        return f"{facts['total']:,} memories, collisions: {facts['policy']}"
    return f"{facts.get('converted', 0):,} memories converted"


_DETAILS = {
    "registered": _registered,
    "annotated": _annotated,
    "approved": _decided,
    "rejected": _decided,
    "backfill": _backfill,
}
