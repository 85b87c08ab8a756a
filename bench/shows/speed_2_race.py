"""64 workers race over 20,000 proposals, 30 % of them duplicates, through pgbouncer, while Postgres is killed once and
restarted once: no duplicate, none lost, and in the end what one worker alone arrives at.

Needs pgbouncer (Debian: apt install pgbouncer). `--workers` and `--proposals` make it smaller, for a try.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.contents import first_difference, live_memories
from bench.pooler import pooler, version
from bench.soak_server import Server
from bench.stage import Show, folder, perform, server_version
from memreg import Engine, Message, Proposal
from memreg.core.errors import CommitUnknown, ConnectionLost, DatabaseUnavailable, TooManyConnections
from memreg.core.settings import Settings
from memreg.migrations import runner
from memreg.operations.trip.limits import set_rule
from memreg.operations.trip.rules import NAMES

SCHEMA = """
schema: race
classes:
  Account:
    description: What is known by its number alone, and comes to the same in whatever order it is told
    columns:
      number: {dtype: string, desc: Its number, required: true, normalize: [trim]}
      holder: {dtype: string, desc: Whose it is, merge: keep}
      tags: {dtype: "list[string]", desc: Labels, merge: union}
      highest: {dtype: integer, desc: The most that was on it, merge: max}
      lowest: {dtype: integer, desc: The least that was on it, merge: min}
    annotation:
      searchable: {}
      identity: [{columns: [number], strength: strong}]
"""
SEED = 7
DUPLICATES = 0.3
NEAR = 200
"""How far apart the proposals about one object are at most: so near that several workers have them at once."""
TWICE = 0.02
"""Share of the messages that two workers are given."""
CONNECTIONS = 20
PASSING = (ConnectionLost, CommitUnknown, DatabaseUnavailable, TooManyConnections)
"""After these a message with an id is sent again, as the documentation says."""


@dataclass(frozen=True)
class Told:
    """A message with its one proposal."""

    message: Message
    proposal: Proposal


@dataclass
class Report:
    """What a worker did: messages by status, and what it had to try again after."""

    statuses: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)


def proposals(count: int, seed: int = SEED) -> list[Told]:
    """The proposals in a fixed order, those about one object near each other."""
    chance = random.Random(seed)
    objects = list(range(round(count * (1 - DUPLICATES))))
    places = [(float(number), number) for number in objects]
    for _ in range(count - len(objects)):
        number = chance.choice(objects)
        places.append((number + chance.uniform(-NEAR, NEAR), number))
    return [told(index, number, chance) for index, (_, number) in enumerate(sorted(places))]


def told(index: int, number: int, chance: random.Random) -> Told:
    """One message about an object: who holds it never differs, the rest may."""
    amount = chance.randrange(10_000)
    values = {
        "number": f"NO-{number:06}",
        "holder": f"Holder of {number}",
        "tags": chance.sample([f"tag{each}" for each in range(12)], 2),
        "highest": amount,
        "lowest": amount,
    }
    return Told(Message(f"told {index}", f"m{index}"), Proposal("Account", values))


def work(dsn: str, tenant: str, given: Sequence[Told], seed: int, done: Any, answer: Connection) -> None:
    """A worker: each message until it is decided."""
    report, chance = Report(), random.Random(seed)
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it tells of each connection that is cut
    with Engine.connect(
        dsn, tenant=tenant, schema="race", settings=Settings(pool_size=2, connect_timeout=60)
    ) as engine:
        for each in given:
            while True:
                try:
                    result = engine.ingest(each.message, proposals=[each.proposal])
                    break
                except PASSING as exc:
                    report.again[type(exc).__name__] += 1
                    time.sleep(chance.random())
            report.statuses[result.status] += 1
            with done.get_lock():
                done.value += 1
    answer.send(report)


def shares(given: Sequence[Told], workers: int) -> list[list[Told]]:
    """What each worker is given: neighbours go to different ones, and some messages to two."""
    chance = random.Random(SEED)
    found: list[list[Told]] = [[] for _ in range(workers)]
    for index, each in enumerate(given):
        found[index % workers].append(each)
        if chance.random() < TWICE:
            found[(index + 1 + chance.randrange(workers - 1)) % workers].append(each)
    return found


def race(show: Show, server: Server, dsn: str, given: Sequence[Told], workers: int) -> tuple[list[Report], int]:
    """All of it at once, the server ended at a third and at two thirds; what the workers say, and deadlocks seen."""
    context = multiprocessing.get_context("fork")
    parts = shares(given, workers)
    whole, done, deadlocks = sum(map(len, parts)), context.Value("q", 0), 0
    ends = [(whole // 3, "postmaster"), (2 * whole // 3, "fast")]
    crew, answers = [], []
    for number, part in enumerate(parts):
        mine, theirs = context.Pipe(duplex=False)
        crew.append(context.Process(target=work, args=(dsn, "crowd", part, number, done, theirs), daemon=True))
        crew[-1].start()
        theirs.close()
        answers.append(mine)
    while any(each.is_alive() for each in crew):
        time.sleep(0.02)
        if ends and done.value >= ends[0][0]:
            _, how = ends.pop(0)
            deadlocks += seen_deadlocks(server.dsn)
            server.end(how, random.Random(SEED))
            took = server.start()
            show.say(f"  at {done.value:,} messages the server was ended ({how}); it answered again after {took:.1f} s")
    show.claim("the server was ended twice in the middle", not ends)
    show.claim("every worker came to its end", all(each.exitcode == 0 for each in crew), [e.exitcode for e in crew])
    found = [each.recv() for each in answers if each.poll()]
    return found, deadlocks + seen_deadlocks(server.dsn)


def seen_deadlocks(dsn: str) -> int:
    """Deadlocks that the server has counted in this database since it was last killed."""
    return number(dsn, "select deadlocks from pg_stat_database where datname = current_database()")


def number(dsn: str, query: str) -> int:
    """The one number that a query gives."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def state(dsn: str, tenant: str) -> list[Any]:
    """The memories of a tenant; a list that is a union has no order."""
    rows = live_memories(dsn, tenant)
    ordered = [{k: sorted(v) if isinstance(v, list) else v for k, v in row[2].items()} for row in rows]
    found = [(row[0], row[1], payload, *row[3:]) for row, payload in zip(rows, ordered, strict=True)]
    return sorted(found, key=lambda row: str(row[2]["number"]))


