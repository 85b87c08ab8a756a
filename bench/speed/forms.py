"""The form of a new memory's rows: what the engine wrote for a few, as lines of COPY with places for everything that is
another memory's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import time_ns
from typing import Any

import psycopg

from bench import crowd
from bench.speed import world
from bench.speed.capture import Written, written_by
from memreg import Engine, Proposal
from memreg.engine.given import proposals_text
from memreg.engine.identity import digest

_PRICE = 918_273.75
"""A price that no score or weight looks like."""
_KEY = "<key>"
_OWN = {("memories", "change"), ("candidate_keys", "key")}
"""Columns that are a memory's own, and too short to be told from others by how they look."""


@dataclass(frozen=True)
class Line:
    """A line of COPY: literal text, and at every second place the name of what goes in there."""

    parts: tuple[str, ...]

    def filled(self, values: dict[str, str]) -> str:
        """The line about one memory."""
        return "".join([values[part] if place % 2 else part for place, part in enumerate(self.parts)])


@dataclass(frozen=True)
class Form:
    """The lines of one new memory, by table."""

    lines: dict[str, tuple[Line, ...]]


@dataclass(frozen=True)
class Forms:
    """Some forms of each class, which take turns, and the columns of each table that they fill."""

    columns: dict[str, tuple[str, ...]]
    by_class: dict[str, tuple[Form, ...]]
    time: int
    """When they were made, in milliseconds since 1970: what is loaded has ids of the two thousand seconds before."""

    def lines(self, tenant: str, number: int, change: int) -> dict[str, list[str]]:
        """The lines of the memory of a number, by table."""
        class_name, values, keys = filling(tenant, number, change, self.time)
        found = self.by_class[class_name]
        form = found[number % len(found)]
        lines = {}
        for table, each in form.lines.items():
            if table == "candidate_keys":
                head, _, tail = each[0].filled(values | {"key": _KEY}).partition(_KEY)
                lines[table] = [f"{head}{key}{tail}" for key in keys]
            else:
                lines[table] = [line.filled(values) for line in each]
        return lines


def learn(engine: Engine, conn: psycopg.Connection[Any], numbers: Iterable[int]) -> Forms:
    """The forms that the engine gives to the memories of some numbers, decided in its tenant, which is the better the
    more there is to compare them with."""
    decided: list[tuple[Proposal, Written]] = []
    for number in numbers:
        class_name, values = world.payload(number)
        if "price" in values:
            values["price"] = _PRICE
        proposal = Proposal(class_name, values)
        decision = engine.ingest(proposals=[proposal]).decisions[0]
        if decision.action == "CREATE" and decision.basis == "new":
            decided.append((proposal, written_by(conn, engine.tenant, decision.audit_id)))
    columns: dict[str, tuple[str, ...]] = {}
    for _, written in decided:
        for table in written.rows:
            more = [name for name in written.columns(table) if name not in columns.get(table, ())]
            columns[table] = (*columns.get(table, ()), *more)
    by_class = {
        name: tuple(
            _form(engine.tenant, proposal, written, columns)
            for proposal, written in decided
            if proposal.class_name == name
        )
        for name in world.CLASSES
    }
    if missing := [name for name, found in by_class.items() if not found]:
        raise RuntimeError(f"the engine made no memory of {', '.join(missing)} that others could be like")
    return Forms(columns, by_class, time_ns() // 1_000_000)


def filling(tenant: str, number: int, change: int, time: int) -> tuple[str, dict[str, str], Sequence[int]]:
    """The class of the memory of a number, what goes into its lines, and the keys that it is found by."""
    class_name, values = world.payload(number)
    keys = world.keys(class_name, values)
    mark = sha256(f"{tenant} {number}".encode()).hexdigest()
    begun = f"{time - 2_000_000 + number % 2_000_000:012x}7"
    audit, message, arrival = (_uuid(f"{begun}{mark[at : at + 3]}8{mark[at + 3 : at + 18]}") for at in (0, 18, 36))
    filled = {f"value {name}": str(value) for name, value in values.items()}
    filled |= {f"digest {name}": held.hex() for name, held in world.digests(class_name, values).items()}
    filled |= {
        "memory": str(crowd.memory_id(number)),
        "audit": audit,
        "message": message,
        "arrival": arrival,
        "message_digest": digest([proposals_text([Proposal(class_name, values)])]).hex(),
        "tenant": tenant,
        "search": world.search(tenant, class_name, values),
        "keys": "{" + ",".join(map(str, keys)) + "}",
        "salt": mark[8:40],
        "change": str(change),
    }
    return class_name, filled, keys


def _uuid(digits: str) -> str:
    """32 hexadecimal digits as Postgres writes a UUID; quicker than by an object."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _form(tenant: str, proposal: Proposal, written: Written, columns: dict[str, tuple[str, ...]]) -> Form:
    marks = _marks(tenant, proposal, written)
    wanted = re.compile("(" + "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True)) + ")")
    lines = {}
    for table, rows in written.rows.items():
        of_one_key = rows[:1] if table == "candidate_keys" else rows
        lines[table] = tuple(_line(table, row, columns[table], wanted, marks) for row in of_one_key)
    return Form(lines)


def _marks(tenant: str, proposal: Proposal, written: Written) -> dict[str, str]:
    """What of a memory's rows is its own: how it is written there, and what it is."""
    message, memory, audit, values = (
        written.first(table) for table in ("messages", "memories", "audit_log", "audit_values")
    )
    marks = {
        memory["id"]: "memory",
        audit["id"]: "audit",
        message["id"]: "message",
        message["arrival"]: "arrival",
        _hex(message["digest"]): "message_digest",
        _hex(values.get("salt")): "salt",
        memory["search"]: "search",
        memory.get("candidate_keys"): "keys",
        tenant: "tenant",
    }
    of_values = {str(value): f"value {name}" for name, value in proposal.values.items()}
    of_keys = {
        held.hex(): f"digest {name}" for name, held in world.digests(proposal.class_name, dict(proposal.values)).items()
    }
    return {mark: name for mark, name in (of_values | of_keys | marks).items() if mark}


def _line(
    table: str, row: Mapping[str, str | None], columns: Sequence[str], wanted: re.Pattern[str], marks: dict[str, str]
) -> Line:
    parts: list[str] = []
    literal = ""
    for number, name in enumerate(columns):
        literal += "\t" if number else ""
        if (table, name) in _OWN:
            parts += [literal, name]
            literal = ""
            continue
        for place, piece in enumerate(wanted.split(_escaped(row[name]))):
            if place % 2:
                parts += [literal, marks[piece]]
                literal = ""
            else:
                literal += piece
    return Line((*parts, literal + "\n"))


def _hex(value: str | None) -> str:
    return (value or "").removeprefix("\\x")


def _escaped(value: str | None) -> str:
    if value is None:
        return "\\N"
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
