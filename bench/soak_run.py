"""A soak that runs: its server and processes, what happens to them and when, and the checks between."""

from __future__ import annotations

import os
import random
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from bench import soak_server
from bench.soak_board import Board, Field, Order
from bench.soak_checks import BEGINNING, Checks, connections, replays
from bench.soak_load import CONTROL, KINDS, PASSING, ROW, Plan, load, work
from bench.soak_outcome import Outcome, Sample, bytes_per_decision, latency_ratios, memory_ratios
from bench.soak_server import ENDS, Server
from bench.soak_world import NAME, SCHEMA, World
from memreg import Engine
from memreg.migrations import runner
from memreg.operations.audit.run import seal_all
from memreg.operations.resolve import resolve
from memreg.operations.trip.limits import rules, set_rule

_QUIET = 60.0  # seconds until everybody waits and the queue is empty
_TICK = 0.25
_COUNTED = """
select
    (select count(*) from memreg.messages where status in ('accepted', 'extracting')),
    (
        select sum(pg_total_relation_size(oid))
        from pg_class
        where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'm')
    )::bigint,
    (select count(*) from memreg.audit_log)
"""
_WAITING = "select exists (select from memreg.messages where status in ('accepted', 'extracting'))"
_QUEUED = """
select extract(epoch from received_at), extract(epoch from decided_at - received_at)
from memreg.messages
where queued and status = 'decided'
order by received_at
"""


class Broken(Exception):
    """Something that must hold does not."""


@dataclass(frozen=True)
class Wanted:
    """How a soak is to be. `loaders` and `workers`: the first of each lives for the whole run, the others are killed
    now and then; `rate`: steps a second of each loader; `rests`: how often everything comes to rest to be checked
    whole, the end not counted; `ends`: how often Postgres is ended; `kills`: how often a process is."""

    seconds: float = 120.0
    seed: int = 7
    tenants: int = 6
    objects: int = 200
    loaders: int = 3
    workers: int = 2
    rate: float = 12.0
    rests: int = 1
    ends: int = 4
    kills: int = 8
    durable: bool = True
    trace: int = 0
    parent: Path | None = None

    @classmethod
    def of(cls, seconds: float, **more: Any) -> Wanted:
        """With so many rests, ends and kills as fit the time."""
        given = {"rests": seconds / 600, "ends": seconds / 60, "kills": seconds / 15}
        least = {"rests": 1, "ends": 4, "kills": 8}
        return cls(seconds, **({name: max(least[name], round(count)) for name, count in given.items()} | more))


