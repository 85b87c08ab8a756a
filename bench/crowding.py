"""Four connections and a hundred on the same few objects of one class, in turns: waiting for each other is to cost
nothing, so that a hundred decide as many messages a second as four.

`python -m bench.crowding --seconds 5 --rounds 2` prints decisions per second and one JSON line last. The database is
that of MEMREG_TEST_DATABASE_URL, else an embedded one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.shows.speed_2_race import SCHEMA
from bench.stage import database
from memreg import Engine, Message, Proposal
from memreg.core.settings import Settings
from memreg.operations.trip.limits import set_rule
from memreg.operations.trip.rules import NAMES

FEW, MANY = 4, 100
PROCESSES = 4
OBJECTS = 20
WARM = 8


@dataclass
class Round:
    """What a crowd of so many connections did: messages decided, and transactions begun again."""

    connections: int
    decided: int = 0
    seconds: float = 0.0
    again: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Messages decided in a second."""
        return self.decided / self.seconds


def process(dsn: str, threads: int, seconds: float, one_tenant: bool, seed: int, begin: Any, answers: Any) -> None:
    """Some of the crowd: each thread decides messages one after the other, until the time is over."""
    settings = Settings(pool_size=2 * threads if threads > 1 else 1, connect_timeout=60)
    decided = [0] * threads
    with Engine.connect(dsn, schema="race", settings=settings) as engine:
        parts = [engine.for_tenant("one" if one_tenant else f"t{seed}-{number}") for number in range(threads)]
        warm = threading.Barrier(threads + 1)

        def tell(number: int, chance: random.Random) -> None:
            values: dict[str, Any] = {"number": f"NO-{chance.randrange(OBJECTS)}"}
            values["tags"] = [f"t{chance.randrange(30)}"]
            values["highest"] = chance.randrange(1_000_000)
            parts[number].ingest(Message("told"), proposals=[Proposal("Account", values)])

        def run(number: int) -> None:
            chance = random.Random(seed * 1000 + number)
            with engine.database.transaction("warm"):  # all of them at once: each has a connection of its own
                warm.wait()
            for _ in range(WARM):
                tell(number, chance)
            warm.wait()
            warm.wait()
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                tell(number, chance)
                decided[number] += 1

        crew = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
        for each in crew:
            each.start()
        warm.wait()
        warm.wait()
        begin.wait()
        engine.database.retried.clear()
        warm.wait()
        for each in crew:
            each.join()
        answers.put((sum(decided), dict(engine.database.retried)))


def crowd(dsn: str, connections: int, seconds: float, one_tenant: bool) -> Round:
    """Let so many at it for a while."""
    context = multiprocessing.get_context("fork")
    begin, answers = context.Barrier(PROCESSES + 1), context.Queue()
    threads = connections // PROCESSES
    crew = [
        context.Process(target=process, args=(dsn, threads, seconds, one_tenant, number, begin, answers))
        for number in range(PROCESSES)
    ]
    for each in crew:
        each.start()
    begin.wait(120)
    began = time.perf_counter()
    told = [answers.get(timeout=seconds + 60) for _ in crew]
    took = time.perf_counter() - began
    for each in crew:
        each.join()
    again = sum((Counter(each) for _, each in told), Counter[str]())
    return Round(connections, sum(count for count, _ in told), took, again)


def prepare(dsn: str) -> None:
    """The schema in force, and no rule of the kill switch on: traffic like this is not what they are made for."""
    with Engine.connect(dsn) as engine:
        engine.registry.register(SCHEMA, annotate="heuristic", by="the bench")
        engine.registry.approve("race", by="the bench")
        for rule in NAMES:
            set_rule(engine.database, "*", "race", rule, by="the bench", on=False)


def ratio(rounds: Sequence[Round]) -> float:
    """Decisions per second of many by those of few, by their medians."""
    by = {count: median(each.rate for each in rounds if each.connections == count) for count in (FEW, MANY)}
    return by[MANY] / by[FEW]


def main() -> int:
    """Measure, and print."""
    options = _options()
    figures: dict[str, Any] = {}
    with database() as dsn:
        prepare(dsn)
        for name, one_tenant in (("one class of one tenant", True), ("a tenant each", False)):
            rounds = []
            for _ in range(options.rounds):
                for connections in (FEW, MANY):
                    each = crowd(dsn, connections, options.seconds, one_tenant)
                    rounds.append(each)
                    print(f"{name}, {connections:>3} connections: {each.rate:7.1f} a second, again {dict(each.again)}")
            figures[name] = round(ratio(rounds), 2)
            print(f"{name}: {MANY} connections decide {figures[name]:.2f} of what {FEW} do")
        with psycopg.connect(dsn) as conn:
            row = conn.execute("select sum(deadlocks) from pg_stat_database").fetchone()
            figures["deadlocks"] = int(row[0]) if row else None
    print(json.dumps({"bench": "crowding", **figures}))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