def prepare(dsn: str, tenants: Sequence[str]) -> None:
    """The schema in force; its kill switch is not to trip, as traffic like this is not what its rules are made for."""
    runner.upgrade(dsn)
    with Engine.connect(dsn) as engine:
        engine.registry.register(SCHEMA, annotate="heuristic", by="the show")
        engine.registry.approve("race", by="the show")
        for tenant in tenants:
            for rule in NAMES:
                set_rule(engine.database, tenant, "race", rule, by="the show", on=False)


def main(show: Show) -> None:
    options = _options()
    given = proposals(options.proposals)
    objects = {each.proposal.values["number"] for each in given}
    show.say(
        f"{options.workers} workers, {len(given):,} proposals about {len(objects):,} objects, {version()} in "
        f"transaction pooling with {CONNECTIONS} connections."
    )
    with folder() as place:
        server = Server(place / "home")
        server.start()
        try:
            prepare(server.dsn, ("crowd", "alone"))
            show.figures |= {"postgres": server_version(server.dsn), "pooler": version(), "workers": options.workers}
            show.figures |= {"proposals": len(given), "objects": len(objects)}
            with pooler(server.dsn, size=CONNECTIONS) as dsn:
                began = time.perf_counter()
                reports, deadlocks = race(show, server, dsn, given, options.workers)
                took = time.perf_counter() - began
            show.say(f"  the race took {took:.0f} s")
            began = time.perf_counter()
            with Engine.connect(server.dsn, tenant="alone", schema="race") as engine:
                for each in given:
                    engine.ingest(each.message, proposals=[each.proposal])
            alone = time.perf_counter() - began
            show.say(f"  one worker alone, without a restart, took {alone:.0f} s")
            judge(show, server.dsn, reports, deadlocks, given, objects)
            show.figures |= {"race_seconds": round(took, 1), "alone_seconds": round(alone, 1)}
        finally:
            server.stop()


def judge(
    show: Show, dsn: str, reports: Sequence[Report], deadlocks: int, given: Sequence[Told], objects: set[Any]
) -> None:
    """Hold what is there against what must be."""
    statuses, again = Counter[str](), Counter[str]()
    for each in reports:
        statuses += each.statuses
        again += each.again
    show.say(f"  tried again after: {dict(again)}; results: {dict(statuses)}")
    mine = "tenant = 'crowd' and schema = 'race'"
    made = number(dsn, f"select count(*) from memreg.memories where {mine}")
    held = number(dsn, f"select count(distinct payload ->> 'number') from memreg.memories where {mine}")
    decided = number(
        dsn, f"select count(*) from memreg.messages where {mine} and status = 'decided' and id ~ '^m[0-9]+$'"
    )
    entries = number(dsn, f"select count(*) from memreg.audit_log where {mine} and message_id ~ '^m[0-9]+$'")
    show.claim("workers were cut off by the restarts, and went on", sum(again.values()) > 0)
    show.claim("no object is remembered twice", made == held, made - held)
    show.claim("no object is lost", held == len(objects), f"{held} of {len(objects)}")
    show.claim("every message is decided", decided == len(given), f"{decided} of {len(given)}")
    show.claim("every proposal has one entry of the audit", entries == len(given), f"{entries} of {len(given)}")
    show.claim("no deadlock was met", deadlocks == 0, deadlocks)
    crowd, alone = state(dsn, "crowd"), state(dsn, "alone")
    show.claim("the memories are those of one worker alone", crowd == alone, first_difference(crowd, alone))
    show.figures |= {"duplicates": made - held, "lost": len(objects) - held, "deadlocks": deadlocks}
    show.figures |= {"tried_again": dict(again), "statuses": dict(statuses)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--proposals", type=int, default=20_000)
    return parser.parse_args()


if __name__ == "__main__":
    perform("speed_2_race", main)
