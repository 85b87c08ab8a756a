"""Single ingest beside hand-written SQL: create, by identity, by score, no change, delete; engine and floor in turns,
and the sizes too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from bench import crowd
from bench.candidates import asked
from bench.speed import hand, world
from bench.speed.capture import Written, written_by
from bench.speed.place import Place, name_of
from bench.speed.times import Backends, Times, in_turns, ratio
from memreg import Decision, Proposal
from memreg.core.ids import uuid7

WARM = 6
Said = Callable[[int, world.Payload], tuple[Proposal, world.Payload]]


def _new(_: int, values: world.Payload) -> tuple[Proposal, world.Payload]:
    return Proposal("Person", values), values


@dataclass(frozen=True)
class Kind:
    """One kind of decision: what is said of a person, and what is expected of it (of nine in ten calls by score)."""

    name: str
    said: Said
    expected: str

    @property
    def creates(self) -> bool:
        """Whether it makes new memories."""
        return self.name == "create"


KINDS = (
    Kind("create", _new, "CREATE new"),
    Kind("identity", world.moved, "UPDATE identity"),
    Kind("score", world.described, "UPDATE score"),
    Kind("no-change", world.again, "UPDATE identity"),
    Kind("delete", world.forget, "DELETE identity"),
)


@dataclass
class Subject:
    """Somebody that one side's calls are about; `memory` is the floor's, which makes its own."""

    tenant: str
    number: int
    values: world.Payload
    memory: UUID


@dataclass
class Sized:
    """The calls of one kind at one size."""

    size: int
    mine: list[Subject]
    theirs: list[Subject]
    written: Written | None = None
    engine: Times = field(default_factory=Times)
    floor: Times = field(default_factory=Times)
    decided: Counter[str] = field(default_factory=Counter)
    trips: int = 0
    reads: list[hand.Asked] = field(default_factory=list)
    server: float | None = None
    floor_server: float | None = None


def measure(place: Place) -> list[dict[str, Any]]:
    """A line for each kind and size."""
    lone = {0: _strangers(place)} if 0 in place.sizes else {}
    lines = []
    for kind in KINDS:
        sized = [Sized(0, *lone[0])] if lone else []
        for size in place.sizes:
            if size:
                count = place.calls_at(size) + WARM
                sized.append(Sized(size, _subjects(place, kind, size, count), _subjects(place, kind, size, count)))
        _measure(place, kind, sized)
        lines += [_line(kind, each) for each in sized]
        place.say(
            f"  {kind.name}: " + ", ".join(f"{line['ratio_p50']} at {line['size']:,}" for line in lines[-len(sized) :])
        )
    return lines


def _strangers(place: Place) -> tuple[list[Subject], list[Subject]]:
    """Tenants that are empty at first, each with one person to come."""
    found: list[list[Subject]] = [[], []]
    for number in world.people(5 * world.NEVER, 2 * (place.calls + WARM)):
        side = len(found[0]) > len(found[1])
        found[side].append(Subject(f"alone {number}", number, world.person(number), uuid7()))
    return found[0], found[1]


def _subjects(place: Place, kind: Kind, size: int, count: int) -> list[Subject]:
    if kind.creates:
        numbers = place.strangers(count)
        return [Subject(name_of(size), number, world.person(number), uuid7()) for number in numbers]
    return [
        Subject(name_of(size), number, world.person(number), crowd.memory_id(number))
        for number in place.people(size, count)
    ]


def _measure(place: Place, kind: Kind, sized: list[Sized]) -> None:
    for each in sized:
        _warm(place, kind, each)
    place.floor.execute("select 1")
    longest = max(len(each.mine) for each in sized)
    for index in range(WARM, longest):
        for each in sized:
            if index < len(each.mine):
                _turn(place, kind, each, index)
    for each in sized:
        hand.check(place.floor, each.reads[-1])
        usual = each.decided.most_common(1)[0]
        enough = 0.9 if kind.name == "score" else 1.0
        if usual[0] != kind.expected or usual[1] < enough * each.decided.total():
            raise RuntimeError(f"at {each.size:,}, {kind.name}: expected {kind.expected}, found {dict(each.decided)}")


def _warm(place: Place, kind: Kind, each: Sized) -> None:
    """Calls that do not count: the first ones prepare statements, fill caches, and show what the engine writes."""
    for index in range(WARM):
        decision = _engine_call(place, kind, each.mine[index])
        if each.written is None and f"{decision.action} {decision.basis}" == kind.expected:
            each.written = written_by(place.conn, each.mine[index].tenant, decision.audit_id, everything=False)
    for index in range(WARM):
        hand.run(place.floor, _floor_call(place, kind, each, each.theirs[index]))


def _turn(place: Place, kind: Kind, each: Sized, index: int) -> None:
    subject, call = each.mine[index], _floor_call(place, kind, each, each.theirs[index])
    proposal, subject.values = kind.said(subject.number, subject.values)
    engine = place.engine.for_tenant(subject.tenant)
    decisions: list[Decision] = []
    backends = Backends.of_others(place.conn)
    floor_before = Backends([place.floor.info.backend_pid])

    def mine() -> None:
        decisions.extend(engine.ingest(proposals=[proposal]).decisions)

    before = place.database.trips
    in_turns((each.engine, mine), (each.floor, lambda: hand.run(place.floor, call)), first=index)
    each.trips += place.database.trips - before
    spent, floors = backends.seconds(), floor_before.seconds()
    if spent is not None and floors is not None:
        each.server = (each.server or 0.0) + spent - floors
        each.floor_server = (each.floor_server or 0.0) + floors
    each.decided[f"{decisions[0].action} {decisions[0].basis}"] += 1


def _engine_call(place: Place, kind: Kind, subject: Subject) -> Decision:
    proposal, subject.values = kind.said(subject.number, subject.values)
    return place.engine.for_tenant(subject.tenant).ingest(proposals=[proposal]).decisions[0]


def _floor_call(place: Place, kind: Kind, each: Sized, subject: Subject) -> hand.Call:
    if each.written is None:
        raise RuntimeError(f"at {each.size:,}, no {kind.name} of the first ones was {kind.expected}")
    proposal, after = kind.said(subject.number, subject.values)
    before = None if kind.creates else subject.values
    if kind.name == "score":
        read = hand.by_ids(subject.tenant, _resembling(place, subject, proposal))
    else:
        read = hand.by_key(subject.tenant, subject.values["email"])
    each.reads.append(read)
    call = hand.make(each.written, hand.Target(subject.tenant, subject.memory, before, after), read)
    subject.values = after
    return call


def _resembling(place: Place, subject: Subject, proposal: Proposal) -> list[UUID]:
    """The ids of the candidates, which the floor is told, the person's own first."""
    record = world.record("Person", dict(proposal.values))
    statement = asked(subject.tenant, world.SCHEMA_NAME, "Person", record)
    with place.conn.cursor(row_factory=dict_row) as cursor:
        ids = [row["id"] for row in cursor.execute(statement.query.sql.encode(), statement.params).fetchall()]
    return [subject.memory, *(each for each in ids if each != subject.memory)][:20]


def _line(kind: Kind, each: Sized) -> dict[str, Any]:
    mine, least = each.engine.figures(), each.floor.figures()
    calls = len(each.engine.wall)
    server, floor_server = (
        None if spent is None else round(spent / calls * 1000, 3) for spent in (each.server, each.floor_server)
    )
    return {
        "size": each.size,
        "kind": kind.name,
        "decided": dict(each.decided),
        "calls": calls,
        "ratio_p50": ratio(mine["p50_ms"], least["p50_ms"]),
        "ratio_p95": ratio(mine["p95_ms"], least["p95_ms"]),
        "engine": mine | {"round_trips": round(each.trips / calls, 2), "server_cpu_ms": server},
        "floor": least | {"round_trips": 2, "server_cpu_ms": floor_server},
        "cpu_ratio": ratio(mine["cpu_ms"], server) if server else None,
    }


def worst(lines: list[dict[str, Any]], kind: str, what: str = "ratio_p50") -> float | None:
    """The largest figure of a kind at any size; None where it was not measured."""
    found = [line[what] for line in lines if line["kind"] == kind and line[what] is not None]
    return max(found, default=None)