def run(wanted: Wanted, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """Soak. Where something does not hold it stops at once, and keeps its data. What is no finding but a fault of the
    soak itself is raised, and the data is kept as well."""
    place = soak_server.make_place(wanted.parent)
    soak = Soak(wanted, place, say)
    kept = True
    try:
        with suppress(Broken):
            soak.story()
            kept = False
    finally:
        soak.stop()
        if kept:
            soak.outcome.kept, soak.outcome.look = place, shlex.join(soak.server.command)
            say(f"The data is kept in {place}; this starts its server: {soak.outcome.look}")
            say(f"and this looks at it: psql {shlex.quote(soak.server.dsn)}")
        else:
            soak_server.remove(place)
    return soak.outcome


class Soak:
    """A soak that runs."""

    def __init__(self, wanted: Wanted, place: Path, say: Callable[[str], None]) -> None:
        self.wanted, self.place, self.say = wanted, place, say
        self.outcome = Outcome()
        self.chance = random.Random(wanted.seed)
        self.server = Server(place / "home", durable=wanted.durable)
        self.world = World(wanted.seed, wanted.tenants, wanted.objects)
        self.plan = Plan(self.server.dsn, place, self.world, wanted.loaders, wanted.rate, trace=wanted.trace)
        self.board = Board(place / "board")
        self.checks = Checks(self.server.dsn, self.world)
        self.steady: dict[str, BaseProcess] = {}
        self.doomed: dict[str, BaseProcess] = {}
        self.began = time.monotonic()
        self.began_at = time.time()
        self._context = get_context("spawn")
        self._checked = 0.0

    # The story

    def story(self) -> None:
        """From the start of the server to the last check. Raises Broken."""
        self.server.start()
        self._prepare()
        for number in range(self.wanted.loaders):
            self._start(f"loader {number}", steady=number == 0)
        for number in range(self.wanted.workers):
            self._start(f"worker {number}", steady=number == 0)
        self._wait_until("everybody is at work", self._all_work)
        self.outcome.samples.clear()
        self.began, self.began_at = time.monotonic(), time.time()
        for at, what, do in self._events():
            self._go_on_until(at)
            self._note(what)
            do()
        self._go_on_until(self.wanted.seconds)
        self._finish()

    def stop(self) -> None:
        """End every process."""
        self.board.order = Order.STOP
        for process in (*self.steady.values(), *self.doomed.values()):
            process.join(20.0)
            process.kill()
            process.join()
        self.server.stop()

    def _prepare(self) -> None:
        runner.upgrade(self.server.dsn)
        with psycopg.connect(self.server.dsn) as conn:
            conn.execute(CONTROL.encode())
        file = self.place / "soak.yaml"
        file.write_text(SCHEMA)
        with self._engine() as engine:
            version = engine.registry.register(file, annotate="heuristic").version
            engine.registry.approve(version.name, version.version, by="soak")
            for each in rules(engine.database, "*", NAME):  # what is told is odd on purpose, and would trip them
                set_rule(engine.database, "*", NAME, each.rule, by="soak", on=False)

    def _events(self) -> Sequence[tuple[float, str, Callable[[], None]]]:
        """What happens when, by the seed: in the order of time."""
        wanted, chance = self.wanted, random.Random(f"{self.wanted.seed} events")
        found: list[tuple[float, str, Callable[[], None]]] = []
        length = wanted.seconds

        def at(number: int, of: int) -> float:
            return length * (0.06 + 0.86 * (number + chance.uniform(0.2, 0.8)) / of)

        doomed = [f"loader {number}" for number in range(1, wanted.loaders)]
        doomed += [f"worker {number}" for number in range(1, wanted.workers)]
        for number in range(wanted.kills if doomed else 0):
            name = chance.choice(doomed)
            found.append((at(number, wanted.kills), f"kill {name}", partial(self._kill, name)))
        rounds = -(-wanted.ends // len(ENDS))
        ways = [way for _ in range(rounds) for way in chance.sample(ENDS, len(ENDS))][: wanted.ends]
        for number, way in enumerate(ways):
            found.append((at(number, wanted.ends), f"postgres {way}", partial(self._end_server, way)))
        rests = [length * (number + 1) / (wanted.rests + 1) for number in range(wanted.rests)]
        found += [(each, "rest", self._rest) for each in rests]
        tenant = self.world.names[1 % wanted.tenants]
        within = length / (wanted.rests + 1)  # before the first rest, so that nothing is held back in one
        found.append((0.35 * within, "switch on", partial(self._switch, tenant, on=True)))
        found.append((0.65 * within, "switch off", partial(self._switch, tenant, on=False)))
        found += [(each, "seal", self._seal) for each in range(8, int(length), 15)]
        return sorted(found, key=lambda each: each[0])

    def _go_on_until(self, at: float) -> None:
        """Look on, sampling and checking, until so many seconds have gone by."""
        while (now := time.monotonic() - self.began) < at:
            self._look(now)
            time.sleep(min(_TICK, max(0.01, at - now)))

    def _look(self, now: float) -> None:
        for name, process in (*self.steady.items(), *self.doomed.items()):
            if process.exitcode is not None:
                died = [each.read_text() for each in sorted(self.place.glob("died-*"))]
                self._break([f"the {name} ended by itself, with {process.exitcode}", *died])
        if not self.outcome.samples or now - self.outcome.samples[-1].at >= 1.0:
            self.outcome.samples.append(self._sample(now))
        if now - self._checked >= max(10.0, self.wanted.seconds / 60):
            self._checked, since = now, BEGINNING
            if self.wanted.seconds > 600:  # the whole of it would take longer and longer
                since = UUID(int=int((time.time() - 60 - self.wanted.seconds / 60) * 1000) << 80)
            with suppress(psycopg.OperationalError):  # it may just be starting over
                self._break(self.checks.any_time(since) + self._of_loaders())

    def _sample(self, now: float) -> Sample:
        pids = {name: process.pid or 0 for name, process in self.steady.items()}
        found = soak_server.memory_of(list(pids.values()))
        memory = {name: found[pid][0] for name, pid in pids.items() if pid in found}
        server = sum(own for _, own in soak_server.memory_of(self.server.backends()).values())
        steps = sum(self.board.get(number, Field.DONE) for number in range(self.wanted.loaders))
        counted: dict[str, int | None] = {}
        if len(self.outcome.samples) % 5 == 0:
            with suppress(psycopg.OperationalError), psycopg.connect(self.server.dsn, autocommit=True) as conn:
                row = conn.execute(_COUNTED.encode()).fetchone()
                counted = dict(zip(("waiting", "disk", "entries"), row or (), strict=False))
        return Sample(now, memory, server, steps=steps, **counted)

    # What happens

    def _start(self, name: str, *, steady: bool) -> None:
        kind, number = name.split()
        if kind == "loader":
            process: Any = self._context.Process(
                target=load, args=(self.plan, int(number)), kwargs={"steady": steady}, daemon=True
            )
        else:
            process = self._context.Process(target=work, args=(self.plan, 2), daemon=True)
        process.start()
        (self.steady if steady else self.doomed)[name] = process

    def _kill(self, name: str) -> None:
        process = self.doomed.pop(name)
        process.kill()
        process.join()
        self._start(name, steady=False)

    def _end_server(self, way: str) -> None:
        with suppress(psycopg.OperationalError):
            self.server.end(way, self.chance)
        if way != "backend":
            self.server.start()

    def _switch(self, tenant: str, *, on: bool) -> None:
        def turn() -> None:
            with self._engine() as engine:
                engine.for_tenant(tenant).kill_switch(on, by="soak", why="once a run")
                if not on:
                    resolve(engine.database, tenant, NAME, by="soak")

        _patiently(turn)

    def _seal(self) -> None:
        def seal() -> None:
            with self._engine() as engine:
                seal_all(engine.database)

        _patiently(seal)

    def _rest(self) -> None:
        """Everybody waits, and everything is checked. Raises Broken."""
        self.board.order = Order.PAUSE
        self._wait_until("every loader waits", self._all_wait)
        self._wait_until("the queue is empty", self._is_empty)
        with self._engine() as engine:
            self._break(self.checks.at_rest(self._begun(), engine) + self._of_loaders())
        self.say(f"  at {time.monotonic() - self.began:.0f} s all of it holds: {self.checks.told:,} messages")
        self.board.order = Order.GO

    def _finish(self) -> None:
        """The last check, what replays change, and what is left once everybody has gone. Raises Broken."""
        self._rest()
        self.board.order = Order.PAUSE
        seconds = time.monotonic() - self.began
        with self._engine() as engine:
            before = self.checks.digest()
            pick = random.Random(self.wanted.seed)
            again, broken = replays(self.world, self._begun(), engine, lambda _: pick.random() < 0.05)
            self._break(broken)
        after = self.checks.digest()
        changed = [table for table in before if before[table] != after[table]]
        self._break([f"{again} replays changed {', '.join(changed)}"] if changed else [])
        self.board.order = Order.STOP
        for name, process in (*self.steady.items(), *self.doomed.items()):
            process.join(30.0)
            if process.exitcode != 0:
                self._break([f"the {name} did not end as it should: {process.exitcode}"])
        self._wait_until("every connection is given back", lambda: connections(self.server.dsn) == 0)
        self._tell(seconds, again)

    # Parts

    def _all_work(self) -> bool:
        with psycopg.connect(self.server.dsn) as conn:
            workers = (conn.execute("select count(*) from memreg.workers").fetchone() or (0,))[0]
        said = all(self.board.get(number, Field.DONE) for number in range(self.wanted.loaders))
        return said and workers >= self.wanted.workers

    def _all_wait(self) -> bool:
        return all(self.board.get(number, Field.WAITS) for number in range(self.wanted.loaders))

    def _is_empty(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.server.dsn, autocommit=True) as conn:
            return not (conn.execute(_WAITING.encode()).fetchone() or (True,))[0]
        return False

    def _wait_until(self, what: str, holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + _QUIET
        while not holds():
            if time.monotonic() > ends:
                self._break([f"after {_QUIET:g} seconds it is not so that {what}"])
            self._look(time.monotonic() - self.began)
            time.sleep(_TICK)

    def _begun(self) -> dict[int, int]:
        return {number: self.board.get(number, Field.BEGUN) for number in range(self.wanted.loaders)}

    def _of_loaders(self) -> list[str]:
        """What the loaders found by themselves."""
        broken = []
        for sentence, field_ in (
            ("something that was read is another tenant's", Field.FOREIGN),
            ("what must be refused was taken", Field.CHANGED),
        ):
            if sum(self.board.get(number, field_) for number in range(self.wanted.loaders)):
                broken.append(sentence)
        return broken

    def _break(self, broken: list[str]) -> None:
        if broken:
            self.outcome.broken += broken
            for process in (*self.steady.values(), *self.doomed.values()):
                if process.pid is not None and process.exitcode is None:
                    os.kill(process.pid, signal.SIGUSR1)  # it writes down where it is
            raise Broken(broken[0])

    def _note(self, what: str) -> None:
        self.outcome.events.append((time.monotonic() - self.began, what))
        if what != "seal":
            self.say(f"  at {self.outcome.events[-1][0]:.0f} s: {what}")

    def _engine(self) -> Engine:
        return Engine.connect(schema=NAME, extractor="patterns", settings=self.plan.settings)

    def _tell(self, seconds: float, again: int) -> None:
        """The figures, from what was sampled and what the steady loader kept."""
        outcome = self.outcome
        data = (self.place / "latency-0").read_bytes()
        for at, kind, took in ROW.iter_unpack(data[: len(data) // ROW.size * ROW.size]):
            outcome.latencies.setdefault(KINDS[kind], []).append((at - self.began_at, took))
        with psycopg.connect(self.server.dsn, autocommit=True) as conn:
            outcome.latencies["decided by a worker"] = [
                (float(at) - self.began_at, float(took)) for at, took in conn.execute(_QUEUED.encode())
            ]
            rows = {
                table: int((conn.execute(f"select count(*) from memreg.{table}".encode()).fetchone() or (0,))[0])
                for table in ("messages", "audit_log", "memories", "memory_revisions")
            }
        length, loaders = self.wanted.seconds, range(self.wanted.loaders)
        outcome.figures |= {
            "seconds": round(seconds, 1),
            "seed": self.wanted.seed,
            "messages": self.checks.told,
            "proposals": int(self.checks.proposals or 0),
            "replays": sum(self.board.get(number, Field.REPLAYS) for number in loaders) + again,
            "checks": self.checks.done,
            "kills": sum(what.startswith("kill") for _, what in outcome.events),
            "ends_of_postgres": sum(what.startswith("postgres") for _, what in outcome.events),
            "rows": rows,
            "memory": memory_ratios(outcome.samples, length),
            "latency": latency_ratios(outcome.latencies, length),
            "bytes_per_decision": bytes_per_decision(outcome.samples, length),
        }
        outcome.figures["latency_beside_control"] = outcome.latency_ratio


def _patiently(do: Callable[[], None]) -> None:
    """Do something, again while the database is in trouble."""
    ends = time.monotonic() + _QUIET
    while True:
        try:
            do()
            return
        except PASSING:
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)
