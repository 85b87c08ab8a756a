"""The kill switch holds on every worker and `resolve` undoes it; a backfill under load, killed once, loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.batches import batch
from bench.contents import first_difference, live_memories
from bench.people import TOWNS, people, person
from bench.stage import Show, database, folder, memreg, own_environment, perform, prepare, server_version
from memreg import Engine, Message, Proposal

WORKERS, MESSAGES = 4, 160
SWITCHED = range(60, 110)
MEMORIES = 4_000
SCHEMA = """
schema: staff
classes:
  Person:
    description: Somebody who works with us
    columns:
      name: {dtype: string, desc: Full name, required: true, normalize: [trim, collapse]}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      badge: {dtype: string, desc: Number of the badge, normalize: [trim, casefold]}
      city: {dtype: string, desc: Town, normalize: [trim, collapse]}
      employer: {dtype: string, desc: Company, normalize: [trim, collapse]}
    annotation:
      searchable: {name: 3, city: 1, employer: 1}
      identity:
        - {columns: [email], strength: strong}
"""
SCHEMA_2 = SCHEMA + "        - {columns: [badge], strength: strong}\n"


@dataclass
class Worker:
    """A process with an engine of its own, which is handed messages one at a time, or works by itself till told."""

    process: BaseProcess
    pipe: Connection

    @classmethod
    def start(cls, target: Any, *args: Any) -> Worker:
        """Start, and wait until it is ready."""
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=target, args=(there, *args), daemon=True)
        process.start()
        worker = cls(process, here)
        worker.hear()
        return worker

    def hear(self) -> Any:
        """What the worker says next."""
        if not self.pipe.poll(120):
            raise TimeoutError("a worker does not answer")
        return self.pipe.recv()

    def ask(self, what: Any) -> Any:
        """Say something to the worker, and hear what it answers."""
        self.pipe.send(what)
        return self.hear()

    def end(self) -> Any:
        """Let it end; its last words."""
        words = self.ask(None)
        self.process.join()
        return words


def take_messages(pipe: Connection, dsn: str, tenant: str) -> None:
    """A worker that ingests the messages it is handed, by number, and tells what was decided."""
    everything = batch(MESSAGES)
    with Engine.connect(dsn, tenant=tenant, schema="assistant") as engine:
        engine.version()
        pipe.send("ready")
        while (number := pipe.recv()) is not None:
            message, proposals = everything[number]
            result = engine.ingest(message, proposals=proposals)
            pipe.send([(str(d.action), str(d.basis)) for d in result.decisions])
        pipe.send("ended")


def take_freely(pipe: Connection, dsn: str, tenant: str, worker: int) -> None:
    """A worker that ingests the same person, in another town each time; tells when each call began, and its basis."""
    values = people(WORKERS)[worker]
    told: list[tuple[float, str]] = []
    with Engine.connect(dsn, tenant=tenant, schema="assistant") as engine:
        engine.version()
        pipe.send("ready")
        while not pipe.poll():
            began = time.monotonic()
            city = TOWNS[len(told) % len(TOWNS)]
            [decision] = engine.ingest(proposals=[Proposal("Person", values | {"city": city})]).decisions
            told.append((began, f"{decision.action} {decision.basis}"))
    pipe.recv()
    pipe.send(told)


def command(dsn: str, *arguments: str) -> str:
    """Run the installed command; what it prints."""
    environment = own_environment(MEMREG_DATABASE_URL=dsn, COLUMNS="200")
    done = subprocess.run(
        [memreg(), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise RuntimeError(f"memreg {' '.join(arguments)} exits {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def switch(dsn: str, position: str, tenant: str) -> None:
    command(dsn, "kill-switch", position, "--tenant", tenant, "--schema", "assistant", "--by", "the show")


def resolve(dsn: str, tenant: str) -> dict[str, int]:
    """Decide what was held back; how many by action and basis."""
    printed = command(dsn, "resolve", "--tenant", tenant, "--schema", "assistant", "--json")
    outcomes = [each["decision"] for each in json.loads(printed)["outcomes"]]
    return dict(Counter(f"{each['action']} {each['basis']}" for each in outcomes).most_common())


def show_switch(show: Show, dsn: str) -> None:
    """On, off and resolve, beside a tenant in which it was never on."""
    show.say(f"{WORKERS} workers take {MESSAGES} messages in turns; in one tenant the switch is on for some of them")
    prepare(dsn)
    decided: dict[str, list[list[tuple[str, str]]]] = {}
    for tenant in ("never", "switched"):
        workers = [Worker.start(take_messages, dsn, tenant) for _ in range(WORKERS)]
        decided[tenant] = []
        for number in range(MESSAGES):
            if tenant == "switched" and number == SWITCHED.start:
                switch(dsn, "on", tenant)
            if tenant == "switched" and number == SWITCHED.stop:
                switch(dsn, "off", tenant)
                waiting = [row for row in live_memories(dsn, tenant) if row[3]]
                show.claim("what was created meanwhile is unresolved and holds no key", _are_bare(waiting), waiting[:1])
                show.figures["resolved"] = resolve(dsn, tenant)
            decided[tenant].append(workers[number % WORKERS].ask(number))
        for worker in workers:
            worker.end()
    meanwhile = [each for number in SWITCHED for each in decided["switched"][number]]
    allowed = {("CREATE", "kill_switch"), ("REJECT", "kill_switch"), ("REJECT", "incomplete"), ("REJECT", "invalid")}
    allowed.add(("SKIP", "duplicate_in_turn"))
    first = [each for number in SWITCHED[:WORKERS] for each in decided["switched"][number]]
    show.claim("on: the next message on every worker only creates", set(first) <= allowed, Counter(first))
    show.claim("and so does every one after it", set(meanwhile) <= allowed, Counter(meanwhile))
    show.claim("off: the next messages are decided by the rules", ("UPDATE", "identity") in decided["switched"][-20])
    found, expected = live_memories(dsn, "switched"), live_memories(dsn, "never")
    show.claim("the same memories as if it had never been on", found == expected, first_difference(found, expected))
    show.claim("nothing is left unresolved", not any(row[3] for row in found))
    show.figures |= {
        "workers": WORKERS,
        "messages": MESSAGES,
        "proposals_while_on": len(meanwhile),
        "decided_while_on": {" ".join(each): count for each, count in Counter(meanwhile).most_common()},
        "final_memories": len(found),
    }


def _are_bare(waiting: list[Any]) -> bool:
    return bool(waiting) and not any(row[4] for row in waiting)


def show_switch_under_load(show: Show, dsn: str) -> None:
    """How soon the switch works on workers that never pause."""
    show.say(f"{WORKERS} workers that never pause, and the switch")
    workers = [Worker.start(take_freely, dsn, "free", number) for number in range(WORKERS)]
    time.sleep(2)
    switch(dsn, "on", "free")
    effective = time.monotonic()
    time.sleep(2)
    told = [worker.end() for worker in workers]
    late = [began - effective for calls in told for began, what in calls if what != "CREATE kill_switch"]
    after = [sum(began > effective for began, _ in calls) for calls in told]
    before = sum(began < effective for calls in told for began, _ in calls)
    show.claim("every worker was at work before and after", before > WORKERS and min(after) > 0, after)
    show.claim("no call that began after the command had ended merged anything", max(late) <= 0, max(late))
    show.figures["free_calls"] = {"before_the_switch": before, "after_it": sum(after)}


def take_during_backfill(pipe: Connection, dsn: str, tenant: str) -> None:
    """A worker that tells of new persons and of old ones that moved, till told to end; gives them by e-mail."""
    told: dict[str, dict[str, Any]] = {}
    old = staff(MEMORIES // 2, tenant)
    new = staff(MEMORIES // 2 + 2_000, tenant)[MEMORIES // 2 :]
    with Engine.connect(dsn, tenant=tenant, schema="staff") as engine:
        engine.version()
        pipe.send("ready")
        while not pipe.poll():
            number = len(told)
            if number % 2 and new:
                values = new.pop()
            else:
                values = old.pop(number * 7 % len(old))
                values["city"] = "Reykjavik"
            engine.ingest(Message(f"news {number}", id=f"news-{number}"), proposals=[Proposal("Person", values)])
            told[values["email"]] = values
            time.sleep(0.005)
    pipe.recv()
    pipe.send(told)


def staff(count: int, tenant: str) -> list[dict[str, Any]]:
    """That many persons of a tenant, each with a badge; the first ones are always the same."""
    found = []
    for number, values in enumerate(people(9_000)[:count]):
        first, last = values["name"].split()
        known = person(first, last)
        kept = {name: known[name] for name in ("name", "email", "city", "employer")}
        found.append(kept | {"badge": f"{tenant[0]}-{number:05}"})
    return found


def on_version(dsn: str, version: int) -> int:
    """How many live memories of the schema are on a version."""
    query = "select count(*) from memreg.memories where schema = 'staff' and version = %s and not is_deleted"
    with psycopg.connect(dsn) as conn:
        return int((conn.execute(query, (version,)).fetchone() or (0,))[0])


def show_backfill(show: Show, dsn: str, place: Path) -> None:
    """Version 2 with a further key: registered, approved and backfilled while messages arrive, killed once."""
    tenants = ("north", "south")
    show.say(f"{MEMORIES} memories in {len(tenants)} tenants on version 1; version 2 adds an identity key")
    for name, text in (("one.yaml", SCHEMA), ("two.yaml", SCHEMA_2)):
        (place / name).write_text(text)
    command(dsn, "register", str(place / "one.yaml"))
    command(dsn, "approve", "staff", "--by", "the show")
    expected = {tenant: {values["email"]: values for values in staff(MEMORIES // 2, tenant)} for tenant in tenants}
    for tenant in tenants:
        with Engine.connect(dsn, tenant=tenant, schema="staff") as engine:
            proposals = [Proposal("Person", values) for values in expected[tenant].values()]
            for start in range(0, len(proposals), 50):
                engine.ingest(proposals=proposals[start : start + 50])
    show.claim("all of them are on version 1", on_version(dsn, 1) == MEMORIES, on_version(dsn, 1))
    command(dsn, "register", str(place / "two.yaml"), "--force", "badges are unique")
    command(dsn, "approve", "staff@2", "--by", "the show")
    workers = [Worker.start(take_during_backfill, dsn, tenant) for tenant in tenants]
    time.sleep(0.5)
    arguments = [memreg(), "backfill", "staff", "--to", "2"]
    environment = own_environment(MEMREG_DATABASE_URL=dsn)
    with (place / "output").open("w") as output:
        killed = subprocess.Popen(arguments, env=environment, stdout=output, stderr=output)
        while on_version(dsn, 2) < MEMORIES // 4 and killed.poll() is None:
            time.sleep(0.01)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    half = on_version(dsn, 2)
    show.claim("killed in the middle: some are on version 2, some are not", 0 < half < MEMORIES, half)
    show.claim("the backfill was at work when it was killed", killed.returncode == -signal.SIGKILL, killed.returncode)
    time.sleep(0.5)
    printed = command(dsn, "backfill", "staff", "--to", "2")
    time.sleep(0.5)
    arrived = 0
    for tenant, worker in zip(tenants, workers, strict=True):
        told = worker.end()
        arrived += len(told)
        expected[tenant] |= told
    total = sum(len(each) for each in expected.values())
    show.claim("messages arrived meanwhile", arrived > 20, arrived)
    show.claim("every live memory is on version 2", (on_version(dsn, 1), on_version(dsn, 2)) == (0, total))
    for tenant in tenants:
        rows = live_memories(dsn, tenant)
        found = {row[2]["email"]: row[2] for row in rows}
        show.claim(f"{tenant}: none is lost and none is double", len(rows) == len(found) == len(expected[tenant]))
        wrong = [(found.get(email), values) for email, values in expected[tenant].items() if found.get(email) != values]
        show.claim(f"{tenant}: each says what was said last", not wrong, wrong[:1])
        bare = [row[2] for row in rows if {key[0] for key in row[4]} != {"email", "badge"}]
        show.claim(f"{tenant}: each holds the new key too", not bare, bare[:1])
        with Engine.connect(dsn, tenant=tenant, schema="staff") as engine:
            badge = staff(1, tenant)[0]["badge"]
            [decision] = engine.ingest(proposals=[Proposal("Person", {"badge": badge, "city": "Bergen"})]).decisions
            show.claim(
                f"{tenant}: the new key finds an old memory",
                (decision.action, decision.basis) == ("UPDATE", "identity"),
                decision,
            )
    show.figures |= {
        "memories_before": MEMORIES,
        "on_version_2_at_the_kill": half,
        "messages_meanwhile": arrived,
        "memories_after": total,
        "backfill_printed": " ".join(printed.split())[:300],
    }


def main(show: Show) -> None:
    with folder() as place, database() as dsn:
        show.figures["postgres"] = server_version(dsn)
        show_switch(show, dsn)
        show_switch_under_load(show, dsn)
        show_backfill(show, dsn, place)


if __name__ == "__main__":
    perform("spine_6_switch_and_backfill", main)
