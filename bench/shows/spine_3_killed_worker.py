"""A worker killed with -9 in the middle of a batch, then started again from the beginning, leaves the same memories."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.batches import batch
from bench.contents import audit, first_difference, memories
from bench.stage import Show, database, perform, prepare, server_version
from memreg import Engine

MESSAGES = 150
KILLS_ANYWHERE = 10


def work(dsn: str, tenant: str) -> None:
    """The worker: the whole batch, from its beginning."""
    with Engine.connect(dsn, tenant=tenant) as engine:
        for message, proposals in batch(MESSAGES):
            engine.ingest(message, proposals=proposals)


def start(dsn: str, tenant: str) -> BaseProcess:
    worker = get_context("spawn").Process(target=work, args=(dsn, tenant), daemon=True)
    worker.start()
    return worker


def kill(worker: BaseProcess) -> bool:
    """Kill -9; whether it was still at work."""
    if worker.pid is not None and worker.exitcode is None:
        os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    return worker.exitcode == -signal.SIGKILL


def decided(dsn: str, tenant: str) -> int:
    """How many messages of a tenant are decided."""
    with psycopg.connect(dsn) as conn:
        query = "select count(*) from memreg.messages where tenant = %s and status = 'decided'"
        return int((conn.execute(query, (tenant,)).fetchone() or (0,))[0])


def kill_after(dsn: str, tenant: str, count: int, pause: float) -> bool:
    """Start the batch, kill the worker a moment after that many messages; whether it was still at work."""
    worker = start(dsn, tenant)
    while decided(dsn, tenant) < count and worker.exitcode is None:
        time.sleep(0.002)
    time.sleep(pause)
    return kill(worker)


def kill_while_writing(dsn: str, tenant: str, connection: bool) -> dict[str, int]:
    """Kill the worker when memories and audit are written but not committed; what others see of that: all or nothing.

    The table that it writes to last is locked, so that it stops there. It has told Postgres to commit by then, in the
    same round trip; so that this never comes to pass, its `connection` is ended as well.
    """
    with psycopg.connect(dsn) as holder:
        holder.execute("lock table memreg.audit_values in share row exclusive mode")
        before = decided(dsn, tenant)
        worker = start(dsn, tenant)
        waiting = "select count(*) from pg_locks where not granted and relation = 'memreg.audit_values'::regclass"
        with psycopg.connect(dsn, autocommit=True) as looker:
            while not (looker.execute(waiting).fetchone() or (0,))[0]:
                if worker.exitcode is not None:
                    raise RuntimeError("the worker ended before it wrote anything")
                time.sleep(0.005)
            was_at_work = kill(worker)
            if connection:
                looker.execute(
                    "select pg_terminate_backend(pid, 10000) from pg_locks"
                    " where not granted and relation = 'memreg.audit_values'::regclass"
                )
        holder.rollback()
    with psycopg.connect(dsn, autocommit=True) as looker:
        others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        while (looker.execute(others + " and state <> 'idle'").fetchone() or (0,))[0]:
            time.sleep(0.005)
    now = decided(dsn, tenant)
    entries = sum(len(proposals) for _, proposals in batch(MESSAGES)[:now])
    return {"killed": int(was_at_work), "kept_of_it": now - before, "in_part": len(audit(dsn, tenant)) - entries}


def main(show: Show) -> None:
    proposals = sum(len(each) for _, each in batch(MESSAGES))
    with database() as dsn:
        prepare(dsn)
        show.say(f"A batch of {MESSAGES} messages with {proposals} proposals, without a kill")
        work(dsn, "unharmed")
        expected, expected_audit = memories(dsn, "unharmed"), audit(dsn, "unharmed")
        chance = random.Random()
        at_work = 0
        show.say(f"The same batch, its worker killed {KILLS_ANYWHERE} times anywhere, each time begun again")
        for number in range(KILLS_ANYWHERE):
            count = 1 + number * (MESSAGES - 10) // KILLS_ANYWHERE
            at_work += kill_after(dsn, "killed", count, chance.uniform(0, 0.02))
        inside: dict[bool, dict[str, int]] = {}
        show.say("The same batch in another tenant, its worker killed twice between writing and commit")
        for messages, connection in ((0, False), (40, True)):
            if messages:
                kill_after(dsn, "killed_inside", messages, 0)
            inside[connection] = kill_while_writing(dsn, "killed_inside", connection)
        for tenant in ("killed", "killed_inside"):
            so_far = decided(dsn, tenant)
            show.claim(f"{tenant}: the batch was not through when it was begun again", so_far < MESSAGES, so_far)
            work(dsn, tenant)
            work(dsn, tenant)
            found, entries = memories(dsn, tenant), audit(dsn, tenant)
            show.claim(
                f"{tenant}: the same memories, keys and revisions", found == expected, first_difference(found, expected)
            )
            show.claim(f"{tenant}: one audit entry for each proposal", len(entries) == proposals, len(entries))
            show.claim(
                f"{tenant}: the same decisions", entries == expected_audit, first_difference(entries, expected_audit)
            )
        show.claim("most kills met the worker at work", at_work > KILLS_ANYWHERE // 2, at_work)
        show.claim("they were killed while they wrote", all(each["killed"] for each in inside.values()), inside)
        show.claim("nothing is kept in part", not any(each["in_part"] for each in inside.values()), inside)
        show.claim("a transaction that ends before its commit leaves nothing", not inside[True]["kept_of_it"], inside)
        show.figures |= {
            "postgres": server_version(dsn),
            "messages": MESSAGES,
            "proposals": proposals,
            "kills": at_work + sum(each["killed"] for each in inside.values()),
            "kills_between_writing_and_commit": len(inside),
            "memories": len(expected),
            "revisions": sum(row[6] for row in expected),
            "decided": dict(Counter(f"{row[4]} {row[5]}" for row in expected_audit)),
        }


if __name__ == "__main__":
    perform("spine_3_killed_worker", main)
