"""Decisions a second of 1, 2, 4 and 8 workers, each a process with an engine, on one tenant and on many; and of as many
that write the same rows by hand, which is what Postgres comes to on this machine."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import cycle
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from bench import crowd
from bench.speed import hand, load, world
from bench.speed.capture import Texts, Written, written_by
from bench.speed.place import Place
from bench.speed.times import ratio
from memreg import Engine, Proposal
from memreg.core.database import Database
from memreg.core.settings import Settings

COUNTS = (1, 2, 4, 8)
TENANTS, OF_EACH, OF_ONE = 40, 250, 10_000
"""Tenants, the memories of each, and those of the one tenant that is worked on alone."""
ONE, RACED = "worked", "raced"
RACED_PEOPLE = 60
_BY_HAND_FROM = 1_000
"""The revisions that are written by hand are numbered from here on, where no engine comes."""
Work = tuple[str, int, int]
"""A tenant, the number of one of its people, and how often that one has moved before."""


@dataclass(frozen=True)
class Shift:
    """What one worker does: people that move, or (`is_new`) who are told of for the first time. `written`: what the
    engine writes for one that moves, where it is to be written by hand."""

    work: Sequence[Work]
    written: Written | None = None
    is_new: bool = False


@dataclass(frozen=True)
class Done:
    """When a worker began and ended, by the clock of the machine, and what else than an update it decided."""

    began: float
    ended: float
    unexpected: int = 0


@dataclass
class Supply:
    """People to be moved: of one tenant, or of many of which some are far busier than others; nobody twice the same."""

    tenants: Sequence[tuple[str, int]]
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    _people: dict[str, Iterator[Work]] = field(default_factory=dict)

    def take(self, count: int) -> list[Work]:
        """So much work."""
        found = []
        for _ in range(count):
            name, size = self.tenants[world.tenant(self.chance, len(self.tenants))]
            found.append(next(self._people.setdefault(name, self._of(name, size))))
        return found

    def _of(self, tenant: str, size: int) -> Iterator[Work]:
        numbers = [number for number in range(1, size) if world.kind_of(number) == "Person"]
        self.chance.shuffle(numbers)
        for place, number in enumerate(cycle(numbers)):
            yield tenant, number, place // len(numbers)


def measure(place: Place, work: int) -> dict[str, Any]:
    """For each kind of load and number of workers the decisions a second, `work` decisions at a time; and how many
    memories too many come of workers that tell of the same new people at once."""
    _fill(place)
    written = _example(place)
    loads = {
        "one tenant": Supply([(ONE, OF_ONE)]),
        "many tenants": Supply([(f"{ONE} {number}", OF_EACH) for number in range(TENANTS)]),
    }
    lines: list[dict[str, Any]] = []
    with crew(place.dsn, max(COUNTS)) as workers:
        _run(workers, [Shift(loads["many tenants"].take(10)) for _ in workers])
        for name, supply in loads.items():
            for how, rows in (("engine", None), ("by hand", written)):
                alone: float | None = None
                for count in COUNTS:
                    shifts = [Shift(supply.take(work // count), rows) for _ in range(count)]
                    done = _run(workers, shifts)
                    took = max(each.ended for each in done) - min(each.began for each in done)
                    rate = sum(len(shift.work) for shift in shifts) / took
                    alone = alone or rate
                    lines.append(
                        {
                            "load": name,
                            "how": how,
                            "workers": count,
                            "per_second": round(rate, 1),
                            "times_one_worker": ratio(rate, alone),
                            "unexpected": sum(each.unexpected for each in done),
                        }
                    )
                place.say(f"  {name}, {how}: " + ", ".join(f"{each['per_second']:,.0f}/s" for each in lines[-4:]))
        too_many = _race(place, workers)
    return {"decisions": work, "lines": lines, "raced_people": RACED_PEOPLE, "duplicates": too_many}


def _fill(place: Place) -> None:
    chunks: list[load.Chunk] = [(ONE, range(start, start + load.CHUNK)) for start in range(0, OF_ONE, load.CHUNK)]
    chunks += [(f"{ONE} {number}", range(OF_EACH)) for number in range(TENANTS)]
    load.fill(place.dsn, place.forms, chunks)
    place.conn.execute("vacuum (analyze)")


def _example(place: Place) -> Written:
    """What the engine writes when somebody moves."""
    engine = place.engine.for_tenant(ONE)
    decision = engine.ingest(proposals=[world.moved(0, world.person(0))[0]]).decisions[0]
    return written_by(place.conn, engine.tenant, decision.audit_id, everything=False)


def _race(place: Place, workers: Sequence[Worker]) -> int:
    """How many memories there are more than people, after every worker has told of each of them: of every second one
    without the e-mail, so that only the score can tell who is meant."""
    numbers = place.strangers(RACED_PEOPLE)
    _run(workers, [Shift([(RACED, number, 0) for number in numbers], is_new=True) for _ in workers])
    row = place.conn.execute(
        "select count(*) from memreg.memories where tenant = %s and not is_deleted", (RACED,)
    ).fetchone()
    return int(row[0] if row else 0) - len(numbers)


@dataclass(frozen=True)
class Worker:
    """A process that does shifts, and the pipe to it."""

    process: BaseProcess
    pipe: Connection


@contextmanager
def crew(dsn: str, count: int) -> Iterator[list[Worker]]:
    """So many workers, each with an engine and a connection of its own, until the end."""
    context = get_context("spawn")
    workers = []
    for _ in range(count):
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(there, dsn), daemon=True)
        process.start()
        workers.append(Worker(process, here))
    try:
        yield workers
    finally:
        for worker in workers:
            with suppress(OSError):  # it may have died of an error of its own
                worker.pipe.send(None)
        for worker in workers:
            worker.process.join(30)


def _run(workers: Sequence[Worker], shifts: Sequence[Shift]) -> list[Done]:
    """Do shifts at the same time, by as many workers; everybody is ready before anybody begins."""
    busy = workers[: len(shifts)]
    for worker, shift in zip(busy, shifts, strict=True):
        worker.pipe.send(shift)
    for worker in busy:
        worker.pipe.recv()
    for worker in busy:
        worker.pipe.send("go")
    return [worker.pipe.recv() for worker in busy]


def _work(pipe: Connection, dsn: str) -> None:
    settings = Settings(database_url=dsn, schema_=world.SCHEMA_NAME)
    with Database.connect(settings) as database, hand.connect(dsn) as conn:
        engine = Engine(database, trips=False)
        while (shift := pipe.recv()) is not None:
            calls = [_by_hand(shift.written, work) for work in shift.work] if shift.written is not None else []
            said = [] if calls else [(work[0], _said(shift, work)) for work in shift.work]
            pipe.send("ready")
            pipe.recv()
            unexpected, began = 0, time.monotonic()
            for call in calls:
                hand.run(conn, call)
            for tenant, proposal in said:
                decision = engine.for_tenant(tenant).ingest(proposals=[proposal]).decisions[0]
                unexpected += f"{decision.action} {decision.basis}" != "UPDATE identity"
            pipe.send(Done(began, time.monotonic(), unexpected))


def _said(shift: Shift, work: Work) -> Proposal:
    _, number, times = work
    values = world.person(number)
    if shift.is_new:
        return Proposal("Person", {name: value for name, value in values.items() if name != "email" or number % 2})
    return world.moved(number, values, times)[0]


def _by_hand(written: Written, work: Work) -> hand.Call:
    tenant, number, times = work
    values = world.person(number)
    revision: Texts = {"revision": str(_BY_HAND_FROM + times)}
    rows = {
        table: [row | revision if "revision" in row else row for row in found] for table, found in written.rows.items()
    }
    _, after = world.moved(number, values, times)
    target = hand.Target(tenant, crowd.memory_id(number), values, after)
    return hand.make(replace(written, rows=rows), target, hand.by_key(tenant, values["email"]))
